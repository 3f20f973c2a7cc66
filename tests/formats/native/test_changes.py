"""Events of changes and view changes of bytes in C against what they mean."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.change import Change, DeadLetter, ViewChange
from onto_flow.core.codec import encode
from onto_flow.core.errors import DataError
from onto_flow.engines.base import event
from onto_flow.engines.carried import VIEW_CHANGE, End, _decode_carried, decode_carried, encode_carried
from onto_flow.formats.native import changes
from onto_flow.formats.native.changes import change_encoder, view_change_decoder
from onto_flow.operators.messages import encode_message
from onto_flow.testing.sink_suite import VALUES

pytestmark = pytest.mark.usefixtures("compiled")

HEAD = b"\x00\r\x05\x03\x01\x00"
ZONES = (None, timezone.utc, timezone(timedelta(hours=2)))
documents = st.none() | st.dictionaries(st.text(max_size=12), VALUES | st.lists(VALUES, max_size=3), max_size=4)
integers = st.integers(-(2**63), 2**63 - 1) | st.just(2**70)
versions = st.tuples(integers, st.integers(-1, 300))
times = st.none() | st.datetimes(timezones=st.sampled_from(ZONES))
paths = st.text(max_size=20) | st.sampled_from(["c/é", "c/" + "x" * 200])
feed = st.builds(Change, paths, documents, documents, versions, times, st.none() | versions)
shown = st.builds(
    ViewChange, st.text(max_size=5), paths, documents, documents, st.tuples(integers, integers, integers), st.booleans()
)


def meant(change: Change) -> tuple[bytes, bytes]:
    path, happened = event(change)
    return encode(path), b"\x00" + encode_message(happened)


def outcome(what: Any, *given_: Any) -> Any:
    try:
        return repr(what(*given_))
    except (DataError, TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        return type(error), str(error)


@given(feed)
def test_changes_are_the_events_that_they_mean(change):
    assert change_encoder(HEAD, meant)(change) == meant(change)


def test_a_change_that_has_no_bytes_is_told_as_in_python():
    for change in (
        Change("c/1", None, {"n": object()}, (1, 0)),
        Change("\ud800", None, {}, (1, 0)),
        Change("c/1", None, {}, (1, 0), "today"),  # type: ignore[arg-type]
    ):
        kinds = []
        for encoder in (change_encoder(HEAD, meant), meant):
            with pytest.raises((DataError, AttributeError)) as told:
                encoder(change)
            kinds.append((told.type, str(told.value)))
        assert kinds[0] == kinds[1]


@given(shown, st.binary(max_size=3))
def test_view_changes_are_those_of_their_bytes(change, before):
    found = decode_carried(before + encode_carried(change), len(before))
    assert type(found) is ViewChange
    assert repr(found) == repr(_decode_carried(encode_carried(change)))
    assert encode_carried(found) == encode_carried(change)


@given(shown, st.integers(0, 10_000), st.binary(max_size=3))
def test_bytes_that_are_no_view_change_are_told_as_in_python(change, at, put):
    good = encode_carried(change)
    at %= len(good) + 1
    for data in (good[:at], good[:at] + put + good[at + len(put) :], good + put):
        assert outcome(decode_carried, data) == outcome(_decode_carried, data)


@st.composite
def alike(draw: st.DrawFn) -> ViewChange:
    """A view change whose documents have much in common."""
    rows = st.lists(VALUES | st.dictionaries(st.sampled_from("nm"), VALUES, max_size=2), max_size=6)
    old = draw(st.dictionaries(st.text(max_size=3), VALUES | rows, max_size=5))
    new = {**old, **draw(st.dictionaries(st.sampled_from([*old, "new"]), VALUES | rows, max_size=2))}
    for value in [v for v in new.values() if isinstance(v, list) and v and draw(st.booleans())]:
        at = draw(st.integers(0, len(value) - 1))
        value[at : at + draw(st.integers(0, 2))] = draw(rows)
    for name in draw(st.lists(st.sampled_from([*new]), max_size=2)) if new else ():
        new.pop(name, None)
    return ViewChange("V", "v/1", old, new, (1, 0, 2), False)


@given(alike())
def test_documents_that_have_much_in_common_are_those_of_their_bytes(change):
    data = encode_carried(change)
    assert repr(decode_carried(data)) == repr(_decode_carried(data))


def test_fields_and_elements_that_stay_are_one_object():
    old = {"kept": {"deep": [1.5]}, "rows": [{"n": 1}, {"n": 2}, {"n": 3}], "same": [[1.5]], "text": "as it was"}
    new = {**old, "rows": [{"n": 0}, {"n": 1}, {"n": 3}], "text": "not so"}
    found = decode_carried(encode_carried(ViewChange("V", "v/1", old, new, (1, 0, 2))))
    assert isinstance(found, ViewChange) and found.old and found.new
    assert (found.old, found.new) == (old, new)
    assert found.new["kept"] is found.old["kept"] and found.new["same"] is found.old["same"]
    assert found.new["rows"][1] is found.old["rows"][0] and found.new["rows"][2] is found.old["rows"][2]
    assert found.new["rows"] is not found.old["rows"] and found.new is not found.old


def test_there_may_be_more_fields_and_elements_than_are_known():
    old = {f"f{n}": [[n], float(n)] for n in range(100)} | {"rows": [[n] for n in range(300)]}
    for new in (old, {**old, "f3": 0, "f90": 1, "rows": [[n] for n in range(1, 280, 2)]}):
        change = ViewChange("V", "v/1", old, new, (1, 0, 2))
        assert decode_carried(encode_carried(change)) == change


def test_a_name_that_stands_twice_has_its_last_value():
    data = encode_carried(ViewChange("V", "v/1", {"a": "first", "b": "other"}, {"a": "first"}, (1, 0, 2)))
    data = data.replace(encode("b") + encode("other"), encode("a") + encode("other"))
    assert (
        decode_carried(data)
        == _decode_carried(data)
        == ViewChange("V", "v/1", {"a": "other"}, {"a": "first"}, (1, 0, 2))
    )


def test_what_is_no_view_change_is_what_it_is():
    for carried in (DeadLetter("view:V:k", "bad-value: x", payload={"n": 1}), End("load", "p", 3, 2)):
        assert decode_carried(b"x" + encode_carried(carried), 1) == carried
    assert encode_carried(ViewChange("V", "v/1", None, None, (1, 0, 1))).startswith(VIEW_CHANGE)


def test_names_of_fields_in_any_order_and_language_are_told_apart():
    for number in range(2000):
        document = {f"n{number}": 1, "é" * (number % 3): 2, f"{number}" * 30: 3, "aaaaaaaab": 4, "aaaaaaaac": 5}
        change = ViewChange("V", "v/1", document, {f"n{number % 7}": document}, (1, 0, number))
        assert decode_carried(encode_carried(change)) == change


def test_without_the_extension_it_is_done_in_python(monkeypatch):
    monkeypatch.setattr(changes, "extension", lambda: None)
    change = Change("c/1", None, {"n": 1}, (1, 0))
    assert change_encoder(HEAD, meant) is meant
    assert view_change_decoder(VIEW_CHANGE, _decode_carried) is _decode_carried
    assert change_encoder(HEAD, meant)(change) == (encode("c/1"), meant(change)[1])
