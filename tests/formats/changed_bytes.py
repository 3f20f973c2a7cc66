"""Documents that change, as messages and state, whole and damaged."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import strategies as st

from onto_flow.core.values import Reference
from onto_flow.operators.messages import Doc

VALUES = (1, 1.0, -1, "x", "", None, True, 2.5, b"y", Reference("c/1"), [1, {"a": "é"}], {"b": [None], "a": 3}, 2**62)
NAMES = ("n", "r", "né", "", "z")
EVENT, TOLD = b"\r\x05\x03\x01\x00", b"\x00\r\x03\x03\x01\x01"
versions = st.tuples(st.integers(-2, 3) | st.integers(0, 2**62), st.integers(-1, 3))
fields = st.none() | st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=4)
join_keys = st.none() | st.sampled_from([(), ((1, "c/1"),), ((1, b"k"), (2, "c/2"))])
docs = st.builds(Doc, versions, fields, join_keys)
paths = st.sampled_from(["b/1", "b/2", "b/é"])
names = st.sets(st.sampled_from(NAMES), max_size=3).map(lambda found: tuple(sorted(n.encode() for n in found)))
damage = st.tuples(st.integers(0, 10_000), st.binary(max_size=2))


def news(held: Doc, random: Random) -> Doc:
    """A document that differs little from another."""
    now: Any = dict(held.fields or {})
    if random.random() < 0.8 and now:
        now[random.choice(sorted(now))] = random.choice(VALUES)
    version = (held.version[0] + random.choice((0, 1, 300)), abs(held.version[1]))
    return Doc(version, now, held.keys if random.random() < 0.9 else ())


def damaged(raw: bytes, how: tuple[int, bytes] | None) -> bytes:
    at = 0 if how is None else how[0] % (len(raw) + 1)
    return raw if how is None else raw[:at] + how[1] + raw[at + len(how[1]) :]
