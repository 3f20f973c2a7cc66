"""View changes as JSON, and as messages of a topic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.change import ViewChange
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.formats.messages import LONGEST, version_text, view_change_message
from onto_flow.formats.view_changes import decode_view_change, encode_view_change
from onto_flow.testing.sink_suite import VALUES

_PARTS = st.integers(0, 2**62)
VERSIONS = st.tuples(_PARTS, _PARTS, _PARTS)
SIDES = st.one_of(st.none(), st.fixed_dictionaries({}, optional={"a": VALUES, "é": VALUES}))


@given(st.text(), SIDES, SIDES, VERSIONS, st.booleans())
def test_what_is_written_is_read(path, old, new, version, failed):
    change = ViewChange("V", path, old, new, version, failed)
    found = decode_view_change(encode_view_change(change))
    assert (found.view, found.path, found.version, found.failed) == ("V", path, version, failed)
    for side, expected in ((found.old, old), (found.new, new)):
        assert same(side, expected)


@given(VERSIONS, VERSIONS)
def test_texts_of_versions_compare_as_versions_do(one, other):
    assert (version_text(one) < version_text(other)) == (one < other)


@given(st.text(min_size=1), st.integers(0, 2000))
def test_nothing_of_a_message_is_longer_than_pubsub_takes(text, repeated):
    message = view_change_message(ViewChange("V", f"v/{text * repeated}", None, {}, (1, 0, 1)))
    texts = [message.ordering_key, *message.attributes.values()]
    assert all(len(t.encode()) <= LONGEST for t in texts) and message.ordering_key


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"view": "V"}',
        b'{"view": 1, "path": "p", "version": [1, 0, 1], "old": null, "new": null}',
        b'{"view": "V", "path": "p", "version": [1, 0, true], "old": null, "new": null}',
        b'{"view": "V", "path": "p", "version": [1, 0], "old": null, "new": null}',
        b'{"view": "V", "path": "p", "version": [1, 0, 1], "old": null, "new": {"a": 1}}',
    ],
)
def test_what_is_no_view_change(data):
    with pytest.raises(DataError):
        decode_view_change(data)
