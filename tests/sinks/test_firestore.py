from __future__ import annotations

import pytest
from firestore_place import NOON, Standing, change, database, documents, opened
from stepped_database import SteppedDatabase

from onto_flow.core.errors import DataError, EngineError, UsageError
from onto_flow.core.fence import FENCE
from onto_flow.core.types import Type
from onto_flow.core.values import from_micros
from onto_flow.core.writes import Write
from onto_flow.database.base import PreconditionFailed, Unavailable
from onto_flow.sinks.base import Table
from onto_flow.sinks.firestore.fence import HORIZON, tombstone_path
from onto_flow.testing.sink_suite import EVERY_TYPE

ROOM = {"name": "Attic", "seats": 4}


class Recording(SteppedDatabase):
    """Says what was written; fails as it was told to."""

    def __init__(self):
        super().__init__()
        self.commits = []
        self.answers = []

    def commit(self, writes, **how):
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        done = super().commit(writes, **how)
        self.commits.append([w for w in writes if not w.path.startswith("_onto_tables")])
        if answer == "lost":
            raise Unavailable("the answer was lost")
        return done

    @property
    def written(self):
        """The writes of view documents so far, and forgets them."""
        found = [w for commit in self.commits for w in commit]
        self.commits = []
        return found


@pytest.fixture
def place():
    return Recording()


@pytest.fixture
def time():
    return Standing()


def publish(sink, *changes):
    sink.write(changes)
    return sink.publish()


def test_a_new_document_is_created_without_a_read(place):
    sink = opened(place)
    publish(sink, change("a", 1, ROOM))
    [write] = place.written
    assert write.fields == {**ROOM, FENCE: {"g": 1, "e": 0, "s": 1}}
    assert write.precondition.exists is False
    # Two reads of who writes the table; the commit has a mark.
    assert sink.operations == {"read": 2, "create": 1, "write": 2}


def test_changed_fields_alone_are_written_over_what_we_know(place):
    sink = opened(place)
    publish(sink, change("a", 1, ROOM))
    before = place.get("rooms/a").update_time
    assert place.written
    publish(sink, change("a", 2, {"name": "Attic", "windows": 1}, old=ROOM))
    [write] = place.written
    assert write.mask == (("windows",), ("seats",), (FENCE,))
    assert write.fields == {"windows": 1, FENCE: {"g": 1, "e": 0, "s": 2}}
    assert write.precondition.update_time == before
    assert documents_of(place) == {"rooms/a": {"name": "Attic", "windows": 1}}


def documents_of(place):
    return {p: {n: v for n, v in f.items() if n != FENCE} for p, (f, _) in place.documents.items() if p[:5] == "rooms"}


def test_changes_of_one_document_are_one_write(place):
    sink = opened(place)
    publish(sink, *(change("a", n, {"n": n}) for n in (3, 1, 2)))
    assert [w.fields["n"] for w in place.written] == [3]


def test_what_we_do_not_know_is_read_once(place):
    publish(opened(place), change("a", 1, ROOM))
    sink = opened(place, session="another")
    publish(sink, change("a", 2, {**ROOM, "seats": 5}, old=ROOM))
    reads = sink.operations["read"]
    publish(sink, change("a", 3, {**ROOM, "seats": 6}, old=ROOM))
    assert sink.operations["read"] == reads, "nothing at all"
    assert place.written[-1].mask == (("seats",), (FENCE,))


def test_a_hand_edit_is_written_over_in_full(place):
    sink = opened(place)
    publish(sink, change("a", 1, ROOM))
    place.commit([Write.merge("rooms/a", {"name": "by hand", "mine": True})])
    assert place.written
    publish(sink, change("a", 2, {**ROOM, "seats": 5}, old=ROOM))
    [write] = place.written
    assert write.mask is None
    assert (sink.operations["retry"], sink.operations["full"]) == (1, 1)
    assert documents_of(place) == {"rooms/a": {**ROOM, "seats": 5}}


def test_a_document_that_is_gone_keeps_its_fence(place, time):
    sink = opened(place, time=time)
    publish(sink, change("a", 1, ROOM))
    publish(sink, change("a", 2, None, old=ROOM))
    stone = place.documents[tombstone_path("rooms/a")][0]
    assert (stone["path"], stone["g"], stone["s"]) == ("rooms/a", 1, 2)
    assert stone["expires"] == from_micros(int(NOON * 1e6)) + HORIZON
    assert documents_of(place) == {}
    again = opened(place, session="another")
    publish(again, change("a", 1, ROOM))
    assert documents_of(place) == {}
    assert again.operations["stale"] == 1
    publish(again, change("a", 3, ROOM))
    assert documents_of(place) == {"rooms/a": ROOM}
    assert tombstone_path("rooms/a") not in place.documents


def test_a_second_backfill_with_the_same_result_writes_nothing(place):
    first = opened(place)
    first.write([change(str(n), 1, {"n": n}) for n in range(700)])
    first.complete()
    first.publish()
    assert len(place.written) == 700
    second = opened(place, 2)
    second.write([change(str(n), 1, {"n": n}, 2) for n in range(700)])
    second.complete()
    second.publish()
    assert place.written == []
    assert second.operations == {"read": 703, "equal": 700}
    second.complete()
    second.publish()
    assert len(documents_of(place)) == 700, "what was the same is not taken for what is gone"


