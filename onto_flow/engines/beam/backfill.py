"""The batch plan: view tables from documents, without state per key.

```
documents -> route -+-> hop 1 -> hop 2 -> ... (one per depth of slots) --+
                    +-------------------------------------------------- -+-> build -> [groups] -> view documents
```

`route` packs documents into few big values, so Beam's own work is per shard and bundle, not per document (`routing`). Each
shard of roots is then what a small backfill is to the embedded engine: `engines.bulk` computes it by columns. Groups and
owners of paths are the operators' own, one step per key.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from ...core.change import Change, DeadLetter
from ...core.codec import joined
from ...core.columns import ViewColumns
from ...core.errors import DataError, EngineError
from ...formats.native.values import value_decoder, value_encoder
from ...operators.base import Key
from ...operators.ingest import failure
from ...operators.messages import Claim, Message, Rows
from ...plan.nodes import Plan, View
from ...plan.wire import from_json, to_json
from ..bulk import Bulk, Queue, misreading, unknown
from .elements import Block, Built
from .parcels import ROOTS, Packed, shard_named, shard_of, unpacked
from .quiet import QuietFn
from .routing import Hops, Router, depths

KEYED = tuple[bytes, bytes]
GROUPS = "groups"
"""The output of what roots give to groups."""

MISREAD = "misread"
"""The output of letters for documents that user code cannot read, where they are dealt to several shards."""

SHARDS = 16

_encode, _decode = value_encoder(), value_decoder()


def refusals(plan: Plan) -> list[str]:
    """What the plan says that the batch plan does not know; empty when it can compute the plan's tables."""
    return unknown(plan)


class BuildTables(beam.PTransform):
    """Documents -> what the views are (`Built`), packed.

    Args:
        plan: One that has no `refusals`.
        shards: How many shards the roots of a view are dealt to; each is built in memory, by one worker at a time.
        generation: The first part of view versions; the time at which the job runs when left out.
        of: What the documents come as: `Change`, or `Block`.
    """

    def __init__(self, plan: Plan, *, shards: int = SHARDS, generation: int | None = None, of: type = Change) -> None:
        super().__init__()
        self._plan, self._shards, self._generation, self._of = plan, shards, generation, of

    def expand(self, documents: Any) -> Any:
        """Adds the stages."""
        if not documents.windowing.is_default():
            what = "a backfill computes one table of all documents: they must be in the global window, without triggers"
            raise EngineError("engine-refused", what)
        plan, text = self._plan, to_json(self._plan)
        deepest = max(d for view in plan.views for d in depths(view)) if self._shards > 1 else 0
        levels = [f"level{depth}" for depth in range(1, deepest + 1)]
        hints: dict[str, Any] = dict.fromkeys(levels, KEYED)
        if self._shards > 1 and misreading(plan):
            hints[MISREAD] = Built
        fn = _RouteBlocks if self._of is Block else _Route
        routed = documents | "route" >> beam.ParDo(fn(text, self._shards)).with_output_types(
            KEYED, **hints
        ).with_outputs(*hints, main="roots")
        roots, waiting = [routed.roots], {name: [routed[name]] for name in levels}
        for at, name in enumerate(levels):
            later = levels[at + 1 :]
            hop = beam.ParDo(_Hop(text, self._shards)).with_output_types(KEYED, **dict.fromkeys(later, KEYED))
            met = _grouped(name, waiting[name]) | f"hop {at + 1}" >> hop.with_outputs(*later, main="roots")
            roots.append(met.roots)
            for other in later:
                waiting[other].append(met[other])
        begin = documents.pipeline | "start" >> beam.Create([self._generation or 0]).with_output_types(int)
        generation = begin | "generation" >> beam.Map(_or_now).with_output_types(int)
        built = self._build(_grouped("shards", roots), text, beam.pvalue.AsSingleton(generation))
        return (built, routed[MISREAD]) | "with letters" >> beam.Flatten() if MISREAD in hints else built

    def _build(self, shards: Any, text: str, generation: Any) -> Any:
        build = beam.ParDo(_Build(text, self._shards), generation)
        if not any(v.grouped or v.owned for v in self._plan.views):
            return shards | "build" >> build.with_output_types(Built)
        built = shards | "build" >> build.with_output_types(Built, **{GROUPS: KEYED}).with_outputs(GROUPS, main="built")
        finish = beam.ParDo(_Finish(text), generation).with_output_types(Built)
        finished = built[GROUPS] | "by group" >> beam.GroupByKey() | "finish" >> finish
        return (built.built, finished) | "all" >> beam.Flatten()


def _grouped(label: str, collections: Sequence[Any]) -> Any:
    return tuple(collections) | f"{label} of all" >> beam.Flatten() | f"by {label}" >> beam.GroupByKey()


