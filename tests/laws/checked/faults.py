"""Faults that are put into operators, the local engine and sinks by the names of functions, and those of `tests.laws.mutants`.

A function is replaced by another one that calls it: whoever rewrites its inside keeps the fault, and whoever takes the
function away is told at once.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.laws.breaking import Fault, broken
from tests.laws.checked.faults_of_failures import FAULTS_OF_FAILURES
from tests.laws.checked.faults_of_time import FAULTS_OF_TIME
from tests.laws.checked.faults_of_windows import STARTS, WINDOWS
from tests.laws.mutants import FAULTS

Make = Callable[[Any], Any]


@dataclass(frozen=True)
class Swap:
    """A function that is replaced.

    Attributes:
        target: `module:name` or `module:Class.name`, below `onto_flow`.
        make: Gives the wrong function for the right one.
    """

    target: str
    make: Make

    def apply(self) -> Callable[[], None]:
        """Replaces it; fails loudly when it is not there. Returns what puts it back."""
        module, _, name = self.target.partition(":")
        owner: Any = importlib.import_module(f"onto_flow.{module}")
        *outer, last = name.split(".")
        for part in outer:
            owner = getattr(owner, part)
        original = owner.__dict__[last] if isinstance(owner, type) else getattr(owner, last)
        setattr(owner, last, self.make(original))
        return lambda: setattr(owner, last, original)


@dataclass(frozen=True)
class Broken:
    """Something broken on purpose, that `check_view` is to find.

    Attributes:
        name: What is wrong.
        part: `operators`, `engine`, `sinks` or `view`.
        swaps: The functions that are replaced.
        fault: Or a change of source text.
        views: The views to look with first; all others after them.
        sink: Into which sink jobs write.
        bug_class: Its number in the table of bug classes seen in the wild (`tests/laws/test_bug_classes.py`).
    """

    name: str
    part: str
    swaps: tuple[Swap, ...] = ()
    fault: Fault | None = None
    views: tuple[str, ...] = ()
    sink: str = "memory"
    bug_class: int = 0

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within it, imports give modules with the fault."""
        with broken(self.fault or Fault(self.name, ())):
            back = [swap.apply() for swap in self.swaps]
            try:
                yield
            finally:
                for put_back in back:
                    put_back()


FLOW = "engines.local.flow:LocalFlow"
RUN, GIVING = "engines.local.run", "engines.local.giving"


def swap(
    name: str, part: str, target: str, make: Make, *views: str, sink: str = "memory", bug_class: int = 0
) -> Broken:
    """A fault of one function."""
    return Broken(name, part, (Swap(target, make),), None, views, sink, bug_class)


def _by_arrival(original: Any) -> Any:
    """Versions of events are the numbers in which they arrive."""
    arrivals = itertools.count(10**15)

    def process(self: Any, events: Any) -> Any:
        return original(self, [(p, e._replace(version=(next(arrivals), 0))) for p, e in events])

    return process


def _only_one_per_document(original: Any) -> Any:
    """Of several changes of one document in a batch the first one counts."""

    def process(self: Any, events: Any) -> Any:
        first: dict[str, Any] = {}
        for path, event in events:
            first.setdefault(path, event)
        return original(self, list(first.items()))

    return process


def _one_by_one(original: Any) -> Any:
    """A batch is run event by event."""

    def process(self: Any, events: Any) -> Any:
        return [output for event in list(events) for output in original(self, [event])]

    return process


def _no_deletions(original: Any) -> Any:
    def process(self: Any, events: Any) -> Any:
        return original(self, [(p, e) for p, e in events if e.fields is not None])

    return process


def _without(part: int) -> Make:
    """A function whose argument is emptied."""

    def make(original: Any) -> Any:
        def wrong(*args: Any, **kwargs: Any) -> Any:
            return original(*(() if at == part else a for at, a in enumerate(args)), **kwargs)

        return wrong

    return make


def _all_of_it(original: Any) -> Any:
    """Whatever a change hit, all that a root shows is taken for changed."""

    def shown(self: Any, last: Any) -> Any:
        now, _ = original(self, last)
        return now, tuple({**last, **now})

    return shown


def _as_given(original: Any) -> Any:
    return list


def _nothing(original: Any) -> Any:
    return lambda *args, **kwargs: None


def _twice(kind: str) -> Make:
    """Messages of a kind are sent twice."""

    def make(original: Any) -> Any:
        def send(self: Any, operator: str, key: Any, message: Any) -> None:
            original(self, operator, key, message)
            if type(message).__name__ == kind:
                original(self, operator, key, message)

        return send

    return make


def _never(kind: str) -> Make:
    def make(original: Any) -> Any:
        def send(self: Any, operator: str, key: Any, message: Any) -> None:
            if type(message).__name__ != kind:
                original(self, operator, key, message)

        return send

    return make


def _cut(count: int) -> Make:
    """Of what it gives only so many are left."""

    def make(original: Any) -> Any:
        def wrong(*args: Any) -> Any:
            return original(*args)[:count]

        return wrong

    return make


