"""What computing the views takes is estimated, and refused before it begins where it does not fit."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from onto_flow.audit import memory
from onto_flow.audit.audit import Audit
from onto_flow.audit.export import Export
from onto_flow.audit.tables import Given
from onto_flow.audit.world import World
from onto_flow.core.errors import UsageError
from onto_flow.core.values import Reference
from onto_flow.demo import data
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.engines.declared import WallTime
from onto_flow.model.compile import plan_views
from tests.audit.jobs import Taken


def rooms(count):
    """The demo's documents, many times over."""
    found = {}
    for n in range(count):
        for path, fields in data.documents().items():
            moved = {k: Reference(f"{v.path}{n}") if isinstance(v, Reference) else v for k, v in fields.items()}
            found[f"{path}{n}"] = moved
    return found


@pytest.mark.parametrize("views", [(MeetingSession,), (MeetingSession, OrganizationLoad)])
def test_the_estimate_is_near_what_it_takes(views):
    plan = plan_views(*views)
    with Export(Taken(rooms(50), 10), plan, 10) as export:
        gc.collect()
        tracemalloc.start()
        world = World(plan, export, WallTime())
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert world.count == export.documents
        assert 0.5 < memory.estimate(export.size, len(views)) / taken < 3


def test_what_does_not_fit_is_refused_before_a_table_is_read():
    class Unread(Given):
        def rows(self, table):
            raise AssertionError("a table was read")

    plan = plan_views(MeetingSession)
    audit = Audit(plan, Taken(data.documents(), 10), tables=Unread({}), max_memory=100, now=lambda: 20)
    with pytest.raises(UsageError, match=r"audit-refused.*in memory, some 0 MB, and 0 MB are allowed"):
        audit.run()


def test_what_a_machine_has_left_is_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    assert memory.available() is None
    memory.check(10**15, 1, None)
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:     2 kB\n")
    assert memory.available() == 2048
    memory.check(204, 1, None)
    with pytest.raises(UsageError, match="audit-refused"):
        memory.check(205, 1, None)
    memory.check(205, 1, 10**6)
