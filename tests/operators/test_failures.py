"""What becomes of view documents when user code raises: kept and flagged, deleted, or the run is stopped."""

from __future__ import annotations

from typing import Any

import pytest

from onto_flow import DomainModel, Store, ViewModel, agg, attrs, computed, operator, root
from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.core.errors import EngineError
from onto_flow.engines.breaker import Breaker, Limits
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.messages import Event
from onto_flow.testing.judge_changes import applied, judge_chain


class Part(DomainModel):
    class Meta:
        collection_name = "parts"

    size: int = attrs.int
    kind: str = attrs.str
    shelf: str = attrs.str


class PartStore(Store):
    part = root(Part)


class Kept(ViewModel):
    class Meta:
        collection_name = "kept"

    store: PartStore

    @computed
    def per_size(self) -> int:
        return 100 // self.store.part.size


class Deleted(Kept):
    class Meta:
        collection_name = "deleted"
        on_error = "delete"


class Failing(Kept):
    class Meta:
        collection_name = "failing"
        on_error = "fail"


class KeptAtShelf(Kept):
    class Meta:
        collection_name = "shelves"

    @property
    def doc_ref(self) -> str:
        return f"shelves/{self.store.part.shelf}"


class ByKind(ViewModel):
    class Meta:
        collection_name = "byKind"

    store: PartStore

    @operator.key
    @classmethod
    def kind(cls, part: Part) -> str:
        return part.kind

    parts = agg.count()
    sizes = agg.sum(lambda part: 100 // part.size)


class ByKindDeleted(ByKind):
    class Meta:
        collection_name = "byKindDeleted"
        on_error = "delete"


class Run:
    def __init__(self, view: type[ViewModel]) -> None:
        self.flow = LocalFlow(view.plan())
        self.version = 0
        self.changes: list[ViewChange] = []
        self.letters: dict[str, str] = {}

    def write(self, **parts: Any) -> list[tuple[Any, bool]]:
        """Parts by id; returns what was emitted, and whether it is flagged."""
        self.version += 1
        events = [(f"parts/{name}", Event((self.version, 0), fields)) for name, fields in parts.items()]
        emitted = []
        for output in self.flow.process(events):
            if isinstance(output, ViewChange):
                emitted.append(output)
            elif isinstance(output, DeadLetter):
                if output.cleared:
                    del self.letters[output.key]
                else:
                    self.letters[output.key] = output.reason
        self.changes += emitted
        assert list(judge_chain((c, False) for c in self.changes)) == []
        return [(c.new, c.failed) for c in emitted]

    def table(self) -> dict[str, Any]:
        return next(iter(applied(self.changes).values()), {})


def part(size: int, kind: str = "bolt", shelf: str = "s1") -> dict[str, Any]:
    return {"size": size, "kind": kind, "shelf": shelf}


ZERO = "udf-failed: ZeroDivisionError('integer division or modulo by zero')"


def test_the_last_good_document_stays_flagged_once_and_the_flag_goes_when_it_succeeds():
    run = Run(Kept)
    assert run.write(p=part(5)) == [({"perSize": 20}, False)]
    assert run.write(p=part(0)) == [({"perSize": 20}, True)]
    assert run.letters == {"view:Kept:parts/p": ZERO}
    assert run.write(p=part(0, "nut")) == [] and list(run.letters) == ["view:Kept:parts/p"]
    assert run.write(p=part(5)) == [({"perSize": 20}, False)], "the same document, without the flag"
    assert run.letters == {}
    run.write(p=part(0))
    assert run.write(p=part(4)) == [({"perSize": 25}, False)]


def test_a_document_that_never_succeeded_is_not_there():
    run = Run(Kept)
    assert run.write(p=part(0)) == [] and run.letters == {"view:Kept:parts/p": ZERO}
    assert run.write(p=None) == [] and run.letters == {}


def test_a_root_that_goes_takes_its_flagged_document_and_its_letter_with_it():
    run = Run(Kept)
    run.write(p=part(5)), run.write(p=part(0))
    assert run.write(p=None) == [(None, False)] and run.letters == {} and run.table() == {}


def test_delete_takes_the_document_away_until_it_succeeds():
    run = Run(Deleted)
    run.write(p=part(5))
    assert run.write(p=part(0)) == [(None, False)] and list(run.letters) == ["view:Deleted:parts/p"]
    assert run.write(p=part(0, "nut")) == []
    assert run.write(p=part(5)) == [({"perSize": 20}, False)] and run.letters == {}


def test_fail_changes_nothing_and_says_so_in_the_letter():
    run = Run(Failing)
    run.write(p=part(5))
    assert run.write(p=part(0)) == [] and run.table() == {"failing/p": {"perSize": 20}}
    assert list(run.letters) == ["view:Failing:parts/p"]


def test_a_breaker_stops_the_flow_in_the_middle_of_a_batch():
    run = Run(Failing)
    run.flow.breaker = Breaker(None, lambda: 0.0)
    with pytest.raises(EngineError, match="view:Failing:parts/p: udf-failed"):
        run.write(p=part(0))
    run = Run(Kept)
    run.flow.breaker = Breaker(Limits(least=3, share=0.5), lambda: 0.0)
    run.write(a=part(1), b=part(2), c=part(0), d=part(0))
    with pytest.raises(EngineError, match="3 of the last 5 evaluations failed"):
        run.write(a=part(0))


def test_an_owner_shows_the_flag_of_whose_document_it_shows():
    run = Run(KeptAtShelf)
    run.write(a=part(5), b=part(4))
    assert run.table() == {"shelves/s1": {"perSize": 20}}
    assert run.write(b=part(0)) == [], "the other root's failure does not show"
    assert run.write(a=part(0)) == [({"perSize": 20}, True)]
    assert run.write(a=None) == [({"perSize": 25}, True)]
    assert run.write(b=part(2)) == [({"perSize": 50}, False)]
    assert run.letters == {}


def test_a_group_keeps_the_last_good_rows_of_a_failing_member_and_is_flagged_while_it_has_any():
    run = Run(ByKind)
    run.write(a=part(5), b=part(4))
    bolts = {"kind": "bolt", "parts": 2, "sizes": 45}
    assert run.write(a=part(0)) == [(bolts, True)] and list(run.letters) == ["view:ByKind:parts/a"]
    assert run.write(b=part(2)) == [({**bolts, "sizes": 70}, True)], "the others go on"
    assert run.write(b=part(0)) == [], "it is flagged already"
    assert run.write(a=part(5)) == [], "the other one still fails"
    assert run.write(b=part(2)) == [({**bolts, "sizes": 70}, False)] and run.letters == {}
    run.write(a=part(0))
    assert run.write(a=None) == [({"kind": "bolt", "parts": 1, "sizes": 50}, False)]


def test_delete_takes_the_rows_of_a_failing_member_out_of_its_group():
    run = Run(ByKindDeleted)
    run.write(a=part(5), b=part(4))
    assert run.write(a=part(0)) == [({"kind": "bolt", "parts": 1, "sizes": 25}, False)]
    assert run.write(a=part(5, "nut"))[-1] == ({"kind": "nut", "parts": 1, "sizes": 20}, False)


class Sum(ViewModel):
    class Meta:
        collection_name = "sums"

    store: PartStore

    @operator.key
    @classmethod
    def kind(cls, part: Part) -> str:
        return part.kind

    total = agg.sum(lambda part: part.size)


class SumDeleted(Sum):
    class Meta:
        collection_name = "sumsDeleted"
        on_error = "delete"


class SumFailing(Sum):
    class Meta:
        collection_name = "sumsFailing"
        on_error = "fail"


LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("view", "emitted"),
    [(Sum, [({"kind": "bolt", "total": 1}, True)]), (SumDeleted, [(None, False)]), (SumFailing, [])],
)
def test_a_group_whose_result_fails_is_kept_flagged_deleted_or_stops_the_run(view, emitted):
    run = Run(view)
    run.write(a=part(1))
    assert run.write(b=part(LARGEST)) == emitted
    (letter,) = run.letters
    assert letter == f"view:{view.__name__}:bolt" and "beyond 64 bits" in run.letters[letter]
    assert run.write(b=part(LARGEST - 1))[-1:] == [({"kind": "bolt", "total": LARGEST}, False)] and run.letters == {}
