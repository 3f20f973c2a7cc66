"""Seeds of assemble: a record.

Registers keep the newest and answers add up. What the record has emitted in this stream stands for what it shows; where it
has emitted nothing, what the batch job wrote does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.change import DeadLetter
from ...core.compact import new_map
from ..base import Cells, Context, Key
from ..messages import Claim, Rows
from ..record import Record
from ..remembering import RememberingAssemble
from .taking import TakesSeeds, packed, taken_over


class SeededAssemble(TakesSeeds, RememberingAssemble):
    """One view's assemble, with seeds."""

    def seed(self, cells: Cells) -> dict[str, Any]:
        """The record, which has emitted nothing in the stream to come."""
        held = packed(cells.get("record"))
        if held is None:
            return {}
        reg, due, opened, last, _, failed, _ = held
        return {"record": (reg, due, opened, last, 0, failed, False) if reg or opened or last else None}

    def merge(self, key: Key, cells: Mapping[str, Any], ctx: Context) -> None:
        """Takes a seed at a root that has a record, then shows the view of both."""
        assert isinstance(key, str)
        record, seeded = Record.of(ctx.get("record")), Record.of(cells["record"])
        for path, doc in seeded.reg.items():
            record.told(path, doc)
        for slot, keys in seeded.open.items():
            for asked, weight in keys.items():
                _answered(record, slot, asked, weight)
        self._take_over(record, seeded, key, ctx)
        self._tidy(record, key, seeded.reg, ctx)
        self._show(record, key, ctx)
        ctx.put("record", record if record.worth_keeping else None)

    def _take_over(self, record: Record, seeded: Record, root: str, ctx: Context) -> None:
        """Brings what the batch job showed and what this record has emitted together."""
        dropped = seeded if record.seq else record
        if record.seq:
            record.seq += bool(seeded.last)
            for output, document in seeded.last.items():
                self._again(record, root, output, document, seeded.failed, ctx)
        else:
            record.last = new_map(dict(seeded.last))
        if dropped.failed and record.failed != seeded.failed:
            ctx.emit(DeadLetter(f"view:{self.view.name}:{root}", "", cleared=True))
        if not record.seq:
            record.failed = seeded.failed

    def _again(self, record: Record, root: str, output: Any, document: Any, failed: bool, ctx: Context) -> None:
        """What this record shows at an output stands, also where it shows nothing."""
        shown, fails = record.last.get(output), self.keeps and record.failed
        if self.view.grouped:
            ctx.send(self.fold, output, Rows(root, record.seq, document, shown, fails, self.keeps and failed))
        elif self.view.owned:
            ctx.send(f"{self.view.name}.own", output, Claim(root, record.seq, shown, fails))
        else:
            taken_over(self.view, output, document, self.keeps and failed, ctx)


def _answered(record: Record, slot: int, key: str | bytes, weight: int) -> None:
    keys = record.open.setdefault(slot, new_map())
    total = keys.get(key, 0) + weight
    if total:
        keys[key] = total
    else:
        keys.pop(key, None)
        if not keys:
            del record.open[slot]
