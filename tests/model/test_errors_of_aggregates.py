"""Mistakes in aggregates: each with its code, its text, its suggestion, and the user's line."""

from __future__ import annotations

import math

import pytest

from onto_flow import ViewModel, agg, operator, udf
from tests.model.mistakes import Mistakes, judge
from tests.model.test_aggregates import Keyed, MeanSquare, Sale, SaleStore

mistake = Mistakes()


@mistake("bad-value", "bounds=[10, 5] of a histogram", "numbers that rise")
def falling_bounds():
    agg.histogram(lambda sale: sale.amount, [10, 5])  # <-


@mistake("bad-value", "bounds=[nan] of a histogram", "finite")
def bounds_without_place():
    agg.histogram(lambda sale: sale.amount, [math.nan])  # <-


@mistake("bad-value", "bounds=[] of a histogram")
def no_bounds():
    agg.histogram(lambda sale: sale.amount, [])  # <-


@mistake("bad-value", "k=0 is not a number of values")
def top_of_none():
    agg.top_k(lambda sale: sale.amount, 0)  # <-


@mistake("unknown-name", "agg.avg has no option 'were'", "Did you mean where?")
def unknown_option():
    agg.avg(lambda sale: sale.amount, were=None)  # <-


@mistake("unknown-name", "V: parameter 'sal' of <lambda> names nothing of the view", "Did you mean sale?")
def unknown_order():
    class V(Keyed):
        least = agg.first(lambda sale: sale.amount, order_by=lambda sal: sal.amount)  # <-

    return V


@mistake(
    "unknown-name", "V: parameter 'twice' of <lambda> needs sales, which is known per group", "known at that point"
)
def accumulator_of_an_accumulator():
    class V(Keyed):
        sales = agg.count()

        @udf
        @staticmethod
        def twice(sales: int) -> int:
            return 2 * sales

        most = agg.max(lambda twice: twice)  # <-

    return V


@mistake("unknown-name", "V: parameter 'sale' of enough needs sale, which is known per row")
def having_of_a_row():
    class V(Keyed):
        sales = agg.count()

        @operator.having  # <-
        @classmethod
        def enough(cls, sale: Sale) -> bool:
            return True

    return V


@mistake("wrong-decorator", "V: @operator.having asks accumulators, and the view has none", "@operator.filter")
def having_without_key():
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: SaleStore

        @operator.having  # <-
        @classmethod
        def enough(cls, sale: Sale) -> bool:
            return True

    return V


@mistake("wrong-decorator", "@operator.aggregate takes an Accumulator, not <class", "@operator.aggregate(Variance())")
def a_class_of_an_accumulator():
    operator.aggregate(MeanSquare)  # <-


@mistake("wrong-decorator", "@operator.aggregate takes an Accumulator, not <classmethod")
def aggregate_without_accumulator():
    class V(Keyed):
        @operator.aggregate  # <-
        @classmethod
        def square(cls, sale: Sale) -> int:
            return sale.pieces


@mistake("wrong-decorator", "is for a classmethod that gives the value of a row", "above @classmethod")
def aggregate_of_a_plain_method():
    class V(Keyed):
        @operator.aggregate(MeanSquare())  # <-
        def square(cls, sale: Sale) -> int:
            return sale.pieces


@mistake("wrong-decorator", "is for a classmethod that gives the value of a row", "above @classmethod")
def aggregate_below_classmethod():
    class V(Keyed):
        @classmethod
        @operator.aggregate(MeanSquare())  # <-
        def square(cls, sale: Sale) -> int:
            return sale.pieces


@pytest.mark.parametrize("case", mistake, ids=lambda m: m.declare.__name__)
def test_a_mistake_is_told_with_its_line(case):
    judge(case)
