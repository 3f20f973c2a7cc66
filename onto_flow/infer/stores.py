"""A first store: the model that leads to most others, and what it leads to in one or two steps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..core.errors import UsageError, did_you_mean
from ..survey.facts import Names
from ..survey.patterns import singular
from .models import Link, Model
from .names import attribute_name

MAX_SLOTS = 12
_ENDINGS = re.compile(r"(?<=.)_(ids?|refs?|uids?|keys?)$")


@dataclass(frozen=True)
class Slot:
    """A slot of the store.

    Attributes:
        name: What it is called.
        model: What it holds.
        many: Whether it holds several documents.
        start: The slot that it starts from; empty for the root.
        link: How it is reached; `None` for the root.
        back: Whether the link is gone from its target to its source.
    """

    name: str
    model: Model
    many: bool = False
    start: str = ""
    link: Link | None = None
    back: bool = False


def slots_of(models: Mapping[Names, Model], links: Sequence[Link], root: Names | None) -> list[Slot]:
    """The slots of the first store, the root first; empty without models.

    Args:
        models: The models by collection.
        links: How they lead to each other.
        root: The collection of the root; by default the one that leads to most others.
    """
    if not models:
        return []
    if root is None:
        root = min(models, key=lambda n: (-_reach(n, links), -models[n].collection.documents if not links else 0, n))
    first = models[root]
    found = [Slot(attribute_name(singular(first.names[-1]), (), "root"), first)]
    for at, _ in enumerate(found[:1] + [None] * MAX_SLOTS):  # found grows while it is walked
        if at < len(found):
            _grow(found, found[at], links, models)
    return found[: MAX_SLOTS + 1]


def root_of(models: Mapping[Names, Model], wanted: str | None) -> Names | None:
    """The collection that somebody names as the root.

    Raises:
        UsageError: `not-found` where no model stands for it.
    """
    if wanted is None:
        return None
    names = tuple(wanted.strip("/").split("/")[::2])
    if names not in models:
        known = [m.collection.pattern for m in models.values()]
        raise UsageError("not-found", f"there is no model for {wanted!r}", fix=did_you_mean(wanted, known))
    return names


def _reach(names: Names, links: Sequence[Link]) -> int:
    return sum((link.target if link.back else link.source) == names for link in links)


def _grow(found: list[Slot], start: Slot, links: Sequence[Link], models: Mapping[Names, Model]) -> None:
    """What a slot leads to: from the root by every link, from others only to models that no slot holds yet."""
    is_root = start.link is None
    here = start.model.names
    for link in links:
        if link.source == here and not link.back:
            _add(found, start, link, models[link.target], again=is_root)
    for link in links:
        if link.target == here and link.source != here and (is_root or link.back):
            _add(found, start, link, models[link.source], back=True)
        elif link.source == here and link.back and link.target != here:
            _add(found, start, link, models[link.target])


def _add(found: list[Slot], start: Slot, link: Link, model: Model, *, back: bool = False, again: bool = False) -> None:
    if not again and any(slot.model is model for slot in found):
        return
    many = start.many or (link.back_many if back else link.many)
    plain = _ENDINGS.sub("", link.name)
    wanted = model.names[-1] if back or start.link is not None or (many and plain != link.name) else plain
    if wanted == model.names[-1] and not many:
        wanted = singular(wanted)
    name = attribute_name(wanted, [s.name for s in found], "slot")
    found.append(Slot(name, model, many, start.name, link, back))
