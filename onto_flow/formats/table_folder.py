"""The folder of a published table, on a disk or in an object store: its manifest, its parts, its one file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from .object_path import ObjectPath, place_of
from .table_manifest import FILE, MANIFEST, Manifest, decode_manifest, encode_manifest


class TableFolder:
    """A place where a table is, or shall be.

    Args:
        place: A path, or a URL of an object store.
    """

    def __init__(self, place: str | Path | ObjectPath) -> None:
        found = place if isinstance(place, ObjectPath) else place_of(place)
        self.place = found.absolute() if isinstance(found, Path) else found
        self._parts = self.place.parent / f".{self.place.name}.parts"

    def __str__(self) -> str:
        return str(self.place)

    @property
    def local(self) -> Path | None:
        """The path of a folder on a disk."""
        return self.place if isinstance(self.place, Path) else None

    @property
    def file(self) -> Path | None:
        """Where a table of one file lies; object stores have none."""
        return self.place / FILE if isinstance(self.place, Path) else None

    def manifest(self) -> Manifest | None:
        """What the manifest says now; `None` where there is none.

        Raises:
            DataError: `bad-table`.
        """
        place = self.place / MANIFEST
        if isinstance(place, ObjectPath):
            data = place.get()
        else:
            try:
                data = place.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                data = None
        return None if data is None else decode_manifest(data, place)

    def put_manifest(self, manifest: Manifest) -> None:
        """Replaces the manifest at once: after it the table is what it says."""
        place, data = self.place / MANIFEST, encode_manifest(manifest)
        if isinstance(place, ObjectPath):
            place.put(data)
            return
        new = place.parent.parent / f".{place.parent.name}.{MANIFEST}.{os.getpid()}.{id(self):x}"
        new.write_bytes(data)
        sync(new)
        os.replace(new, place)
        sync(place.parent)

    def remove_manifest(self) -> None:
        """The table is its one file again."""
        place = self.place / MANIFEST
        place.remove() if isinstance(place, ObjectPath) else place.unlink(missing_ok=True)

    def create_part(self, name: str) -> tuple[BinaryIO, Callable[[], None]]:
        """A new part, and what makes it safe when it is closed."""
        place = self.part(name)
        if isinstance(place, ObjectPath):
            return place.create(), lambda: None
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.open("wb"), lambda: sync(place)

    def part(self, name: str) -> Path | ObjectPath:
        """Where a part lies."""
        return self._parts / name

    def parts(self) -> list[str]:
        """The names of all parts that are there, whether they belong to the table or not."""
        place = self._parts
        if isinstance(place, ObjectPath):
            return place.names()
        return sorted(file.name for file in place.iterdir()) if place.is_dir() else []

    def remove_part(self, name: str) -> None:
        """Takes a part away, if it is there."""
        place = self.part(name)
        place.remove() if isinstance(place, ObjectPath) else place.unlink(missing_ok=True)

    def sync_parts(self) -> None:
        """The names of the parts are safe, too."""
        if isinstance(self._parts, Path):
            sync(self._parts)


def sync(path: Path) -> None:
    """What was written to a file or a folder survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
