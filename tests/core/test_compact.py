"""Maps of few entries are copied and sent as others are."""

from __future__ import annotations

import copy
import pickle

import pytest

from onto_flow.core.compact import new_map


@pytest.mark.parametrize("entries", [{}, {"a": [1]}, {n: [n] for n in range(9)}])
def test_a_map_is_copied_as_deep_as_any(entries):
    held = new_map(entries)
    copied = copy.deepcopy(held)
    assert dict(copied.items()) == entries == dict(pickle.loads(pickle.dumps(held)).items())  # noqa: S301 - our own
    assert type(copied) is type(held)
    assert all(copied[key] is not held[key] for key in entries)
