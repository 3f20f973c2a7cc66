"""Seeds of ingest and relay: a document.

The newer of both versions stays. What the older one asked for is taken back, and the keys that it was found at are told of
the newer one: whoever sent it could not know of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import Cells, Context, Key
from ..ingest import Ingest
from ..relay import Relay
from ..routes import Route, Superseded
from .taking import TakesSeeds

Held = tuple[Any, Any]
"""The (version, fields or none) of a document."""


class SeededIngest(TakesSeeds, Ingest):
    """The first operator of a plan, with seeds."""

    def seed(self, cells: Cells) -> dict[str, Any]:
        """The document; not the gaps that its feed left, for a batch job that gives seeds has no feed."""
        held = cells.get("document")
        return {"document": held and tuple(held[:3])}

    def merge(self, key: Key, cells: Mapping[str, Any], ctx: Context) -> None:
        """The newer document stays."""
        assert isinstance(key, str)
        route = self._route(key)
        older, newer = _merge(key, route, cells["document"], ctx)
        self.on_timer(key, "garbage", ctx)
        if route.parsed:
            self._report(key, older[1], newer[1], ctx)


class SeededRelay(TakesSeeds, Relay):
    """One view's relay, with seeds."""

    def seed(self, cells: Cells) -> dict[str, Any]:
        """The view document."""
        return {"document": cells.get("document")}

    def merge(self, key: Key, cells: Mapping[str, Any], ctx: Context) -> None:
        """The newer document stays."""
        assert isinstance(key, str)
        _merge(key, self._route, cells["document"], ctx)
        self.on_timer(key, "garbage", ctx)


def _merge(path: str, route: Route, seeded: Sequence[Any], ctx: Context) -> tuple[Held, Held]:
    """Keeps the newer document and tells the views; (older, newer)."""
    version, fields, *rest = ctx.get("document")
    held, there = (tuple(version), fields), (tuple(seeded[0]), seeded[1])
    older, newer = (there, held) if held[0] >= there[0] else (held, there)
    if newer is there:
        ctx.put("document", (*there, ctx.now, *rest[1:]))
    for view, joins, slots in route.views:
        Superseded(view, joins, slots, path, older[1], newer).send(ctx)
    return older, newer
