"""Elements of HTML and SVG: names are ours, text and attributes are escaped, and the result is well-formed XML too."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from .shown import clean


class Markup(str):
    """Text that is markup already; any other text is escaped."""

    __slots__ = ()


def text(value: object) -> Markup:
    """A text as markup, without anything that is not seen.

    Example:
        >>> print(text('<b onclick="x">\\x00'))
        &lt;b onclick=&quot;x&quot;&gt;\\x00
    """
    return value if isinstance(value, Markup) else Markup(escape(clean(str(value))))


def element(name: str, *content: object, **attributes: object) -> Markup:
    """An element; `_` in a name of an attribute is a hyphen, one at its end is dropped.

    Example:
        >>> print(element("a", "1 < 2", element("b"), class_="x y", stroke_width=2))
        <a class="x y" stroke-width="2">1 &lt; 2<b></b></a>
    """
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{named}>{join(content)}</{name}>")


def join(parts: Iterable[object]) -> Markup:
    """Markup and texts, one behind the other."""
    return Markup("".join(map(text, parts)))


def number(value: float) -> str:
    """A coordinate: as short as it may be.

    Example:
        >>> number(1.0), number(2.345)
        ('1', '2.3')
    """
    return f"{value:.1f}".removesuffix(".0")
