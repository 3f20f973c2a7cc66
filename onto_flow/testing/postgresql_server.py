"""A PostgreSQL server of one's own, for tests and benchmarks: in a temporary folder, on a Unix socket, gone afterwards.

It needs the server's programs, not a server that runs: `apt-get install --no-install-recommends postgresql`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.errors import EngineError

INSTALL = "apt-get install --no-install-recommends postgresql"
_ADMIN = "onto_flow"
_DEBIAN = Path("/usr/lib/postgresql")
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "30",
    "shared_buffers": "64MB",
}
"""Nobody but this machine reaches it, and nothing of it shall outlive a crash."""
_ACCESS = f"local all {_ADMIN} trust\nlocal all all scram-sha-256\n"
_STOP = 'read _; "$0" stop --wait --pgdata=data --mode=immediate >stop.out 2>&1; cd /; rm -rf "$1"'
_LONGEST_SOCKET = 80
"""Bytes of a folder in which a socket may lie: the address of a socket has 107, its name in the folder 15."""


def server_programs() -> Path | None:
    """The folder of `initdb`, `postgres` and `pg_ctl`: of the PATH, else Debian's newest; `None` where there is none."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(_DEBIAN.glob("*/bin"), key=lambda f: int(f.parent.name) if f.parent.name.isdigit() else 0)[::-1]
    return next((f for f in folders if all((f / name).exists() for name in ("initdb", "postgres", "pg_ctl"))), None)


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Starts an empty server, gives the URI of its database, and stops it in the end.

    The user of the URI may do everything, without a password. Other roles, once they are made, need theirs. As root, who
    may not run a server, it is run as `postgres` or `nobody`.

    Raises:
        EngineError: `missing-extra` where the server's programs are not installed; `sink-failed` when it does not start.
    """
    programs = server_programs()
    if programs is None:
        raise EngineError("missing-extra", "no PostgreSQL server is installed here", fix=INSTALL)
    temporary = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="onto-flow-", dir=temporary if len(temporary) < _LONGEST_SOCKET else "/tmp"))  # noqa: S108
    run = _Runner(programs, folder)
    try:
        run("initdb", "--pgdata=data", f"--username={_ADMIN}", "--encoding=UTF8", "--locale=C", "--no-sync")
        run.write("data/pg_hba.conf", _ACCESS)
        settings = {**_SETTINGS, "unix_socket_directories": str(folder)}
        run.write("data/postgresql.auto.conf", "".join(f"{name} = '{value}'\n" for name, value in settings.items()))
        with run.guard():
            run("pg_ctl", "start", "--wait", "--pgdata=data", "--log=log")
            yield f"postgresql://{_ADMIN}@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Runner:
    """Runs the server's programs in its folder, as a user that may."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:
            known = {entry.pw_name: entry for entry in pwd.getpwall()}
            user = known.get("postgres") or known["nobody"]
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(folder, user.pw_uid, user.pw_gid)

    def __call__(self, program: str, *arguments: str) -> None:
        """Runs one program to its end."""
        with (self._folder / f"{program}.out").open("w+") as output:
            line = [str(self._programs / program), *arguments]
            done = subprocess.run(line, stdout=output, stderr=output, cwd=self._folder, **self._as)  # noqa: S603
            if done.returncode:
                output.seek(0)
                raise EngineError("sink-failed", f"{program} failed: {self._last(output.read())}", where=self._folder)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Stops the server at the end, also when this process is killed: then the other end of a pipe is closed."""
        line = ["sh", "-c", _STOP, str(self._programs / "pg_ctl"), str(self._folder)]
        guard = subprocess.Popen(line, stdin=subprocess.PIPE, cwd=self._folder, start_new_session=True, **self._as)  # noqa: S603
        try:
            yield
        finally:
            guard.communicate()

    def write(self, name: str, text: str) -> None:
        """Replaces the text of a file that is there; its owner stays."""
        (self._folder / name).write_text(text)

    def _last(self, said: str) -> str:
        log = self._folder / "log"
        return (said + (log.read_text(errors="replace") if log.exists() else "")).strip()[-500:]
