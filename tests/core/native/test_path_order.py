"""Whether paths are in the order of their characters is told alike, compiled and in Python; and it is true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core import values
from onto_flow.core.compact import new_map
from onto_flow.core.native import in_python
from onto_flow.core.values import in_path_order, path_order

pytestmark = pytest.mark.usefixtures("compiled")

SEGMENTS = st.sampled_from(["a", "b", "é", "c/x/d", "__id7__", "__id10__", "__idx", "", "\U0001f600"])
PATHS = st.builds("/".join, st.tuples(st.sampled_from(["s", "s", "s", "tö"]), SEGMENTS)) | SEGMENTS


@given(st.lists(PATHS, max_size=8, unique=True))
def test_both_forms_tell_the_same_and_it_is_so(paths: list[str]) -> None:
    forms = [paths, tuple(paths), dict.fromkeys(paths), new_map(dict.fromkeys(paths))]
    told = [values.is_plain_order(form) for form in forms] + [values.is_plain_order(iter(paths))]
    with in_python():
        told += [values.is_plain_order(paths)]
    assert len({*told}) == 1
    assert not told[0] or sorted(paths) == sorted(paths, key=path_order)
    assert list(in_path_order(dict.fromkeys(paths))) == sorted(paths, key=path_order)
