"""Names in Python and in Firestore: only declared names are converted."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4096)
def camel_case(name: str) -> str:
    """The Firestore form of a declared name.

    Example:
        >>> camel_case("hearing_aid_requested"), camel_case("x2"), camel_case("_hidden")
        ('hearingAidRequested', 'x2', '_hidden')
    """
    head = name[: len(name) - len(name.lstrip("_"))]
    first, *rest = name[len(head) :].split("_")
    return head + first + "".join(part[:1].upper() + part[1:] for part in rest)
