"""What the tool and Python say to the embedded engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from onto_flow.core.errors import UsageError
from onto_flow.engines.local.options import Options


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Options()),
        ({"checkpoint": "state"}, Options(Path("state"))),
        ({"checkpoint": Path("a"), "checkpoint_every": "500ms"}, Options(Path("a"), 0.5)),
        ({"checkpoint": "a", "checkpoint_every": 2, "max_memory": "2GB"}, Options(Path("a"), 2.0, 2_000_000_000)),
        ({"checkpoint": "a", "max_memory": "1 GiB"}, Options(Path("a"), max_memory=1 << 30)),
        ({"checkpoint": "a", "max_memory": 500}, Options(Path("a"), max_memory=500)),
    ],
)
def test_options_are_read(given, expected):
    assert Options.of(given) == expected


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"checkpoint": True}, "needs a directory"),
        ({"checkpoint": ""}, "needs a directory"),
        ({"max_memory": "2GB"}, "needs --checkpoint DIR"),
        ({"checkpoint": "a", "max_memory": "much"}, "--max-memory much is no amount"),
        ({"checkpoint": "a", "max_memory": True}, "--max-memory True is no amount"),
        ({"checkpoint": "a", "checkpoint_every": "-1s"}, "--checkpoint-every -1s is no amount"),
        ({"checkpoint": "a", "checkpoint_every": "1 week"}, "one of s, ms, m, min, h"),
    ],
)
def test_what_is_no_option_is_told(given, told):
    with pytest.raises(UsageError, match=told):
        Options.of(given)
