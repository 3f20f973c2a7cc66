"""Fingerprints: a change of what a view computes is told by name, and nothing else is told."""

import importlib
import os
import subprocess
import sys
import textwrap

import pytest

from onto_flow.model.fingerprint import differences, fingerprint

RATES = """
    TAX = {"de": 0.19, "fr": 0.2}
    def rate(country):
        return TAX[country] + extra()
    def extra():
        return 0
"""
VIEWS = """
    import re
    from dataclasses import dataclass
    from onto_flow import DomainModel, Store, ViewModel, agg, attrs, computed, operator, root, udf
    from rates import rate
    import rates

    LIMIT = 10
    WORD = re.compile("a+")
    SEEN = {"b", "a", "c"}

    class Order(DomainModel):
        class Meta:
            collection_name = "orders"
        country: str = attrs.str
        total: float = attrs.float(default=0.0)
        def gross(self):
            return self.total * (1 + rate(self.country))

    class OrderStore(Store):
        order = root(Order)

    class Invoice(ViewModel):
        class Meta:
            collection_name = "invoices"
        store: OrderStore

        @computed
        def gross(self) -> float:
            '''What is paid.'''
            return self.store.order.gross()

        @udf
        @staticmethod
        def large(order: Order) -> bool:
            return order.total > LIMIT and order.country in SEEN and bool(WORD.match(order.country))

        @operator.filter
        @classmethod
        def sold(cls, order: Order) -> bool:
            return rates.TAX.get(order.country) is not None

    class Totals(ViewModel):
        class Meta:
            collection_name = "totals"
        store: OrderStore

        @operator.key
        @classmethod
        def country(cls, order: Order) -> str:
            return order.country

        total = agg.sum(lambda order: order.total)
        large = agg.count(where=lambda order: order.total > 10)
"""


@pytest.fixture
def prints(tmp_path, monkeypatch):
    """Gives the fingerprint of a view of the two modules, after a replacement in their sources."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def of(view, old="", new=""):
        texts = {"rates.py": RATES, "shop.py": VIEWS}
        assert not old or any(old in t for t in texts.values())
        for name, text in texts.items():
            (tmp_path / name).write_text(textwrap.dedent(text.replace(old, new) if old else text))
        for name in ("rates", "shop"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        try:
            return fingerprint(getattr(importlib.import_module("shop"), view))
        finally:
            for name in ("rates", "shop"):
                sys.modules.pop(name, None)

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'''What is paid.'''", "'''Another word for it.'''"),
        (
            "return self.store.order.gross()",
            "# a comment\n            return (self.store.order.gross(\n                ))",
        ),
        ('SEEN = {"b", "a", "c"}', 'SEEN = {"c", "b", "a"}'),
        ("LIMIT = 10", "\n    LIMIT = 10"),
    ],
)
def test_what_computes_the_same_has_the_same_fingerprint(prints, old, new):
    assert differences(prints("Invoice"), prints("Invoice", old, new)) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("LIMIT = 10", "LIMIT = 11", ["large"]),
        ('re.compile("a+")', 're.compile("a+", re.I)', ["large"]),
        ('{"b", "a", "c"}', '{"b", "a"}', ["large"]),
        ("def extra():\n        return 0", "def extra():\n        return 1", ["Order"]),
        ('"fr": 0.2', '"fr": 0.21', ["sold", "Order"]),
        ("attrs.float(default=0.0)", "attrs.float(default=1.0)", ["Order"]),
        ("attrs.float(default=0.0)", 'attrs.float(name="sum")', ["structure", "Order"]),
        ("return self.store.order.gross()", "return self.store.order.gross() + 1", ["gross"]),
        ("def large(order: Order) -> bool", "def large(order: Order) -> int", ["structure"]),
        ("return order.country\n", "return order.country.lower()\n", []),
    ],
)
def test_a_change_is_told_by_the_part_that_reaches_it(prints, old, new, told):
    found = differences(prints("Invoice"), prints("Invoice", old, new))
    assert found[: len(told)] == told and set(found) <= {*told, "large"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("lambda order: order.total)", "lambda order: order.total * 2)", ["structure", "total"]),
        ("order.total > 10)", "order.total > 11)", ["large"]),
        ("return order.country\n", "return order.country.lower()\n", ["country"]),
    ],
)
def test_operators_and_accumulators_have_parts(prints, old, new, told):
    assert differences(prints("Totals"), prints("Totals", old, new)) == told


def test_processes_with_other_hash_seeds_agree(tmp_path):
    (tmp_path / "rates.py").write_text(textwrap.dedent(RATES))
    (tmp_path / "shop.py").write_text(textwrap.dedent(VIEWS))
    program = "import shop, json; from onto_flow.model.fingerprint import fingerprint as f; print(json.dumps(f(shop.Invoice)))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_what_others_install_counts_by_its_version():
    from onto_flow.model.reachable import Reachable

    words = list(Reachable("shop").describe(pytest.approx))
    assert words == [f"{pytest.approx.__module__}.approx pytest=={pytest.__version__}"]


def test_code_without_source_counts_by_its_bytecode():
    from onto_flow.model.reachable import Reachable

    def made(text):
        scope = {"__name__": "shop"}
        exec(compile(text, "<made>", "exec"), scope)
        return list(Reachable("shop").describe(scope["f"]))

    assert made("def f(): return 1") == made("def f(): return 1") != made("def f(): return 2")


def test_a_view_that_was_used_has_the_fingerprint_that_it_had():
    from onto_flow.core.change import BELOW_EVENTS, Change
    from onto_flow.demo import data
    from onto_flow.demo.meeting_room import MeetingSession
    from onto_flow.engines.base import seed
    from onto_flow.engines.local.flow import LocalFlow

    before = fingerprint(MeetingSession)
    documents = [Change(p, None, f, BELOW_EVENTS) for p, f in data.documents().items()]
    assert LocalFlow(MeetingSession.plan()).process(seed(d, None) for d in documents)
    assert fingerprint(MeetingSession) == before
