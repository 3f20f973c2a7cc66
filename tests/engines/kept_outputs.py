"""Where steps of a pipeline that runs in this process put what a test looks at: found by import path, so it is one list."""

from __future__ import annotations

from typing import Any

KEPT: dict[str, list[Any]] = {}


def keep(element: Any, name: str) -> None:
    KEPT.setdefault(name, []).append(element)
