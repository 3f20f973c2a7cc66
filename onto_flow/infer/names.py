"""Names in Python for whatever names a database has, and texts as Python writes them.

Law: a name that is made here is a plain ASCII identifier, no keyword, without underscores at its ends, and shadows nothing
that an inferred module uses. What the database calls it stands in a constant.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from collections.abc import Iterable

from ..model.names import camel_case

MOST = 48
"""Characters of a name that is made."""

IMPORTED = ("DomainModel", "GeoPoint", "Reference", "Store", "Vector", "ViewModel")
FUNCTIONS = ("attrs", "computed", "many", "one", "root")
"""What an inferred module may import from `onto_flow`, beside the classes `IMPORTED`."""

TYPES = ("bool", "bytes", "dict", "float", "int", "list", "str")
_DOCUMENTS = ("cls", "doc_id", "get", "new", "path", "self")
_VIEWS = ("backfill", "evaluator", "plan", "store")
_TAKEN = frozenset((*FUNCTIONS, *TYPES, *_DOCUMENTS, *_VIEWS, "datetime", "len"))
_TAKEN_CLASSES = frozenset((*IMPORTED, "Any", "Meta"))
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHERS = re.compile(r"[^A-Za-z0-9]+")


def snake_case(name: str) -> str:
    """A name in lower case with underscores; "" where it has no letter or digit of ASCII.

    Example:
        >>> [snake_case(n) for n in ("firstName", "userID", "HTMLPage", "naïve-Art", "世", "avg_rating")]
        ['first_name', 'user_id', 'html_page', 'naive_art', '', 'avg_rating']
    """
    plain = unicodedata.normalize("NFKD", name[: 4 * MOST]).encode("ascii", "ignore").decode()
    words = _OTHERS.sub("_", _HUMPS.sub("_", plain)).strip("_").lower()
    return words[:MOST].strip("_")


def attribute_name(name: str, taken: Iterable[str], otherwise: str) -> str:
    """What an attribute, slot or part is called in Python.

    Args:
        name: What the database calls it.
        taken: Names that are used already.
        otherwise: What it is called when nothing is left of its name.

    Example:
        >>> attribute_name("class", (), "field"), attribute_name("__class__", ["class_1"], "field")
        ('class_1', 'class_2')
        >>> attribute_name("firstName", (), "field"), attribute_name("2nd", (), "field"), attribute_name("世", (), "field")
        ('first_name', 'field_2nd', 'field')
    """
    found = snake_case(name) or otherwise
    if not found[0].isalpha():
        found = f"{otherwise}_{found}"
    return _free(found, {*taken, *_TAKEN}, "_")


def class_name(name: str, taken: Iterable[str]) -> str:
    """What a class is called in Python.

    Example:
        >>> class_name("stock_price", ()), class_name("None", ()), class_name("?", ())
        ('StockPrice', 'None1', 'Model')
    """
    found = "".join(part[:1].upper() + part[1:] for part in snake_case(name).split("_"))
    if not found or not found[0].isalpha():
        found = f"Model{found}"
    return _free(found, {*taken, *_TAKEN_CLASSES}, "")


def _free(name: str, taken: set[str], gap: str) -> str:
    number, found = 0, name
    while found in taken or keyword.iskeyword(found):
        number += 1
        found = f"{name}{gap}{number}"
    return found


def stays(python: str, name: str, convert: bool) -> bool:
    """Whether a model finds the field by the attribute's name alone."""
    return (camel_case(python) if convert else python) == name


def converts(names: Iterable[str]) -> bool:
    """Whether the fields of a collection are written in camelCase, or at least not in snake_case.

    Example:
        >>> converts(["firstName", "age"]), converts(["avg_rating", "age"]), converts(["name"])
        (True, False, True)
    """
    camel = snake = 0
    for name in names:
        python = snake_case(name)
        if python != name:
            camel += camel_case(python) == name
        else:
            snake += "_" in name
    return snake <= camel


def literal(text: str) -> str:
    r"""A text as Python writes it, on one line, in ASCII and letters that are seen as what they are.

    Example:
        >>> print(literal('a"b\n'), literal("é"), literal("\u202e"))
        "a\"b\n" "é" "\u202e"
    """
    parts = []
    for char in text:
        if char in '"\\':
            parts.append(f"\\{char}")
        elif char.isprintable() and not unicodedata.combining(char):
            parts.append(char)
        else:
            parts.append(char.encode("unicode_escape").decode())
    written = '"' + "".join(parts) + '"'
    assert ast.literal_eval(written) == text
    return written
