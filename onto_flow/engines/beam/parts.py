"""What every pipeline of ours is put together with: collections of bytes, with the types of all outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam

KEYED = tuple[bytes, bytes]
"""The type of collections of messages: keys and envelopes, or keys and messages."""


def pardo(fn: beam.DoFn, takes: Any, gives: Mapping[str | None, Any]) -> Any:
    """A ParDo with the types of all its outputs; `None` is the main one. One of several outputs has them by tag."""
    tags = {tag: hint for tag, hint in gives.items() if tag is not None}
    step = beam.ParDo(fn.with_input_types(takes).with_output_types(gives[None], **tags))
    return step.with_outputs(*tags) if tags else step


def flatten(label: str, collections: Sequence[Any]) -> Any:
    """Several collections as one."""
    return tuple(collections) | label >> beam.Flatten()
