from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.field_mask import FieldMask

letters = st.sampled_from("abc")
documents = st.recursive(
    st.dictionaries(letters, st.integers(0, 9) | st.just([{"a": 1}]), max_size=3),
    lambda inner: st.dictionaries(letters, st.integers(0, 9) | inner, max_size=3),
    max_leaves=8,
)
paths = st.lists(letters, min_size=1, max_size=3).map(tuple)


def leaves(value, path=()):
    """Every place and its value; of maps only the empty ones."""
    if isinstance(value, dict) and value:
        return {p: v for name, inner in value.items() for p, v in leaves(inner, (*path, name)).items()}
    return {path: value}


@given(documents, st.lists(paths, min_size=1, max_size=3))
def test_what_is_below_a_wanted_path_stays_and_nothing_else(document, wanted):
    kept = {p: v for p, v in leaves(document).items() if any(p[: len(w)] == w for w in wanted)}
    found = FieldMask(wanted).apply(document)
    assert (leaves(found) if found else {}) == kept
    assert list(found) == [name for name in document if name in found]


def test_a_wider_path_contains_a_narrower_one_in_whatever_order():
    document = {"a": {"b": 1, "c": 2}}
    for wanted in ([("a",), ("a", "b")], [("a", "b"), ("a",)]):
        mask = FieldMask(wanted)
        assert (mask.apply(document), mask.names, mask.nested) == (document, {"a"}, False)
    assert FieldMask([("a", "b")]).nested


def test_a_map_of_which_nothing_is_wanted_is_not_there():
    assert FieldMask([("a", "x"), ("b",)]).apply({"a": {"c": {}}, "b": {}}) == {"b": {}}
