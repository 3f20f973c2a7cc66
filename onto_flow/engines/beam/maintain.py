"""`Maintain`: changes in, view changes out, in a pipeline of the user's.

```
documents of the load -> load -+
                               +-> ingest -> match* -> assemble -> [aggregate | own] -> gate -> view changes
changes of the feed ---> feed -+         (what each gives back)                         ^   +-> receipts
                                              +-> gather -> fence ----------------------+
end markers of the load -> ends -----------------^
```

On a bounded collection the steps are those of the bounded engine (`steps`): a key is one step per stage, and there is no
fence. On an unbounded one they are those of `streaming`. Labels are the operators' ids, so that a later job of the same
views finds their state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import apache_beam as beam

from ...core.change import Change, DeadLetter, ViewChange
from ...core.codec import decode
from ...core.errors import EngineError, OntoFlowError
from ...core.gaps import Gap
from ...operators.base import Profile
from ...plan.clocks import is_timed
from ...plan.nodes import OperatorNode, Plan
from ...plan.wire import not_portable, to_json
from ..carried import Carried, decode_carried
from ..made_by import Fingerprints
from . import coders  # noqa: F401 - the coders of changes, view changes and dead letters
from .entering import CANARIES, AddUp, EnterFeed, EnterLoad, change_to_ingest, document_to_ingest
from .fence import FORCED, HEADS, Ends, Fence, Gather, Terms
from .gate import LET_OUT, PARTS, Gate
from .graph import lower
from .keys import ONLY, KeyedMessage
from .maintained import Gated as Gated
from .maintained import Load as Load
from .maintained import Maintained as Maintained
from .outlet import CREDIT
from .parts import KEYED, flatten, pardo
from .receipt import Receipts
from .runners import NO_END, Need, goes_on, keep_keys_whole, refusals, runner_of
from .seeds import SEEDS, SeedsAt, is_here, refuse_a_folder_of_seeds
from .seeds_read import read_seeds
from .seeds_written import SHARDS, CompleteSeeds, WriteSeeds, about
from .steps import LETTERS, operator_fn
from .streaming import StreamFn
from .waits import patience_of
from .write_stream import opened_shard


class MaintainPlan(beam.PTransform):
    """Changes -> changes of view documents.

    Args:
        plan: The views.
        load: What the stream begins with: it is silent until that is over. `None`: it begins with nothing.
        snapshot: The time of the load in microseconds, for the rule on events; `None`: below any event. Of seeds: what
            their manifest says, where it can be read while the pipeline is made; else it must be given.
        generation: The first part of view versions: the time when this state began, in microseconds. No tombstone can
            have been dropped before that and the horizon.
        canaries: Documents that are changed after the load was taken; the fence waits until it has seen each on the feed.
        settle: Microseconds that the fence waits after all else: how long a change that overtook its document of the
            load may still be under way.
        force_fence: Opens the fence whatever is missing; the receipt says so.
        control: A collection of which any element does that.
        shards: Of the gate. A shard holds what the views show of it in one state until the fence opens, so take as many
            as keep that small: a thousand view documents each, say. Must stay what it is while the state lives.
        page: How many subscribers of a document, or view documents of a shard, one step tells or lets out; 0: all.
        coalesce: For how many milliseconds a view document waits, once a document of it has changed, for other changes: it
            is evaluated and goes out once for all of them. 0: for none. It is processing time, and no result depends on it.
        keep: How many bytes of state a worker process keeps as objects, which take some seven times as many; `None`: what
            fits in an eighth of its memory (`room`). No result depends on it.
        seeds: On a bounded collection of documents: the folder that seeds are written to. `snapshot` is their time.
        completes: Whether the manifest of the seeds is written as soon as they are; else `Maintained.seeds` has it, for who
            waits until the tables are written (`seeds_written.CompleteSeeds`).
        fingerprints: Of the views' code, for the manifest of the seeds.

    Raises:
        EngineError: `engine-refused`, with what `refusals` says.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        load: Load | None = None,
        snapshot: int | None = None,
        generation: int = 0,
        canaries: Sequence[str] = (),
        settle: int = 0,
        force_fence: bool = False,
        control: Any = None,
        shards: int = 256,
        page: int = 1000,
        coalesce: int = 0,
        keep: int | None = None,
        seeds: str = "",
        completes: bool = True,
        fingerprints: Fingerprints = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.plan, self.load, self.snapshot, self.generation = plan, load, snapshot, generation
        self.canaries, self.settle, self.force_fence, self.control = tuple(canaries), settle, force_fence, control
        self.shards, self.page, self.coalesce, self.keep = shards, page, coalesce, keep
        self.seeds, self.completes, self.fingerprints = seeds, completes, fingerprints
        if reasons := self.refusals():
            raise EngineError("engine-refused", "; ".join(reasons))

    def refusals(self) -> list[str]:
        """Why these views cannot be maintained here, one sentence each."""
        reasons = [NO_END] if is_timed(self.plan) else []
        if self.load is not None and self.load.seeds is not None:
            reasons += self._seeds_refused(self.load.seeds)
        if self.seeds and is_here(self.seeds):
            refuse_a_folder_of_seeds(self.seeds)
        return reasons + not_portable(self.plan)

    def _seeds_refused(self, seeds: SeedsAt) -> list[str]:
        """Compares what can be read here; on the workers it is compared again."""
        try:
            self.snapshot = seeds.snapshot() if self.snapshot is None else self.snapshot
            seeds.check(self.snapshot, self.generation)
        except OntoFlowError as error:
            return [f"{error.code}: {error.what}"]
        return []

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "maintain"

    def expand(self, changes: Any) -> Maintained:
        """Adds the operators to the pipeline.

        Raises:
            EngineError: `engine-refused`, where its runner cannot do it (`runners`).
        """
        bounded = changes.is_bounded and self.load is None
        pipeline, runner = changes.pipeline, runner_of(changes.pipeline)
        needs = {Need.STATE} if bounded else {Need.STATE, Need.STREAM}
        reasons = refusals(runner, pipeline._options, needs)
        if not bounded:
            reasons += goes_on(runner, [view.name for view in self.plan.views if view.on_error == "fail"])
        if reasons:
            raise EngineError("engine-refused", "; ".join(reasons))
        keep_keys_whole(runner, pipeline._options)
        if bounded:
            return self._bounded(changes)
        if self.seeds:
            raise EngineError("engine-refused", "seeds are of documents at one time: this collection does not end")
        return self._stream(changes)

    def _bounded(self, changes: Any) -> Maintained:
        profile = Profile(drained=False, snapshot=self.snapshot, born=self.generation)
        enter = partial(document_to_ingest, snapshot=self.snapshot) if self.seeds else change_to_ingest
        feed = changes | "feed" >> beam.Map(enter).with_output_types(KEYED)
        json, shards = to_json(self.plan), SHARDS if self.seeds else 0
        fns = {
            node.id: operator_fn(json, node, profile, self.generation, coalesce=True, seeds=shards)
            for node in self.plan.operators
        }
        gives: dict[str | None, Any] = {None: bytes, LETTERS: bytes}
        lowered = lower(self.plan, [feed], fns, {**gives, SEEDS: KEYED} if self.seeds else gives)
        given = _decoded(flatten("views", lowered[None]), lowered[LETTERS])
        if not self.seeds:
            return given
        made_by = about(self.plan, self.fingerprints, self.generation, self.snapshot)
        written = tuple(lowered[SEEDS]) | SEEDS >> WriteSeeds(self.seeds, made_by, shards)
        return given._replace(seeds=written | "complete" >> CompleteSeeds(self.seeds) if self.completes else written)

    def _stream(self, changes: Any) -> Maintained:
        profile = Profile(drained=False, snapshot=self.snapshot, born=self.generation, page=self.page, remembers=True)
        feed = changes | "feed" >> pardo(EnterFeed(self.canaries), Change, {None: KEYED, CANARIES: KEYED})
        begins = None if self.load is None else self._begin(changes.pipeline, self.load)
        entering = [feed[None], *([] if begins is None else begins.documents)]
        json, seeds = to_json(self.plan), {} if begins is None else begins.seeds
        fn = partial(StreamFn, json, seeded=bool(seeds), keep=self.keep)
        how = (profile, self.generation, self.shards)
        fns = {node.id: fn(node, *how, patience=self._patience(node)) for node in self.plan.operators}
        lowered = lower(self.plan, entering, fns, {None: KEYED, LETTERS: bytes, CREDIT: bytes}, seeds)
        if self.load is None or begins is None:
            gated = flatten("gate.in", lowered[None]) | "gate" >> self._gate(fenced=False)
            return _decoded(gated[None], lowered[LETTERS], _gated)._replace(gated=Gated(gated[None]))
        markers, heads, letters = self._fence([*lowered[CREDIT], begins.credit], feed[CANARIES], begins.ends)
        gated = flatten("gate.in", [*lowered[None], markers]) | "gate" >> self._gate(fenced=True)
        receipts = Receipts(self.shards, tuple(v.name for v in self.plan.views))
        written = flatten("parts", [heads, gated[PARTS]]) | "receipts" >> pardo(receipts, KEYED, {None: str})
        read = [] if self.load.letters is None else [self.load.letters]
        given = _decoded(gated[None], [*lowered[LETTERS], *read, letters], _gated)
        terms = beam.Map(partial(_opened_shard, self.shards, self.generation)).with_output_types(KEYED)
        # Of a stream from seeds the table is never complete: the most of it is of the generation that wrote them.
        let_out = None if seeds else gated[LET_OUT] | "let_out" >> terms
        return given._replace(receipts=written, gated=Gated(gated[None], let_out))

    def _patience(self, node: OperatorNode) -> int:
        view = next((v for v in self.plan.views if v.name == node.view), None)
        return patience_of(node, view, 1000 * self.coalesce)

    def _gate(self, *, fenced: bool) -> Any:
        return pardo(Gate(self.page, fenced=fenced), KEYED, {None: bytes, PARTS: KEYED, LET_OUT: KEYED})

    def _begin(self, pipeline: beam.Pipeline, load: Load) -> _Begins:
        """Adds what the stream begins with."""
        if load.seeds is not None:
            read = read_seeds(pipeline, load.seeds, self.snapshot, self.generation)
            return _Begins([], read.by_operator, read.ends, read.credit)
        loaded = load.documents | "load" >> pardo(EnterLoad(self.snapshot), Change, {None: KEYED, CREDIT: bytes})
        return _Begins([loaded[None]], {}, load.ends, loaded[CREDIT])

    def _fence(self, credits: Sequence[Any], canaries: Any, end_markers: Any) -> tuple[Any, Any, Any]:
        assert self.load is not None
        terms = Terms(
            self.load.partitions,
            self.load.expected,
            self.canaries,
            self.settle,
            self.shards,
            self.generation,
            self.snapshot,
        )
        keyed = end_markers | "ends.keyed" >> beam.Map(_to_one).with_output_types(KEYED)
        ends = keyed | "ends" >> pardo(Ends(terms), KEYED, {None: KEYED, LETTERS: bytes})
        back = flatten("credit", credits) | "credit.sum" >> pardo(AddUp(terms.gathers), bytes, {None: KEYED})
        gathered = flatten("gather.in", [back, ends[None]]) | "gather" >> pardo(Gather(), KEYED, {None: KEYED})
        told = [gathered, canaries, *self._forces(gathered.pipeline)]
        fenced = flatten("fence.in", told) | "fence" >> pardo(Fence(terms), KEYED, {None: KEYED, HEADS: KEYED})
        return fenced[None], fenced[HEADS], ends[LETTERS]

    def _forces(self, pipeline: beam.Pipeline) -> list[Any]:
        forces = []
        if self.force_fence:
            forces.append(pipeline | "force" >> beam.Create([FORCED]).with_output_types(KEYED))
        if self.control is not None:
            forces.append(self.control | "control" >> beam.Map(_force).with_output_types(KEYED))
        return forces


