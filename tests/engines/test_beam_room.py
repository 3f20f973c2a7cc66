"""What a worker keeps is a share of the memory that it has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

from onto_flow.engines.beam import room as rooms
from onto_flow.engines.beam.room import AS_OBJECTS, room

pytestmark = pytest.mark.beam

GIGABYTE = 1 << 30


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "_of_machine", lambda: 16 * GIGABYTE)
    monkeypatch.setattr(rooms, "_processors", lambda: 4)


def limit(folder: Path, text: str) -> Path:
    place = folder / "limit"
    place.write_text(text)
    return place


def test_objects_take_an_eighth_of_the_memory_of_one_process() -> None:
    assert room([]) == GIGABYTE // 2 // AS_OBJECTS


@pytest.mark.parametrize(
    ("text", "memory"),
    [("1073741824\n", GIGABYTE), ("max\n", 16 * GIGABYTE), ("", 16 * GIGABYTE), ("é", 16 * GIGABYTE)],
)
def test_a_container_has_what_it_may_take(text: str, memory: int, tmp_path: Path) -> None:
    assert room([tmp_path / "nothing", limit(tmp_path, text)]) == memory // 4 // 8 // AS_OBJECTS


def test_where_memory_cannot_be_told_it_is_that_of_a_machine_of_dataflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    def fails(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", fails)
    assert room([]) == 4 * GIGABYTE // 8 // AS_OBJECTS
