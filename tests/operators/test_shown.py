"""What an operator's cells show is what it emitted last, path by path."""

from __future__ import annotations

from random import Random

import pytest

from onto_flow.core.change import ViewChange
from onto_flow.core.codec import decode_state, encode_state
from onto_flow.core.equality import same
from onto_flow.engines.base import event
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.base import Profile
from onto_flow.operators.build import build_operators
from onto_flow.testing.cases import random_case
from onto_flow.testing.judge_changes import applied


def in_bytes(value):
    """As an engine gives it back that keeps state in bytes."""
    return decode_state(encode_state(value.pack() if hasattr(value, "pack") else value))


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.parametrize("form", [lambda value: value, in_bytes])
def test_the_cells_of_a_flow_show_its_tables(seed, form):
    case = random_case(Random(seed), most=25)
    flow, seen = LocalFlow(case.plan, snapshot=case.history.snapshot), []
    for index in case.history.feed:
        seen += [o for o in flow.process([event(case.history.change(index))]) if isinstance(o, ViewChange)]
    newest = {(c.view, c.path): c.version for c in seen}
    found = {}
    for node, operator in ((o.node, o) for o in build_operators(case.plan, Profile(drained=True)).values()):
        for key, cells in flow.state.states[node.id].items() if node.shows else ():
            for path, document, seq, _ in operator.shown(
                key, {c: form(v) for c, v in cells.items() if not isinstance(v, dict)}
            ):
                found.setdefault(node.view, {})[path] = document
                assert (0, 0, seq) >= newest[node.view, path]
    expected = {view: table for view, table in applied(seen).items() if table}
    assert found.keys() == expected.keys()
    for view, table in expected.items():
        assert same(found[view], table)
