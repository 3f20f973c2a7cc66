"""A hot key over a store: a kill in the middle of its pages, at any commit, and all hear of the change."""

from __future__ import annotations

import pytest

from onto_flow.core.change import Change, ViewChange
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.base import event
from onto_flow.engines.local import layout, rest, store
from onto_flow.engines.local.flow import LocalFlow
from tests.engines.local.test_kept import Kept
from tests.laws.test_paging import MEETINGS, PAGE, RENAMED, crowd


class Paged(Kept):
    """A flow with small pages."""

    def open(self, *, whole=False):
        super().open(whole=whole)
        self.flow = LocalFlow(self.plan, state=self.state, born=0, clock=lambda: self.now, generation=1, page=PAGE)

    def batch(self, *documents, time=0):
        found = self.flow.process([event(Change(p, None, f, (time, 0))) for p, f in documents])
        return [c for c in found if isinstance(c, ViewChange)]


@pytest.mark.parametrize("few", [5, 1000])
@pytest.mark.parametrize("pages", range(MEETINGS // PAGE + 2))
def test_a_kill_between_two_pages_resumes(pages, few, tmp_path, monkeypatch):
    monkeypatch.setattr(rest, "FEW", few)
    monkeypatch.setattr(layout, "LARGE", min(few, layout.LARGE))
    monkeypatch.setattr(store, "SETTINGS", tuple(s.replace("FULL", "OFF") for s in store.SETTINGS))
    kept = Paged(MeetingSession.plan(), tmp_path / "state.sqlite3")
    kept.batch(*crowd(), time=1)
    kept.batch(RENAMED, time=2)
    shown = {}
    for _ in range(pages):
        shown.update({c.path: c for c in kept.batch()})
    kept.commit()
    kept.batch()  # a page that no commit holds
    kept.open()
    while kept.flow.timer_is_due:
        batch = kept.batch()
        assert len(batch) <= PAGE
        assert not any(c.path in shown for c in batch), "what was told before the kill is not told again"
        shown.update({c.path: c for c in batch})
    assert len(shown) == MEETINGS
    assert {c.new["attending"][0]["name"] for c in shown.values()} == {"Ada Byron"}
    kept.store.close()
