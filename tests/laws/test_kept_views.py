"""What is kept of view documents between changes shows what a whole evaluation shows, whatever the getters are."""

from __future__ import annotations

import linecache
from contextlib import nullcontext
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

import pytest

from onto_flow import DomainModel, Reference, Store, ViewModel, attrs, computed, many, one, operator, root, udf
from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.core.equality import same
from onto_flow.core.native import in_python
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.model.declaration import read_declaration
from onto_flow.model.rows import row_getter
from onto_flow.operators.messages import Event
from onto_flow.testing import scenario
from onto_flow.testing.oracle import recompute
from tests.laws.checked.views import ProductPage


class User(DomainModel):
    class Meta:
        collection_name = "users"

    name: str = attrs.str
    tags: list = attrs.list


class Ticket(DomainModel):
    class Meta:
        collection_name = "tickets"

    going: bool = attrs.bool
    number: int = attrs.int
    user = attrs.relation(User)


class Meeting(DomainModel):
    class Meta:
        collection_name = "meetings"

    status: str = attrs.str
    host = attrs.relation(User)
    tickets = attrs.relations(Ticket)


class Note(DomainModel):
    class Meta:
        collection_name = "notes"

    meeting = attrs.relation(Meeting)
    text: str = attrs.str


class Kept(Store):
    meeting = root(Meeting)
    host = one(User, via=Meeting.host)
    tickets = many(Ticket, via=Meeting.tickets)
    users = many(User, via=Ticket.user)
    notes = many(Note, by=Note.meeting)


@dataclass(frozen=True)
class Pair:
    """An element that stays as it is."""

    id: str
    number: Any


@dataclass
class Loose:
    """An element that anybody can change."""

    id: str
    number: Any


CONDITIONS = (
    "t.going",
    "t.number is not None and t.number > 1",
    "(u := users.get(t.user))",
    "t.user in self.store.users",
    "self.store.meeting.status == 'open'",
    "self.store.host",
    "t.going and (u := self.store.users.get(t.user)) or t.number",
)
ELEMENTS = (
    "t.number",
    "t.doc_id",
    "f'{t.number}-{t.going}'",
    "Pair(t.doc_id, t.number)",
    "Loose(t.doc_id, t.number)",
    "{'id': t.doc_id}",
    "(users.get(t.user) or t).doc_id",
    "(users.get(t.user) or t).doc_id + ''.join(n.text or '' for n in self.store.notes)",
    "Pair(t.doc_id, self.store.host.name if self.store.host else None)",
    "[g for g in (users[t.user].tags if t.user in users else [])][:1] or None",
)
WHOLES = (
    "[{0}]",
    "[{0}]",
    "[{0}]",
    "len([{0}])",
    "sorted(map(str, [{0}]))",
    "list(map(str, ({0})))",
    "sum(map(bool, ({0})))",
    "str(next(({0}), None))",
    "[*[{0}], len(self.store.users)]",
    "[*map(str, [{0}]), len(self.store.notes)]",
    "[str([{0}]), self.store.meeting.status]",
)
UDFS = (
    "(first): return len(first) if isinstance(first, list) else first",
    "(first): return first.pop(0) and 1 if isinstance(first, list) and first else 2",
    "(first, notes): return f'{first} {[n.text for n in notes]}'",
    "(host, users): return host is not None and host in users",
)
FILTERS = (
    "(cls, meeting, first): return meeting.status != 'hidden' and first != 7",
    "(cls, meeting): return meeting.status != 'hidden'",
    "(cls, tickets, meeting): return meeting.status != 'hidden' and (len(tickets) != 1 or meeting.host)",
    "(cls, *, meeting): return meeting.status != 'hidden'",
)