def test_what_came_back_to_what_it_was_raises_the_fence(place):
    sink = opened(place)
    publish(sink, change("a", 1, ROOM))
    publish(sink, change("a", 2, {}, old=ROOM), change("a", 3, ROOM, old={}))
    assert [w.mask for w in place.written][1:] == [((FENCE,),)]
    assert sink.operations["fence"] == 1
    publish(opened(place, session="another"), change("a", 2, {}, old=ROOM))
    assert documents_of(place) == {"rooms/a": ROOM}


def test_an_answer_that_was_lost_is_known_by_the_fence(place, time):
    sink = opened(place, time=time)
    publish(sink, change("a", 1, ROOM))
    place.answers = ["lost"]
    publish(sink, change("a", 2, {"n": 2}, old=ROOM))
    assert len(place.written) == 2
    assert sink.operations["stale"] == 1
    place.answers = [Unavailable("away"), Unavailable("away"), Unavailable("away")]
    publish(sink, change("a", 3, {"n": 3}, old={"n": 2}))
    assert time.slept == [0.05, 0.05, 0.05 * 2, 0.05 * 4]
    assert documents_of(place) == {"rooms/a": {"n": 3}}


def test_a_table_whose_locks_a_killed_process_left_is_waited_for(place, time):
    sink = opened(place, time=time)
    place.answers = [EngineError("contention", "others changed what a transaction read")] * 3
    publish(sink, change("a", 1, ROOM))
    assert time.slept == [0.05, 0.05 * 2, 0.05 * 4]
    assert documents_of(place) == {"rooms/a": ROOM}


def test_a_database_that_stays_away_ends_the_job_and_nothing_is_lost(place, time):
    sink = opened(place, time=time)
    publish(sink, change("a", 1, ROOM))
    place.answers = [Unavailable("away")] * 10
    sink.write([change("a", 2, {"n": 2}, old=ROOM)])
    with pytest.raises(EngineError, match="away"):
        sink.publish()
    sink.publish()
    assert documents_of(place) == {"rooms/a": {"n": 2}}


def test_what_the_database_refuses_is_found_and_a_dead_letter(place):
    class Picky(Recording):
        def commit(self, writes, **how):
            if any("bad" in (w.fields or {}) for w in writes):
                raise DataError("bad-value", "too many index entries")
            return super().commit(writes, **how)

    place = Picky()
    sink = opened(place)
    letters = publish(sink, *(change(str(n), 1, {"bad": 1} if n in (3, 7) else {"n": n}) for n in range(10)))
    assert sorted(letter.key for letter in letters) == ["table:Room:rooms/3", "table:Room:rooms/7"]
    assert all("too many index entries" in letter.reason for letter in letters)
    assert len(documents_of(place)) == 8
    assert sink.operations["refused"] == 2
    [letter] = publish(sink, change("3", 2, {"n": 3}))
    assert (letter.key, letter.cleared) == ("table:Room:rooms/3", True)


def test_a_value_that_does_not_fit_is_null_and_flagged(place):
    sink = opened(place)
    [letter] = publish(sink, change("a", 1, {"n": 1, "m": {"__x__": 1}}))
    assert "__x__" in letter.reason
    assert documents_of(place) == {"rooms/a": {"n": 1, "m": None}}
    assert place.documents["rooms/a"][0][FENCE]["misfit"] is True
    [letter] = publish(opened(place, session="another"), change("a", 2, {"n": 1}, old={}))
    assert letter.cleared


def test_a_document_without_a_place_is_a_dead_letter_until_it_goes(place):
    sink = opened(place)
    [letter] = publish(sink, change("__x__", 1, ROOM), change("b", 1, {"t": "x" * (1 << 20)}))[:1]
    assert letter.key == "table:Room:rooms/__x__"
    assert documents_of(place) == {"rooms/b": {"t": None}}
    again = opened(place, session="another")
    letters = publish(again, change("__x__", 2, None, old=ROOM), change("b", 2, {"t": "x"}, old={}))
    assert [(letter.key, letter.cleared) for letter in letters] == [
        ("table:Room:rooms/__x__", True),
        ("table:Room:rooms/b", True),
    ]


def test_failing_code_is_flagged(place):
    sink = opened(place)
    publish(sink, change("a", 1, ROOM)._replace(failed=True))
    assert place.documents["rooms/a"][0][FENCE] == {"g": 1, "e": 0, "s": 1, "failed": True}
    publish(sink, change("a", 2, ROOM, old=ROOM))
    assert place.written[-1].mask == ((FENCE,),)
    assert place.documents["rooms/a"][0][FENCE] == {"g": 1, "e": 0, "s": 2}


def test_a_table_with_an_attribute_named_as_the_fence_is_refused(place):
    with pytest.raises(UsageError, match="fence"):
        opened(place, tables=(Table("V", "vs", ((FENCE, Type("int")),)),))


