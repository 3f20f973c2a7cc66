"""Credit: whether anything that a load caused is still under way, as data (weight throwing, Mattern 1989).

Each document of a load enters with weight 1. A step splits the weight of what it took among what it sends, exactly, and
gives back what it has nobody to hand to. When as much has come back as documents went in, nothing that they caused is
under way. Weights are binary fractions, so sums are exact in any order.

A weight travels in an envelope before the message's bytes. Messages that no load caused weigh nothing.

Example:
    >>> one = Weight(1, 0)
    >>> split(one, 3)
    [Weight(mantissa=1, exponent=1), Weight(mantissa=1, exponent=2), Weight(mantissa=1, exponent=2)]
    >>> total(split(one, 3)) == one
    True
    >>> unwrap(wrap(b"message", Weight(1, 2)))
    (Weight(mantissa=1, exponent=2), b'message')
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..core.value_bytes import get_size
from ..core.values import Document
from .coding import decode, encode

_HASH_BYTES = 16
_MODULUS = 1 << (8 * _HASH_BYTES)


class Weight(NamedTuple):
    """mantissa / 2 ** exponent; the mantissa is odd, or all is 0."""

    mantissa: int
    exponent: int


NOTHING = Weight(0, 0)
ONE = Weight(1, 0)

_WEIGHTLESS = encode(None)
"""The envelope of a message that weighs nothing: one byte."""


_PAIR = len(encode((1, 1))) - 2 * len(encode(1))
"""How many bytes a tuple of two begins with."""


def total(weights: Iterable[Weight]) -> Weight:
    """The sum of some weights."""
    mantissa = exponent = 0
    for weight in weights:
        further = weight.exponent - exponent
        mantissa = (mantissa << max(0, further)) + (weight.mantissa << max(0, -further))
        exponent = max(exponent, weight.exponent)
    while exponent and not mantissa & 1:
        mantissa, exponent = (mantissa >> 1, exponent - 1) if mantissa else (0, 0)
    return Weight(mantissa, exponent)


def split(weight: Weight, parts: int) -> list[Weight]:
    """A weight in so many parts (at least one) whose sum it is; the mantissa of none is longer than its own."""
    bits = (parts - 1).bit_length()
    if not bits:
        return [weight]
    twice = (1 << bits) - parts
    large, small = (Weight(weight.mantissa, weight.exponent + bits - less) for less in (1, 0))
    return [large] * twice + [small] * (parts - twice)


def wrap(message: bytes, weight: Weight = NOTHING) -> bytes:
    """A message in its envelope."""
    return (encode(tuple(weight)) if weight.mantissa else _WEIGHTLESS) + message


def unwrap(data: bytes) -> tuple[Weight, bytes]:
    """What an envelope holds."""
    if data[:1] == _WEIGHTLESS:
        return NOTHING, data[1:]
    end = _end(data)
    return Weight(*decode(data[:end])), data[end:]


def _end(data: bytes) -> int:
    """Where the weight of an envelope ends: a tuple of two integers."""
    at = _PAIR
    for _ in range(2):
        size, at = get_size(data, at + 1)
        at += size
    return at


class Sum(NamedTuple):
    """How many documents there are of a name, and the sum of their hashes: the same in any order."""

    size: int
    digest: int


def digest(path: str, document: Document) -> Sum:
    """One document: the hash of its path and its canonical bytes."""
    hashed = hashlib.blake2b(encode((path, document)), digest_size=_HASH_BYTES).digest()
    return Sum(1, int.from_bytes(hashed, "big"))


def add(sums: dict[str, Sum], more: Mapping[str, Sum]) -> None:
    """Adds some sums, name by name, to others."""
    for name, (count, hashed) in more.items():
        held = sums.get(name, Sum(0, 0))
        sums[name] = Sum(held.size + count, (held.digest + hashed) % _MODULUS)


def less(one: Sum) -> Sum:
    """What takes a document out of a sum again."""
    return Sum(-one.size, -one.digest % _MODULUS)


class Credit:
    """What goes back to the fence; credits add up in any order.

    Attributes:
        weight: What was given back.
        shown: Shard of the gate -> how many view changes were sent to it. They come with a part of the weight, so when
            all weight is back, they are complete.
        read: Collection -> the documents that were read of it.
        seeds: Operator -> how many of its seeds were read.
        views: View -> the view documents that seeds say are written.
    """

    __slots__ = ("read", "seeds", "shown", "views", "weight")

    def __init__(
        self, weight: Weight = NOTHING, shown: Mapping[int, int] | None = None, read: Mapping[str, Sum] | None = None
    ) -> None:
        self.weight = weight
        self.shown: dict[int, int] = dict(shown or {})
        self.read: dict[str, Sum] = dict(read or {})
        self.seeds: dict[str, int] = {}
        self.views: dict[str, Sum] = {}

    @property
    def entered(self) -> int:
        """How many documents, or seeds, were read: each entered with weight 1."""
        return sum(self.seeds.values()) or sum(s.size for s in self.read.values())

    def add(self, other: Credit) -> None:
        """Adds another credit to this one."""
        self.weight = total((self.weight, other.weight))
        for shard, count in other.shown.items():
            self.shown[shard] = self.shown.get(shard, 0) + count
        add(self.read, other.read)
        add(self.views, other.views)
        for operator, seeds in other.seeds.items():
            self.seeds[operator] = self.seeds.get(operator, 0) + seeds

    def pack(self) -> tuple[Any, ...]:
        """The credit as a form of `core.codec`."""
        packed = (tuple(self.weight), tuple(sorted(self.shown.items())), packed_sums(self.read))
        return (*packed, (tuple(sorted(self.seeds.items())), packed_sums(self.views))) if self.seeds else packed

    @classmethod
    def of(cls, held: Any) -> Credit:
        """The credit that such a form is; none for `None`."""
        if held is None:
            return cls()
        weight, shown, read, *seeds = held
        credit = cls(Weight(*weight), dict(shown), sums_of(read))
        for counts, views in seeds:
            credit.seeds, credit.views = dict(counts), sums_of(views)
        return credit

    def encoded(self) -> bytes:
        """The bytes of the credit."""
        return encode(self.pack())

    @classmethod
    def decoded(cls, data: bytes) -> Credit:
        """The credit that these bytes are."""
        return cls.of(decode(data))


def packed_sums(sums: Mapping[str, Sum]) -> tuple[Any, ...]:
    """Sums by name as a form of `core.codec`."""
    return tuple((name, *each) for name, each in sorted(sums.items()))


def sums_of(packed: Any) -> dict[str, Sum]:
    """What `packed_sums` made the form from."""
    return {name: Sum(*each) for name, *each in packed}