def getter(random: Random, name: str) -> str:
    """The source of a getter."""
    condition = random.choice(CONDITIONS)
    element = "u.name" if "(u :=" in condition and random.random() < 0.5 else random.choice(ELEMENTS)
    alone = "" if random.random() < 0.2 else f" if {condition}"
    rows = f"{element} for t in self.store.tickets{alone}"
    if "u.name" in rows and not alone:
        rows = "t.doc_id for t in self.store.tickets"
    whole = random.choice(WHOLES).format(rows)
    lines = [f"    @computed\n    def {name}(self) -> Any:"]
    if "users.get" in whole.replace("self.store.users.get", "") or "users[" in whole or " in users" in whole:
        lines.append("        users = self.store.users")
    if random.random() < 0.1:
        lines.append("        assert self.store is not None")
    return "\n".join([*lines, f"        return {whole}"])


def random_view(random: Random, number: int) -> type[ViewModel]:
    """A view of random getters, whose source can be read as a file's can."""
    source = "\n\n".join(
        [
            "class View(ViewModel):\n    class Meta:\n        collection_name = 'shown'\n\n    store: Kept",
            *(getter(random, n) for n in ("first", "second", "third")),
            "    @udf\n    @staticmethod\n    def of_first" + random.choice(UDFS),
            "    @operator.filter\n    @classmethod\n    def open" + random.choice(FILTERS),
        ]
    )
    name = f"<view {number}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    names = {"ViewModel": ViewModel, "Any": Any, "Kept": Kept, "Pair": Pair, "Loose": Loose}
    names |= {"computed": computed, "operator": operator, "udf": udf}
    exec(compile(source, name, "exec"), names)
    return names["View"]


def change(random: Random, now: dict[str, Any]) -> tuple[str, Any]:
    """A document and its fields after some change; `None`: deleted."""
    kind, most = random.choice((("users", 4), ("tickets", 6), ("tickets", 6), ("meetings", 3), ("notes", 3)))
    path = f"{kind}/{random.randrange(most)}"
    fields = dict(now.get(path) or {})
    if random.random() < 0.08:
        return path, None
    user = Reference(f"users/{random.randrange(4)}")
    if kind == "users":
        fields |= {"name": random.choice(("Ada", "Bob", None)), "tags": random.sample(["x", "y"], random.randrange(3))}
    elif kind == "tickets":
        fields |= {"going": random.random() < 0.6, "number": random.choice((1, 2, 2.0, 3, None))}
        if "user" not in fields or random.random() < 0.2:
            fields["user"] = user
    elif kind == "meetings":
        fields["status"] = random.choice(("open", "open", "closed", "hidden"))
        if "tickets" not in fields or random.random() < 0.3:
            fields |= {"host": user, "tickets": [Reference(f"tickets/{random.randrange(6)}") for _ in range(4)]}
    else:
        fields["text"] = random.choice(("a", "b"))
        fields.setdefault("meeting", Reference(f"meetings/{random.randrange(3)}"))
    return path, fields


def complaint(seed: int) -> str | None:
    """What is wrong with a random view in a random history."""
    random = Random(seed)
    view = random_view(random, seed)
    plan = view.plan()
    flow, table, documents, version = LocalFlow(plan), {}, {}, 10
    for _ in range(25):
        batch = []
        for _ in range(random.choice((1, 1, 1, 3, 12))):
            path, fields = change(random, documents)
            documents[path] = fields
            version += 1
            batch.append((path, Event((version, 0), fields)))
        for output in flow.process(batch):
            if isinstance(output, DeadLetter):
                return None
            assert isinstance(output, ViewChange)
            if not same(table.get(output.path), output.old):
                return f"old of {output} should be {table.get(output.path)}"
            table[output.path] = output.new
        try:
            right = recompute(plan, {p: f for p, f in documents.items() if f is not None})["View"]
        except Exception:
            return None
        shown = {p: d for p, d in table.items() if d is not None}
        if not same(shown, right):
            wrong = [p for p in {**shown, **right} if not same(shown.get(p), right.get(p))]
            source = "".join(linecache.cache[f"<view {seed}>"][2])
            return f"{source}\nafter {batch}: {[(shown.get(p), right.get(p)) for p in wrong]}"
    return None


