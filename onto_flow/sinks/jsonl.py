"""View changes as JSON Lines, each as `formats.view_changes` has it.

An append sink: at least once. A consumer keeps the highest version per path, and skips a line that is no JSON: after a
kill the last line may be cut, and is finished by a line break before the next run appends. The lines do not say that a
generation is complete: once the job that wrote generation G has published, documents of older ones are gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from ..core.change import DeadLetter, ViewChange
from ..core.errors import DataError, EngineError
from ..core.options import truth_of
from ..formats.view_changes import decode_view_change, encode_view_change
from .base import Sharing, SinkCapabilities, Table

SHARING: Sharing = "here"
_TAIL = 1 << 20
"""So many bytes of the end of a file are looked at for its last line."""


class JsonLinesSink:
    """Appends every view change to a file.

    Args:
        file: Made when it is not there.
        shared: Whether several writers append to it together: a publication is one write, which the system does not mix
            with others on a local file system.
    """

    def __init__(self, file: str, *, shared: bool | str = False) -> None:
        self._name = file
        self._shared = truth_of("shared", shared)
        self._waiting: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._views: tuple[str, ...] = ()
        self._before = 0

    @property
    def capabilities(self) -> SinkCapabilities:
        """Keeps every change."""
        return SinkCapabilities(append=True, atomic_publish=False)

    def open(self, tables: Sequence[Table], generation: int) -> None:
        """See `Sink`."""
        self._views = tuple(table.view for table in tables)
        with self._writing():
            self._file = open(self._name, "ab+")  # noqa: SIM115 - closed by close()
            if self._file.tell():
                self._before = _last_generation(self._file)
                self._file.seek(-1, os.SEEK_END)
                if self._file.read(1) != b"\n":
                    self._file.write(b"\n")

    def written_by(self) -> dict[str, int]:
        """See `Succeeding`; of the last line, whatever its view is."""
        return dict.fromkeys(self._views, self._before)

    def write(self, changes: Sequence[ViewChange]) -> None:
        """See `Sink`."""
        assert self._file is not None
        with self._writing():
            for change in changes:
                line = encode_view_change(change) + b"\n"
                if self._shared:
                    self._waiting.append(line)
                else:
                    self._file.write(line)

    def complete(self) -> None:
        """See `Sink`; the file has no line for it."""

    def publish(self) -> Sequence[DeadLetter]:
        """See `Sink`."""
        assert self._file is not None
        with self._writing():
            lines, self._waiting = self._waiting, []
            self._file.write(b"".join(lines))
            self._file.flush()
            os.fsync(self._file.fileno())
        return ()

    def close(self) -> None:
        """See `Sink`."""
        file, self._file = self._file, None
        if file is not None:
            with self._writing():
                file.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EngineError("sink-failed", f"it cannot be written: {error}", where=self._name) from error


def _last_generation(file: IO[bytes]) -> int:
    """The generation of the last whole line among the last bytes of a file; 0 where there is none."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
    for line in reversed(file.read().splitlines()):
        with suppress(DataError):
            return decode_view_change(line).version[0]
    return 0
