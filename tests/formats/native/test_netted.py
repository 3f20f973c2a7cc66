"""Net changes of view documents in C against what they mean."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.change import ViewChange
from onto_flow.core.codec import decode_state, encode_state
from onto_flow.core.errors import DataError
from onto_flow.engines.carried import VIEW_CHANGE, encode_carried
from onto_flow.engines.netted import net_of_bytes
from onto_flow.formats.native import netted
from onto_flow.formats.native.netted import net_changes
from onto_flow.testing.sink_suite import VALUES

pytestmark = pytest.mark.usefixtures("compiled")

few = st.integers(0, 2)
documents = st.none() | st.dictionaries(st.sampled_from(["n", "é", ""]), VALUES | st.just([{"a": 1}]), max_size=3)
versions = st.tuples(st.just(7), st.just(0), few) | st.tuples(
    few, few, st.integers(-(2**63), 2**63 - 1) | st.just(2**70)
)
changes = st.builds(
    ViewChange,
    st.sampled_from(["V", "W"]),
    st.sampled_from(["v/1", "v/é", "v/" + "x" * 200]),
    documents,
    documents,
    versions,
    st.booleans(),
)


def put_all(net: Any, found: list[ViewChange]) -> list[bytes]:
    states: list[bytes] = []
    for change in found:
        states.append(net(states[-1] if states else None, b"\x01" + encode_carried(change), 1))
    return states


@given(st.lists(changes, max_size=12))
def test_changes_are_netted_as_in_python(found):
    assert put_all(net_changes(VIEW_CHANGE, net_of_bytes), found) == put_all(net_of_bytes, found)


def test_nothing_usual_is_left_to_python():
    def never(*given_: Any) -> bytes:
        raise AssertionError(given_)

    found = [
        ViewChange("V", f"v/{n % 150}", {"n": n} if n > 150 else None, {"n": n + 1}, (7, 0, n)) for n in range(400)
    ]
    states = put_all(net_changes(VIEW_CHANGE, never), found)
    assert states == put_all(net_of_bytes, found)
    assert len(decode_state(states[-1])) == 150


@given(st.lists(changes, min_size=1, max_size=4), st.booleans(), st.integers(0, 10_000), st.binary(max_size=2))
def test_bytes_that_are_no_form_are_told_as_in_python(found, of_state, at, put):
    state, data = put_all(net_of_bytes, found)[-1], encode_carried(found[0])
    raw = state if of_state else data
    at %= len(raw) + 1
    raw = raw[:at] + put + raw[at + len(put) :]
    given_ = (raw, data, 0) if of_state else (state, raw, 0)
    expected, outcome = told(net_of_bytes, *given_), told(net_changes(VIEW_CHANGE, net_of_bytes), *given_)
    assert outcome == expected or isinstance(outcome, bytes), "no more is looked at than is needed"


def told(what: Any, *given_: Any) -> Any:
    try:
        return what(*given_)
    except (DataError, TypeError, ValueError, KeyError, IndexError, OverflowError, AttributeError) as error:
        return type(error)


def test_a_map_in_shards_is_no_state_of_it():
    data = encode_carried(ViewChange("V", "v/1", None, {}, (1, 0, 1)))
    for net in (net_of_bytes, net_changes(VIEW_CHANGE, net_of_bytes)):
        with pytest.raises(ValueError):
            net(encode_state("split"), data, 0)


def test_without_the_extension_it_is_done_in_python(monkeypatch):
    monkeypatch.setattr(netted, "extension", lambda: None)
    assert net_changes(VIEW_CHANGE, net_of_bytes) is net_of_bytes
