"""The manifest of a table that is several files: which of them are the table now.

A part never changes. The manifest is the one object that is replaced, at once, so that a reader of it sees one whole
publication; what it does not name is no part of the table.

| place | what |
|---|---|
| `DIR/NAME/table.parquet` | a table of one file |
| `DIR/NAME/manifest.json` | the manifest of a table of several; who takes the folder for one of files gets an error |
| `DIR/.NAME.parts/*.parquet` | its parts: of this publication, of those before that are kept, and what a crash left |
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from ..core.errors import DataError

FILE = "table.parquet"
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 64 << 20
_FORMAT = "onto_flow.table/1"
_NAME = re.compile(r"(\d{1,16})-[0-9a-f]{1,32}-\d{1,6}\.parquet")


@dataclass(frozen=True)
class Part:
    """A file with some rows of a table.

    Attributes:
        name: Its name in the folder of parts.
        rows: How many it has.
        size: Its bytes.
    """

    name: str
    rows: int
    size: int


@dataclass(frozen=True)
class Replaced:
    """The parts of a publication that was replaced at a time (seconds)."""

    names: tuple[str, ...]
    at: float


@dataclass(frozen=True)
class Manifest:
    """What a table is now.

    Attributes:
        generation: Of the job that wrote it.
        publication: Counts the publications of the table.
        parts: Its files, in the order of their rows; never none.
        replaced: Publications before, whose files are still there.
    """

    generation: int
    publication: int
    parts: tuple[Part, ...]
    replaced: tuple[Replaced, ...] = ()

    def names(self) -> set[str]:
        """All files that it keeps."""
        return {p.name for p in self.parts} | {name for one in self.replaced for name in one.names}


def part_name(milliseconds: int, token: str, number: int) -> str:
    """The name of a part.

    Args:
        milliseconds: When the publication began.
        token: What no other publication has, in hexadecimal digits.
        number: Which part of the publication it is.

    Example:
        >>> part_name(1714521600000, "c0ffee", 3), made_at("1714521600000-c0ffee-00003.parquet"), made_at("x.parquet")
        ('1714521600000-c0ffee-00003.parquet', 1714521600.0, None)
    """
    return f"{milliseconds}-{token}-{number:05d}.parquet"


def made_at(name: str) -> float | None:
    """When the publication of a part began, in seconds; `None` for a name that no part has."""
    found = _NAME.fullmatch(name)
    return int(found[1]) / 1000 if found else None


def encode_manifest(manifest: Manifest) -> bytes:
    """A manifest as JSON.

    Example:
        >>> one = Manifest(7, 2, (Part("1-ab-00000.parquet", 3, 900),))
        >>> decode_manifest(encode_manifest(one), "rooms") == one
        True
    """
    return json.dumps({"format": _FORMAT, **asdict(manifest)}).encode()


def decode_manifest(data: bytes, where: object) -> Manifest:
    """The manifest that JSON stands for.

    Raises:
        DataError: `bad-table` when it is none.
    """
    try:
        if len(data) > MAX_MANIFEST_BYTES:
            raise ValueError(f"it has {len(data):,} bytes")
        content = json.loads(data)
        if content["format"] != _FORMAT:
            raise ValueError(f"its format is {content['format']!r:.80}")
        parts = tuple(Part(_checked(p["name"]), int(p["rows"]), int(p["size"])) for p in content["parts"])
        replaced = tuple(Replaced(tuple(map(_checked, r["names"])), float(r["at"])) for r in content["replaced"])
        if not parts:
            raise ValueError("it names no part")
        return Manifest(int(content["generation"]), int(content["publication"]), parts, replaced)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(
            "bad-table",
            f"The manifest cannot be read: {error!r:.200}",
            where=where,
            fix="Publish the table again.",
        ) from error


def _checked(name: Any) -> str:
    if not isinstance(name, str) or made_at(name) is None:
        raise ValueError(f"{name!r:.80} is no name of a part")
    return name
