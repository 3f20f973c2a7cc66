"""Bundles in which Python's collector seldom looks: documents hold no cycles, and there are very many of them.

Looking through all that is there again and again, Beam's own modules too, was a third of a backfill's time. It is the
process that is told, so whoever comes first sets it, and who goes last sets it back.
"""

from __future__ import annotations

import gc
import threading

import apache_beam as beam

YOUNG = 100_000
"""Objects that are made before the collector looks at the young ones."""


class _Quiet:
    def __init__(self) -> None:
        self._lock, self._bundles = threading.Lock(), 0
        self._before = gc.get_threshold()

    def begin(self) -> None:
        """A bundle begins."""
        with self._lock:
            self._bundles += 1
            if self._bundles == 1:
                self._before = gc.get_threshold()
                gc.freeze()
                gc.set_threshold(YOUNG, *self._before[1:])

    def end(self) -> None:
        """A bundle has ended."""
        with self._lock:
            self._bundles -= 1
            if not self._bundles:
                gc.set_threshold(*self._before)
                gc.unfreeze()


_QUIET = _Quiet()


class QuietFn(beam.DoFn):
    """A DoFn whose bundles are quiet; one that failed ends with its worker's DoFn."""

    _busy = False

    def start_bundle(self) -> None:
        """Begins."""
        if not self._busy:
            self._busy = True
            _QUIET.begin()

    def finish_bundle(self) -> None:
        """Ends."""
        self.teardown()

    def teardown(self) -> None:
        """Ends, also a bundle that failed."""
        if self._busy:
            self._busy = False
            _QUIET.end()
