"""What the documents of a view's collections may hold: fields by kind, references by target, keys that are to meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ...core.collection import Collection
from ...model.annotations import hints_of
from ...model.attributes import Attribute
from ...model.domain import DomainModel
from ...model.family import collection_of, members_of
from ...plan.clocks import CLOCKS, clocks, is_timed
from ...plan.nodes import Plan, Relation, Slot
from ...plan.places import FieldPath, PathPart, Place
from .constants import Constants, constants_of


@dataclass
class Field:
    """A field of a collection's documents.

    Attributes:
        name: Its name in Firestore.
        kind: As the model declares it: `model.attributes.KINDS`, `relation`, `relations`.
        annotation: The Python type that the model gives it, if any.
        constants: Values that the view's code compares it with.
        relations: Steps below the field -> the relation whose references lie there.
        keys: Steps below the field -> the name of the set of keys that its values come from.
        until: Whether it says until when documents count.
        alike: Names of attributes that it is compared with, and those with these.
    """

    name: str
    kind: str
    annotation: Any = None
    constants: tuple[Any, ...] = ()
    relations: dict[tuple[str, ...], Relation] = field(default_factory=dict)
    keys: dict[tuple[str, ...], int] = field(default_factory=dict)
    until: bool = False
    alike: frozenset[str] = frozenset()

    @property
    def joins(self) -> bool:
        """Whether it decides which documents belong together."""
        return bool(self.relations or self.keys)

    @property
    def decides(self) -> bool:
        """Whether it decides which documents belong together, or count."""
        return bool(self.joins or self.until or self.alike or self.constants)


@dataclass(frozen=True)
class Fields:
    """What a plan reads.

    Attributes:
        collections: Each collection with its fields by name; the roots' first.
        key_sets: Number of a set of keys -> kinds of fields that share it, and the collections whose ids are in it.
        constants: All constants of the views' code.
        timed: Whether the views change by declared time alone.
        spans: Lengths of time that matter: those of the code, of clocks and of sessions.
        lasting: The collections whose documents make sessions: several must meet to tell anything.
    """

    collections: Mapping[Collection, Mapping[str, Field]]
    key_sets: Mapping[int, tuple[tuple[str, ...], tuple[PathPart, ...]]]
    constants: tuple[Any, ...]
    timed: bool = False
    spans: tuple[timedelta, ...] = ()
    lasting: frozenset[Collection] = frozenset()


def fields_of(plan: Plan, views: Iterable[type[Any]]) -> Fields:
    """The fields that views read, by their models and by the slots of their plan."""
    views = list(views)
    models = _models(views, {view.name: view.collection for view in plan.views})
    constants = constants_of(*views, *map(_store, views), *(m for several in models.values() for m in several))
    found = {collection: _of_models(several, constants) for collection, several in models.items()}
    sets = _KeySets()
    for view in plan.views:
        for slot in view.slots[1:]:
            _take_relation(found, view.slots, slot)
            if slot.until is not None:
                found[slot.collection][slot.until.steps[0]].until = True
            for theirs, own in slot.pairs:
                sets.join((view.slots[slot.parent].collection, theirs), (slot.collection, own))
    micros = [*clocks(plan).values(), *(v.sessions.gap for v in plan.views if v.sessions is not None)]
    spans = (*(timedelta(microseconds=m) for m in micros), *(s for s in constants.spans if s > timedelta(0)))
    lasting = frozenset(v.slots[0].collection for v in plan.views if v.sessions is not None)
    unique = tuple(dict.fromkeys(spans))
    return Fields(found, sets.numbered(found), constants.others, is_timed(plan), unique, lasting)


def _models(views: Iterable[type[Any]], written: Mapping[str, str]) -> dict[Collection, list[type[DomainModel]]]:
    """The models of what views read, without what others of them write."""
    found: dict[Collection, list[type[DomainModel]]] = {}
    for view in views:
        slots = _store(view)._slots.values()
        others = [f"{collection}/x" for name, collection in written.items() if name != view.__name__]
        for slot in sorted(slots, key=lambda s: s.kind != "root"):
            models = [m for m in members_of(slot.model) if not any(map(m._collection.matches, others))]
            for model in models:
                several = found.setdefault(model._collection, []) if model._collection.pattern != CLOCKS else []
                if model not in several:
                    several.append(model)
    return found


def _store(view: type[Any]) -> Any:
    from ...model.declaration import read_declaration

    return read_declaration(view).store


def _of_models(models: Iterable[type[DomainModel]], constants: Constants) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for model in models:
        hints = hints_of(model)
        for name, attribute in model._attributes.items():
            compared = constants.of_attribute.get(name, ())
            known = found.setdefault(attribute.field, Field(attribute.field, attribute.kind, hints.get(name)))
            known.alike = known.alike.union(*(names for names in constants.alike if name in names))
            known.constants = tuple(dict.fromkeys((*known.constants, *compared)))
            _take_target(known, attribute)
    return found


def _take_target(known: Field, attribute: Attribute) -> None:
    if attribute.kind in ("relation", "relations"):
        target = collection_of(attribute.target)  # type: ignore[attr-defined]
        known.relations.setdefault((), Relation(FieldPath((known.name,)), target))


def _take_relation(found: Mapping[Collection, dict[str, Field]], slots: tuple[Slot, ...], slot: Slot) -> None:
    if slot.relation is None or slot.relation.above:
        return
    holder = slot.collection if slot.kind == "by" else slots[slot.parent].collection
    name, *below = slot.relation.field.steps
    fields = found.get(holder, {})
    if name not in fields:
        fields[name] = Field(name, "list" if "*" in below else "any")
    fields[name].relations[tuple(below)] = slot.relation


class _KeySets:
    """Places whose values are compared with each other, directly or through others, are one set."""

    def __init__(self) -> None:
        self._sets: list[dict[tuple[Collection, Place], None]] = []

    def join(self, *places: tuple[Collection, Place]) -> None:
        """Two places are compared."""
        touching = [s for s in self._sets if any(p in s for p in places)]
        self._sets = [s for s in self._sets if s not in touching]
        self._sets.append(dict.fromkeys([*(p for s in touching for p in s), *places]))

    def numbered(
        self, fields: Mapping[Collection, dict[str, Field]]
    ) -> dict[int, tuple[tuple[str, ...], tuple[PathPart, ...]]]:
        """Writes the numbers of the sets into the fields; the kinds and ids of each set."""
        found: dict[int, tuple[tuple[str, ...], tuple[PathPart, ...]]] = {}
        for number, places in enumerate(self._sets):
            kinds: list[str] = []
            for collection, place in places:
                if isinstance(place, FieldPath) and collection in fields:
                    name, *below = place.steps
                    known = fields[collection].setdefault(name, Field(name, "list" if "*" in below else "any"))
                    known.keys[tuple(below)] = number
                    kinds.append("any" if below else known.kind)
            found[number] = (tuple(kinds), tuple(p for _, p in places if isinstance(p, PathPart)))
        return found
