"""The part of Cloud Storage's JSON API that staging a job needs: a bucket, an object, a resumable upload."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ..formats.leveldb_log import crc32c

_BUCKET = re.compile(r"/storage/v1/b/([^/]+)")
_OBJECT = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)")
_UPLOAD = re.compile(r"/upload/storage/v1/b/([^/]+)/o")
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


@dataclass
class Bucket:
    """Buckets of any name, until `missing` names them.

    Attributes:
        address: Where its uploads go.
        objects: `gs://BUCKET/OBJECT` -> content.
        missing: Names of buckets that do not exist.
    """

    address: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    _begun: dict[str, tuple[str, bytearray]] = field(default_factory=dict)

    def answer(
        self, method: str, path: str, query: Mapping[str, list[str]], headers: Any, body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body."""
        if method == "PUT":
            return self._piece(query["upload_id"][0], headers["Content-Range"], body)
        if found := _UPLOAD.fullmatch(path):
            return self._begin(unquote(found[1]), json.loads(body)["name"])
        if found := _OBJECT.fullmatch(path):
            name = f"gs://{found[1]}/{unquote(found[2])}"
            return (200, {}, self._about(name)) if name in self.objects else _absent(name)
        found = _BUCKET.fullmatch(path)
        if found is None or found[1] in self.missing:
            return _absent(path)
        return 200, {}, {"kind": "storage#bucket", "name": found[1], "id": found[1]}

    def _begin(self, bucket: str, name: str) -> tuple[int, dict[str, str], Any]:
        number = str(len(self._begun) + 1)
        self._begun[number] = f"gs://{bucket}/{name}", bytearray()
        return 200, {"Location": f"{self.address}/upload/storage/v1/b/{bucket}/o?upload_id={number}"}, {}

    def _piece(self, number: str, span: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        name, content = self._begun[number]
        found = _RANGE.fullmatch(span)
        assert found is not None, span
        del content[int(found[1] or len(content)) :]
        content += body
        if found[2] == "*" or int(found[2]) > len(content):
            return 308, {"Range": f"bytes=0-{len(content) - 1}"}, {}
        self.objects[name] = bytes(content)
        return 200, {}, self._about(name)

    def _about(self, name: str) -> dict[str, str]:
        bucket, _, key = name.removeprefix("gs://").partition("/")
        content = self.objects[name]
        checksum = base64.b64encode(crc32c(content).to_bytes(4, "big")).decode()
        return {"kind": "storage#object", "bucket": bucket, "name": key, "size": str(len(content)), "crc32c": checksum}


def _absent(what: str) -> tuple[int, dict[str, str], Any]:
    return 404, {}, {"error": {"code": 404, "message": f"{what} does not exist"}}
