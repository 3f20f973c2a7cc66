"""Declared time and failing code on the engines that run jobs elsewhere: the tables of the local engine."""

from __future__ import annotations

import importlib
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from onto_flow import Reference, plan_views
from onto_flow.core.change import BELOW_EVENTS, Change, DeadLetter
from onto_flow.core.errors import EngineError
from onto_flow.core.values import from_micros
from onto_flow.engines.base import Job
from onto_flow.engines.breaker import Limits
from onto_flow.engines.declared import FixedTime
from onto_flow.sinks.memory import MemorySink
from onto_flow.sources.base import Partition, SourceInfo
from tests.engines.failing_views import Halves, MustBeWhole
from udfs.reservations import HoldsPerHour, Rushes, Stock

ENGINES = [
    pytest.param("beam", marks=[pytest.mark.beam, pytest.mark.filterwarnings("ignore")]),
    pytest.param("flink", marks=[pytest.mark.flink, pytest.mark.filterwarnings("ignore")]),
]
PACKAGES = {"beam": "apache_beam", "flink": "pyflink"}
NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


class Listed:
    """A source of prepared changes that travels."""

    def __init__(self, changes: list[Change]) -> None:
        self.changes = changes

    def info(self) -> SourceInfo:
        return SourceInfo("listed", documents=None)

    def partitions(self) -> list[Partition]:
        return [Partition("all")]

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """Nothing waits for it."""

    def open(self, partition: Partition, *, resume: bytes | None = None, projection: Any = None) -> Reading:
        return Reading(self.changes)


class Reading:
    def __init__(self, changes: list[Change]) -> None:
        self.batches, self.documents_read = [changes], 0

    def next_batch(self) -> list[Change] | None:
        if not self.batches:
            return None
        batch = self.batches.pop()
        self.documents_read += len(batch)
        return batch

    def next_wake(self) -> None:
        return None

    def snapshot(self) -> bytes:
        return b""

    def close(self) -> None:
        """Nothing is open."""


def hold(number: int, minutes: int, version: int = 1) -> Change:
    made = NOON + timedelta(minutes=minutes)
    fields = {"item": Reference(f"items/{number % 2}"), "pieces": number, "madeAt": made, "expiresAt": made}
    return Change(f"holds/{number}", None, fields, (version, 0), from_micros(version))


def items() -> list[Change]:
    return [Change(f"items/{n}", None, {"onHand": 100, "countedAt": NOON}, BELOW_EVENTS) for n in range(3)]


def engine(name: str) -> Any:
    pytest.importorskip(PACKAGES.get(name, "onto_flow"), reason=f"pip install 'onto-flow[{name}]'")
    return importlib.import_module(f"onto_flow.engines.{name}").Engine()


def run(name: str, views: tuple[type, ...], documents: list[Change], **options: Any) -> tuple[dict[str, Any], Job]:
    letters: list[DeadLetter] = []
    sink = MemorySink()
    job = Job(plan_views(*views), Listed(documents), sink, dead_letter=letters.append, **options)
    engine(name).run(job)
    tables = {view.__name__: sink.documents(view.__name__) for view in views}
    flags = {view.__name__: sorted(sink.failed(view.__name__)) for view in views}
    return {**tables, "flags": flags, "letters": sorted(x.key for x in letters if not x.cleared)}, job


@pytest.mark.parametrize("name", ENGINES)
def test_tables_at_a_moment_are_those_of_the_local_engine(name: str) -> None:
    views = (Stock, HoldsPerHour, Rushes)
    feed = Listed([hold(n, 7 * n) for n in range(1, 12)] + [hold(3, 500, 2), hold(1, -5, 2)])
    options = {"feed": feed, "declared": FixedTime(NOON + timedelta(minutes=30))}
    here, _ = run("local", views, items(), **options)
    assert run(name, views, items(), **options)[0] == here
    assert {d["held"] for d in here["Stock"].values()} == {0, 3 + 5 + 7 + 9 + 11, 6 + 8 + 10}


@pytest.mark.parametrize("name", ENGINES)
def test_failures_are_those_of_the_local_engine(name: str) -> None:
    documents = [Change(f"numbers/{n}", None, {"by": n % 5, "of": 10}, BELOW_EVENTS) for n in range(20)]
    here, _ = run("local", (Halves,), documents, limits=None)
    assert run(name, (Halves,), documents, limits=None)[0] == here
    assert len(here["letters"]) == 4


@pytest.mark.long
@pytest.mark.parametrize("name", ENGINES)
def test_what_stops_a_run_stops_it_there_too(name: str) -> None:
    documents = [Change(f"numbers/{n}", None, {"by": n % 5, "of": 10}, BELOW_EVENTS) for n in range(20)]
    with pytest.raises(EngineError, match=r"breaker-open|evaluations failed"):
        run(name, (Halves,), documents, limits=Limits(least=3))
    with pytest.raises(EngineError, match="on_error = 'fail'"):
        run(name, (MustBeWhole,), documents)
