"""Paths of documents as Arrow strings, without a Python string for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .lockstep_keys import Paths
from .record_batch import texts
from .words import Ints, Words


def path_column(words: Words, paths: Paths, rows: Ints, parent: Ints, parents: list[str]) -> Any:
    """The paths at these rows; null where an id is none.

    Args:
        words: The bytes.
        paths: Of documents, in the order that they have there.
        rows: Which of them.
        parent: The number of the collection of each row.
        parents: The collections.
    """
    at, size = paths.id[rows], paths.id_size[rows]
    ids = pieces(words, at, size)
    plain = not words.wide(at, at + size).any() or is_text(ids)
    if not plain or paths.kind[rows].any() or pc.any(pc.match_substring(ids, "/")).as_py():
        ids = pa.array(texts(words, paths.kind[rows], at, size), pa.string())
    else:
        ids = ids.view(pa.string())
    collections: Any = pa.array(parents, pa.string())
    alike = len(parent) > 0 and bool((parent == parent[0]).all())
    collections = collections[int(parent[0])] if alike else collections.take(pa.array(parent))
    return pc.binary_join_element_wise(collections, ids, pa.scalar("/"))


def pieces(words: Words, at: Ints, size: Ints) -> Any:
    """The bytes at these places, which follow each other, as an array of binaries."""
    return bounds(words, at, size).take(pa.array(np.arange(len(at)) * 2))


def bounds(words: Words, at: Ints, size: Ints) -> Any:
    """The bytes at these places, which follow each other, and between each two what lies between them; nothing is copied."""
    edges = np.empty((len(at), 2), np.int32)
    edges[:, 0], edges[:, 1] = at, at + size
    buffers = [None, pa.py_buffer(edges), pa.py_buffer(words.data)]
    return pa.Array.from_buffers(pa.binary(), max(edges.size - 1, 0), buffers)


def is_text(array: Any) -> bool:
    """Whether an array of binaries holds text."""
    try:
        array.view(pa.string()).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
