"""The filesystems of fsspec by URL, and URLs without what nobody shall read."""

from __future__ import annotations

import re
from typing import Any

from ..core.errors import EngineError, UsageError

_SECRETS = re.compile(r"//[^/@]*@")
_EXTRAS = {"gs": "gcs", "gcs": "gcs", "s3": "s3", "s3a": "s3"}


def without_secrets(text: str) -> str:
    """A text whose URLs name no user and no password.

    Example:
        >>> without_secrets("sftp://me:secret@host/export")
        'sftp://host/export'
    """
    return _SECRETS.sub("//", text)


def filesystem_of(url: str, storage: dict[str, Any]) -> tuple[Any, str]:
    """A filesystem, and the place in it that a URL names.

    Raises:
        EngineError: `missing-extra` when fsspec, or what the scheme needs, is not installed.
        UsageError: `wrong-usage` for a scheme that nobody knows.
    """
    scheme = url.partition(":")[0]
    extra = _EXTRAS.get(scheme, "fsspec")
    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(url, **storage)
    except ImportError as error:
        raise EngineError(
            "missing-extra",
            f"{scheme}:// needs a package that is not installed: {error}",
            fix=f"pip install 'onto-flow[{extra}]'",
        ) from error
    except ValueError as error:
        raise UsageError("wrong-usage", f"{without_secrets(url)!r:.200} is not a place: {error}") from error
    return filesystem, str(path)
