"""What every change passes, written in C once more where a compiler was there; everything works without it, more slowly.

Law: a compiled form gives what the Python form beside it gives, and leaves to it whatever is unusual.
`ONTO_FLOW_NATIVE=0` in the environment leaves all compiled code aside.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from typing import Any


@lru_cache(maxsize=8)
def compiled(package: str = __name__) -> Any:
    """The compiled module of a package, by the name `_native`; `None` where there is none, or none is wanted."""
    if os.environ.get("ONTO_FLOW_NATIVE") == "0":
        return None
    try:
        return import_module(f"{package}._native")
    except ImportError:
        return None


@contextmanager
def aside() -> Iterator[None]:
    """Within it nothing compiled is found: modules imported meanwhile have their Python forms, as faults are put there."""
    before = os.environ.get("ONTO_FLOW_NATIVE")
    os.environ["ONTO_FLOW_NATIVE"] = "0"
    compiled.cache_clear()
    try:
        yield
    finally:
        if before is None:
            del os.environ["ONTO_FLOW_NATIVE"]
        else:
            os.environ["ONTO_FLOW_NATIVE"] = before
        compiled.cache_clear()


_REPLACED: list[tuple[Any, str, Any, Any]] = []


def replace(owner: Any, name: str, form: Any) -> None:
    """Puts a compiled form in the place of a method or function.

    Args:
        owner: The class or module.
        name: What it is called there.
        form: The compiled form.
    """
    _REPLACED.append((owner, name, vars(owner)[name], form))
    setattr(owner, name, form)


@contextmanager
def in_python() -> Iterator[None]:
    """Within it everything that was replaced runs in Python: for tests of both forms, and for faults put into one."""
    for owner, name, python, _ in _REPLACED:
        setattr(owner, name, python)
    try:
        yield
    finally:
        for owner, name, _, form in _REPLACED:
            setattr(owner, name, form)
