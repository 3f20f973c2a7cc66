"""Evaluates a view model for many roots at once, attribute by attribute: what a first load does.

The objects that user code reads are made first, a getter then runs for root after root, and what it returned becomes a
column (`model.columns`). Views of another form are evaluated root by root (`may_be_tabulated`).

Law: the columns are the documents that the evaluator gives for each root. Where user code raises, or returns what no
document may hold, so does this, without saying for which root.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import compress
from operator import attrgetter
from typing import Any

from ..core.columns import Column
from ..core.values import Document
from ..plan.evaluator import Find, Member, Tabulated
from .annotations import Shape, returned
from .columns import Shred, Shredder
from .compile import CompiledView
from .documents import Converter
from .domain import DomainModel
from .members import Many
from .methods import ReadOnlyClass
from .objects import maker_of
from .reads import read_by
from .scopes import BoundCall, Source
from .store import Store
from .values import takes_in_order
from .vectorised import Vectorised
from .view import ViewModel

MADE = 1 << 16
"""So many objects of a slot are kept, for other roots that lead to the same documents."""

_Call = Callable[[Sequence[Sequence[Any]], int], Sequence[Any]]
"""From the arguments of so many calls, a column for each parameter, to what they return."""


class Tabulator:
    """The program of one view.

    Args:
        view: The view; it must be one that `may_be_tabulated`.
        converter: Makes what documents hold.
        exported: (name in the document, source, shape).
        path_of: From the path of a root to that of its view document.
    """

    def __init__(
        self,
        view: CompiledView,
        converter: Converter,
        exported: Sequence[tuple[str, Source, Shape | None]],
        path_of: Callable[[str], str],
    ) -> None:
        declared = self._declared = view.declared
        self._path_of = path_of
        self._calls = view.names.calls
        self._root = Source("slot", declared.slots[0].name)
        constants = ReadOnlyClass(declared.cls)
        filters = [self._calls[f] for f in declared.filters]
        calls = [(b, _call_of(b, constants)) for b in filters]
        self._at_root = [c for c in calls if {s for _, s in c[0].sources} <= {self._root}]
        self._behind = [c for c in calls if c not in self._at_root]
        self._required = tuple(s.name for s in declared.slots if s.required)
        self._read, self._shared = _read(view)
        self._slots = {s.name: _Slot(declared.store._slots[s.name].model, s.many) for s in declared.slots}
        self._udfs = {n: (self._calls[c], _call_of(self._calls[c])) for n, c in declared.udfs.items()}
        shredder = Shredder(converter)
        self._exported: list[tuple[str, Source, Shred]] = []
        for name, source, shape in exported:
            call = declared.udfs[source.name] if source.kind == "udf" else declared.computed[source.name]
            self._exported.append((name, source, shredder.of(returned(call.function, declared.cls), shape)))

    def tabulate(self, roots: Sequence[Member], find: Find) -> Tabulated:
        """See `plan.evaluator.Tabulates`."""
        make = self._slots[self._root.name].make
        block = _Block(roots, [], {self._root: [make(path, fields) for path, fields in roots]})
        for bound, call in self._at_root:
            block = block.where(self._called(block, bound, call))
        found = find(block.roots)
        if self._required:
            there = [all(row) for row in zip(*(found[name] for name in self._required))]
            block = block.where(there)
            found = {name: list(compress(documents, there)) for name, documents in found.items()}
        self._fill(block, found)
        for bound, call in self._behind:
            block = block.where(self._called(block, bound, call))
        columns: dict[str, Column] = {n: shred(self._values(block, source)) for n, source, shred in self._exported}
        return [self._path_of(path) for path, _ in block.roots], columns

    def _fill(self, block: _Block, found: Mapping[str, Sequence[Mapping[str, Document]]]) -> None:
        """Makes the objects of the other slots, and the views that read them."""
        for name, slot in self._slots.items():
            if name != self._root.name and (self._read is None or name in self._read):
                block.known[Source("slot", name)] = [slot.filled(documents) for documents in found[name]]
        names = [source.name for source in block.known]
        for row in zip(*block.known.values()):
            built = dict(zip(names, row))
            store = _made(self._declared.store, {**_STORE, "_built": built, **built})
            block.views.append(_made(self._declared.cls, {**_VIEW, "store": store, "_computed": {}}))

    def _values(self, block: _Block, source: Source) -> Sequence[Any]:
        values = block.known.get(source)
        if values is None:
            values = block.known[source] = self._computed(block, source)
        return values

    def _computed(self, block: _Block, source: Source) -> Sequence[Any]:
        declared = self._declared
        if source.kind == "udf":
            return self._called(block, *self._udfs[source.name])
        if self._shared is None or source.name in self._shared:
            return list(map(attrgetter(source.name), block.views))
        return list(map(declared.computed[source.name].function, block.views))

    def _called(self, block: _Block, bound: BoundCall, call: _Call) -> Sequence[Any]:
        return call([self._values(block, source) for _, source in bound.sources], len(block.roots))


class _Block:
    """Some roots, and what is known of them.

    Attributes:
        views: The objects that getters are called with; none as long as nothing but the root is known.
        known: Source -> its value for each root.
    """

    __slots__ = ("known", "roots", "views")

    def __init__(self, roots: Sequence[Member], views: list[Any], known: dict[Source, Sequence[Any]]) -> None:
        self.roots, self.views, self.known = roots, views, known

    def where(self, passed: Sequence[Any]) -> _Block:
        """Those that passed."""
        known: dict[Source, Sequence[Any]] = {s: list(compress(v, passed)) for s, v in self.known.items()}
        return _Block(list(compress(self.roots, passed)), list(compress(self.views, passed)), known)


class _Slot:
    """Makes the objects of one slot."""

    def __init__(self, model: type[DomainModel], many: bool) -> None:
        self._many, self.make = many, maker_of(model)
        self._made: dict[str, Any] = {}
        self._shared: set[type] = set()

    def filled(self, documents: Mapping[str, Document]) -> Any:
        """What a store's slot holds of some documents; objects that nobody can change are kept for other roots."""
        known, make, shared = self._made, self.make, self._shared
        objects = {}
        for path, fields in documents.items():
            made = known.get(path)
            if made is None:
                made = make(path, fields)
                if made.__class__ in shared or self._may_be_shared(type(made)):
                    known[path] = made
            objects[path] = made
        if len(known) > MADE:
            known.clear()
        return Many.of(objects) if self._many else next(iter(objects.values()), None)

    def _may_be_shared(self, cls: type) -> bool:
        """Whether nobody can change the objects of a class: whether it is the read-only form of a model."""
        if "_read_only" in vars(cls):
            self._shared.add(cls)
        return cls in self._shared


