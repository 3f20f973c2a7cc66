"""Whether a job is well, by HTTP: `/healthz`, `/readyz` and, with the extra `metrics`, `/metrics`.

`/healthz` is 200 while the job shows signs of life, else 503: restart it. `/readyz` is 200 once the tables are complete, so
that readers may be sent to them. Neither tells anything of documents; `/metrics` has names of views and numbers.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from ..core.errors import UsageError
from ..engines.metrics import Metrics

TIMEOUT_SECONDS = 10.0
Answer = tuple[HTTPStatus, str, bytes]
_TEXT = "text/plain; charset=utf-8"


class Text(Protocol):
    """The numbers in a format for a scrape."""

    content_type: str

    def text(self) -> bytes:
        """What is answered."""


def address_of(place: str) -> tuple[str, int]:
    """The host and port of `HOST:PORT`, `:PORT` (every interface) or `PORT` (this machine alone).

    Raises:
        UsageError: `wrong-usage`.

    Example:
        >>> address_of("9090"), address_of(":9090"), address_of("[::1]:9090")
        (('127.0.0.1', 9090), ('0.0.0.0', 9090), ('::1', 9090))
    """
    host, colon, port = place.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError("wrong-usage", f"{place!r} is no HOST:PORT", fix="Such as 127.0.0.1:9090.")
    host = host.removeprefix("[").removesuffix("]")
    return (host or "0.0.0.0") if colon else "127.0.0.1", int(port)  # noqa: S104 - the user asked for every interface


@contextmanager
def health_server(place: str, metrics: Metrics, exposition: Text | None = None) -> Iterator[int]:
    """Answers while the context is open; gives the port, which is a free one for port 0.

    Raises:
        UsageError: `wrong-usage` for a place that cannot be listened on.
    """
    server = _listen(address_of(place), _answers(metrics, exposition))
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="onto-flow-health", daemon=True
    )
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answers(metrics: Metrics, exposition: Text | None) -> Mapping[str, Callable[[], Answer]]:
    def health() -> Answer:
        return _plain(not metrics.hung, "alive", "no sign of life")

    def ready() -> Answer:
        return _plain(metrics.ready and not metrics.hung, "ready", metrics.stage)

    answers: dict[str, Callable[[], Answer]] = {"/healthz": health, "/readyz": ready}
    if exposition is not None:
        shown = exposition
        answers["/metrics"] = lambda: (HTTPStatus.OK, shown.content_type, shown.text())
    return answers


def _plain(well: bool, yes: str, no: str) -> Answer:
    status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
    return status, _TEXT, f"{yes if well else no}\n".encode()


def _listen(address: tuple[str, int], answers: Mapping[str, Callable[[], Answer]]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_SECONDS
        server_version = "onto-flow"
        sys_version = ""

        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            self._send(*(answer() if answer else (HTTPStatus.NOT_FOUND, _TEXT, b"not found\n")))

        def do_HEAD(self) -> None:
            self.do_GET()

        def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: a scrape every few seconds is no news."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True
        address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET

    try:
        return Server(address, Handler)
    except OSError as error:
        where = f"{address[0]}:{address[1]}"
        raise UsageError(
            "wrong-usage", f"cannot listen on {where}: {error.strerror or error}", fix="Name another place."
        ) from error
