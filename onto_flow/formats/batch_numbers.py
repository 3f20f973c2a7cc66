"""Many doubles at once -> their decimal texts, as `repr` writes them.

A double that is an integer below 10^15 divided by a small power of ten is that decimal fraction: no other one of up to 15
digits is nearest to it, so `repr` writes no other. Python finds the digits of a double one by one and slowly; here those
that are such fractions, most of what people store, are divided and compared instead, and `repr` gets the rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .intern import distinct
from .words import Bools, Ints, Longs

Doubles = NDArray[np.float64]

_PLACES = 9
_EXACT, _LEAST = 1e15, 1e-4
"""Texts with an exponent begin beyond these, or need more than 15 digits."""

_U = np.uint64
_BLOCK = _U(10_000)
_FOUR: NDArray[np.uint32] = (
    (np.arange(10_000)[:, None] // (1000, 100, 10, 1) % 10 + ord("0")).astype(np.uint8).view(np.uint32).reshape(-1)
)
_POWERS = np.array([10**n for n in range(20)], np.uint64)
_NOT_FINITE = {b"nan": b'"NaN"', b"inf": b'"Infinity"', b"-inf": b'"-Infinity"'}


def double_texts(numbers: Doubles) -> list[bytes]:
    """The texts of doubles; of those that are not finite in quotation marks, as Firestore names them.

    Example:
        >>> double_texts(np.array([0.1, -5.0, 1 / 3, 1e300, float("inf")]))
        [b'0.1', b'-5.0', b'0.3333333333333333', b'1e+300', b'"Infinity"']
    """
    digits, places = _fractions(np.abs(numbers))
    found = _texts(np.signbit(numbers), digits, np.abs(places))
    rest = np.flatnonzero(places < 0)
    if len(rest):
        texts = repr(numbers[rest].tolist())[1:-1].encode().split(b", ")
        for n, text in zip(rest.tolist(), texts):
            found[n] = _NOT_FINITE.get(text, text)
    return found


def _fractions(numbers: Doubles) -> tuple[Longs, Ints]:
    """Integers and powers of ten, at least 1, that give these numbers; the power is -1 where there are none."""
    digits: Longs = np.zeros(len(numbers), np.uint64)
    places: Ints = np.full(len(numbers), -1)
    left = np.flatnonzero(((numbers >= _LEAST) & (numbers < _EXACT)) | (numbers == 0))
    for power in range(1, _PLACES + 1):
        scaled = np.rint(numbers[left] * 10.0**power)
        same = (scaled / 10.0**power == numbers[left]) & (scaled < _EXACT)
        rows = left[same]
        digits[rows] = scaled[same].astype(np.uint64)
        places[rows] = power
        left = left[~same]
        if not len(left):
            break
    return digits, places


def _texts(negative: Bools, digits: Longs, places: Ints) -> list[bytes]:
    """Decimal texts: digits with a point before the last `places` of them."""
    written, width = _digits(digits)
    count = np.ones(len(digits), np.int64)
    for power in _POWERS[1:width]:
        count += digits >= power
    count = np.maximum(count, places + 1)
    found: NDArray[np.object_] = np.empty(len(digits), object)
    forms, form = distinct((count * (_PLACES + 1) + places) * 2 + negative)
    for n, one in enumerate(forms.tolist()):
        rows = np.flatnonzero(form == n) if len(forms) > 1 else slice(None)
        size, point = divmod(one // 2, _PLACES + 1)
        found[rows] = _pieces(written[rows, width - size :], point, one % 2)
    return found.tolist()


def _digits(numbers: Longs) -> tuple[NDArray[np.uint8], int]:
    """The digits of each number in a row, zeros before them, and the width of the rows."""
    blocks = -(-len(str(int(numbers.max(initial=0)))) // 4)
    blocks = max(blocks, -(-(_PLACES + 1) // 4))
    written = np.empty((len(numbers), blocks), np.uint32)
    rest = numbers
    for block in range(blocks - 1, -1, -1):
        above = rest // _BLOCK
        written[:, block] = _FOUR[(rest - above * _BLOCK).view(np.int64)]
        rest = above
    return written.view(np.uint8), 4 * blocks


def _pieces(digits: NDArray[np.uint8], places: int, negative: int) -> NDArray[np.object_]:
    """The texts of numbers of one form."""
    size = digits.shape[1]
    text = np.empty((len(digits), negative + size + 1), np.uint8)
    text[:, :negative] = ord("-")
    text[:, negative : negative + size - places] = digits[:, : size - places]
    text[:, -places - 1] = ord(".")
    text[:, -places:] = digits[:, -places:]
    return text.view(f"S{text.shape[1]}").reshape(-1).astype(object)