def _rows_as_they_are_now(original: Any) -> Any:
    """What is taken back is computed again, instead of what was sent."""

    def send(self: Any, root: str, output: Any, seq: int, old: Any, new: Any, ctx: Any) -> None:
        original(self, root, output, seq, new if old is not None and new is not None else old, new, ctx)

    return send


def _stays_empty(original: Any) -> Any:
    """A view document that should go stays."""

    def emit(self: Any, output: Any) -> None:
        if not (type(output).__name__ == "ViewChange" and output.new is None):
            original(self, output)

    return emit


def _seed_above_events(original: Any) -> Any:
    return lambda document, snapshot: (document.path, original(document, snapshot)[1]._replace(version=(10**14, 0)))


def _skips_the_first(original: Any) -> Any:
    """The feed is opened too late: its first batch is gone."""

    def follow(self: Any, feed: Any) -> None:
        def opened(partition: Any, **options: Any) -> Any:
            reader = type(feed).open(feed, partition, **options)
            reader.next_batch()
            return reader

        feed.open = opened
        original(self, feed)

    return follow


def _acknowledges_at_once(original: Any) -> Any:
    def read(self: Any, partition: Any, reader: Any, *, busy: bool) -> None:
        original(self, partition, reader, busy=busy)
        self.job.feed.acknowledge(partition, reader.snapshot())

    return read


def _joins_are_not_needed(original: Any) -> Any:
    def need(self: Any, operator: str, keys: Any) -> None:
        if ".match." not in operator:
            original(self, operator, keys)

    return need


def _at_least_one(original: Any) -> Any:
    """The last one of a group is never taken back."""

    def retract(self: Any, state: Any, contribution: Any) -> Any:
        return max(1, original(self, state, contribution))

    return retract


