"""Parts of a path as attributes: the ids that `Meta.path` names, and the document's own.

A part is read off the path, so it is there whether or not the documents above exist.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, overload

from ..core.errors import DataError, DeclarationError, SourceLine, did_you_mean
from .meta import refuse_options

if TYPE_CHECKING:
    from .domain import DomainModel

DOCUMENT_ID = "doc_id"
_NAMED = re.compile(r"\{([^{}]+)\}")


class Part:
    """An id in the path of a document.

    Attributes:
        owner, python_name: The model, and the name that its path gives to the part.
        index: Which segment of the path it is; -1 for the last one.
        line: The user's line, where the part is declared by itself.
    """

    owner: type[DomainModel]
    python_name: str = ""
    index: int

    def __init__(self, line: SourceLine | None = None) -> None:
        self.line = line

    @classmethod
    def of(cls, owner: type[DomainModel], name: str, index: int) -> Part:
        """The part of a model that has this name."""
        part = Part()
        part.owner, part.python_name, part.index = owner, name, index
        return part

    def __call__(self, **options: NoReturn) -> Part:
        """Refuses options: the path names its parts."""
        line = SourceLine.of_caller()
        refuse_options("attrs.part", options, (), line)
        return Part(line)

    def __set_name__(self, owner: type[DomainModel], name: str) -> None:
        self.owner, self.python_name = owner, name

    @overload
    def __get__(self, instance: None, owner: type[DomainModel]) -> Part: ...
    @overload
    def __get__(self, instance: DomainModel, owner: type[DomainModel] | None = None) -> str: ...
    def __get__(self, instance: DomainModel | None, owner: type[DomainModel] | None = None) -> Part | str:
        return self if instance is None else instance.path.split("/")[self.index]

    def __set__(self, instance: DomainModel, value: Any) -> None:
        raise DataError("bad-value", f"{instance.path}: a part of a path cannot be set", where=instance.path)

    def __repr__(self) -> str:
        return f"{self.owner.__name__}.{self.python_name}" if self.python_name else "attrs.part"


class DocumentId(Part):
    """The last part of any document's path; on a class, that of the class."""

    index = -1

    @overload
    def __get__(self, instance: None, owner: type[DomainModel]) -> Part: ...
    @overload
    def __get__(self, instance: DomainModel, owner: type[DomainModel] | None = None) -> str: ...
    def __get__(self, instance: DomainModel | None, owner: type[DomainModel] | None = None) -> Part | str:
        if instance is None:
            assert owner is not None
            return Part.of(owner, DOCUMENT_ID, -1)
        return instance.path.rpartition("/")[2]


def named_parts(path: str, what: str, line: SourceLine) -> Mapping[str, int]:
    """The names of a path's parts, and which segments they are.

    Args:
        path: Of a document, such as `stocks/{symbol}/daily/{date}`, or of a collection.
        what: Where it is written, for the error.
        line: The user's line.

    Raises:
        DeclarationError: `bad-meta` for a name that is none in Python or is given twice.

    Example:
        >>> named_parts("stocks/{symbol}/daily/{date}", "Day.Meta.path", SourceLine("", 0))
        {'symbol': 1, 'date': 3}
    """
    found: dict[str, int] = {}
    segments = path.split("/")
    for index, segment in enumerate(segments):
        name = _NAMED.fullmatch(segment)
        if name is None or (name[1] == DOCUMENT_ID and index == len(segments) - 1):
            continue
        if not name[1].isidentifier() or keyword.iskeyword(name[1]) or name[1].startswith("_"):
            fix = "A part is an attribute: name it as one, such as {symbol}."
            raise DeclarationError(
                "bad-meta", f"{what}: {name[0]} cannot be the name of an attribute", where=line, fix=fix
            )
        if name[1] in found:
            raise DeclarationError("bad-meta", f"{what}: two parts are named {name[1]}", where=line, fix="Rename one.")
        found[name[1]] = index
    return found


def take_parts(cls: type[DomainModel], parts: Mapping[str, int], taken: Iterable[str], line: SourceLine) -> None:
    """Makes the parts of a model's path its attributes.

    Args:
        cls: The model.
        parts: Its named parts.
        taken: The names that every document has.
        line: The line of the model.

    Raises:
        DeclarationError: `unknown-name` for a declared part that the path does not name, `ambiguous-name` for a name that
            is an attribute already.
    """
    declared = {n: m for base in reversed(cls.__mro__) for n, m in vars(base).items() if isinstance(m, Part)}
    for name, part in declared.items():
        if name not in parts and not isinstance(part, DocumentId):
            raise _unknown(cls, name, parts, part.line or line)
    for name, index in parts.items():
        if name in taken:
            what, fix = f"{cls.__name__}: every document has its own {name}", "Rename that part of the path."
            raise DeclarationError("ambiguous-name", what, where=line, fix=fix)
        other = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
        if other is not None and not isinstance(other, Part):
            raise _clash(cls, name, other, line)
        setattr(cls, name, Part.of(cls, name, index))


def _unknown(cls: type[DomainModel], name: str, parts: Iterable[str], line: SourceLine) -> DeclarationError:
    what = f"{cls.__name__}.{name} is declared as a part, and the path of {cls.__name__} has none of that name"
    fix = did_you_mean(name, parts) if parts else 'Name it in Meta: path = "stocks/{symbol}/daily/{date}".'
    return DeclarationError("unknown-name", what, where=line, fix=fix)


def _clash(cls: type[DomainModel], name: str, other: Any, line: SourceLine) -> DeclarationError:
    fix = "Rename one of them."
    if hasattr(other, "field"):
        of_the_field = f'document_{name} = attrs.{other.kind}(name="{other.field}")'
        fix = f"To declare the part: {name}: str = attrs.part. To read the field: {of_the_field}."
    what = f"{cls.__name__}.{name} is a part of the path, and declared as something else"
    return DeclarationError("ambiguous-name", what, where=getattr(other, "line", None) or line, fix=fix)
