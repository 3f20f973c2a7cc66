"""Python's memory, told what a flow's state is: many objects that live long, hold no cycles and are met at random."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from ..core.native import compiled
from .collector import Collector


@contextmanager
def steady() -> Iterator[Collector]:
    """Within it, what is there already is not looked at again and again in search of cycles.

    What a step makes and drops is freed without the collector; cycles of user code still are found, later, by whoever
    calls `Collector.between`. What a load took and freed goes back to the system before.
    """
    native = compiled()
    if native is not None:
        native.trim()
    collector = Collector()
    collector.begin()
    try:
        yield collector
    finally:
        collector.end()


@contextmanager
def uncollected() -> Iterator[None]:
    """Documents and their objects hold no cycles; looking for some, again and again, is half the time of making them.

    From here on Python's small objects lie in large pages, where the system has some: a change of a large state meets
    some fifty objects, each in another page, and finding the pages is a third of its time.
    """
    native = compiled()
    if native is not None:
        native.large_pages()
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