def _dust(original: Any) -> Any:
    """Doubles are added as doubles: rounded each time."""

    def merge(self: Any, left: Any, right: Any) -> Any:
        total = original(self, left, right)
        try:
            numerator, denominator = (total[1] / (1 << 1074)).as_integer_ratio()
        except OverflowError:
            return total
        return (total[0], (numerator << 1074) // denominator, *total[2:])

    return merge


def _changed(change: Callable[[Any], Any]) -> Make:
    """A sink that writes changes as they are not."""

    def make(original: Any) -> Any:
        def write(self: Any, changes: Any) -> None:
            original(self, [c for c in map(change, changes) if c is not None])

        return write

    return make


def _last_write_wins() -> Make:
    numbers = itertools.count(1)
    return _changed(lambda c: c._replace(version=(c.version[0], 10**6, next(numbers))))


def _publishes_at_once(original: Any) -> Any:
    def write(self: Any, changes: Any) -> None:
        original(self, changes)
        self.complete()
        self.publish()

    return write


def _completes_when_it_opens(original: Any) -> Any:
    def open_(self: Any, tables: Any, generation: int) -> None:
        original(self, tables, generation)
        self.complete()
        self.publish()

    return open_


def _second_publication(original: Any) -> Any:
    """Only the first publication of a process is shown."""
    shown: set[int] = set()

    def publish(self: Any) -> Any:
        if id(self) in shown:
            return ()
        shown.add(id(self))
        return original(self)

    return publish


def _blurred(change: Any) -> Any:
    new = change.new and {n: v + 1 if type(v) is int else v for n, v in change.new.items()}
    return change._replace(new=new)


def _faults_of_sink(sink: str, name: str) -> tuple[Broken, ...]:
    """What may be wrong with any sink that keeps tables."""
    write, complete, open_, publish = (f"{name}.{n}" for n in ("write", "complete", "open", "publish"))
    return (
        swap(
            f"{sink}: the last write wins",
            "sinks",
            write,
            _last_write_wins(),
            sink=sink,
            bug_class=5 * (sink == "memory"),
        ),
        swap(f"{sink}: deletions are forgotten", "sinks", write, _changed(lambda c: c if c.new else None), sink=sink),
        swap(f"{sink}: older generations stay", "sinks", complete, _nothing, sink=sink),
        swap(f"{sink}: shows what is not published", "sinks", write, _publishes_at_once, sink=sink),
        swap(f"{sink}: an older table goes too early", "sinks", open_, _completes_when_it_opens, sink=sink),
        swap(f"{sink}: integers are blurred", "sinks", write, _changed(_blurred), sink=sink),
        swap(f"{sink}: publishes once", "sinks", publish, _second_publication, sink=sink),
    )


BY_NAME: tuple[Broken, ...] = (
    swap("events count by arrival", "operators", f"{FLOW}.process", _by_arrival, bug_class=5),
    swap("one change per document and batch", "operators", f"{FLOW}.process", _only_one_per_document, bug_class=4),
    swap("a batch is shown event by event", "engine", f"{FLOW}.process", _one_by_one, "CustomerPage", bug_class=11),
    swap("many changes of one document are many writes", "engine", f"{FLOW}.process", _one_by_one, "CustomerPage", bug_class=15),
    swap("what is as before is written again", "engine", "model.kept:KeptView.shown", _all_of_it, "CustomerPage", bug_class=15),
    swap("deletions are not taken", "engine", f"{FLOW}.process", _no_deletions),
    swap("subscriptions count twice", "engine", f"{FLOW}.send", _twice("Subscribe"), "Circle"),
    swap("rows count twice", "engine", f"{FLOW}.send", _twice("Rows"), "SkuStats", "Prices", bug_class=6),
    swap("answers get lost", "engine", f"{FLOW}.send", _never("Answer"), "Bargain"),
    swap("claims get lost", "engine", f"{FLOW}.send", _never("Claim"), "Sign"),
    swap("what should go stays", "engine", f"{FLOW}.emit", _stays_empty, "Prices", bug_class=13),
    swap("an import outranks later changes", "engine", "engines.base:seed", _seed_above_events, bug_class=8),
    swap("the feed begins late", "engine", f"{RUN}:Run._follow", _skips_the_first, bug_class=1),
    swap("acknowledged before it is safe", "engine", f"{RUN}:Run._read", _acknowledges_at_once, bug_class=2),
    swap("the fence does not complete the tables", "engine", f"{GIVING}:Giving._open_fence", _nothing),
    swap("dead letters are lost", "engine", f"{GIVING}:Giving._dead", _nothing),
    swap("the last one of a count stays", "operators", "operators.accumulators:Count.retract", _at_least_one, "Load"),
    swap("doubles are added as doubles", "operators", "operators.accumulators:Sum.merge", _dust, "Prices"),
    swap("rows are taken back as they are now", "operators", "operators.assemble:Assemble._send", _rows_as_they_are_now,
         "Prices", "Load", bug_class=12),
    swap("rows of members are only added", "operators", "operators.fold:Fold.change", _without(2), "Prices", bug_class=3),
    swap("only the first parent key counts", "operators", "operators.joins:Joins.parent_keys", _cut(1), "Circle"),
    swap("only the first key of a document counts", "operators", "operators.joins:Joins.doc_keys", _cut(1), "ProductPage"),
    swap("joins are forgotten in a restart", "engine", "engines.local.kept:KeptState.need", _joins_are_not_needed, "Circle",
         bug_class=10),
    Broken("a view may write where it reads", "engine",
           (Swap("model.compile:_refuse_circles", _nothing), Swap("plan.compile:in_order", _as_given)), views=("Echo",), bug_class=7),
    *(swap(name, "engine", STARTS, make, *views) for name, make, views in WINDOWS),
    *_faults_of_sink("memory", "sinks.memory:MemorySink"),
    *_faults_of_sink("parquet", "sinks.parquet:ParquetSink"),
    swap("jsonl: deletions are forgotten", "sinks", "sinks.jsonl:JsonLinesSink.write", _changed(lambda c: c if c.new else None),
         sink="jsonl"),
    swap("jsonl: versions are lost", "sinks", "sinks.jsonl:JsonLinesSink.write",
         _changed(lambda c: c._replace(version=(*c.version[:2], 1))), sink="jsonl"),
)  # fmt: skip

_CLASSES = {
    "no ingest tombstone": 9,
    "old key not told": 14,
}

_WITH_JOINS = ("ProductPage", "Bargain", "CustomerPage", "Circle", "Chart")
_VIEWS_OF_MODULES = {
    "operators.record": ("PinPage", *_WITH_JOINS, "BoardPage", "ProjectPage"),
    "operators.joins": ("BoardPage", "PinPage", "SalePage", *_WITH_JOINS),
    "operators.selection": ("Meets", "BoardPage"),
    "operators.relay": ("AuthorPage", "Ranking"),
    "operators.routes": (*_WITH_JOINS, "ProjectPage"),
    "operators.aggregate": ("Load", "SkuStats", "Prices"),
    "operators.own": ("Sign",),
    "operators.assemble": ("BillPage", "ArticlePage", *_WITH_JOINS),
    "operators.expiry": ("RoomPage", "Hourly"),
    "operators.cut": ("Rush",),
    "operators.sessions": ("Rush",),
    "engines.local.flow": ("RoomPage", "Watch"),
    "engines.local.run": ("RoomPage", "Watch"),
    "engines.local.giving": ("RoomPage", "Watch"),
    "operators.meter": ("ProductPage",),
    "testing.recovery": ("Load", "Sign", "ProductPage"),
}
BY_TEXT = tuple(
    Broken(
        fault.name,
        "operators",
        fault=fault,
        views=_VIEWS_OF_MODULES.get(fault.patches[0][0], _WITH_JOINS),
        bug_class=_CLASSES.get(fault.name, 0),
    )
    for fault in (*FAULTS, *FAULTS_OF_TIME, *FAULTS_OF_FAILURES)
    if not fault.directed
)
"""Those that random histories can find; the others need an order by hand (`tests.laws.scenarios`)."""
