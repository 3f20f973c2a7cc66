"""Follows the workload's changes on Beam in this process, and tells what it took.

    python -m benchmarks.peers.beam_follow own|chain walk|fnapi TIMES CHANGES [A_WINDOW]

`walk` calls the steps of the real pipeline one after the other (`beam_walk`); `fnapi` runs it on FnApiRunner as a bounded
pipeline in which every message is a step, once with the documents alone and once with the changes too, and tells the
difference. With A_WINDOW, for `walk`, so many changes come before the timers of the gate do, which then coalesces.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.runners.worker import statecache

from benchmarks import workload
from benchmarks.meeting_view import MeetingSession
from benchmarks.peers.beam_chain import Keyed, chain, unpack
from benchmarks.peers.beam_walk import Root, Walk
from benchmarks.peers.measured import table_hash, tell
from onto_flow.beam import Maintain
from onto_flow.core.change import Change, ViewChange
from onto_flow.engines.beam.streaming import StreamFn

RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
OUT: list[Any] = []


class Streamed(Maintain):
    """The steps of a stream on a collection that ends, which `Maintain` itself runs by key and stage."""

    def expand(self, changes: Any) -> Any:
        """Every message is a step."""
        return self._stream(changes)


def own(changes: Any, coalesce: int = 0) -> Any:
    """Ours: (path, version, document)."""
    views = (changes | "maintain" >> Streamed(MeetingSession, coalesce=coalesce)).views
    return views | "shown" >> beam.Map(_shown)


def _shown(change: ViewChange) -> tuple[str, Any, Any]:
    return change.path.rpartition("/")[2], change.version, change.new


def by_hand(changes: Any, coalesce: int = 0) -> Any:
    """The peer: the same."""
    return chain(changes) | "shown" >> beam.Map(_shown_by_hand)


def _shown_by_hand(element: Keyed) -> tuple[str, Any, Any]:
    number, document = unpack(element[1])
    return element[0].rpartition("/")[2], number, document


WAYS: dict[str, Callable[..., Any]] = {"own": own, "chain": by_hand}


def walked(way: str, documents: Sequence[Change], changes: Sequence[Change], window: int) -> tuple[float, int]:
    """CPU-seconds of the changes, and the steps that they took."""
    pipeline = beam.Pipeline()
    root = pipeline | "changes" >> Root().with_output_types(Change)
    walk = Walk(pipeline, WAYS[way](root, 1000 if window else 0), lambda name: name == "gate.pages")
    walk.give(root, documents)
    walk.fire()
    OUT.extend(walk.outputs)
    walk.outputs.clear()
    steps, began = walk.steps, time.process_time()
    for at in range(0, len(changes), window or len(changes)):
        walk.give(root, changes[at : at + (window or len(changes))])
        walk.fire()
    seconds = time.process_time() - began
    OUT.append(len(walk.outputs))
    OUT.extend(walk.outputs)
    return seconds, walk.steps - steps


def on_runner(way: str, changes: Sequence[Change]) -> float:
    """CPU-seconds of a bounded pipeline."""
    OUT.clear()
    began = time.process_time()
    with beam.Pipeline(RUNNER) as pipeline:
        given = pipeline | beam.Create(changes, reshuffle=False).with_output_types(Change)
        _ = WAYS[way](given) | beam.Map(keep)
    return time.process_time() - began


def keep(element: Any) -> None:
    """Keeps an output in this process."""
    OUT.append(element)


def table(outputs: Sequence[Any]) -> dict[str, Any]:
    """What a sink holds that keeps the highest version."""
    newest: dict[str, tuple[Any, Any]] = {}
    for path, version, document in outputs:
        if path not in newest or version > newest[path][0]:
            newest[path] = (version, document)
    return {path: document for path, (_, document) in newest.items() if document is not None}


def main(way: str, runner: str, times: float, count: int, window: int = 0) -> None:
    warnings.simplefilter("ignore")
    documents = [Change(path, None, fields, (1, 0)) for path, fields in workload.documents(times)]
    changes = list(workload.changes(times, count))
    if runner == "walk":
        seconds, steps = walked(way, documents, changes, window)
        at = next(n for n, output in enumerate(OUT) if isinstance(output, int))
        written, outputs = OUT[at], [*OUT[:at], *OUT[at + 1 :]]
    else:
        statecache.get_deep_size = lambda *objects: 100
        StreamFn.garbage, StreamFn.pages = garbage, pages
        load = on_runner(way, documents)
        shown, steps = len(OUT), 0
        seconds = on_runner(way, [*documents, *changes]) - load
        written, outputs = len(OUT) - shown, OUT
    tell(seconds=seconds, changes=count, steps=steps, written=written, table=table_hash(json.loads(json.dumps(table(outputs)))))


def garbage(self: StreamFn, key: bytes, **given: Any) -> Sequence[Any]:
    """At the end of its input this runner fires timers that are due in days, again and again."""
    return ()


def pages(self: StreamFn, key: bytes, **given: Any) -> Sequence[Any]:
    """The same."""
    return ()


if __name__ == "__main__":
    # What this module defines is found by workers by its name, not pickled.
    from benchmarks.peers import beam_follow

    beam_follow.main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), *map(int, sys.argv[5:]))