def may_be_tabulated(view: CompiledView) -> bool:
    """Whether a view can be evaluated for many roots at once: one document for each, whose objects are made as declared."""
    declared = view.declared
    operators = (declared.key, declared.expand, declared.paths, declared.sessions)
    if declared.accumulators or declared.havings or any(o is not None for o in operators):
        return False
    cls, store = declared.cls, declared.store
    made = (cls.__init__, cls.__new__, store.__init__, store.__new__, store._slot)
    return made == (ViewModel.__init__, object.__new__, Store.__init__, object.__new__, Store._slot)


def _made(cls: type, attributes: Mapping[str, Any]) -> Any:
    made: Any = object.__new__(cls)
    vars(made).update(attributes)
    return made


_STORE: Mapping[str, Any] = {"_members": {}, "_writable": False, "_added": {}, "_behind": {}, "update_times": {}}
_VIEW: Mapping[str, Any] = {"_results": None, "_follower": None}


def _call_of(bound: BoundCall, *first: Any) -> _Call:
    """Calls of a user's function; its parameters are found by position or by name, as it takes them."""
    function = partial(bound.call.function, *first) if first else bound.call.function
    names = [name for name, _ in bound.sources]
    if not names:
        return lambda columns, count: [function() for _ in range(count)]
    if isinstance(bound.call.function, Vectorised):
        batch = bound.call.function.batch
        return lambda columns, count: batch(names, columns) if count else []
    if takes_in_order(bound, len(first)):
        return lambda columns, count: list(map(function, *columns))
    return lambda columns, count: [function(**dict(zip(names, row))) for row in zip(*columns)]


def _read(view: CompiledView) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """The slots that a view's code reads, and the computed attributes that others read; `None`: maybe all of them."""
    declared = view.declared
    asked = [s for c in (*declared.udfs.values(), *declared.filters) for _, s in view.names.calls[c].sources]
    slots = {s.name for s in asked if s.kind == "slot"}
    others: set[str] = set()
    for call in declared.computed.values():
        read = read_by(call.function)
        if read is None or not read[1] <= declared.computed.keys():
            return None, None
        slots |= read[0]
        others |= read[1]
    return frozenset(slots), frozenset(others)