def test_no_more_than_the_ramp_and_one_write_a_second_for_a_document(place, time):
    sink = opened(place, time=time, gently=True)
    publish(sink, *(change(str(n), 1, {"n": n}) for n in range(1500)))
    assert time.now - NOON == pytest.approx(2.0, abs=0.1), "500 a second, the first 500 at once"
    publish(sink, change("999", 2, {"n": 0}, old={}), change("7", 2, {"n": 0}, old={}))
    assert time.now - NOON == pytest.approx(3.0, abs=0.1), "a second after it was written last"
    before = time.now
    time.now += 3600
    publish(sink, *(change(str(n), 3, {"n": -n}, old={}) for n in range(1500)))
    assert time.now - before == 3600, "after an hour 500 * 1.5 ** 12 a second may go"


def test_no_more_writes_a_second_than_was_said(place, time):
    sink = opened(place, time=time, most_a_second=10.0)
    publish(sink, *(change(str(n), 1, {"n": n}) for n in range(100)))
    assert time.now - NOON == pytest.approx(9.0, abs=0.2)


def test_a_budget_ends_the_job_and_is_counted_by_all_of_a_day(place, time):
    sink = opened(place, time=time, budget_a_day=100)
    sink.write([change(str(n).zfill(3), 1, {"n": n}) for n in range(500)])
    with pytest.raises(
        EngineError, match=r"of the 100 writes of 2025-11-26 \(UTC\) are made; 4\d\d view documents wait"
    ):
        sink.publish()
    spent = place.documents["_onto_writes/2025-11-26"][0]["writes"]
    assert 90 < spent <= 100
    assert spent == len(place.written)
    with pytest.raises(EngineError, match="writes of"):
        publish(opened(place, time=time, session="another", budget_a_day=100), change("500", 1, {}))
    assert place.documents["_onto_writes/2025-11-26"][0]["writes"] == spent
    time.now += 86_400
    with pytest.raises(EngineError, match="2025-11-27"):
        publish(
            opened(place, time=time, session="third", budget_a_day=100), *(change(str(n), 1, {}) for n in range(500))
        )


def test_a_dry_run_counts_and_writes_nothing(place):
    publish(opened(place), change("a", 1, ROOM), change("b", 1, ROOM), change("c", 1, ROOM))
    before = dict(place.documents)
    sink = opened(place, 2, dry_run=True)
    sink.write([change("a", 1, ROOM, 2), change("b", 1, {"n": 1}, 2), change("d", 1, ROOM, 2)])
    sink.complete()
    sink.publish()
    publish(sink, change("d", 2, {"n": 1}, 2, old=ROOM))
    counts = dict(sink.operations)
    assert counts.pop("read") > 0
    assert counts == {"equal": 1, "update": 2, "delete": 1, "create": 1, "write": 7}
    assert place.documents == before


def test_a_newer_writer_ends_an_older_one(tmp_path):
    with database(tmp_path) as place:
        old = opened(place)
        publish(old, change("a", 1, {"n": 1}))
        new = opened(place, 2)
        new.complete()
        new.publish()
        old.write([change("a", 2, {"n": 2})])
        with pytest.raises(EngineError, match="newer than 1"):
            old.publish()
        assert documents(place) == {}
        with pytest.raises(EngineError, match="newer than 1"):
            opened(place)


def test_documents_of_others_in_the_collection_stay(tmp_path):
    with database(tmp_path) as place:
        place.commit([Write.set("rooms/mine", {"n": 0}), Write.set("rooms/a/notes/1", {"n": 0})])
        for generation in (1, 2):
            sink = opened(place, generation, tables=(EVERY_TYPE,))
            sink.complete()
            sink.publish()
        sink = opened(place, 3)
        publish(sink, change("a", 1, {"n": 1}, 3))
        assert documents(place).keys() == {"rooms/mine", "rooms/a"}
        assert documents(place, "rooms/a/notes").keys() == {"rooms/a/notes/1"}


def test_contention_that_does_not_end_is_said(place):
    sink = opened(place)
    publish(sink, change("a", 1, ROOM))
    place.answers = [PreconditionFailed("rooms/a", "it was written")] * 10
    with pytest.raises(EngineError, match="10 times in a row"):
        publish(sink, change("a", 2, {}, old=ROOM))


def test_several_writers_take_an_older_table_over_document_by_document(place):
    publish(opened(place), *(change(name, 1, {"name": name, "seats": 1}) for name in "abc"))
    writers = [opened(place, 2, shared=True) for _ in range(2)]
    assert [set(writer.written_by().values()) for writer in writers] == [{1}, {1}]
    for writer, name in zip(writers, "ab"):
        assert list(publish(writer, change(name, 1, {"name": name, "seats": 1 + (name == "a")}, generation=2))) == []
    seats = {name: place.get(f"rooms/{name}").fields["seats"] for name in "abc"}
    assert seats == {"a": 2, "b": 1, "c": 1}
    writers[0].complete()
    assert list(writers[0].publish()) == []
    there = [name for name in "abc" if place.get(f"rooms/{name}").fields]
    assert there == ["a", "b"], "one that is the same was written again by this generation"