@pytest.mark.parametrize("form", ["compiled", "in Python"])
@pytest.mark.parametrize("block", range(4))
def test_random_getters(block, form):
    with in_python() if form == "in Python" else nullcontext():
        for seed in range(block * 12, block * 12 + 12):
            assert complaint(seed) is None, seed


@pytest.mark.long
def test_many_random_getters():
    for seed in range(1000, 6000):
        assert complaint(seed) is None, seed


def test_many_of_the_random_getters_are_evaluated_row_by_row():
    by_rows = 0
    for seed in range(60):
        declared = read_declaration(random_view(Random(seed), seed))
        slots = {s.name: s.many for s in declared.slots}
        by_rows += sum(row_getter(c.function, slots) is not None for c in declared.computed.values())
    assert 60 <= by_rows <= 160


def test_a_row_that_leaves_for_an_equal_one_shows_nothing_again():
    (
        scenario(ProductPage)
        .given({"offers/a": {"skus": ["c"], "percent": 3}, "products/a": {"sku": "c"}})
        .when(("offers/a", {"skus": [], "percent": 1}), ("offers/b", {"skus": ["c"], "percent": 3}))
        .delivered("1 2")
        .then({"productPages/a": {"price": None, "percents": [3]}})
    )


class Named(ViewModel):
    class Meta:
        collection_name = "named"

    store: Kept

    @computed
    def status(self) -> str:
        return self.store.meeting.status


class Louder(Named):
    class Meta:
        collection_name = "louder"

    store: Kept

    @computed
    def status(self) -> str:
        return super().status + "!"

    @computed
    def variables(self) -> str:
        return eval("self.store.meeting.status")


@pytest.mark.parametrize("form", ["compiled", "in Python"])
def test_what_a_getter_reads_in_secret_is_read_again(form):
    with in_python() if form == "in Python" else nullcontext():
        flow = LocalFlow(Louder.plan())
        for version, status in enumerate(("open", "shut", "open")):
            (change,) = flow.process([("meetings/m", Event((version + 1, 0), {"status": status}))])
            assert change.new == {"status": f"{status}!", "variables": status}


class Opened(ViewModel):
    class Meta:
        collection_name = "opened"

    asked: ClassVar[list[str]] = []
    store: Kept

    @computed
    def names(self) -> list[str]:
        return [u.name for u in self.store.users]

    @operator.filter
    @classmethod
    def is_open(cls, meeting: Meeting) -> bool:
        cls.asked.append(meeting.status)
        return meeting.status == "open"


@pytest.mark.parametrize("form", ["compiled", "in Python"])
def test_a_root_that_is_not_shown_is_asked_about_again_only_where_that_may_have_changed(form):
    meeting = {"status": "shut", "tickets": [Reference("tickets/a")]}
    with in_python() if form == "in Python" else nullcontext():
        flow = LocalFlow(Opened.plan())
        Opened.asked.clear()

        def shown(version, **documents):
            events = [(path.replace("_", "/"), Event((version, 0), fields)) for path, fields in documents.items()]
            return [(change.path, change.new) for change in flow.process(events)]

        shown(1, meetings_m=meeting, tickets_a={"user": Reference("users/u")}, users_u={"name": "Ada"})
        before = len(Opened.asked)
        assert (
            shown(2, users_u={"name": "Grace"}) == shown(3, tickets_a={"user": Reference("users/u"), "number": 2}) == []
        )
        assert len(Opened.asked) == before
        assert shown(4, meetings_m={**meeting, "status": "open"}) == [("opened/m", {"names": ["Grace"]})]
        assert shown(5, users_u={"name": "Joan"}) == [("opened/m", {"names": ["Joan"]})]
