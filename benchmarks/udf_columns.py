"""A udf over columns in a backfill, beside the same function over values and beside calls of one row each.

    .venv/bin/python -m benchmarks.udf_columns [roots] [rounds]

Each view shows one udf of two numbers; the evaluation by columns alone is measured, without reading or writing, in seconds
of the CPU, by turns; medians. A function whose result has no declared type is called row by row.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Annotated, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.charts import markdown, shown
from onto_flow import DomainModel, Store, ViewModel, attrs, computed, root, udf

BATCH = 1000


class Point(DomainModel):
    class Meta:
        collection_name = "points"

    x: float = attrs.float
    y: float = attrs.float


class PointStore(Store):
    point = root(Point)


class _Base(ViewModel):
    store: PointStore

    @computed
    def x(self) -> float:
        return self.store.point.x

    @computed
    def y(self) -> float:
        return self.store.point.y


class Values(_Base):
    class Meta:
        collection_name = "values"

    @udf
    @staticmethod
    def length(x: float, y: float) -> float:
        return (x * x + y * y) ** 0.5


class Arrow(_Base):
    class Meta:
        collection_name = "arrow"

    @udf
    @staticmethod
    def length(x: pa.Array, y: pa.Array) -> Annotated[pa.Array, float]:
        return pc.sqrt(pc.add(pc.multiply(x, x), pc.multiply(y, y)))


class Pandas(_Base):
    class Meta:
        collection_name = "pandas"

    @udf
    @staticmethod
    def length(x: pd.Series, y: pd.Series) -> Annotated[pd.Series, float]:
        return (x * x + y * y) ** 0.5


class ArrowByRow(_Base):
    class Meta:
        collection_name = "arrowByRow"

    @udf
    @staticmethod
    def length(x: pa.Array, y: pa.Array) -> pa.Array:
        return pc.sqrt(pc.add(pc.multiply(x, x), pc.multiply(y, y)))


class PandasByRow(_Base):
    class Meta:
        collection_name = "pandasByRow"

    @udf
    @staticmethod
    def length(x: pd.Series, y: pd.Series) -> pd.Series:
        return (x * x + y * y) ** 0.5


def evaluated(view: type[ViewModel], roots: list[tuple[str, Any]]) -> tuple[float, list[Any]]:
    """CPU-seconds, and the lengths."""
    tabulate: Any = view.evaluator().tabulator()  # type: ignore[attr-defined]
    began, found = time.process_time(), []
    for at in range(0, len(roots), BATCH):
        found += tabulate(roots[at : at + BATCH], lambda paths: {})[1]["length"].rows()
    return time.process_time() - began, found


def main(count: int, rounds: int) -> None:
    roots = [(f"points/{at}", {"x": at / 7, "y": (at % 91) / 3}) for at in range(count)]
    views = (Values, Arrow, Pandas, ArrowByRow, PandasByRow)
    taken: dict[str, list[float]] = {view.__name__: [] for view in views}
    right = evaluated(Values, roots)[1]
    for _ in range(rounds):
        for view in views:
            seconds, found = evaluated(view, roots)
            assert all(abs(a - b) <= 1e-9 * b for a, b in zip(found, right)), view
            taken[view.__name__].append(seconds)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    rows = [[name, shown(count / s), f"{s / medians['Values']:.2f}"] for name, s in medians.items()]
    print(markdown(("udf", "roots per CPU-second", "times values"), rows))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
