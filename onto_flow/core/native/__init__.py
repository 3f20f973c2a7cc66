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
