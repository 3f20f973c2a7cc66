"""State over a store: restarts and evictions at any moment change nothing, and a checkpoint costs what changed."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from onto_flow.core.change import BELOW_EVENTS, Change, DeadLetter, ViewChange
from onto_flow.core.equality import same
from onto_flow.core.native import compiled
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.base import event, seed
from onto_flow.engines.local import layout, log, rest, store
from onto_flow.engines.local.derived import is_derived
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.engines.local.kept import KeptState
from onto_flow.engines.local.store import Store
from onto_flow.operators.expiry import version_of
from onto_flow.testing.cases import random_case
from onto_flow.testing.histories import DELIVERIES, deliver
from onto_flow.testing.judge_changes import applied, judge_tables
from onto_flow.testing.oracle import recompute


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(store, "SETTINGS", tuple(s.replace("FULL", "OFF") for s in store.SETTINGS))


class Kept:
    """A flow over a store that can be dropped and opened again."""

    def __init__(self, plan, file, snapshot=None):
        self.plan, self.file, self.snapshot = plan, file, snapshot
        self.store = None
        self.now = 1
        self.open(whole=True)

    def open(self, *, whole=False):
        if self.store is not None:
            self.store.close()
        self.store = Store(self.file)
        self.state = KeptState(self.plan, self.store, whole=whole)
        self.flow = LocalFlow(
            self.plan, snapshot=self.snapshot, state=self.state, born=0, clock=lambda: self.now, generation=1
        )

    def commit(self):
        with self.store.transaction():
            self.state.save()
        self.state.saved()

    def table(self):
        """What the state shows, path by path."""
        found = {}
        for node in self.plan.operators:
            for key, cells in self.state.every(node.id) if node.shows else ():
                for change in self.flow.shown(node, key, cells):
                    found.setdefault(node.view, {})[change.path] = change.new
        return found


def run(seed_number, folder, monkeypatch, most=25):
    """A case with restarts and evictions between its batches."""
    random = Random(seed_number)
    monkeypatch.setattr(layout, "LARGE", random.choice((1, 2, 64)))
    monkeypatch.setattr(log, "MOST", random.choice((0, 1000, 1 << 20)))
    monkeypatch.setattr("onto_flow.engines.local.kept.SOON", random.choice((1, 5, 1000)))
    monkeypatch.setattr(rest, "FEW", random.choice((1, 2, 1000)))
    case = random_case(random, most=most)
    history, plan = case.history, case.plan
    kept = Kept(plan, folder / f"{seed_number}.sqlite3", history.snapshot)
    committed, fresh = [], []

    def take(outputs):
        fresh.extend(o for o in outputs if isinstance(o, ViewChange))
        bad = [o for o in outputs if isinstance(o, DeadLetter) and not o.cleared]
        assert all(letter.reason.startswith(("path-claimed", "wrong-type")) for letter in bad), bad

    def commit():
        kept.commit()
        committed.extend(fresh)
        fresh.clear()

    take(kept.flow.process([seed(c, history.snapshot) for c in history.seeds()]))
    commit()
    items = deliver(history.feed, random, random.choice(DELIVERIES))
    size, position, safe = random.choice((1, 2, 5)), 0, 0
    while position < len(items):
        take(kept.flow.process([event(history.change(i)) for i in items[position : position + size]]))
        position += size
        kept.state.say_some()
        chance = random.random()
        if chance < 0.4:
            commit()
            safe = position
            if random.random() < 0.5:
                kept.state.evict(random.choice((0, 10_000)))
        elif chance < 0.55:
            kept.open()
            fresh.clear()
            position = safe
    while kept.flow.timer_is_due:  # pages of maps that were half read
        take(kept.flow.process(()))
    commit()
    expected = recompute(plan, history.known(items))
    complaints = list(judge_tables(expected, applied(committed)))
    kept.open()
    shown = {view: table for view, table in expected.items() if table}
    if kept.table().keys() != shown.keys() or not all(same(kept.table()[v], t) for v, t in shown.items()):
        complaints.append(f"the state shows {kept.table()} and should show {shown}")
    kept.store.close()
    return complaints


@pytest.mark.parametrize("block", range(10))
def test_restarts_and_evictions_change_nothing(block, tmp_path, monkeypatch):
    for number in range(block * 12, block * 12 + 12):
        assert run(number, tmp_path, monkeypatch) == [], number


@pytest.mark.long
def test_restarts_and_evictions_change_nothing_in_many_cases(tmp_path, monkeypatch):
    for number in range(1000, 4000):
        assert run(number, tmp_path, monkeypatch, most=45) == [], number
        (tmp_path / f"{number}.sqlite3").unlink()


def held(cells):
    """What cells hold, of whatever form."""
    found = {name: getattr(value, "pack", lambda value=value: value)() for name, value in cells.items()}
    if "record" in found:
        registers, due, opened, last, *rest = found["record"]
        found["record"] = ({p: tuple(d) for p, *d in registers}, dict(due), sorted(opened), dict(last), *rest)
    return {name: dict(value) if hasattr(value, "items") else value for name, value in found.items() if value}


def everything(kept, keys):
    """What the state holds at some keys of each operator."""
    for operator, of_it in keys.items():
        kept.state.need(operator, of_it)
    return {o: {k: held(kept.state.states[o][k]) for k in of_it} for o, of_it in keys.items()}


def with_newest(kept, found):
    """As what is read has it: a match of a `via` slot holds the version of ingest, also where that brought nothing new."""
    for node in kept.plan.operators:
        matches = found[node.id].items() if is_derived(node, kept.plan) else ()
        for path, docs in ((path, cells["docs"]) for path, cells in matches if "docs" in cells):
            version, fields = found["ingest"][path]["document"][:2]
            assert docs.keys() == {path} and docs[path][0] <= (*version, 9)
            docs[path] = (version_of(version, fields), *docs[path][1:])
    return found


@pytest.mark.parametrize("block", range(4))
def test_what_is_read_after_a_restart_is_what_was_in_memory(block, tmp_path, monkeypatch):
    """Whatever was written whole, as a difference or entry by entry, to the log or to the table."""
    for number in range(block * 10, block * 10 + 10):
        random = Random(number)
        monkeypatch.setattr(layout, "LARGE", random.choice((1, 64)))
        monkeypatch.setattr("onto_flow.engines.local.kept.SOON", random.choice((1, 5, 1000)))
        monkeypatch.setattr(rest, "FEW", random.choice((1, 1000)))
        case = random_case(random, most=25)
        kept = Kept(case.plan, tmp_path / f"{number}.sqlite3", case.history.snapshot)
        kept.flow.process([seed(c, case.history.snapshot) for c in case.history.seeds()])
        kept.commit()
        for item in case.history.feed:
            kept.flow.process([event(case.history.change(item))])
            kept.state.say_some()
            if random.random() < 0.6:
                kept.commit()
                if random.random() < 0.4:
                    keys = {o: list(states) for o, states in kept.state.states.items()}
                    before = with_newest(kept, everything(kept, keys))
                    kept.open()
                    assert same(everything(kept, keys), before), number
        kept.store.close()


def meeting(tickets):
    return {"status": "in-session", "tickets": [Reference(f"tickets/t{n}") for n in range(tickets)]}


def ticket(attends):
    return {"attendance": attends, "user": Reference("users/u1")}


def load(kept, tickets):
    ada = {"firstName": "Ada", "lastName": "King", "organization": "O", "hearingAidRequested": True}
    documents = {"users/u1": ada, "meetings/m1": meeting(tickets)}
    documents |= {f"tickets/t{n}": ticket(True) for n in range(tickets)}
    kept.flow.process([seed(Change(p, None, f, BELOW_EVENTS), None) for p, f in documents.items()])
    kept.commit()


class Counted(Store):
    """Counts the rows and bytes that are written."""

    def __init__(self, file):
        self.rows = Counter()
        super().__init__(file)

    def write(self, statement, rows=((),)):
        rows = list(rows)
        self.rows[statement.split()[0]] += len(rows)
        self.rows["bytes"] += sum(len(v) for row in rows for v in row if isinstance(v, bytes))
        super().write(statement, rows)


def test_a_key_that_left_and_came_back_between_two_checkpoints_is_not_read_from_the_older_one(tmp_path):
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    load(kept, 3)
    kept.open()
    [gone] = kept.flow.process([event(Change("meetings/m1", None, None, (9, 1), None))])
    [back] = kept.flow.process([event(Change("meetings/m1", None, meeting(2), (10, 0), None))])
    assert gone.new is None and len(back.new["attending"]) == 2 and back.version > gone.version
    kept.commit()
    kept.open()
    assert len(kept.table()["MeetingSession"]["meetingSessions/m1"]["attending"]) == 2
    kept.store.close()


def test_what_is_evicted_leaves_memory_and_comes_back(tmp_path):
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    load(kept, 50)
    before = kept.state.bytes_in_memory()
    kept.flow.process([event(Change("tickets/t7", None, ticket(False), (9, 0), None))])
    assert kept.state.evict(before) == 0 and kept.state.bytes_in_memory() == before
    assert kept.state.evict(0) > 100
    assert set(kept.state.states["ingest"]) == {"tickets/t7"}, "what changed since the checkpoint stays"
    kept.commit()
    kept.state.evict(0)
    assert not any(kept.state.states.values()) and kept.state.bytes_in_memory() == 0
    [change] = kept.flow.process([event(Change("tickets/t8", None, ticket(False), (9, 0), None))])
    assert (len(change.old["attending"]), len(change.new["attending"])) == (49, 48)
    kept.store.close()


@pytest.mark.parametrize("folds", [False, True])
def test_all_keys_are_given_as_they_are_while_steps_and_checkpoints_go_on(tmp_path, monkeypatch, folds):
    """Of a log that nobody has read, too; what goes meanwhile is not given as it was."""
    monkeypatch.setattr("onto_flow.engines.local.table._PAGE", 2)
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    many_meetings(kept, 12)
    kept.open()
    for n in (3, 4):
        attends(kept, n, 1)
    new = {"status": "in-session", "tickets": [Reference("tickets/t1")]}
    kept.flow.process([event(Change("meetings/new", None, new, (9, 0), None))])
    kept.commit()
    kept.open()
    given, [node] = {}, [n for n in kept.plan.operators if n.shows]
    for number, (key, cells) in enumerate(kept.state.every(node.id)):
        given[key] = [len(c.new["attending"]) for c in kept.flow.shown(node, key, cells)]
        if number == 4:
            gone = [event(Change(f"meetings/m{n}", None, None, (50, n), None)) for n in (5, 6, 7, 8, 9)]
            kept.flow.process(gone)
            attends(kept, 2, 3)
            kept.commit()
            if folds:
                kept.state.evict(0)
    left = {f"meetings/m{n}": [int(n not in (3, 4))] for n in (0, 1, 10, 11, 3, 4)}
    expected = {**left, "meetings/new": [1]}
    assert {key: given[key] for key in expected} == expected
    assert not any(given.get(f"meetings/m{n}") for n in (7, 8, 9))
    kept.store.close()


def test_the_log_of_a_killed_process_counts_until_the_table_is_up_to_it(tmp_path):
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    load(kept, 3)
    kept.flow.process([event(Change("tickets/t1", None, ticket(False), (9, 0), None))])
    kept.commit()
    written = kept.store.one("SELECT sum(length(data)) FROM log")
    kept.open()
    assert kept.state.bytes_in_memory() == written > 0
    kept.state.evict(0)
    assert kept.state.bytes_in_memory() == 0 and kept.state.is_folded
    [back] = kept.flow.process([event(Change("tickets/t1", None, ticket(True), (10, 0), None))])
    assert (len(back.old["attending"]), len(back.new["attending"])) == (2, 3)
    kept.store.close()


def test_a_log_that_is_bound_is_brought_into_the_table_sooner(tmp_path):
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    load(kept, 3)
    for version, bound, folded in ((9, 1 << 20, False), (10, 0, True)):
        kept.state.bound_log(bound)
        kept.flow.process([event(Change("tickets/t1", None, ticket(version == 10), (version, 0), None))])
        kept.commit()
        assert kept.state.is_folded is folded
    kept.store.close()


def many_meetings(kept, meetings):
    """One user whom many meetings ask for, through one ticket each."""
    ada = {"firstName": "Ada", "lastName": "King", "organization": "O", "hearingAidRequested": True}
    documents = {"users/u1": ada}
    for n in range(meetings):
        documents[f"tickets/t{n}"] = ticket(True)
        documents[f"meetings/m{n}"] = {"status": "in-session", "tickets": [Reference(f"tickets/t{n}")]}
    kept.flow.process([seed(Change(p, None, f, BELOW_EVENTS), None) for p, f in documents.items()])
    kept.commit()


@pytest.mark.parametrize("meetings", [100, 1000])
def test_a_checkpoint_costs_what_changed_whatever_the_size_of_a_cell(tmp_path, monkeypatch, meetings):
    monkeypatch.setitem(globals(), "Store", Counted)
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    many_meetings(kept, meetings)
    for restarted in (False, True):
        if restarted:
            kept.open()
        kept.store.rows.clear()
        left = {"status": "in-session", "tickets": []}
        micros = 9 + restarted
        kept.flow.process([event(Change(f"meetings/m{3 + restarted}", None, left, (micros, 0), None))])
        kept.commit()
        # ingest, the ticket's match, the user's match and one of its entries, the record
        assert kept.store.rows["INSERT"] <= 6 and kept.store.rows["DELETE"] <= 2
        assert kept.store.rows["bytes"] < 1500
    kept.store.close()


class Reading(Store):
    """Counts the rows that are read."""

    def __init__(self, file):
        self.rows = 0
        super().__init__(file)

    def read(self, statement, *parameters):
        rows = super().read(statement, *parameters)
        self.rows += len(rows)
        return rows


@pytest.mark.parametrize("folded", [False, True])
def test_a_step_at_a_hot_key_after_a_restart_reads_what_it_needs(tmp_path, monkeypatch, folded):
    """One more meeting asks for the user, who then is renamed: nobody reads all that ask for them before their page."""
    monkeypatch.setitem(globals(), "Store", Reading)
    monkeypatch.setattr(rest, "FEW", 5)
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    many_meetings(kept, 300)
    attends(kept, 7, 1)
    kept.commit()
    if folded:
        kept.state.fold()
    kept.open()
    kept.flow = LocalFlow(kept.plan, state=kept.state, clock=lambda: 1, generation=1, page=20)
    read, told = [], {}
    new = {"status": "in-session", "tickets": [Reference("tickets/t5")]}
    user = {"firstName": "Grace", "lastName": "Hopper", "organization": "N", "hearingAidRequested": True}
    for number, path, fields in ((20, "meetings/new", new), (21, "users/u1", user), (22, "meetings/m3", new)):
        kept.store.rows = 0
        outputs = kept.flow.process([event(Change(path, None, fields, (number, 0), None))])
        told |= {c.path: c.new["attending"] for c in outputs if number > 20}
        read.append(kept.store.rows)
    assert max(read) <= 40, read
    while kept.flow.timer_is_due:
        kept.store.rows = 0
        told |= {c.path: c.new["attending"] for c in kept.flow.process(())}
        assert kept.store.rows <= 40
        kept.commit()
    assert len(told) == 300 and all(a[0]["name"] == "Grace Hopper" for a in told.values())
    subs = kept.state.states["MeetingSession.match.users"]["users/u1"]["subs"]
    assert sorted(subs) == sorted(f"meetings/{n}" for n in ("new", *(f"m{n}" for n in range(300) if n != 7)))
    kept.open()
    subs = everything(kept, {"MeetingSession.match.users": ["users/u1"]})["MeetingSession.match.users"]["users/u1"][
        "subs"
    ]
    assert len(subs) == 300
    kept.store.close()


def attends(kept, meeting, number):
    """The meeting has its ticket, or none any more."""
    tickets = [Reference(f"tickets/t{meeting}")] if number % 2 == 0 else []
    fields = {"status": "in-session", "tickets": tickets}
    kept.flow.process([event(Change(f"meetings/m{meeting}", None, fields, (10 + number, 0), None))])


@pytest.mark.parametrize("most", [0, 1 << 20])
def test_a_large_map_that_is_emptied_between_two_checkpoints_does_not_come_back(tmp_path, monkeypatch, most):
    """All meetings leave a user at once, then as many others come: a restart finds these alone."""
    monkeypatch.setattr(log, "MOST", most)
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    many_meetings(kept, 200)
    for n in range(200):
        attends(kept, n, 1)
    for n in range(100):
        attends(kept, n, 2)
    kept.commit()
    for _ in range(2):
        kept.open()
        kept.state.need("MeetingSession.match.users", ["users/u1"])
        subs = kept.state.states["MeetingSession.match.users"]["users/u1"]["subs"]
        assert sorted(subs) == sorted(f"meetings/m{n}" for n in range(100))
        kept.state.fold()
    kept.store.close()


SAYING = 3 if compiled() is None else 2
"""Of a ticket that changes, ingest and assemble say one thing each; match, which has nothing to say, where a key has a step."""


def test_what_changes_goes_to_the_log_and_once_to_the_table(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "Store", Counted)
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    load(kept, 30)
    assert kept.state.is_folded, "a first load goes to the table at once"
    kept.store.rows.clear()
    for n in range(20):
        kept.flow.process([event(Change("tickets/t7", None, ticket(n % 2 == 1), (9, n), None))])
        kept.commit()
    assert kept.store.rows["INSERT"] == SAYING * 20 and not kept.state.is_folded
    kept.store.rows.clear()
    kept.state.fold()
    assert kept.store.rows["INSERT"] == SAYING and kept.state.is_folded
    assert kept.store.one("SELECT count(*) FROM log") == 0
    kept.store.close()


def test_what_many_keys_say_is_made_before_the_checkpoint_and_of_each_twice_at_most(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "Store", Counted)
    monkeypatch.setattr("onto_flow.engines.local.kept.SOON", 2)
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    load(kept, 30)
    kept.store.rows.clear()
    for n in range(20):
        kept.flow.process([event(Change("tickets/t7", None, ticket(n % 2 == 1), (9, n), None))])
        kept.state.say_some()
    assert not kept.store.rows and kept.state.dirty
    kept.state.fold()
    assert kept.state.is_folded and not kept.store.rows, "the table waits for the checkpoint"
    kept.commit()
    assert kept.store.rows["INSERT"] == 2 * SAYING and not kept.state.dirty
    kept.open()
    assert len(kept.table()["MeetingSession"]["meetingSessions/m1"]["attending"]) == 30
    kept.store.close()


def test_one_of_many_that_leaves_a_key_does_not_come_back(tmp_path):
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    many_meetings(kept, 200)
    attends(kept, 7, 1)
    kept.commit()
    kept.open()
    kept.state.need("MeetingSession.match.users", ["users/u1"])
    subs = kept.state.states["MeetingSession.match.users"]["users/u1"]["subs"]
    assert sorted(subs) == sorted(f"meetings/m{n}" for n in range(200) if n != 7)
    kept.store.close()
