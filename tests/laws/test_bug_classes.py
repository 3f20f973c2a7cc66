"""Fifteen classes of bugs seen in the wild: each has a test by name, which fails when its guard is broken."""

from __future__ import annotations

import importlib

import pytest

from tests.laws import bug_classes
from tests.laws.bug_classes import CLASSES
from tests.laws.checked.suite import BROKEN


def test_every_class_has_a_test_and_something_broken():
    assert set(CLASSES) == set(range(1, 16))
    assert {b.bug_class for b in BROKEN if b.bug_class} == set(CLASSES)


@pytest.mark.parametrize("number", CLASSES, ids=lambda n: f"{n}-{CLASSES[n].__name__}")
def test_bug_class(number):
    CLASSES[number]()


@pytest.mark.parametrize("broken", [b for b in BROKEN if b.bug_class], ids=lambda b: f"{b.bug_class}-{b.name}")
def test_its_test_fails_when_the_guard_is_broken(broken):
    name = CLASSES[broken.bug_class].__name__
    with broken.applied():
        again = importlib.import_module("tests.laws.bug_classes")
        assert again is not bug_classes
        with pytest.raises((Exception, pytest.fail.Exception)):
            getattr(again, name)()
