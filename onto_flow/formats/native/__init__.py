"""The records of exports, read in C where the extension was built; everything works without it, more slowly.

`ONTO_FLOW_NATIVE=0` in the environment leaves it aside.
"""

from __future__ import annotations

from typing import Any

from ...core.native import compiled as compiled_of  # not `compiled`: a module here has that name


def extension() -> Any:
    """The compiled module; `None` where there is none, or none is wanted."""
    return compiled_of(__name__)
