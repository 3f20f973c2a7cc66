"""View changes as JSON: `{"view", "path", "old", "new", "version": [generation, epoch, seq]}`, values in typed JSON.

Where `new` is the last good document of failing code, `"failed": true` is there too. Delivery is at least once, in any
order: a consumer keeps the highest version per path.

Law: `decode_view_change(encode_view_change(change))` is the change.
"""

from __future__ import annotations

import json
from typing import Any

from ..core.change import ViewChange
from ..core.errors import DataError
from ..core.values import Document
from .json_text import parse_json
from .typed_json import decode_fields, encode_fields


def encode_view_change(change: ViewChange) -> bytes:
    """The JSON of a view change.

    Example:
        >>> encode_view_change(ViewChange("V", "v/1", None, {"n": 1}, (7, 0, 1)))
        b'{"view": "V", "path": "v/1", "old": null, "new": {"n": {"integerValue": "1"}}, "version": [7, 0, 1]}'
    """
    content: dict[str, Any] = {
        "view": change.view,
        "path": change.path,
        "old": _encoded(change.old),
        "new": _encoded(change.new),
        "version": list(change.version),
    }
    if change.failed:
        content["failed"] = True
    return json.dumps(content, ensure_ascii=False).encode()


def decode_view_change(data: bytes) -> ViewChange:
    """The view change of a line or message.

    Raises:
        DataError: `bad-change` for what is none; `bad-value` for a value that is none.

    Example:
        >>> decode_view_change(encode_view_change(ViewChange("V", "v/1", {"n": 1}, None, (7, 0, 2)))).old
        {'n': 1}
    """
    content = parse_json(data)
    names = ("view", "path", "version", "old", "new")
    if not isinstance(content, dict) or any(name not in content for name in names):
        raise DataError("bad-change", f"not a view change, which has {', '.join(names)}: {data!r:.200}")
    view, path, version = (content[name] for name in names[:3])
    if not isinstance(view, str) or not isinstance(path, str) or not _is_version(version):
        raise DataError("bad-change", f"not the view, path and version of a view change: {data!r:.200}")
    old, new = (_decoded(content[name], f"$.{name}") for name in names[3:])
    return ViewChange(view, path, old, new, tuple(version), content.get("failed") is True)


def _is_version(version: object) -> bool:
    return isinstance(version, list) and len(version) == 3 and all(type(part) is int for part in version)


def _encoded(document: Document | None) -> dict[str, Any] | None:
    return None if document is None else encode_fields(document)


def _decoded(fields: Any, where: str) -> Document | None:
    return None if fields is None else decode_fields(fields, None, where)
