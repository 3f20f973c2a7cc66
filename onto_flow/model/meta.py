"""`Meta` and the place of a class statement: what is known of a model when it is declared."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.errors import DeclarationError, SourceLine, did_you_mean

ON_ERROR = ("keep", "delete", "fail")
_CHOICES = {"on_error": ON_ERROR}


def declaring_frame() -> FrameType:
    """The frame that runs the class statement which is being declared; subclass hooks in between do not count."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_code.co_name == "__init_subclass__" or frame.f_globals.get("__name__", "").startswith(__package__ or "")
    ):
        frame = frame.f_back
    return frame


class Surroundings:
    """The names around a class statement, also those that are defined after it."""

    def __init__(self, frame: FrameType) -> None:
        in_function = frame.f_code.co_flags & inspect.CO_OPTIMIZED
        self._frame = frame if in_function else None
        self._names: Mapping[str, Any] = frame.f_locals

    @property
    def names(self) -> Mapping[str, Any]:
        """Name -> object, as it is now."""
        return self._names if self._frame is None else self._frame.f_locals


def options_of(cls: type, known: Iterable[str], line: SourceLine) -> Mapping[str, Any]:
    """The options in a class's own `Meta`.

    Raises:
        DeclarationError: `bad-meta` for an option that is not known, or a value of a wrong type.
    """
    meta = vars(cls).get("Meta")
    if not isinstance(meta, type):
        return {}
    options: dict[str, Any] = {}
    for base in reversed(meta.__mro__[:-1]):
        options.update({n: v for n, v in vars(base).items() if not n.startswith("__")})
    for name, value in options.items():
        where = f"{cls.__name__}.Meta"
        if name not in known:
            fix = did_you_mean(name, known)
            raise DeclarationError("bad-meta", f"{where} has no option {name!r}", where=line, fix=fix)
        wanted = bool if name in ("abstract", "convert_names", "strict") else str
        choices = _CHOICES.get(name)
        if choices is not None and value not in choices:
            fix = did_you_mean(str(value), choices)
            raise DeclarationError("bad-meta", f"{where}.{name} = {value!r} is none", where=line, fix=fix)
        if not isinstance(value, wanted):
            raise DeclarationError("bad-meta", f"{where}.{name} = {value!r} is not a {wanted.__name__}", where=line)
    return options


class Namespace:
    """`agg`, `operator`, `window`: what one of them does not have is told with the nearest name."""

    written: ClassVar[str]

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            """Refuses.

            Raises:
                DeclarationError: `unknown-name`.
            """
            if name.startswith("_"):
                raise AttributeError(name)
            known = [n for n in dir(type(self)) if not n.startswith("_") and n != "written"]
            what, fix = f"{self.written} has no {name!r:.80}", did_you_mean(name, known)
            raise DeclarationError("unknown-name", what, where=SourceLine.of_caller(), fix=fix)


def refuse_options(function: str, given: Iterable[str], known: Iterable[str], line: SourceLine) -> None:
    """Refuses options that a function of a declaration does not have.

    Raises:
        DeclarationError: `unknown-name`, with the nearest option.
    """
    for name in given:
        raise DeclarationError(
            "unknown-name", f"{function} has no option {name!r}", where=line, fix=did_you_mean(name, known)
        )
