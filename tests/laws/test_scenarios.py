"""The directed scenarios of the protocol pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.laws.scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Callable[[], None]) -> None:
    scenario()
