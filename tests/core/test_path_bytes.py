from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.path_bytes import path_bytes
from onto_flow.core.values import numeric_id, path_order

segments = (
    st.text(st.sampled_from("\0\x01\x02aé\uffff\U0001f600_id7"), min_size=1, max_size=4)
    | st.integers(-(2**64), 2**64).map(lambda n: f"__id{n}__")
    | st.sampled_from(["__id__", "__id²__", "__id--5__", "__id٣__", "__id7", "__idx__", "__id007__", "__id-0__"])
)
paths = st.lists(segments, min_size=1, max_size=4).map("/".join)


@given(paths, paths)
def test_bytes_sort_as_paths_do(one, other):
    assert (path_bytes(one) < path_bytes(other)) == (path_order(one) < path_order(other))
    assert (path_bytes(one) == path_bytes(other)) == (path_order(one) == path_order(other))


def test_segments_of_control_characters_end_where_they_end():
    segments = ["a", "a\0", "a\0\0", "a\0\x01", "a\0\x02", "a\x01", "a\x02b", "ab", "\0", "__id5__", "__id5__\0"]
    some = [*segments, *(f"{one}/{other}" for one in segments for other in segments)]
    assert sorted(some, key=path_bytes) == sorted(some, key=path_order)


def test_only_what_fits_64_bits_is_a_number():
    assert [numeric_id(f"__id{n}__") for n in (2**63 - 1, -(2**63))] == [2**63 - 1, -(2**63)]
    assert {numeric_id(f"__id{n}__") for n in (2**63, -(2**63) - 1, "²", "--5", "", "1" * 5000)} == {None}
