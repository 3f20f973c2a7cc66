"""The records of exports, read in C where the extension was built; everything works without it, more slowly.

`ONTO_FLOW_NATIVE=0` in the environment leaves it aside.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import import_module
from typing import Any


@lru_cache(maxsize=1)
def extension() -> Any:
    """The compiled module; `None` where there is none, or none is wanted."""
    if os.environ.get("ONTO_FLOW_NATIVE") == "0":
        return None
    try:
        return import_module(f"{__name__}._native")
    except ImportError:
        return None
