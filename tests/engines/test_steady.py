"""The collector is left as it was found."""

from __future__ import annotations

import gc

import pytest

from onto_flow.engines.steady import YOUNG, steady


def test_thresholds_come_back_whatever_happens():
    before = gc.get_threshold()
    with pytest.raises(KeyError), steady():
        assert gc.get_threshold() == (YOUNG, *before[1:])
        assert gc.get_freeze_count() > 0
        raise KeyError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
