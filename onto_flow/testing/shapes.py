"""Views as values: a small generic view that any process can make again from its import path.

`onto_flow.testing.shapes:shape_HEX` is a view whose definition is the hexadecimal text of its encoded shape, so a generated
plan travels to the workers of any engine.

Documents of these views have the fields `r` (references), `s` (one reference), `lines` (maps with a reference `p`), `m` (one
such map), `k` and `k2` (values to be equal), `n` (what is shown), `t` (texts), and `x`, which no view reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from ..core.codec import decode, encode
from ..core.collection import Collection, CollectionSet
from ..core.keys import document_id
from ..core.values import Document
from ..plan.compile import compile_plan
from ..plan.evaluator import Results
from ..plan.nodes import Accumulator, AccumulatorKind, CodeRef, Order, Plan, Relation, Slot, View
from ..plan.places import FieldPath, PathPart, Place
from . import shape_code

COLLECTIONS = {
    "a": Collection("a"),
    "b": Collection("b"),
    "c": Collection("c"),
    "d": Collection("b/{b}/d"),
    "o": Collection("outV"),
}
FAMILIES = {"u": "bc", "w": "bd"}
"""Letters of several collections as one, as models that have a base in common are."""
COLLECTIONS |= {name: CollectionSet.of(tuple(COLLECTIONS[m] for m in members)) for name, members in FAMILIES.items()}
READ = ("r", "s", "lines", "m", "k", "k2", "n", "t")
IDS = {"id": PathPart("doc_id", -1), "part": PathPart("part", 1)}
FIELDS = {
    "r": ("r",),
    "s": ("s",),
    "lines": ("lines", "*", "p"),
    "m": ("m", "p"),
    "k": ("k",),
    "k2": ("k2",),
    "n": ("n",),
}

OverShape = tuple[str, int, bool, int, int, int]
SlotShape = tuple[str, str, int, tuple[str, ...]]
"""(kind, letter of the collection, parent, names): the field of a relation, `up` for the document above, or the parent's
and its own place, pair by pair; a place is a field, `id`, or `part`: the first id of the path, which for `d` is that of the
document above. A root with a name counts also where it does not exist and documents lie below it. A relation may have a
second name: the letter of what it leads to, where that is more than the slot that it is used for."""

SelectionShape = tuple[int, str, str, bool, int]
"""(slot, where, order, descending, limit): `where` is `shown` (`n` is not `"hide"`), `strict` (it raises where `n` is no
number), `alike` (`k2` as the parent's) or empty; `order` is `n`, or empty for that of paths; no limit is -1."""

Members = Mapping[str, Sequence[tuple[str, Document]]]


@dataclass(frozen=True)
class Shape:
    """A generic view.

    Attributes:
        name: The view's name.
        collection: Where its documents live.
        slots: The root first.
        show: `all`: every member with its `n`; `few`: counts and the set of `n`; `root`: the root alone.
        paths: `root`: one document per root; `field`: at the path that the root's `n` names, so several roots may claim it;
            `both`; `rows`: one per text in the root's `t`.
        filtered: Whether roots with `n` equal to `"hide"` are left out.
        required: Index of a slot that must not be empty; 0 for none.
        key: For a grouped view, the index of the slot whose first document's `n` is the group; -1: not grouped. With
            `paths` `rows`, the texts of the root are the groups.
        accumulators: (kind, index of the slot that gives `n`, descending, limit or -1).
        having: Whether a group (or a root) is left out whose first accumulator gives nothing: `None`, 0, or an empty list.
        over: Accumulators over slots, of a view without key: (kind, slot, descending, limit or -1, a slot that hangs on that
            one and gives the order and the value where it holds something, or -1, a slot that is read as a whole: nothing
            counts while it holds one document, or -1).
        selections: What slots hold of the documents that they reach.
    """

    name: str
    collection: str
    slots: tuple[SlotShape, ...]
    show: str = "all"
    paths: str = "root"
    filtered: bool = False
    required: int = 0
    key: int = -1
    accumulators: tuple[tuple[str, int, bool, int], ...] = ()
    having: bool = False
    over: tuple[OverShape, ...] = ()
    selections: tuple[SelectionShape, ...] = ()

    @property
    def import_name(self) -> str:
        """The attribute of this module that is this shape."""
        return "shape_" + encode(tuple(self.__dict__.values())).hex()

    @property
    def grouped(self) -> bool:
        """Whether it has a key."""
        return bool(self.accumulators)

    def evaluator(self) -> Shape:
        """Itself: the compiled code of the view."""
        return self

    def documents(self, members: Members, results: Results = tuple) -> dict[str, Document]:
        """See `plan.evaluator.Evaluator`."""
        if not self._wanted(members) or (self.over and self.having and not results()[0]):
            return {}
        path, root = members["s0"][0]
        shown = self._show(members)
        if self.over:
            shown["over"] = {f"{a[0]}{at}": r for at, (a, r) in enumerate(zip(self.over, results()))}
        paths: dict[str, Document] = {}
        if self.paths in ("root", "both"):
            paths[f"{self.collection}/{path.replace('/', '~')}"] = shown
        if self.paths in ("field", "both") and (name := _key(root.get("n"))) is not None:
            paths[f"{self.collection}/{document_id(name)}"] = shown
        if self.paths == "rows":
            for text in _texts(root):
                paths[f"{self.collection}/{path.replace('/', '~')}|{text}"] = {**shown, "text": text}
        return paths

    def each(self, members: Members, slot: int, elements: Sequence[Members]) -> list[tuple[Any, ...]] | None:
        """See `plan.evaluator.Evaluator`."""
        return [self._row(members, slot, alone) for alone in elements] if self._wanted(members) else None

    def _row(self, members: Members, slot: int, each: Members) -> tuple[Any, ...]:
        row: list[Any] = []
        for kind, index, _, _, beside, whole in self.over:
            if index != slot or (whole >= 0 and len(members[f"s{whole}"]) == 1):
                row.append(None)
            else:
                row.append(_contribution(kind, (each[f"s{beside}"] if beside >= 0 else ()) or each[f"s{slot}"]))
        return tuple(row)

    def rows(self, members: Members) -> dict[bytes, tuple[tuple[Any, ...], ...]]:
        """See `plan.evaluator.Evaluator`."""
        if not self._wanted(members):
            return {}
        row = tuple(_contribution(kind, members[f"s{slot}"]) for kind, slot, _, _ in self.accumulators)
        rows: dict[bytes, tuple[tuple[Any, ...], ...]] = {}
        if self.paths == "rows":
            for text in _texts(members["s0"][0][1], repeated=True):
                rows[encode(text)] = (*rows.get(encode(text), ()), row)
        else:
            for _, fields in members[f"s{self.key}"][:1]:
                if (key := _key(fields.get("n"))) is not None:
                    rows[encode(key)] = (row,)
        return rows

    def result(self, key: bytes, results: Sequence[Any]) -> tuple[str, Document | None]:
        """See `plan.evaluator.Evaluator`."""
        path = f"{self.collection}/{document_id(decode(key))}"
        if self.having and not results[0]:
            return path, None
        return path, {f"{a[0]}{at}": r for at, (a, r) in enumerate(zip(self.accumulators, results))}

    def _wanted(self, members: Members) -> bool:
        if self.required and not members[f"s{self.required}"]:
            return False
        return not (self.filtered and members["s0"][0][1].get("n") == "hide")

    def _show(self, members: Members) -> dict[str, Any]:
        if self.show == "all":
            return {s: [{"p": p, "n": f.get("n")} for p, f in docs] for s, docs in members.items()}
        if self.show == "root":
            return {"n": members["s0"][0][1].get("n")}
        different = {s: {encode(f.get("n")) for _, f in docs} for s, docs in members.items()}
        return {s: {"count": len(members[s]), "values": [decode(v) for v in sorted(d)]} for s, d in different.items()}


def _texts(root: Document, repeated: bool = False) -> list[str]:
    texts = [t for t in root.get("t") or () if isinstance(t, str)]
    return texts if repeated else list(dict.fromkeys(texts))


def _key(value: Any) -> Any:
    return value if isinstance(value, (str, bool, int, float)) else None


def _contribution(kind: str, docs: Sequence[tuple[str, Document]]) -> Any:
    numbers = [n for _, f in docs if not isinstance(n := f.get("n"), bool) and isinstance(n, (int, float))]
    if kind == "count":
        return True if docs else None
    if kind in ("sum", "avg", "histogram", "own"):
        return numbers[0] if numbers else None
    if kind in ("min", "max", "count_distinct"):
        return docs[0][1].get("n") if docs else None
    return (docs[0][1].get("n"), docs[-1][1].get("n")) if docs else None


def __getattr__(name: str) -> Shape:
    if not name.startswith("shape_"):
        raise AttributeError(name)
    return Shape(*decode(bytes.fromhex(name.removeprefix("shape_"))))


def plan_of(*shapes: Shape, read: Sequence[str] | None = READ) -> Plan:
    """The plan of some shapes."""
    plain = [c for letter, c in COLLECTIONS.items() if letter not in FAMILIES]
    fields = tuple((c, None if read is None else tuple(read)) for c in plain)
    return compile_plan([view_of(s) for s in shapes], fields)


def view_of(shape: Shape) -> View:
    """The view of a shape."""
    accumulators = tuple(_accumulator(f"{a[0]}{at}", a) for at, a in enumerate(shape.accumulators))
    accumulators += tuple(_over(f"{a[0]}{at}", a) for at, a in enumerate(shape.over))
    slots = [_slot(shape, at) for at in range(len(shape.slots))]
    for selection in shape.selections:
        slots[selection[0]] = _selected(slots[selection[0]], selection)
    code = CodeRef(f"{__name__}:{shape.import_name}", live=shape)
    owned = not shape.grouped and shape.paths in ("field", "both")
    return View(shape.name, shape.collection, code, tuple(slots), (), shape.grouped, accumulators, owned)


KINDS: tuple[AccumulatorKind, ...] = get_args(AccumulatorKind)
_LIMITED = ("collect", "top_k")
_WHERE = ("shown", "strict")


def _accumulator(name: str, shape: tuple[str, int, bool, int]) -> Accumulator:
    kind, _, descending, limit = shape
    return Accumulator(
        name,
        kind,  # type: ignore[arg-type]
        descending=descending and kind == "collect",
        limit=limit if limit > 0 and kind in _LIMITED else None,
        bounds=(0.0, 1, 2.5) if kind == "histogram" else (),
        code=CodeRef(f"{shape_code.__name__}:PARITY", shape_code.PARITY) if kind == "own" else None,
    )


def _over(name: str, shape: OverShape) -> Accumulator:
    kind, slot, descending, limit, beside, whole = shape
    accumulator = _accumulator(name, (kind, slot, descending, limit))
    sides = [(i,) if i >= 0 else () for i in (beside, whole)]
    return replace(accumulator, over=slot, beside=sides[0], whole=sides[1])


def _selected(slot: Slot, selection: SelectionShape) -> Slot:
    _, where, order, descending, limit = selection
    return replace(
        slot,
        where=CodeRef(f"{shape_code.__name__}:{where}", getattr(shape_code, where)) if where in _WHERE else None,
        compare=CodeRef(f"{shape_code.__name__}:alike", shape_code.alike) if where == "alike" else None,
        order=Order(CodeRef(f"{shape_code.__name__}:by_n", shape_code.by_n), descending) if order else None,
        limit=None if limit < 0 else limit,
    )


def _slot(shape: Shape, index: int) -> Slot:
    kind, letter, parent, names = shape.slots[index]
    collection, name = COLLECTIONS[letter], f"s{index}"
    required = bool(index) and index == shape.required
    if kind == "root":
        return Slot(name, index, "root", collection, phantom=bool(names))
    if kind == "on":
        places: list[Place] = [IDS[n] if n in IDS else FieldPath(FIELDS[n]) for n in names]
        pairs = tuple(zip(places[::2], places[1::2]))
        return Slot(name, index, "on", collection, parent, many=True, required=required, pairs=pairs)
    above = names[0] == "up"
    field = FieldPath(() if above else FIELDS[names[0]])
    target = COLLECTIONS[names[1] if names[1:] else letter if kind == "via" else shape.slots[parent][1]]
    relation = Relation(field, target, above=above)
    if kind == "via":
        return Slot(name, index, "via", collection, parent, many=True, required=required, relation=relation)
    return Slot(name, index, "by", collection, parent, many=True, required=required, relation=relation)
