"""The bytes of documents: the canonical ones of `core.codec`, made and read in C where the extension was built."""

from __future__ import annotations

from ...formats.native.values import value_decoder, value_encoder

encode_document = value_encoder()
decode_document = value_decoder()
