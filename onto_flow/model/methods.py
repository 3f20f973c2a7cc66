"""Methods of a view model: `computed` getters, `udf` staticmethods, `operator` classmethods.

Staticmethods become UDFs, classmethods become operators. A decorator marks the function underneath, so both orders work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from ..core.errors import DeclarationError, SourceLine
from .accumulator import Accumulator
from .aggregates import AccumulatorDeclaration
from .meta import Namespace
from .slot import ManySlot
from .udfs import Udf

F = TypeVar("F")
P = ParamSpec("P")
R = TypeVar("R")

if TYPE_CHECKING:
    computed = property
else:

    class computed(property):  # noqa: N801 - used as a decorator, beside property
        """A getter of a view document's attribute: it sees `self.store`, and is evaluated once per view document."""

        def __set_name__(self, owner: type, name: str) -> None:
            """Learns the attribute's name."""
            self.owner, self.name = owner, name

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            """The value, computed once per view document."""
            if instance is None:
                return self
            cache = instance._computed
            if self.name not in cache:
                cache[self.name] = super().__get__(instance, owner)
            return cache[self.name]

        def __set__(self, instance: Any, value: Any) -> None:
            """Runs the setter; what was computed before is computed again."""
            if self.fset is None:
                raise AttributeError(f"{type(instance).__name__}.{self.name} has no setter")
            super().__set__(instance, value)
            instance._computed.clear()


def function_of(member: Any) -> Any:
    """The function in a staticmethod or classmethod, or the member itself."""
    return getattr(member, "__func__", member)


def role_of(member: Any) -> str | None:
    """What a member was marked as: `udf`, `filter`, `expand`, `key`, `having`, or `None`."""
    role: str | None = getattr(function_of(member), "__onto_flow__", None)
    return role


def _mark(member: F, role: str) -> F:
    function = function_of(member)
    line = SourceLine.of_caller(3)
    if not callable(function) or isinstance(member, property):
        raise DeclarationError("wrong-decorator", f"@{_written(role)} is for a method, not for {member!r}", where=line)
    if role_of(member) is not None:
        raise DeclarationError(
            "wrong-decorator",
            f"{function.__name__} is marked as {role_of(member)} and as {role}",
            where=SourceLine.of_code(function.__code__),
            fix="A method has one role.",
        )
    function.__onto_flow__ = role
    return member


def _written(role: str) -> str:
    return role if role == "udf" else f"operator.{role}"


def udf(method: Callable[P, R]) -> Udf[P, R]:
    """Marks a staticmethod as an attribute computed from the slots, attributes and accumulators that it names."""
    # What is returned is the staticmethod; its view makes the attribute of it, whichever decorator stands above the other.
    marked: Any = _mark(method, "udf")
    return cast("Udf[P, R]", marked)


class Operators(Namespace):
    """The namespace `operator`: decorators for classmethods."""

    written = "operator"

    def filter(self, method: F) -> F:
        """Whether there is a view document; several are ANDed."""
        return _mark(method, "filter")

    def expand(self, method: F) -> F:
        """The rows of a view document: each value is a parameter under the method's name from here on."""
        return _mark(method, "expand")

    def key(self, method: F) -> F:
        """The group of a row: one view document per key; `None` for no document."""
        return _mark(method, "key")

    def having(self, method: F) -> F:
        """Whether a group has a document, from its accumulators and the parts of its key; several are ANDed."""
        return _mark(method, "having")

    def aggregate(
        self, accumulator: Accumulator[Any, Any, Any], *, over: ManySlot[Any] | None = None
    ) -> Callable[[Any], Any]:
        """An accumulator of one's own: the classmethod gives the value of a row, `None` to skip it.

        Abelian: its state is what it makes of it, its cost per change one call of `add` and `retract` each. With `over`, the
        first parameter behind `cls` is one document of that many slot.

        Raises:
            DeclarationError: `wrong-decorator` for anything but an `Accumulator`, or above anything but a classmethod.
        """
        line = SourceLine.of_caller()
        form = "@operator.aggregate(Variance()) above @classmethod"
        if not isinstance(accumulator, Accumulator):
            what = f"@operator.aggregate takes an Accumulator, not {accumulator!r:.80}"
            raise DeclarationError("wrong-decorator", what, where=line, fix=f"Write {form}.")

        def declare(method: Any) -> AccumulatorDeclaration:
            if not isinstance(method, classmethod):
                what = "@operator.aggregate is for a classmethod that gives the value of a row"
                raise DeclarationError("wrong-decorator", what, where=line, fix=f"Write {form}.")
            return AccumulatorDeclaration("own", line, value=function_of(method), own=accumulator, over=over)

        return declare


operator = Operators()


class ReadOnlyClass:
    """What `cls` is in an operator: the class's constants, and nothing that could be changed."""

    def __init__(self, cls: type) -> None:
        object.__setattr__(self, "_cls", cls)

    def __getattr__(self, name: str) -> Any:
        value = getattr(object.__getattribute__(self, "_cls"), name)
        if isinstance(value, property):
            raise AttributeError(f"{name} belongs to a view document; name it as a parameter")
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"an operator is a pure function: {name} cannot be set on cls")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuses: an operator gets documents, it makes none."""
        raise TypeError("an operator is a pure function: cls makes no objects")


def refuse_wrapped(name: str, member: Any) -> None:
    """Refuses an accumulator with another decorator above it.

    Raises:
        DeclarationError: `wrong-decorator`.
    """
    if not isinstance(member, AccumulatorDeclaration):
        what = f"{name}: @{type(member).__name__} stands above @operator.aggregate"
        fix = "Write @operator.aggregate(...) above @classmethod."
        raise DeclarationError("wrong-decorator", what, where=function_of(member).line, fix=fix)


def checked_kind(name: str, member: Any, role: str) -> Callable[..., Any]:
    """The function of a marked member, when it is the kind of method that its role asks for.

    Raises:
        DeclarationError: `wrong-decorator`, with the decorators in the order that works.
    """
    wanted = staticmethod if role == "udf" else classmethod
    function: Callable[..., Any] = function_of(member)
    if not isinstance(member, wanted):
        raise DeclarationError(
            "wrong-decorator",
            f"{name} is marked as {role}, so it must be a {wanted.__name__}",
            where=SourceLine.of_code(function.__code__),
            fix=f"Write @{_written(role)} above @{wanted.__name__}.",
        )
    return function
