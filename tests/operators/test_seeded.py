"""A stream from seeds: any order of seeds and feed gives the oracle's tables, and nothing is left over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest

from onto_flow import ViewModel, agg, operator, udf
from onto_flow.core.change import ViewChange
from onto_flow.core.values import from_micros
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.messages import Event
from onto_flow.plan.nodes import Plan
from onto_flow.testing.cases import random_case
from onto_flow.testing.histories import History, history_of
from onto_flow.testing.judge_changes import judge_chain
from onto_flow.testing.named_cases import FIXED
from onto_flow.testing.seeding import complaints, in_order, run_seeded
from onto_flow.testing.session_view import MINUTE, Visit
from onto_flow.testing.simulation import Setting, random_setting
from tests.operators.test_failures import ByKind, ByKindDeleted, Deleted, Kept, KeptAtShelf, Part, PartStore

KINDS = ("ingest", "match", "assemble", "aggregate", "sessions", "own", "relay")


class Shares(ViewModel):
    """A group whose results fail where it has two rows."""

    class Meta:
        collection_name = "shares"

    store: PartStore

    @operator.key
    @classmethod
    def kind(cls, part: Part) -> str:
        return part.kind

    parts = agg.count()

    @udf
    @staticmethod
    def share(parts: int) -> int:
        return 10 // (parts - 2)


class SharesDeleted(Shares):
    class Meta:
        collection_name = "sharesDeleted"
        on_error = "delete"


@dataclass(frozen=True)
class Whole:
    """A plan and a history."""

    plan: Plan
    history: History


def judge_seeds(seeds: range) -> None:
    for seed in seeds:
        random = Random(seed)
        case, setting, last = random_case(random), random_setting(random), random.choice(("", *KINDS))
        found = complaints(case, setting, random, last)
        assert not found, f"seed {seed}, {last}: {found[0]}\n{case.describe()}"


def test_generated_views_and_histories() -> None:
    judge_seeds(range(60))


@pytest.mark.long
def test_very_many_generated_views_and_histories() -> None:
    judge_seeds(range(1000, 6000))


@pytest.mark.parametrize("last", KINDS)
def test_the_seeds_of_one_kind_of_operators_come_when_all_else_is_over(last: str) -> None:
    cases = [c for c in FIXED.values() if any(node.kind == last for node in c.plan.operators)]
    for number, case in enumerate(cases):
        random = Random(number)
        assert not complaints(case, replace(random_setting(random), page=number % 3), random, last)


@pytest.mark.parametrize("last", ["", "sessions", "assemble", "ingest"])
def test_sessions(last: str) -> None:
    for number in range(10):
        random = Random(number)
        assert not complaints(Whole(Visit.plan(), visits(random)), Setting(), random, last)


def visits(random: Random) -> History:
    """Clicks of two users that come, move and go."""
    there: set[str] = set()
    commits: list[tuple[str, Any]] = []
    for _ in range(24):
        path = f"clicks/{random.randrange(8)}"
        gone = path in there and random.random() < 0.3
        (there.discard if gone else there.add)(path)
        at = from_micros(MINUTE * random.randrange(30))
        commits.append((path, None if gone else {"user": random.choice(("ada", "bob")), "at": at}))
    return history_of(*commits, exported=random.randrange(4, 16))


@pytest.mark.parametrize("view", [Kept, Deleted, KeptAtShelf, ByKind, ByKindDeleted, Shares, SharesDeleted])
@pytest.mark.parametrize("last", ["", "groups"])
def test_failing_code(view: Any, last: str) -> None:
    """A letter is open, and a document flagged, exactly where code fails now; whoever opened or flagged it."""
    plan = view.plan()
    for number in range(10):
        random = Random(number)
        history = parts(random)
        kinds = {"assemble", "own", "aggregate"} & {node.kind for node in plan.operators} if last else {""}
        batch, stream = run_seeded(Whole(plan, history), Setting(), random, random.choice(sorted(kinds)))
        reference = LocalFlow(plan)
        now = reference.process([(p, Event((1, 0), f)) for p, f in history.final.items()])
        shown = {c.path: c.new for c in now if isinstance(c, ViewChange)}
        assert opened(batch.trace.letters + stream.trace.letters) == opened(now)
        written, changes = ([e.change for e in run.trace.emitted] for run in (batch, stream))
        assert not list(judge_chain((change, False) for change in in_order(written, changes)))
        newest: dict[str, ViewChange] = {}
        for change in [*written, *changes]:
            if change.path not in newest or newest[change.path].version < change.version:
                newest[change.path] = change
        found = {p: (c.new, c.failed) for p, c in newest.items() if c.new is not None}
        assert {p: d for p, (d, flagged) in found.items() if not flagged} == {
            p: d for p, d in shown.items() if p not in found or not found[p][1]
        }


def parts(random: Random) -> History:
    sizes = (0, 0, 1, 2, 50)
    there: set[str] = set()
    commits: list[tuple[str, Any]] = []
    for _ in range(20):
        path = f"parts/{random.randrange(4)}"
        gone = path in there and random.random() < 0.2
        (there.discard if gone else there.add)(path)
        fields = {"size": random.choice(sizes), "kind": random.choice("ab"), "shelf": random.choice("xy")}
        commits.append((path, None if gone else fields))
    return history_of(*commits, exported=random.randrange(4, 16))


def opened(letters: Any) -> set[str]:
    found: dict[str, bool] = {}
    for letter in letters:
        if getattr(letter, "cleared", None) is not None and not letter.reason.startswith("path-claimed"):
            if letter.cleared:
                found.pop(letter.key, None)
            else:
                found[letter.key] = True
    return set(found)
