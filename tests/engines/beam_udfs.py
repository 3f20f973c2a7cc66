"""Udfs that a worker finds by their import path."""

from __future__ import annotations

from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc

from onto_flow import DomainModel, Store, ViewModel, attrs, root, udf

SIZES: list[int] = []


class Pair(DomainModel):
    class Meta:
        collection_name = "pairs"

    first: int = attrs.int
    second: int = attrs.int


class PairStore(Store):
    pair = root(Pair)


class Sums(ViewModel):
    class Meta:
        collection_name = "sums"

    store: PairStore

    @udf
    @staticmethod
    def total(first: Annotated[pa.Array, int], second: Annotated[pa.Array, int]) -> Annotated[pa.Array, int]:
        SIZES.append(len(first))
        return pc.add(first, second)


def double(number: int) -> int:
    return number * 2
