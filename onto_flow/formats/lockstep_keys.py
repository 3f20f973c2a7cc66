"""The keys of many records at once, and the references in their fields."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .entity_parts import KEY_PATH, PathTags, get_path
from .words import Bools, Ints, Words

_U = np.uint64


class Paths(NamedTuple):
    """Paths of documents; one row for each.

    | column | what it is |
    |---|---|
    | app, app_size | where the project stands |
    | parent, parent_size | the elements of the path up to the name of the last collection |
    | kind | whether the id is a name (0) or a number (1) |
    | id, id_size | where the id stands; of a number the varint |
    | rest | what stands behind the path: the database |
    | end | where the key or the reference ends |
    | odd | whether it has a form that is not known here |
    """

    app: Ints
    app_size: Ints
    parent: Ints
    parent_size: Ints
    kind: Ints
    id: Ints
    id_size: Ints
    rest: Ints
    end: Ints
    odd: Bools


def read_keys(words: Words, start: Ints, stop: Ints) -> Paths:
    """The keys that records begin with.

    Args:
        words: The bytes.
        start: Where the records begin.
        stop: Where they end.
    """
    good = words.bytes[start] == 0x6A
    size, at = words.length(start + 1, words.bytes[start + 1].astype(np.int64))
    end = at + size
    good &= (size >= 0) & (end <= stop)
    at = np.where(good, at, start)
    end = np.where(good, end, start)
    good &= words.bytes[at] == 0x6A
    app_size, app = words.length(at + 1, words.bytes[at + 1].astype(np.int64))
    at = app + app_size
    good &= (app_size >= 0) & (at < end)
    at = np.where(good, at, start)
    good &= words.bytes[at] == 0x72
    size, at = words.length(at + 1, words.bytes[at + 1].astype(np.int64))
    path_end = at + size
    good &= (size >= 0) & (path_end <= end)
    path_end = np.where(good, path_end, at)
    return _elements(words, Paths(app, app_size, at, at, at, at, at, path_end, end, ~good), KEY_PATH, known_end=True)


def read_references(words: Words, start: Ints, stop: Ints, tags: PathTags) -> Paths:
    """References: values from their tag to the tag that ends them.

    Args:
        words: The bytes.
        start: Where they begin.
        stop: Where they end.
        tags: Those of a reference.
    """
    good = (words.bytes[start + 1] == 0x6A) & (words.bytes[stop - 1] == 0x64)
    app_size, app = words.length(start + 2, words.bytes[start + 2].astype(np.int64))
    at = app + app_size
    end = stop - 1
    good &= (app_size >= 0) & (at < end)
    at = np.where(good, at, end)
    return _elements(words, Paths(app, app_size, at, at, at, at, at, end, end, ~good), tags, known_end=False)


def _elements(words: Words, paths: Paths, tags: PathTags, *, known_end: bool) -> Paths:
    """Goes along the elements; what begins at `parent` and ends at `rest`, or at something that is no element."""
    begin, at, stop = paths.parent, paths.parent.copy(), paths.rest
    odd = paths.odd.copy()
    parent_size, kind, id_, id_size = (np.zeros(len(at), np.int64) for _ in range(4))
    rows = np.flatnonzero(~odd)
    while len(rows):
        rows = rows[at[rows] < stop[rows]]
        is_element = words.bytes[at[rows]] == tags.begin[0]
        if known_end:
            odd[rows[~is_element]] = True
        rows = rows[is_element]
        if not len(rows):
            break
        element = _element(words, at[rows], stop[rows], tags)
        odd[rows[~element.good]] = True
        rows = rows[element.good]
        parent_size[rows] = element.kind_end[element.good] - begin[rows]
        kind[rows], id_[rows], id_size[rows] = (c[element.good] for c in (element.kind, element.id, element.id_size))
        at[rows] = element.end[element.good]
    odd |= parent_size == 0
    return paths._replace(parent_size=parent_size, kind=kind, id=id_, id_size=id_size, rest=at, odd=odd)


class _Element(NamedTuple):
    kind_end: Ints
    kind: Ints
    id: Ints
    id_size: Ints
    end: Ints
    good: Bools


def _element(words: Words, at: Ints, stop: Ints, tags: PathTags) -> _Element:
    good = words.bytes[at + 1] == tags.begin[1]
    size, place = words.length(at + 2, words.bytes[at + 2].astype(np.int64))
    kind_end = place + size
    good &= (size > 0) & (kind_end < stop)
    kind_end = np.where(good, kind_end, at)
    tag = words.bytes[kind_end]
    named = tag == tags.name[0]
    good &= named | (tag == tags.id[0])
    place = kind_end + np.where(named, len(tags.name), len(tags.id))
    size, id_ = words.length(place, words.bytes[place].astype(np.int64))
    id_size = np.where(named, size, _varint_sizes(words, place))
    id_ = np.where(named, id_, place)
    end = id_ + id_size
    good &= (id_size > 0) & (end < stop)
    end = np.where(good, end, at)
    good &= words.bytes[end] == tags.end
    return _Element(kind_end, (~named).astype(np.int64), id_, id_size, end + 1, good)


def _varint_sizes(words: Words, at: Ints) -> Ints:
    """How many bytes the numbers at these places have; 0 for one of more than 8."""
    stops = ~words.at(at) & _U(0x8080808080808080)
    size = np.zeros(len(at), np.int64)
    left = np.ones(len(at), bool)
    for n in range(8):
        here = left & ((stops & _U(0x80 << 8 * n)) != 0)
        size[here] = n + 1
        left &= ~here
    return size


@lru_cache(maxsize=20_000)
def parent_of(raw: bytes, tags: PathTags) -> str:
    """The path of a collection, from its bytes; "" for what is none."""
    closed = raw + tags.name + b"\x01x" + bytes((tags.end,))
    try:
        path, at = get_path(closed, 0, len(closed), tags)
    except (ValueError, IndexError):
        return ""
    return path.rpartition("/")[0] if at == len(closed) else ""