class _Begins(NamedTuple):
    """What a stream begins with: collections of documents, seeds by operator, end markers, and what was read."""

    documents: list[Any]
    seeds: dict[str, Any]
    ends: Any
    credit: Any


_GATED = 1
"""How many bytes stand before a view change that the gate let out: what it says of it."""


def _opened_shard(shards: int, generation: int, message: KeyedMessage) -> KeyedMessage:
    return opened_shard(decode(message[1]), shards, generation)


def _to_one(data: bytes) -> tuple[bytes, bytes]:
    return ONLY, data


def _force(_: Any) -> tuple[bytes, bytes]:
    return FORCED


def _shown(data: bytes) -> tuple[Carried]:
    return (decode_carried(data),)


def _gated(data: bytes) -> tuple[Carried]:
    return (decode_carried(data, _GATED),)


def _decoded(views: Any, letters: Sequence[Any], decode: Callable[[bytes], tuple[Carried]] = _shown) -> Maintained:
    """What users see of collections of bytes; `decode`: gives the view change of some."""
    told = flatten(LETTERS, letters)
    return Maintained(
        views | "view changes" >> beam.FlatMap(decode).with_output_types(ViewChange),
        told | "dead_letters" >> beam.FlatMap(_only_letters).with_output_types(DeadLetter),
        told | "gaps" >> beam.FlatMap(_only_gaps).with_output_types(Gap),
    )


def _only_letters(data: bytes) -> list[DeadLetter]:
    found = decode_carried(data)
    return [found] if isinstance(found, DeadLetter) else []


def _only_gaps(data: bytes) -> list[Gap]:
    found = decode_carried(data)
    return [found] if isinstance(found, Gap) else []
