"""One thing to make on Google Cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Resource:
    """One thing to make.

    Attributes:
        kind: Terraform's type.
        label: Its name there.
        body: Its arguments there.
        command: The same with Google's command line tool.
        why: What it is for.
    """

    kind: str
    label: str
    body: dict[str, Any]
    command: str
    why: str
