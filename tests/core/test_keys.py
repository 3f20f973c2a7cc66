from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import encode
from onto_flow.core.errors import DataError
from onto_flow.core.keys import MAX_ID_BYTES, check_path, document_id
from onto_flow.core.values import Reference

parts = (
    st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
    | st.sampled_from(["", ".", "..", "__x__", "=1", "=true", "%", "%2F", "a|b", "|", "=null", "=ra", "=@"])
    | st.integers(-3, 3)
    | st.floats(allow_nan=True)
    | st.booleans()
    | st.binary(max_size=3)
    | st.sampled_from(
        [Reference("a/b"), Reference("a/b", "projects/p/databases/d"), datetime(99, 1, 1, tzinfo=timezone.utc)]
    )
)
keys = parts | st.lists(parts | st.none(), max_size=3).map(tuple)


@given(keys, keys)
def test_two_keys_never_share_an_id(left, right):
    assert (document_id(left) == document_id(right)) == (encode(left) == encode(right))


@given(keys)
def test_an_id_is_one_that_firestore_takes(key):
    text = document_id(key)
    assert text and "/" not in text and text not in (".", "..")
    assert not (text.startswith("__") and text.endswith("__") and len(text) >= 4)
    assert len(text.encode()) <= MAX_ID_BYTES


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("u1", "u1"),
        ("Sci-Fi", "Sci-Fi"),
        ("a/b", "a%2Fb"),
        ("", "%"),
        (".", "%2E"),
        ("..", "%2E."),
        ("__x__", "%5F_x__"),
        ("=5", "%3D5"),
        (5, "=5"),
        (5.0, "=5.0"),
        (True, "=true"),
        (("Acme", "speaker"), "Acme|speaker"),
        (("Acme",), "Acme|"),
        ((), "|"),
        (("a", None), "a|=null"),
        (b"\xff", "=b_w"),
        (Reference("users/u1"), "=rusers%2Fu1"),
        (datetime(2024, 5, 1, tzinfo=timezone.utc), "=@2024-05-01T00:00:00.000000Z"),
    ],
)
def test_the_table_of_ids(key, expected):
    assert document_id(key) == expected


def test_a_long_key_keeps_its_beginning_and_stays_unique():
    one, other = document_id("é" * 2000 + "1"), document_id("é" * 2000 + "2")
    assert one != other and one.startswith("é" * 600) and len(one.encode()) <= MAX_ID_BYTES


@pytest.mark.parametrize("key", [["a"], {"a": 1}, object(), "\ud800"])
def test_what_cannot_be_a_key_is_refused(key):
    with pytest.raises(DataError, match="bad-key"):
        document_id(key)


@pytest.mark.parametrize("path", ["users", "users/", "/u1", "a/b/c", "a/..", "a/" + "x" * 1501])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(DataError, match="bad-key"):
        check_path(path)
