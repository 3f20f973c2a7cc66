"""How far a feed was read, partition by partition, and what its source was told is safe."""

from __future__ import annotations

from collections.abc import Mapping

from ...sources.base import Partition, Reader, Source


class Points:
    """The resume points of one feed.

    Args:
        known: Those of the last checkpoint, by the names of partitions.

    Attributes:
        now: Where readers were when they were asked last.
    """

    def __init__(self, known: Mapping[str, bytes]) -> None:
        self.now = dict(known)
        self._partitions: dict[str, Partition] = {}
        self._moved: dict[str, Reader] = {}
        self._acknowledged: dict[str, bytes] = {}

    def open(self, feed: Source, partition: Partition) -> Reader:
        """A reader that goes on where the checkpoint says."""
        self._partitions[partition.name] = partition
        return feed.open(partition, resume=self.now.get(partition.name))

    def moved(self, partition: Partition, reader: Reader) -> None:
        """A reader gave something."""
        self._moved[partition.name] = reader

    def note(self) -> None:
        """Asks the readers that have moved where they are: before a checkpoint, and before one is closed."""
        for name, reader in self._moved.items():
            self.now[name] = reader.snapshot()
        self._moved.clear()

    def acknowledge(self, feed: Source, safe: Mapping[str, bytes]) -> None:
        """Tells the source what is safe, where it was not told before."""
        for name, partition in self._partitions.items():
            point = safe.get(name)
            if point is not None and point != self._acknowledged.get(name):
                feed.acknowledge(partition, point)
                self._acknowledged[name] = point
