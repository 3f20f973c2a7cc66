"""The paths of collections as patterns: `prices/{price}/daily`."""

from __future__ import annotations

import re

from .facts import Names

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SAME = ("series", "species", "news", "status", "address", "analysis")
_ENDINGS = (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("people", "person"))


def singular(word: str) -> str:
    """The singular of an English plural, as far as endings tell.

    Example:
        >>> [singular(w) for w in ("movies", "companies", "boxes", "people", "species", "news", "address", "data")]
        ['movie', 'company', 'box', 'person', 'species', 'news', 'address', 'data']
    """
    low = word.lower()
    if low.endswith((*_SAME, "ss", "us", "is")) or len(word) < 3:
        return word
    if low in ("movies", "cookies"):
        return word[:-1]
    for plural, one in _ENDINGS:
        if low.endswith(plural):
            return word[: -len(plural)] + (one.title() if word[-len(plural)].isupper() else one)
    return word[:-1] if low.endswith("s") else word


def part_names(names: Names) -> list[str]:
    """What the ids in the path of a document are called, its own last.

    Example:
        >>> part_names(("prices", "daily")), part_names(("a-b", "a-b"))
        (['price', 'daily'], ['id1', 'id2'])
    """
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        part = singular(name) if _PLAIN.fullmatch(name) else f"id{number}"
        found.append(part if part not in found else f"{part}{number}")
    return found


def pattern_of(names: Names) -> str:
    """The pattern of a collection.

    Example:
        >>> pattern_of(("prices", "daily"))
        'prices/{price}/daily'
    """
    parts = part_names(names)
    return (
        "/".join(f"{name}/{{{part}}}" for name, part in zip(names[:-1], parts)) + ("/" if names[1:] else "") + names[-1]
    )
