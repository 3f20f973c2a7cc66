"""Where view documents lie."""

from __future__ import annotations

from typing import Any

from ..core.collection import Collection
from ..core.keys import check_path, document_id
from ..core.values import Reference


def output_path(collection: str, root: Collection, path: str) -> str:
    """Where the view document of a root lies, unless the view says otherwise: its id comes from all ids of the path.

    Example:
        >>> output_path("cards", Collection("users"), "users/u1")
        'cards/u1'
        >>> output_path("cards", Collection("daily", group=True), "stocks/ABC/daily/d1")
        'cards/ABC|d1'
    """
    return f"{collection}/{path.rpartition('/')[2] if root.top_level else document_id(root.ids(path))}"


def path_named(named: Any) -> str:
    """The path that a reference or a text names, checked."""
    return check_path(named.path if isinstance(named, Reference) else str(named))
