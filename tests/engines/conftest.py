"""What makes the tests on Beam quick without changing what runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _signatures_are_read_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Beam reads the signature of every method of a DoFn again and again: a third of what a small job takes."""
    if request.node.get_closest_marker("beam") is None:
        yield
        return
    from beam_streams import read_once

    with read_once():
        yield
