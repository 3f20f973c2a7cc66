"""From the slots of a store to the plan's: which slot leads to which, parents first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.errors import DeclarationError, SourceLine, did_you_mean
from ..plan.nodes import CodeRef, Order, Relation, Slot
from ..plan.places import FieldPath, PathPart, Place
from .attributes import Attribute
from .choosing import check_selection
from .domain import DomainModel
from .family import collection_of, members_of
from .parents import ParentAttribute
from .parts import Part
from .relations import RelationAttribute
from .slot import SlotDeclaration
from .store import Store
from .view_documents import attribute_of

_Declared = SlotDeclaration[Any]
_Side = Attribute | Part


def compile_slots(store: type[Store], line: SourceLine) -> tuple[Slot, ...]:
    """The slots of a store, the root first and parents before children.

    Raises:
        DeclarationError: `bad-slot`, `ambiguous-name`, `unknown-name`, `cycle`.
    """
    slots = store._slots
    roots = [s for s in slots.values() if s.kind == "root"]
    if len(roots) != 1:
        raise DeclarationError(
            "bad-slot",
            f"{store.__name__} has {len(roots) or 'no'} root slots",
            where=roots[1].line if roots else line,
            fix="Name the model that one view document is made for, once: meeting = root(Meeting).",
        )
    parents = {name: parent_of(slots, s) for name, s in slots.items() if s.kind != "root"}
    for name, parent in parents.items():
        check_selection(slots[name], parent, slots)
    ordered: list[_Declared] = [roots[0]]
    waiting = [s for s in slots.values() if s.kind != "root"]
    while waiting:
        ready = [s for s in waiting if parents[s.name] in ordered]
        if not ready:
            names = ", ".join(s.name for s in waiting)
            raise DeclarationError(
                "cycle", f"the slots {names} lead to each other, and none to the root", where=waiting[0].line
            )
        ordered.append(ready[0])
        waiting.remove(ready[0])
    _check_phantom(roots[0], slots.values())
    starts = {parent.name for parent in parents.values()}
    found = [_slot(s, i, ordered.index(parents[s.name]) if i else -1, ordered) for i, s in enumerate(ordered)]
    return tuple(_selected(s, declared, store, s.name in starts) for s, declared in zip(found, ordered))


def _check_phantom(root: _Declared, slots: Iterable[_Declared]) -> None:
    ways = [_unpack(s.how)[1] for s in slots if s.kind == "by"]
    if root.phantom and not any(isinstance(w, ParentAttribute) and issubclass(root.model, w.target) for w in ways):
        what = f"slot {root.name}: phantom=True, and no slot holds what lies below {root.model.__name__}"
        fix = f"Such as tasks = many(Task, by=Task.parent), where parent = attrs.parent({root.model.__name__})."
        raise DeclarationError("bad-slot", what, where=root.line, fix=fix)


def _selected(slot: Slot, declared: _Declared, store: type[Store], starts: bool) -> Slot:
    """The slot with what it selects; a *one* slot of several documents holds the first, and others start from that."""
    options = declared.options
    order = _code(store, declared, "order")
    return replace(
        slot,
        where=_code(store, declared, "passes"),
        compare=_code(store, declared, "compares"),
        order=None if order is None else Order(order, options.descending),
        limit=options.limit if declared.many or declared.kind == "root" or not (order or starts) else 1,
    )


def _code(store: type[Store], slot: _Declared, name: str) -> CodeRef | None:
    code = None if slot.kind == "root" and name != "passes" else getattr(slot, name)
    return None if code is None else CodeRef(f"{store.__module__}:{store.__qualname__}.{slot.name}.{name}", code)


def parent_of(slots: Mapping[str, _Declared], slot: _Declared) -> _Declared:
    """The slot that another one hangs on.

    Raises:
        DeclarationError: `bad-slot`, `ambiguous-name`.
    """
    return _Parent(slots, slot).find()


class _Parent:
    """Finds the slot that another one hangs on."""

    def __init__(self, slots: Mapping[str, _Declared], slot: _Declared) -> None:
        self.slots, self.slot = slots, slot

    def find(self) -> _Declared:
        slot = self.slot
        if slot.always is not None:
            return next(s for s in self.slots.values() if s.kind == "root")
        pairs = pairs_of(slot) if slot.kind == "on" else []
        start, how = (_start_of_pairs(slot), slot.how) if pairs else _unpack(slot.how)
        if start is not None:
            return self._named(start)
        if slot.kind == "via":
            relation = self._relation(how, "via=Ticket.user: a relation of the slot that it starts from")
            if not issubclass(slot.model, relation.target) and not _within(slot.model, relation.target):
                self._refuse(f"via={_dotted(relation)} leads to {relation.target.__name__}, not {slot.model.__name__}")
            return self._holding(relation.owner, f"via=(slot, {_dotted(relation)})")
        if slot.kind == "by":
            relation = self._relation(how, "by=Note.meeting: a relation of the slot's own model")
            if not issubclass(slot.model, relation.owner):
                fix = f"Write by={slot.model.__name__}.meeting: a relation of the slot's own model."
                self._refuse(f"by={_dotted(relation)} is not a relation of {slot.model.__name__}", fix)
            return self._holding(relation.target, f"by=(slot, {_dotted(relation)})")
        return self._holding(_nearest([a for a, _ in pairs]), f"on=((slot, {_dotted(pairs[0][0])}), ...)")

    def _named(self, start: Any) -> _Declared:
        if not isinstance(start, SlotDeclaration) or self.slots.get(start.name) is not start:
            self._refuse(f"{self.slot.kind}=(slot, ...) names {start!r}, which is not a slot of this store")
        found: _Declared = start
        return found

    def _relation(self, how: Any, form: str) -> RelationAttribute[Any]:
        how = attribute_of(how)
        if not isinstance(how, RelationAttribute):
            self._refuse(f"{self.slot.kind}={how!r:.60} is not a relation", f"Write {form}.")
        found: RelationAttribute[Any] = how
        if isinstance(found, ParentAttribute):
            found.check()
        return found

    def _holding(self, model: type[DomainModel], written: str) -> _Declared:
        found = [s for s in self.slots.values() if issubclass(s.model, model) and s is not self.slot]
        if not found and self.slot.kind == "by":
            members = set(members_of(model))
            found = [s for s in self.slots.values() if members & set(members_of(s.model)) and s is not self.slot]
        if not found and issubclass(self.slot.model, model):
            self._refuse(f"it starts from {model.__name__}, and this slot is the only one that holds it")
        if not found:
            names = sorted({s.model.__name__ for s in self.slots.values()})
            self._refuse(
                f"it starts from {model.__name__}, and no slot holds that", did_you_mean(model.__name__, names)
            )
        if len(found) > 1:
            names = [s.name for s in found]
            raise DeclarationError(
                "ambiguous-name",
                f"slot {self.slot.name}: {' and '.join(names)} both hold {model.__name__}",
                where=self.slot.line,
                fix=f"Name the slot that it starts from: {written.replace('slot', names[0], 1)}.",
            )
        return found[0]

    def _refuse(self, what: str, fix: str = "") -> None:
        raise DeclarationError("bad-slot", f"slot {self.slot.name}: {what}", where=self.slot.line, fix=fix)


def _within(model: type[DomainModel], target: type[DomainModel]) -> bool:
    """Whether the documents of a model are where those of another one are."""
    theirs = {m._collection for m in members_of(target)}
    return all(m._collection in theirs for m in members_of(model))


def _unpack(how: Any) -> tuple[Any, Any]:
    return (how[0], how[1]) if isinstance(how, tuple) and len(how) == 2 else (None, how)


def _dotted(attribute: _Side) -> str:
    return f"{attribute.owner.__name__}.{attribute.python_name}"


def _nearest(sides: Sequence[_Side]) -> type[DomainModel]:
    """The model that has all these attributes: the one that inherits from the others."""
    return max((a.owner for a in sides), key=lambda owner: len(owner.__mro__))


def _start_of_pairs(slot: _Declared) -> Any:
    return _start(_pair_list(slot.how)[0])


def _start(pair: Any) -> Any:
    return pair[0][0] if isinstance(pair[0], tuple) else None


def _pair_list(how: Any) -> Sequence[Any]:
    return how if isinstance(how, list) else [how]


def pairs_of(slot: _Declared) -> list[tuple[_Side, _Side]]:
    """The pairs of an `on` slot: (attribute of the parent, attribute of the slot's model)."""
    pairs = []
    for pair in _pair_list(slot.how):
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise _bad_pair(slot, f"on={pair!r:.60} is not a pair of fields")
        left = pair[0][1] if isinstance(pair[0], tuple) and len(pair[0]) == 2 else pair[0]
        left, right = attribute_of(left), attribute_of(pair[1])
        if not (isinstance(left, _Side) and isinstance(right, _Side)):
            raise _bad_pair(slot, "on= takes attributes of domain models")
        if not issubclass(slot.model, right.owner):
            raise _bad_pair(slot, f"{_dotted(right)} is not an attribute of {slot.model.__name__}")
        pairs.append((left, right))
    nearest = _nearest([left for left, _ in pairs])
    one_start = len({id(_start(pair)) for pair in _pair_list(slot.how)}) == 1
    if not one_start or not all(issubclass(nearest, left.owner) for left, _ in pairs):
        raise _bad_pair(slot, "the pairs start from different slots")
    return pairs


def _bad_pair(slot: _Declared, what: str) -> DeclarationError:
    fix = f"Write on=(Meeting.sku, {slot.model.__name__}.sku): what the other slot has, then what this one has."
    return DeclarationError("bad-slot", f"slot {slot.name}: {what}", where=slot.line, fix=fix)


def _slot(declared: _Declared, index: int, parent: int, ordered: Sequence[_Declared]) -> Slot:
    relation = None
    pairs: tuple[tuple[Place, Place], ...] = ()
    if declared.kind in ("via", "by") and declared.always is None:
        relation = _compiled(attribute_of(_unpack(declared.how)[1]))
    elif declared.kind == "on":
        models = ordered[parent].model, declared.model
        pairs = tuple((_place(a, models[0]), _place(b, models[1])) for a, b in pairs_of(declared))
    return Slot(
        name=declared.name,
        index=index,
        kind=declared.kind,  # type: ignore[arg-type]
        collection=collection_of(declared.model),
        parent=parent,
        many=declared.many,
        required=declared.required,
        phantom=declared.phantom,
        relation=relation,
        pairs=pairs,
        until=None if declared.until is None else FieldPath((declared.until.field,)),
        always=declared.always,
    )


def _place(side: _Side, model: type[DomainModel]) -> Place:
    """Where documents of a model have an attribute; a model may give another path than the one that it inherits from."""
    if isinstance(side, Part):
        return PathPart(side.python_name, model._parts.get(side.python_name, side.index))
    return FieldPath(side.steps)


def _compiled(attribute: RelationAttribute[Any]) -> Relation:
    parse = attribute.parse
    owner = attribute.owner
    code = None
    if parse is not None:
        name = f"{owner.__module__}:{owner.__qualname__}.{attribute.python_name}.parse"
        code = CodeRef(name, parse)
    if isinstance(attribute, ParentAttribute):
        return Relation(FieldPath(()), collection_of(attribute.target), above=True)
    return Relation(FieldPath(attribute.steps), collection_of(attribute.target), code, default=_default(attribute))


def _default(attribute: RelationAttribute[Any]) -> tuple[str, ...]:
    """The paths that a missing field stands for; inside maps there is no telling which are missing."""
    if attribute.default is None:
        return ()
    if len(attribute.steps) > 1:
        what = f"{_dotted(attribute)} has a default, and is inside a map, where it leads nowhere"
        raise DeclarationError("bad-slot", what, where=attribute.line, fix="Leave the default out.")
    found = attribute.read({})
    references = found if isinstance(found, list) else [found]
    return tuple(dict.fromkeys(r.path for r in references if r is not None))
