"""Who makes lines of JSON of many records: the compiled decoder where it was built, else steps of whole arrays.

Law: the lines are the same, byte for byte; both leave to `json_lines.line_of` what they do not know.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.field_mask import FieldMask
from ..batch_json import JsonEncoder, JsonLines
from ..record_batch import Wanted
from ..spans import Spans
from . import extension
from .compiled import new_decoder


def line_encoder(wanted: Wanted | None = None, mask: FieldMask | None = None) -> Callable[[Spans], JsonLines]:
    """The encoder of the records of one export.

    Args:
        wanted: Which collections and fields are wanted; `None`: all.
        mask: Which fields inside maps are shown; the compiled decoder knows whole fields only.

    Example:
        >>> from onto_flow.formats.entity_writer import encode_entity
        >>> line_encoder()(Spans.of([encode_entity("users/u1", {"n": 1}), b"?"])).lines
        [b'{"path": "users/u1", "fields": {"n": {"integerValue": "1"}}}\\n']
    """
    compiled = extension()
    if compiled is None or mask is not None:
        return JsonEncoder(wanted, mask).lines
    decoder = new_decoder(compiled, wanted)
    return lambda records: JsonLines(*decoder.lines(records.words.data, records.start, records.stop))
