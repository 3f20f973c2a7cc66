"""The collector is left as it was found."""

from __future__ import annotations

import gc

import pytest

from onto_flow.engines.collector import YOUNG
from onto_flow.engines.steady import steady


def test_thresholds_come_back_whatever_happens():
    before, callbacks = gc.get_threshold(), list(gc.callbacks)
    with pytest.raises(KeyError), steady():
        assert gc.get_threshold() == (YOUNG, 0, before[2])
        assert gc.get_freeze_count() > 0
        raise KeyError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
    assert gc.callbacks == callbacks
