"""The size probe of Beam's state cache, replaced in the process of FnApiRunner: it walks all module globals for each value.

It costs milliseconds per key and bundle (Beam 2.77 with objsize 0.7). It is replaced only where Beam is of a
version whose probe was looked at, and only in the process that runs the pipeline itself: workers stay as they are, whose
cache is off unless somebody turns it on.
"""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import apache_beam as beam
from apache_beam.runners.worker import statecache

MEASURED = {"2.77.0": "da557bd7faffc13f"}
"""Version of Beam -> the hash of the source of the probe that was looked at (`source_hash`)."""

_LOGGER = logging.getLogger(__name__)


def source_hash() -> str:
    """Of the probe that is installed."""
    return sha256(inspect.getsource(statecache.get_deep_size).encode()).hexdigest()[:16]


@contextmanager
def cheap_state_sizes(version: str = beam.__version__) -> Iterator[None]:
    """Replaces the probe while a pipeline runs in this process; leaves one of an unknown version of Beam, and says so."""
    if version not in MEASURED:
        known = ", ".join(MEASURED)
        _LOGGER.warning(
            "The size probe of Beam %s was not looked at (known: %s): it stays, and jobs with state may be slow",
            version,
            known,
        )
        yield
        return
    probe = statecache.get_deep_size
    statecache.get_deep_size = shallow_size
    try:
        yield
    finally:
        statecache.get_deep_size = probe


def shallow_size(*objects: Any) -> int:
    """The bytes of objects, and of what lies in lists and tuples; nothing else is looked into."""
    return sum(sys.getsizeof(o) + (shallow_size(*o) if isinstance(o, (list, tuple)) else 0) for o in objects)
