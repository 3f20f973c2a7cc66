"""What of lists is kept with a root is looked at by the collector only where it may be in a cycle."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from functools import cached_property

import pytest

from onto_flow.core.native import compiled
from onto_flow.model.lasting import Elements


@dataclass(frozen=True)
class Person:
    name: str
    present: bool


@dataclass(frozen=True)
class Listed(Person):
    @cached_property
    def itself(self) -> list[Listed]:
        return [self]


@pytest.mark.parametrize("made", [Person("Ada", True), Listed("Ada", True)])
def test_an_element_that_can_keep_something_with_it_stays_seen(made: Person) -> None:
    stored = Elements(lambda element: element, lambda kind: [("name", "name"), ("present", "present")]).stored([made])
    assert stored == [{"name": "Ada", "present": True}]
    assert gc.is_tracked(made) is (isinstance(made, Listed) or compiled() is None)
