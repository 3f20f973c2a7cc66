"""CPU of the processes of `publish_to_view`, from /proc: what each takes for a document, and the rate that this allows."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_KINDS = {"firestore.CloudFirestore": "Firestore", "pubsub.testing": "Pub/Sub", "onto_flow.cli": "job"}
"""What a command line has -> what it is."""


def seconds() -> dict[str, float]:
    """Seconds of CPU so far of this process and its children, by what they are."""
    found = {"publisher": _seconds_of(Path("/proc/self"))}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int(_fields(folder)[1]) == os.getpid():
                line = (folder / "cmdline").read_text()
                found |= {kind: _seconds_of(folder) for part, kind in _KINDS.items() if part in line}
        except OSError:  # it has ended
            continue
    return found


def said(before: dict[str, float], after: dict[str, float], count: int) -> tuple[str, float]:
    """What each took for a document, and how many documents a second all cores would do at that price."""
    each = {kind: (now - before.get(kind, 0.0)) / count * 1e6 for kind, now in after.items()}
    text = ", ".join(f"{kind} {micros:.0f}" for kind, micros in sorted(each.items()))
    return text, len(os.sched_getaffinity(0)) * 1e6 / sum(each.values())


def _fields(folder: Path) -> list[str]:
    return (folder / "stat").read_text().rpartition(")")[2].split()


def _seconds_of(folder: Path) -> float:
    user, system = _fields(folder)[11:13]
    return (int(user) + int(system)) / _TICKS
