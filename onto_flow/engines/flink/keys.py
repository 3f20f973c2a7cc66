"""Keys as Flink groups by them: text.

Flink forbids byte arrays as keys (their hash in Java is that of the object), so a key travels as text: a path behind
`s`, canonical bytes as hexadecimal digits behind `b`.
"""

from __future__ import annotations

from ...operators.base import Key


def key_text(key: Key) -> str:
    """A key as text.

    Example:
        >>> key_text("users/u1"), key_text(bytes([5, 1])), key_of("b0501")
        ('susers/u1', 'b0501', b'\\x05\\x01')
    """
    return f"s{key}" if isinstance(key, str) else f"b{key.hex()}"


def key_of(text: str) -> Key:
    """The key that a text stands for."""
    return text[1:] if text[0] == "s" else bytes.fromhex(text[1:])
