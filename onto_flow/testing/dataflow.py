"""A double of Dataflow's REST service, and of the bucket that jobs are staged to, on loopback.

It runs nothing. It keeps jobs as they were posted, lets a new version take the place of a running job under the rules that
Google documents (`replaceJobId` names an active job of the same name; the old job is then `UPDATED`), and tells states and
messages. What of a graph fits to the state of another is for `judge` to say, as this module knows no graphs.

    with dataflow_double() as double:
        # --dataflow_endpoint=http://localhost:PORT --no_auth, and STORAGE_EMULATOR_HOST for the bucket
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .dataflow_bucket import Bucket

_JOBS = re.compile(r"/v1b3/projects/([^/]+)/locations/([^/]+)/jobs(?:/([^/:]+)(/messages)?)?")
_ACTIVE = ("JOB_STATE_RUNNING", "JOB_STATE_PENDING", "JOB_STATE_DRAINING")

Job = dict[str, Any]
Answer = tuple[int, Any]


@dataclass
class DataflowDouble:
    """What it was given, and what it tells.

    Attributes:
        address: Where it listens: `http://localhost:PORT`.
        jobs: Id -> the job, as posted, with its state.
        bucket: What was uploaded.
        calls: (method, path) of each call.
        refusals: What the next posts are answered instead: a status and a message.
        states: What the next jobs become, one after the other: `RUNNING` where nothing is said.
        messages: What a job that is `FAILED` says.
        judge: Of the graphs of a running job and of its new version: why they do not fit; empty where they do.
    """

    address: str = ""
    jobs: dict[str, Job] = field(default_factory=dict)
    bucket: Bucket = field(default_factory=Bucket)
    calls: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=lambda: ["Workflow failed."])
    judge: Callable[[bytes, bytes, Mapping[str, str]], str] = lambda old, new, names: ""
    _incompatible: dict[str, str] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """The pipeline options with which Beam comes here."""
        return {"dataflow_endpoint": self.address, "no_auth": True}

    def graph(self, job: Job) -> bytes:
        """The graph of a job, as it was staged."""
        return self.bucket.objects[job["environment"]["sdkPipelineOptions"]["options"]["pipelineUrl"]]

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: bytes) -> Answer:
        """Answers a call."""
        found = _JOBS.fullmatch(path)
        if found is None:
            return 404, _error(404, f"no method {method} {path}")
        _, _, name, messages = found.groups()
        if name is None:
            return self._post(json.loads(body)) if method == "POST" else (200, {"jobs": self._listed(query)})
        if name not in self.jobs:
            return 404, _error(404, f"({name}): job not found")
        if messages:
            return 200, {"jobMessages": self._told(name)}
        if method == "PUT":
            self.jobs[name]["currentState"] = json.loads(body)["requestedState"]
        return 200, self.jobs[name]

    def _listed(self, query: Mapping[str, list[str]]) -> list[Job]:
        active = query.get("filter", [""])[0] in ("ACTIVE", "3")
        return [job for job in self.jobs.values() if not active or job["currentState"] in _ACTIVE]

    def _post(self, job: Job) -> Answer:
        if self.refusals:
            status, message = self.refusals.pop(0)
            return status, _error(status, message)
        running = [j for j in self.jobs.values() if j["name"] == job["name"] and j["currentState"] in _ACTIVE]
        replaced = job.get("replaceJobId")
        if replaced is None and running:
            # As the service does: the job that runs is the answer, and the client sees that it is not its own.
            return 200, running[0]
        if replaced is not None and replaced not in [j["id"] for j in running]:
            return 400, _error(400, f"({replaced}): no running job of this name and id can be updated")
        made = {**job, "id": f"2026-11-26_00_00_00-{len(self.jobs) + 1}", "currentState": self._state()}
        if replaced is not None:
            self._replace(self.jobs[replaced], made)
        self.jobs[made["id"]] = made
        return 200, made

    def _state(self) -> str:
        return f"JOB_STATE_{self.states.pop(0) if self.states else 'RUNNING'}"

    def _replace(self, old: Job, new: Job) -> None:
        why = self.judge(self.graph(old), self.graph(new), new.get("transformNameMapping", {}))
        if why:
            new["currentState"] = "JOB_STATE_FAILED"
            self._incompatible[new["id"]] = (
                f"Workflow failed. Causes: The new job is not compatible with {old['id']}. "
                f"The original job has not been aborted., {why}"
            )
        else:
            old["currentState"] = "JOB_STATE_UPDATED"

    def _told(self, name: str) -> list[Job]:
        failed = self.jobs[name]["currentState"] == "JOB_STATE_FAILED"
        texts = [self._incompatible[name]] if name in self._incompatible else self.messages if failed else []
        return [
            {
                "id": str(at),
                "messageText": text,
                "messageImportance": "JOB_MESSAGE_ERROR",
                "time": "2026-11-26T00:00:00Z",
            }
            for at, text in enumerate(texts)
        ]


def _error(status: int, message: str) -> Any:
    names = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS"}
    return {"error": {"code": status, "message": message, "status": names.get(status, "INTERNAL")}}


@contextmanager
def dataflow_double() -> Iterator[DataflowDouble]:
    """A double that listens on loopback until the block ends."""
    double = DataflowDouble()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            double.calls.append((self.command, url.path))
            path, query = unquote(url.path), parse_qs(url.query)
            if "/storage/" in url.path:
                status, headers, said = double.bucket.answer(self.command, url.path, query, self.headers, body)
            else:
                status, said = double.answer(self.command, path, query, body)
                headers = {}
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        double.address = double.bucket.address = f"http://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield double
        finally:
            server.shutdown()
            thread.join()
