"""Lines of a stream to files: one file a bundle, in a folder of any file system that Beam knows.

A bundle that is tried again writes its lines again, to a file of its own: who reads them keeps one of each key. Dead letters
are few; where very many fail at once, files are small and many.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems


class WriteLines(beam.DoFn):
    """Lines (bytes) -> files.

    Args:
        folder: Where; made when it is not there.
        name: Begins the names of files.
    """

    def __init__(self, folder: str, name: str) -> None:
        super().__init__()
        self.folder, self.name = folder, name

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "lines"

    def start_bundle(self) -> None:
        """Nothing has come."""
        self._lines: list[bytes] = []

    def process(self, element: bytes) -> None:
        """Keeps a line for the end of the bundle."""
        self._lines.append(element)

    def finish_bundle(self) -> None:
        """Writes them."""
        if self._lines:
            moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            write_file(self.folder, f"{self.name}-{moment}-{uuid.uuid4().hex[:12]}.jsonl", self._lines)


class WriteReceipt(beam.DoFn):
    """Receipts (JSON text) -> one file each, named after its generation.

    Args:
        folder: Where; made when it is not there.
        generation: Of the views.
    """

    def __init__(self, folder: str, generation: int) -> None:
        super().__init__()
        self.folder, self.generation = folder, generation

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "file"

    def process(self, element: str) -> None:
        """Writes it; again, it is the same file."""
        write_file(self.folder, f"receipt-{self.generation}.json", [element.encode()])


def write_file(folder: str, name: str, lines: list[bytes]) -> None:
    """Writes a file of lines."""
    _make(folder)
    with FileSystems.create(FileSystems.join(folder, name)) as file:
        opened: Any = file
        opened.write(b"".join(line + b"\n" for line in lines))


def _make(folder: str) -> None:
    """Makes a folder, where the file system has any; another worker may have made it meanwhile."""
    try:
        if not FileSystems.exists(folder):
            FileSystems.mkdirs(folder)
    except OSError:
        if not FileSystems.exists(folder):
            raise
