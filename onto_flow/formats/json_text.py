"""JSON text -> what it stands for; with orjson where it is installed, and the same result without.

Law: both parsers give the same values and refuse the same texts. Whatever orjson refuses is judged by the standard
library; texts that the two would read differently (integers beyond 64 bits, which orjson rounds) are read by the standard
library where numbers are taken as they stand; both are held to one depth.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from ..core.errors import DataError

try:
    import orjson
except ImportError:  # pragma: no cover - the tests take it away
    orjson = None  # type: ignore[assignment,unused-ignore]

MAX_JSON_DEPTH = 200
"""Twenty maps in arrays, as typed JSON, are 120 deep; a parser's own limit differs from one to the next."""

_LONG = b"0" * 19
_DIGITS = bytes.maketrans(b"123456789", b"000000000")


def parse_json(data: bytes | str, *, numbers: bool = False) -> Any:
    """What JSON text stands for; of a key that occurs twice the last counts.

    Args:
        data: UTF-8, UTF-16 or UTF-32, or text.
        numbers: Whether integers beyond 64 bits must stay what they are: for forms whose numbers are values.

    Raises:
        DataError: `bad-change`: no JSON text (`NaN` and the like are none), or nested too deep.

    Example:
        >>> parse_json(b'{"a": [1, 1.0, "1"], "b": null, "a": 2}')
        {'a': 2, 'b': None}
    """
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    if orjson is None or (numbers and has_long_numbers(raw)):
        content = _by_the_library(data)
    else:
        try:
            content = orjson.loads(raw)
        except ValueError:
            content = _by_the_library(data)
    if raw.count(b"{") + raw.count(b"[") > MAX_JSON_DEPTH:
        _check_depth(content)
    return content


def has_long_numbers(raw: bytes) -> bool:
    """Whether text may hold integers beyond 64 bits, which `parse_json` keeps only when it is told to."""
    return _LONG in raw.translate(_DIGITS)


def _by_the_library(data: bytes | str) -> Any:
    try:
        return json.loads(data, parse_constant=_not_json)
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise DataError("bad-change", f"Not JSON text: {error!s:.200}") from error


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _check_depth(content: Any) -> None:
    level = [content]
    for _ in range(MAX_JSON_DEPTH):
        level = [
            child
            for outer in level
            for child in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> DataError:
    return DataError("bad-change", f"The JSON is nested deeper than {MAX_JSON_DEPTH} levels")
