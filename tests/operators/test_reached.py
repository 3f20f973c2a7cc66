"""What a remembering assemble follows is what `Assemble` looks for, whatever comes in whatever order."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from random import Random
from typing import Any
from unittest import mock

import pytest

from onto_flow.core.change import NEVER, DeadLetter
from onto_flow.core.native import in_python
from onto_flow.core.values import Reference, in_path_order
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.coding import encode_state
from onto_flow.operators.base import HOUR, Profile
from onto_flow.operators.build import build_operator
from onto_flow.operators.messages import Answer, Doc, Message, Told
from onto_flow.operators.record import Record, members
from onto_flow.operators.remembering import RememberingAssemble
from onto_flow.plan.nodes import Plan
from onto_flow.testing.shapes import Shape, plan_of

CHAIN = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "c", 1, ("r",))))
TWICE = Shape(
    "V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "b", 0, ("s",)), ("via", "a", 1, ("s",)))
)
FILTERED = Shape("V", "outV", CHAIN.slots, "few", filtered=True, required=1)
OWNED = Shape("V", "outV", CHAIN.slots, paths="field")
GROUPED = Shape("V", "outV", CHAIN.slots, key=0, accumulators=(("sum", 2, False, -1),))


class World:
    """The documents of a view as match would tell of them, out of any order.

    Args:
        random: Decides.
        collections: Slot -> the letter or name of its collection, the field that asks for it, and the slot that does.
    """

    root = "a/1"

    def __init__(self, random: Random, slots: list[tuple[str, str]], wild: float) -> None:
        self.random, self.slots, self.wild = random, slots, wild
        self.versions = 0
        self.docs: dict[str, Doc] = {}
        self.weights: Counter[tuple[int, str]] = Counter()

    def fields(self, path: str) -> dict[str, Any]:
        """Fields of a document."""
        chance = self.random
        return {
            "r": [Reference(f"{c}/{n}") for c in "bc" for n in range(1, 4) if chance.random() < 0.5],
            "s": Reference(f"{chance.choice('ab')}/{chance.randrange(1, 4)}"),
            "n": chance.choice([1, 2, "hide"]),
        }

    def doc(self, path: str) -> Doc:
        """A version of a document: mostly a newer one."""
        self.versions += 1
        version = (self.versions if self.random.random() < 0.9 else self.random.randrange(self.versions), 0)
        draw = self.random.random()
        if draw < 0.06 and path != self.root:
            return Doc(version, None, None)
        if draw < self.wild / 4:
            return Doc(version, None, self.random.choice((None, ((1, path),))))
        held = self.docs.get(path)
        fields = dict(self.fields(path) if held is None or held.fields is None else held.fields)
        if self.random.random() < 0.5:
            fields.update(self.fields(path))
        found = self.docs[path] = Doc(version, fields, ())
        return found

    def message(self, record: Record) -> Message:
        """The next message: mostly what is awaited, else a document, or the end of an answer."""
        chance = self.random
        slot, (collection, _) = chance.choice(list(enumerate(self.slots))[1:])
        key = f"{collection}/{chance.randrange(1, 4)}"
        if record.missing is not None and chance.random() < 0.6:
            slot, key = record.missing  # type: ignore[assignment]
        draw, weight = chance.random(), record.open.get(slot, {}).get(key, 0)
        if draw < 0.35:
            path = chance.choice([self.root, self.root, key, *record.reg])
            return Told(path, self.doc(path))
        if draw < 0.5 and (weight > 0 or chance.random() < self.wild):
            return Answer(slot, key, -1)
        if weight > 0 and chance.random() > self.wild:
            return Told(self.root, self.doc(self.root))
        there = chance.random() < 0.9
        held = self.docs.get(key) if chance.random() < 0.7 else self.doc(key)
        member = held if there and held is not None else Doc(NEVER, None, None)
        return Answer(slot, key, chance.choice((1, 0)) if chance.random() < self.wild else 1, ((key, member),))


class Rooms(World):
    """Meetings with tickets of users: a view that is declared in Python, whose documents are kept as objects and rows."""

    root = "meetings/1"

    def fields(self, path: str) -> dict[str, Any]:
        chance, collection = self.random, path.partition("/")[0]
        if collection == "meetings":
            tickets = [Reference(f"tickets/{n}") for n in range(1, 4) if chance.random() < 0.6]
            status = chance.choice(("in-session", "closed", "not-started"))
            return {"status": status, "location": Reference(f"locations/{chance.randrange(1, 4)}"), "tickets": tickets}
        if collection == "tickets":
            return {"attendance": chance.random() < 0.7, "user": Reference(f"users/{chance.randrange(1, 4)}")}
        name = chance.choice(("A", "é"))
        if collection == "locations":
            return {"name": name}
        hears = chance.random() < 0.5
        return {"firstName": name, "lastName": "B", "organization": "C", "hearingAidRequested": hears}


class Alone:
    """One assemble of one root: all that its steps give, and its record as bytes. Its record is an object between steps."""

    generation, epoch, silent = 1, 0, False

    def __init__(self, plan: Plan, *, remembers: bool) -> None:
        node = next(n for n in plan.operators if n.kind == "assemble")
        self.operator: Any = build_operator(node, plan, Profile(drained=False, remembers=remembers))
        self.operator.relies = remembers
        self.now, self.held = 1, None
        self.given: list[Any] = []

    def act(self, act: Any) -> Any:
        """One step; what it gave."""
        self.given = []
        act(self)
        record = Record.of(self.held)
        return self.given, encode_state(record.pack()), record.failed

    def get(self, cell: str) -> Any:
        return self.held

    def put(self, cell: str, value: Any) -> None:
        self.held = value

    def send(self, *sent: Any) -> None:
        self.given.append(sent)

    def emit(self, output: Any) -> None:
        self.given.append(output._replace(stack="") if isinstance(output, DeadLetter) else output)

    def set_timer(self, kind: str, at: int) -> None:
        self.given.append((kind, at))


def follow(world: World, plan: Plan, seed: int, steps: int = 80) -> Counter[str]:
    """Runs a history on both assembles; how it was taken."""
    random, counted = world.random, Counter[str]()
    plain, remembering = Alone(plan, remembers=False), Alone(plan, remembers=True)
    looked, followed = RememberingAssemble._show, RememberingAssemble.follow

    def looks(self: Any, *given: Any) -> None:
        counted["looked"] += 1
        looked(self, *given)

    def follows(self: Any, *given: Any) -> Any:
        counted["followed"] += 1
        return followed(self, *given)

    with (
        mock.patch.object(RememberingAssemble, "_show", looks),
        mock.patch.object(RememberingAssemble, "follow", follows),
    ):
        for number in range(steps):
            messages = [world.message(Record.of(plain.held)) for _ in range(random.choice((1, 1, 1, 2, 3)))]
            hour = random.choice((1, 1, HOUR, 9 * HOUR))
            plain.now = remembering.now = plain.now + hour
            acts: Any = lambda alone, m=messages: alone.operator.step(world.root, m, alone)  # noqa: E731
            if random.random() < 0.03:
                acts = lambda alone: alone.operator.on_timer(world.root, "garbage", alone)  # noqa: E731
            assert remembering.act(acts) == plain.act(acts), (seed, number, messages)
            record = remembering.held
            counted["awaited"] += bool(record is not None and record.awaited)
            counted["shown"] += len(plain.given) > 0
            assert_kept(remembering, world.root)
    return counted


def assert_kept(alone: Alone, root: str) -> None:
    """What is kept is what is found, where nothing is awaited; else there is nothing to find."""
    record, joins = alone.held, alone.operator.joins
    if record is None or record.kept is None or not alone.operator.can_follow(record):
        return
    missing = record.missing
    found = members(record, root, joins)
    record.missing = missing
    assert (found is None) == bool(record.awaited)
    if found is not None:
        record.kept.settle()
        assert [record.kept.paths(s.index) for s in joins.slots] == [list(in_path_order(docs)) for docs in found]


LETTERS = {"CHAIN": CHAIN, "TWICE": TWICE, "FILTERED": FILTERED, "OWNED": OWNED, "GROUPED": GROUPED}


@pytest.mark.parametrize("shape", LETTERS.values(), ids=LETTERS)
@pytest.mark.parametrize("wild", [0, 0.3])
def test_any_messages(shape: Shape, wild: float) -> None:
    slots, counted = [(s[1], s[3][0] if s[3] else "") for s in shape.slots], Counter[str]()
    for seed in range(60):
        counted += follow(World(Random(seed), slots, wild), plan_of(shape), seed)
    assert counted["followed"] > 1000
    assert counted["awaited"] > 200
    assert wild or counted["looked"] < counted["followed"] / 2


@pytest.mark.parametrize("form", ["compiled", "in Python"])
@pytest.mark.parametrize("wild", [0, 0.3])
def test_a_view_that_is_declared_in_python(wild: float, form: str) -> None:
    plan, counted = MeetingSession.plan(), Counter[str]()
    slots = [(s.collection.pattern, "") for s in plan.views[0].slots]
    with in_python() if form == "in Python" else nullcontext():
        for seed in range(100):
            counted += follow(Rooms(Random(seed), slots, wild), plan, seed)
    assert counted["followed"] > 1000
    assert counted["awaited"] > 200
    assert counted["shown"] > 500
