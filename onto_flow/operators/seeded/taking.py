"""What all operators that take seeds have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...core.change import ViewChange
from ...core.values import Document
from ...plan.nodes import OperatorNode, View
from ..base import Cells, Context, Key
from ..messages import Message, Seed
from ..relay import publish

if TYPE_CHECKING:
    from ..base import Operator as _Mixed
else:
    _Mixed = object


class TakesSeeds(_Mixed):
    """The part of an operator that gives and takes seeds; it stands before the class of the operator itself."""

    def step(self, key: Key, messages: Sequence[Message], ctx: Context) -> None:
        """Takes the seeds among the messages, and the others as the operator does."""
        for message in messages:
            if isinstance(message, Seed):
                self._take_seed(key, dict(message.cells), ctx)
        if rest := [m for m in messages if not isinstance(m, Seed)]:
            super().step(key, rest, ctx)  # type: ignore[safe-super]

    def seed(self, cells: Cells) -> dict[str, Any]:
        """What its seed holds of a key's cells: cell -> value, or entries; what is empty may be there."""
        raise NotImplementedError

    def merge(self, key: Key, cells: Mapping[str, Any], ctx: Context) -> None:
        """Takes a seed at a key that has state."""
        raise NotImplementedError

    def _take_seed(self, key: Key, cells: Mapping[str, Any], ctx: Context) -> None:
        node = self.node
        if any(ctx.get(c.name) is not None for c in node.cells if c.kind == "value") or any(
            ctx.map(c.name) for c in node.cells if c.kind == "map"
        ):
            self.merge(key, cells, ctx)
            return
        install(node, cells, ctx)
        # The callback asks for the timers that the state waits for.
        self.on_timer(key, "garbage", ctx)


def install(node: OperatorNode, cells: Mapping[str, Any], ctx: Context) -> None:
    """Sets the cells of a key to those of a seed."""
    for cell in node.cells:
        if cell.kind == "value":
            ctx.put(cell.name, cells.get(cell.name))
        elif cell.kind == "map":
            held = ctx.map(cell.name)
            for entry in list(held):
                del held[entry]
            for entry, value in cells.get(cell.name, ()):
                held[entry] = value


def seed_of(operator: TakesSeeds, cells: Cells) -> Seed | None:
    """The seed of a key; `None` when there is nothing to tell."""
    found = tuple((name, value) for name, value in operator.seed(cells).items() if value is not None and value != ())
    return Seed(found) if found else None


def packed(value: Any) -> Any:
    """What a value cell holds as a form of `core.codec`."""
    pack = getattr(value, "pack", None)
    return value if pack is None else pack()


def numbered_anew(members: Iterable[tuple[Any, Any]]) -> tuple[Any, ...]:
    """The registers (number, value, ...) of a group or path, under number 0; those that are gone are not known any more."""
    return tuple((name, (0, value, *rest)) for name, (_, value, *rest) in members if value is not None)


def taken_over(view: View, path: str, document: Document, flagged: bool, ctx: Context) -> None:
    """Emits, before all that was emitted of a path, that what the batch job wrote there is the stream's."""
    publish(view, ViewChange(view.name, path, document, None, (ctx.generation, ctx.epoch, 0), flagged), ctx)
