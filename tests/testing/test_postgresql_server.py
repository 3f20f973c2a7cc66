"""The private server for tests: nobody else reaches it, and it is gone afterwards, whatever happens."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from onto_flow.core.errors import EngineError
from onto_flow.testing import postgresql_server as server

HOLDER = """
import signal
from onto_flow.testing.postgresql_server import postgresql_server

with postgresql_server() as uri:
    print(uri, flush=True)
    signal.pause()
"""


def ended(pid):
    """Waits until a process is gone, half a minute at most."""
    descriptor = os.pidfd_open(pid)
    try:
        return bool(select.select([descriptor], [], [], 30)[0])
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGINT])
def test_it_is_gone_when_its_process_is(postgresql, with_signal):
    folders = os.pathsep.join(sys.path)
    line = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": folders}
    ) as holder:
        uri = holder.stdout.readline().strip()
        folder = Path(conninfo_to_dict(uri)["host"])
        pid = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        with psycopg.connect(uri) as connected:
            assert connected.execute("SHOW listen_addresses").fetchone() == ("",)
        assert folder.stat().st_mode & 0o777 == 0o700
        holder.send_signal(with_signal)
        assert ended(pid)
    if with_signal == signal.SIGINT:
        assert not folder.exists()


def test_programs_that_are_missing_are_named_with_the_line_that_installs_them(monkeypatch, tmp_path):
    monkeypatch.setattr(server, "_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert server.server_programs() is None
    with (
        pytest.raises(EngineError, match="apt-get install --no-install-recommends postgresql"),
        server.postgresql_server(),
    ):
        pass


def test_a_server_that_does_not_start_is_one_clear_error(postgresql, monkeypatch):
    monkeypatch.setitem(server._SETTINGS, "shared_buffers", "no size")
    with (
        pytest.raises(EngineError, match=r"(?s)pg_ctl failed: .*invalid value for parameter"),
        server.postgresql_server(),
    ):
        pass
