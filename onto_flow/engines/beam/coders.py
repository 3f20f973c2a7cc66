"""Coders of what goes in and out of the public transforms: our own bytes, so that nothing is pickled."""

from __future__ import annotations

from typing import Any

from apache_beam import coders

from ...core.change import Change, DeadLetter, ViewChange
from ...core.gaps import Gap
from ...core.values import from_micros, to_micros
from ...operators.base import Output
from ..carried import decode_carried, encode_carried
from ..coding import decode, encode


class ChangeCoder(coders.Coder):
    """`Change` <-> bytes."""

    def encode(self, value: Change) -> bytes:
        """The bytes of a change."""
        time = None if value.time is None else to_micros(value.time)
        return encode((value.path, value.before, value.after, value.version, time, value.previous))

    def decode(self, encoded: bytes) -> Change:
        """The change that these bytes are."""
        path, before, after, version, time, previous = decode(encoded)
        return Change(path, before, after, version, None if time is None else from_micros(time), previous)

    def is_deterministic(self) -> bool:
        """Equal changes have equal bytes."""
        return True

    def to_type_hint(self) -> type[Change]:
        """What it is for."""
        return Change


class CarriedCoder(coders.Coder):
    """An output of the flow <-> bytes."""

    def encode(self, value: Output) -> bytes:
        """The bytes of an output."""
        return encode_carried(value)

    def decode(self, encoded: bytes) -> Any:
        """The output that these bytes are."""
        return decode_carried(encoded)

    def is_deterministic(self) -> bool:
        """Equal outputs have equal bytes."""
        return True


coders.registry.register_coder(Change, ChangeCoder)
for _kind in (ViewChange, DeadLetter, Gap):
    coders.registry.register_coder(_kind, CarriedCoder)
