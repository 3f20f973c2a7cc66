"""Emulators are started on a port of their own, whatever others take meanwhile."""

import socket

import pytest

from onto_flow.core.errors import EngineError
from onto_flow.testing import emulators
from onto_flow.testing.firestore_emulator import firestore_emulator


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        yield other.getsockname()[1]


def test_a_port_that_another_program_took_is_left_to_it(emulator_jar, taken, monkeypatch):
    free, ports = emulators._free_port, iter([taken])
    monkeypatch.setattr(emulators, "_free_port", lambda: next(ports, None) or free())
    with firestore_emulator() as address:
        assert address != f"127.0.0.1:{taken}"


def test_an_emulator_that_ends_at_once_says_what_it_said(emulator_jar):
    with pytest.raises(EngineError, match="no such export"), firestore_emulator("--seed_from_export=no such export"):
        pass


def test_free_ports_are_none_that_connections_take():
    assert all(15_000 <= emulators._free_port() < 32_000 for _ in range(20))
