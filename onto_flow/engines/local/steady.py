"""The garbage collector, told what a flow's state is: many objects that live long and hold no cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 100_000
"""Objects that are made before the collector looks at the young ones."""


@contextmanager
def steady() -> Iterator[None]:
    """Within it, what is there already is not looked at again and again in search of cycles.

    What a step makes and drops is freed without the collector; cycles of user code still are found, later.
    """
    young, middle, old = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, middle, old)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)
        gc.unfreeze()


@contextmanager
def uncollected() -> Iterator[None]:
    """Documents and their objects hold no cycles; looking for some, again and again, is half the time of making them."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
