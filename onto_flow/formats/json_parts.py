"""The constant text between the values of documents in JSON.

What stands between two values depends on few things: what kind the one before has and whether an array ends with it, and
the name, the kind and the place in an array of the one behind. Each combination is made once.
"""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .intern import distinct
from .record_batch import (
    BOOLEAN,
    BYTES,
    DOUBLE,
    EMPTY,
    GEOPOINT,
    IN_VECTOR,
    INTEGER,
    MAPPING,
    NULL,
    ODD,
    REFERENCE,
    STRING,
    TIMESTAMP,
    Level,
)
from .words import Bools, Ints

Objects: TypeAlias = "NDArray[np.object_]"

TRUE, EMPTY_MAP = 13, 14
"""Kinds that only JSON needs: `BOOLEAN` stands for false."""

_AROUND = {
    ODD: ('{"nullValue": null', "}"),
    NULL: ('{"nullValue": null', "}"),
    BOOLEAN: ('{"booleanValue": false', "}"),
    TRUE: ('{"booleanValue": true', "}"),
    INTEGER: ('{"integerValue": "', '"}'),
    DOUBLE: ('{"doubleValue": ', "}"),
    TIMESTAMP: ('{"timestampValue": "', '"}'),
    STRING: ('{"stringValue": "', '"}'),
    BYTES: ('{"bytesValue": "', '"}'),
    REFERENCE: ('{"referenceValue": ', "}"),
    GEOPOINT: ('{"geoPointValue": ', "}"),
    EMPTY: ('{"arrayValue": {}', "}"),
    MAPPING: ('{"mapValue": {"fields": {', "}"),
    EMPTY_MAP: ('{"mapValue": {}', "}"),
    IN_VECTOR: ('{"doubleValue": ', "}"),
}
_ARRAY = ('{"arrayValue": {"values": [', "]}}")
_VECTOR = (
    '{"mapValue": {"fields": {"__type__": {"stringValue": "__vector__"}, "value": {"arrayValue": {"values": [',
    "]}}}}}",
)
_ALONE, _FIRST, _LATER = range(3)
_KINDS, _TAILS = 16, 32
_MAX_KNOWN = 50_000


class Arrays(NamedTuple):
    """How the values of a level belong to arrays: whether they are elements, and the first or last ones."""

    element: Bools
    first: Bools
    last: Bools


class Constants:
    """The texts that were made; they do not depend on the numbers of names."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], bytes] = {}
        self.before_fields = b'", "fields": {'
        self.closing_map = _closings("}}")
        self.closing_document = _closings("}}\n")

    def before_ids(self, parents: list[str]) -> Objects:
        """What lines begin with, for each collection."""
        texts = [('{"path": ' + encode_basestring(f"{parent}/")[:-1]).encode() for parent in parents]
        return np.array(texts, object)

    def before(self, names: list[str], level: Level, kind: Ints, arrays: Arrays) -> tuple[Objects, Ints]:
        """What stands before each value, with what the value before it leaves to be closed.

        Returns:
            The texts, and for each value the index of what it leaves itself, into `closing_map` and `closing_document`.
        """
        entity = level.properties.entity
        tail = 1 + kind * 2 + (arrays.element & arrays.last)
        before = np.zeros(len(kind), np.int64)
        before[1:] = np.where(entity[1:] == entity[:-1], tail[:-1], 0)
        place = np.where(arrays.element, np.where(arrays.first, _FIRST, _LATER), _ALONE)
        found, inverse = distinct(((level.number * 3 + place) * _KINDS + kind) * _TAILS + before)
        per_name = 3 * _KINDS * _TAILS
        texts = np.array([self._text(names[code // per_name], code % per_name) for code in found.tolist()], object)
        return texts[inverse] if len(texts) else np.empty(0, object), tail

    def _text(self, name: str, code: int) -> bytes:
        known = self._known.get((name, code))
        if known is None:
            if len(self._known) > _MAX_KNOWN:
                self._known.clear()
            known = self._known[name, code] = _text(name, code)
        return known


def _text(name: str, code: int) -> bytes:
    rest, before = divmod(code, _TAILS)
    place, kind = divmod(rest, _KINDS)
    text = _tail(before) + ", " if before else ""
    if place != _LATER:
        text += encode_basestring(name) + ": "
    if place == _FIRST:
        text += (_VECTOR if kind == IN_VECTOR else _ARRAY)[0]
    return (text + _AROUND[kind][0]).encode()


def _tail(index: int) -> str:
    kind, ends = divmod(index - 1, 2)
    end = (_VECTOR if kind == IN_VECTOR else _ARRAY)[1] if ends else ""
    return _AROUND[kind][1] + end


def _closings(end: str) -> Objects:
    """What closes an entity, by what its last value leaves to be closed; first, for an entity without values."""
    return np.array([end.encode(), *((_tail(n) + end).encode() for n in range(1, 1 + 2 * len(_AROUND)))], object)
