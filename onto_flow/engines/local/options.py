"""The options of the embedded engine, as text or as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import UsageError

NAMES = ("checkpoint", "checkpoint_every", "max_memory")
_UNITS = {
    "": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30,
    "tib": 2.0**40,
}  # fmt: skip
_SECONDS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0}
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([a-zA-Z]*)")


@dataclass(frozen=True)
class Options:
    """What a job says to the embedded engine.

    Attributes:
        checkpoint: The directory that its state is kept in; `None`: in memory alone.
        every: Seconds between two checkpoints, where there is something new.
        max_memory: Bytes that the state in memory may take, as it is estimated; the rest is read from the checkpoint when
            it is needed. `None`: no bound.
    """

    checkpoint: Path | None = None
    every: float = 1.0
    max_memory: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """The options of a job.

        Raises:
            UsageError: `wrong-usage` for what cannot be understood.

        Example:
            >>> Options.of({"checkpoint_every": "500ms", "checkpoint": "state", "max_memory": "2GB"}).every
            0.5
        """
        directory, every, memory = (given.get(name) for name in NAMES)
        if directory is not None and (isinstance(directory, bool) or not str(directory)):
            raise UsageError("wrong-usage", "--checkpoint needs a directory")
        if memory is not None and directory is None:
            raise UsageError(
                "wrong-usage",
                "--max-memory needs --checkpoint DIR: what does not fit into memory is kept there",
            )
        return cls(
            None if directory is None else Path(str(directory)),
            1.0 if every is None else amount("--checkpoint-every", every, _SECONDS),
            None if memory is None else memory_of(memory),
        )


def memory_of(given: Any) -> int:
    """The bytes that `--max-memory` says.

    Raises:
        UsageError: `wrong-usage`.
    """
    return int(amount("--max-memory", given, _UNITS))


def amount(name: str, given: Any, units: Mapping[str, float]) -> float:
    """A number with a unit.

    Raises:
        UsageError: `wrong-usage`.

    Example:
        >>> amount("--max-memory", "1.5 GB", _UNITS), amount("--checkpoint-every", 2, _SECONDS)
        (1500000000.0, 2.0)
    """
    found = _AMOUNT.fullmatch(str(given).strip())
    if isinstance(given, bool) or found is None or found[2].lower() not in units:
        known = ", ".join(unit for unit in units if unit)
        raise UsageError("wrong-usage", f"{name} {given!s:.80} is no amount", fix=f"A number and one of {known}.")
    return float(found[1]) * units[found[2].lower()]