class _RouteBlocks(QuietFn):
    """Blocks of documents -> packed values for hops and shards of roots."""

    def __init__(self, plan: str, shards: int) -> None:
        super().__init__()
        self._plan, self._shards = plan, shards

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "deal"

    def start_bundle(self) -> None:
        """Begins with nothing."""
        super().start_bundle()
        self._router = Router(from_json(self._plan), self._shards)

    def _dealt(self, documents: Sequence[Change]) -> Iterator[Any]:
        yield from map(_placed, self._router.take(documents))
        if self._router.letters:
            yield beam.pvalue.TaggedOutput(MISREAD, Built.of(self._router.letters))
            self._router.letters = []

    def process(self, element: Any) -> Iterator[Any]:
        """Takes the documents of a block."""
        return self._dealt(element.changes)

    def finish_bundle(self) -> Iterator[Any]:  # type: ignore[override]
        """What was not full."""
        yield from map(_at_the_end, self._router.rest())
        super().finish_bundle()


class _Route(_RouteBlocks):
    """The same of documents, one by one or many at once."""

    def process(self, element: Any) -> Iterator[Any]:
        """Takes one document."""
        return self._dealt((element,))

    def get_input_batch_type(self, input_element_type: Any) -> Any:
        """See `beam.DoFn`."""
        return list[Change]

    @beam.DoFn.yields_elements
    def process_batch(self, batch: list[Change]) -> Iterator[Any]:
        """Takes many."""
        return self._dealt(batch)


class _Hop(QuietFn):
    """Where documents of slots meet what asked for them."""

    def __init__(self, plan: str, shards: int) -> None:
        super().__init__()
        self._plan, self._shards = plan, shards

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "meet"

    def setup(self) -> None:
        """Reads the plan."""
        self._hops = Hops(from_json(self._plan), self._shards)

    def process(self, element: tuple[bytes, Iterable[bytes]]) -> Iterator[Any]:
        """All that came to one shard of keys."""
        return map(_placed, self._hops.meet(*element))


class _Build(QuietFn):
    """Shards of roots -> their view documents, and what they give to groups."""

    def __init__(self, plan: str, shards: int) -> None:
        super().__init__()
        self._plan, self._shards = plan, shards

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "bulk"

    def process(self, element: tuple[bytes, Iterable[bytes]], generation: int) -> Iterator[Any]:
        """All documents of one shard."""
        target, values = element
        number, shard = shard_named(target)
        plan, owns = from_json(self._plan), None
        if number is not None:
            plan = _only(plan, plan.views[number])
            owns = partial(_is_of, shard, self._shards)
        given: list[tuple[View, Queue]] = []
        bulk = Bulk(plan, generation=generation, owns=owns, last=lambda *queue: given.append(queue))
        bulk.take(unpacked(values))
        for found in bulk.tables():
            yield Built(found) if isinstance(found, ViewColumns) else Built.of(found)
        for view, queue in given:
            refused: list[DeadLetter] = []
            for name, data in _contributions(view, queue, self._shards, refused):
                yield beam.pvalue.TaggedOutput(GROUPS, (name, data))
            if refused:
                yield Built.of(refused)


class _Finish(QuietFn):
    """All that roots give to a shard of groups, or of output paths -> their view documents."""

    def __init__(self, plan: str) -> None:
        super().__init__()
        self._plan = plan

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "operators"

    def process(self, element: tuple[bytes, Iterable[bytes]], generation: int) -> Iterator[Built]:
        """One shard."""
        target, values = element
        plan = from_json(self._plan)
        view = plan.view(target.rpartition(b"/")[0].decode())
        message: type[Rows] | type[Claim] = Rows if view.grouped else Claim
        queue: dict[Key, list[Message]] = {}
        for data in values:
            for key, encoded in _decode(data):
                queue.setdefault(key, []).extend(message(*parts) for parts in _decode(encoded))
        for messages in queue.values():
            messages.sort(key=_root_of)
        yield Built.of(Bulk(plan, generation=generation).finish(view, queue))


def _contributions(view: View, queue: Queue, shards: int, refused: list[DeadLetter]) -> Iterator[tuple[bytes, bytes]]:
    """What roots give to groups, packed by the shard of the group; letters for what no document may hold."""
    packed: dict[int, list[Any]] = {}
    for key, messages in queue.items():
        encoded = []
        for message in messages:
            try:
                encoded.append(_encode(tuple(message)))
            except DataError as error:
                refused.append(failure(f"view:{view.name}:{_root_of(message)}", error))
        packed.setdefault(shard_of(key, shards), []).append((key, joined(encoded)))
    for shard, entries in packed.items():
        yield f"{view.name}/{shard}".encode(), _encode(entries)


def _or_now(generation: int) -> int:
    """Microseconds: a job that is made once and run often has a new generation each time."""
    return generation or time.time_ns() // 1000


def _root_of(message: Any) -> str:
    return message.root


def _only(plan: Plan, view: View) -> Plan:
    """The plan of one view."""
    return replace(plan, views=(view,), operators=tuple(o for o in plan.operators if o.view in ("", view.name)))


def _is_of(shard: int, shards: int, path: str) -> bool:
    return shard_of(path, shards) == shard


def _placed(packed: Packed) -> Any:
    level, target, data = packed
    return (target, data) if level == ROOTS else beam.pvalue.TaggedOutput(f"level{level}", (target, data))


def _at_the_end(packed: Packed) -> Any:
    """An output at the end of a bundle."""
    level, target, data = packed
    value = WindowedValue((target, data), GlobalWindow().start, [GlobalWindow()])
    return value if level == ROOTS else beam.pvalue.TaggedOutput(f"level{level}", value)
