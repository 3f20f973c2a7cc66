"""Follows the workload's changes on Beam in this process, and tells what it took.

    python -m benchmarks.peers.beam_follow own|chain TIMES CHANGES [A_WINDOW [TIMED [KEEP]]]

The steps of the real pipeline are called one after the other (`beam_walk`). With A_WINDOW so many changes come before the
timers of what coalesces them do; else those that are set come after each. Where TIMED is 1 it also tells the
microseconds of each stage's own steps, per change, and is slower by that. KEEP: how many bytes of state ours keeps as
objects; with 0 it knows no root.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import apache_beam as beam

from benchmarks import workload
from benchmarks.meeting_view import MeetingSession
from benchmarks.peers.beam_chain import Keyed, chain, unpack
from benchmarks.peers.beam_walk import Root, Walk
from benchmarks.peers.measured import table_hash, tell
from onto_flow.beam import Maintain
from onto_flow.core.change import Change, ViewChange


def own(changes: Any, coalesce: int = 0, keep: int | None = None) -> Any:
    """Ours: (path, version, document)."""
    views = (changes | "maintain" >> Maintain(MeetingSession, coalesce=coalesce, keep=keep)).views
    return views | "shown" >> beam.Map(_shown)


def _shown(change: ViewChange) -> tuple[str, Any, Any]:
    return change.path.rpartition("/")[2], change.version, change.new


def by_hand(changes: Any, coalesce: int = 0, keep: int | None = None) -> Any:
    """The peer: the same."""
    return chain(changes) | "shown" >> beam.Map(_shown_by_hand)


def _shown_by_hand(element: Keyed) -> tuple[str, Any, Any]:
    number, document = unpack(element[1])
    return element[0].rpartition("/")[2], number, document


WAYS: dict[str, Callable[..., Any]] = {"own": own, "chain": by_hand}


class Followed(NamedTuple):
    """What the load and the changes gave and took, the steps of the changes, the bytes of state and the seconds by stage."""

    loaded: list[Any]
    shown: list[Any]
    load_seconds: float
    seconds: float
    steps: int
    state: dict[str, int]
    spent: dict[str, float] | None


def walked(
    way: str,
    documents: Sequence[Change],
    changes: Sequence[Change],
    window: int,
    *,
    timed: bool = False,
    keep: int | None = None,
) -> Followed:
    """Loads the documents, then follows the changes."""
    pipeline = beam.Pipeline()
    root = pipeline | "changes" >> Root().with_output_types(Change)
    output = WAYS[way](root, 1000 if window else 0, keep)
    walk = Walk(pipeline, output, lambda name: name.endswith((".pages", ".together")), at_once=not window)
    began = time.process_time()
    walk.give(root, documents)
    walk.fire()
    load_seconds = time.process_time() - began
    loaded = list(walk.outputs)
    walk.outputs.clear()
    gc.collect()  # what the load left behind is not the changes'
    walk.spent = {} if timed else None
    steps, began = walk.steps, time.process_time()
    for at in range(0, len(changes), window or len(changes)):
        walk.give(root, changes[at : at + (window or len(changes))])
        walk.fire()
    seconds = time.process_time() - began
    return Followed(loaded, walk.outputs, load_seconds, seconds, walk.steps - steps, walk.state_bytes(), walk.spent)


def table(outputs: Sequence[Any]) -> dict[str, Any]:
    """What a sink holds that keeps the highest version."""
    newest: dict[str, tuple[Any, Any]] = {}
    for path, version, document in outputs:
        if path not in newest or version > newest[path][0]:
            newest[path] = (version, document)
    return {path: document for path, (_, document) in newest.items() if document is not None}


def main(way: str, times: float, count: int, window: int = 0, timed: int = 0, keep: int | None = None) -> None:
    warnings.simplefilter("ignore")
    documents = [Change(path, None, fields, (1, 0)) for path, fields in workload.documents(times)]
    changes = list(workload.changes(times, count))
    followed = walked(way, documents, changes, window, timed=bool(timed), keep=keep)
    shown = json.loads(json.dumps(table([*followed.loaded, *followed.shown])))
    tell(
        documents=len(documents),
        load_seconds=followed.load_seconds,
        state=followed.state,
        seconds=followed.seconds,
        changes=count,
        steps=followed.steps,
        written=len(followed.shown),
        table=table_hash(shown),
        stages=followed.spent and {stage: round(spent / count * 1e6, 1) for stage, spent in followed.spent.items()},
    )


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), *map(int, sys.argv[4:]))
