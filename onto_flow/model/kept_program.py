"""What a view's declaration says of how its documents are kept under change: which getters depend on which slots."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from ..core.compact import pattern
from ..plan.keyed import found_by_keys
from .annotations import Shape
from .compile import CompiledView
from .documents import Converter
from .kept_rows import RowProgram
from .methods import ReadOnlyClass
from .objects import Maker, maker_of
from .reads import keeps_itself, read_by
from .rows import row_getter
from .scopes import BoundCall, Source
from .store import Store
from .values import Getter, takes_in_order
from .view import ViewModel

_SMALL = 1 << 62
EVERYTHING = -1
"""The mask of all slots."""


@dataclasses.dataclass(slots=True)
class Attribute:
    """One attribute of the view document.

    Attributes:
        stored: Its name in the document.
        mask: The slots that it depends on, a bit each.
        needs: For a UDF, what it is computed from: the slots that this depends on, the place of its rows, and its slot; -1
            for none.
        call: For a UDF, the function where it takes those in order; for a getter that reads slots alone, the getter.
        reads: Of such a getter, the slots.
        rows: Where it can be evaluated row by row.
        place: The place of its rows among those of a view document; -1 where there never were any.
        single: The single slots that its rows read.
        asked_for: Whether other names may depend on it.
    """

    stored: str
    source: Source
    shape: Shape | None
    mask: int
    needs: tuple[tuple[int, int, int], ...] = ()
    call: Callable[..., Any] | None = None
    reads: tuple[int, ...] = ()
    rows: RowProgram | None = None
    place: int = -1
    single: int = 0
    asked_for: bool = True


Filter = tuple[int, Getter, "Callable[..., Any] | None", tuple[int, ...]]
"""The slots that it depends on, a bit each; its call in a scope; and where it takes slots in order, it and those."""


class KeptProgram:
    """What a view's declaration says of how its documents are kept.

    Args:
        view: The view; it must be one that `may_be_kept`.
        converter: Makes what is stored.
        rules: How the values of names are found in a scope.
        filters: The filters, as calls in a scope.
        exported: (name in the document, source, shape).
    """

    __slots__ = (
        "_masks",
        "attributes",
        "by_rows",
        "classes",
        "converter",
        "decisive",
        "filters",
        "makers",
        "many",
        "names",
        "no_rows",
        "pattern",
        "required",
        "rules",
        "view",
    )

    def __init__(
        self,
        view: CompiledView,
        converter: Converter,
        rules: Mapping[Source, Getter],
        filters: Sequence[Getter],
        exported: Iterable[tuple[str, Source, Shape | None]],
    ) -> None:
        self.view, self.converter, self.rules = view, converter, rules
        declared = view.declared
        self.names = tuple(s.name for s in declared.slots)
        self.many = tuple(s.many for s in declared.slots)
        self.required = tuple(s.index for s in declared.slots if s.required)
        self.makers: tuple[Maker, ...] = tuple(maker_of(declared.store._slots[n].model) for n in self.names)
        self._masks: dict[Source, int] = {}
        calls = [view.names.calls[f] for f in declared.filters]
        self.classes = (declared.cls, declared.store)
        self.filters = [self._filter(c, f) for c, f in zip(calls, filters)]
        decisive = self._mask_of_all(Source("slot", s.name) for s in declared.slots if s.required)
        self.decisive = functools.reduce(operator.or_, (m for m, *_ in self.filters), decisive)
        self.attributes = [self._attribute(*e) for e in exported]
        self.pattern = pattern(a.stored for a in self.attributes)
        self.by_rows = [a for a in self.attributes if a.rows is not None]
        self.no_rows = (None,) * len(self.by_rows)
        asked = self._asked_for()
        places: dict[Source, int] = {}
        for place, attribute in enumerate(self.by_rows):
            attribute.place = places[attribute.source] = place
            attribute.asked_for = asked is None or attribute.source in asked
        for attribute in self.attributes:
            attribute.needs = tuple(
                (self.mask_of(s), places.get(s, -1), self._slot_of(s)) for s in self._needs(attribute.source)
            )
            if asked is not None and attribute.source not in asked:
                self._call_getter(attribute)

    def stored(self, attribute: Attribute, value: Any) -> Any:
        """What is stored of an attribute's value.

        Raises:
            DataError: It cannot be stored.
        """
        kind = value.__class__
        if (
            kind is bool
            or value is None
            or (kind is str and value.isascii())
            or (kind is int and -_SMALL < value < _SMALL)
        ):
            return value
        return self.converter.value(value, attribute.shape)

    def give_up_rows(self, attribute: Attribute) -> None:
        """From now on an attribute is evaluated whole."""
        place, attribute.rows, attribute.place = attribute.place, None, -1
        self.by_rows = [a for a in self.by_rows if a is not attribute]
        for other in self.attributes:
            other.needs = tuple((mask, -1 if p == place else p, slot) for mask, p, slot in other.needs)

    def mask_of(self, source: Source) -> int:
        """The slots that a name depends on, a bit each; all of them where that is not known."""
        mask = self._masks.get(source)
        if mask is None:
            mask = self._masks[source] = self._worked_out(source)
        return mask

    def _attribute(self, stored: str, source: Source, shape: Shape | None) -> Attribute:
        declared = self.view.declared
        found = Attribute(stored, source, shape, self.mask_of(source))
        if source.kind == "udf":
            bound = self.view.names.calls[declared.udfs[source.name]]
            found.call = bound.call.function if takes_in_order(bound) else None
        elif source.kind == "computed":
            getter = row_getter(declared.computed[source.name].function, dict(zip(self.names, self.many)))
            if getter is not None:
                items = shape.items if shape is not None else None
                convert = partial(self.converter.value, shape=items, depth=1, in_list=True)
                found.rows = RowProgram(getter, self.names, convert, self.converter.names_of)
                found.single = self._mask_of_all(Source("slot", n) for n in (*getter.single, *getter.around))
        return found

    def _needs(self, source: Source) -> list[Source]:
        """What a UDF is computed from."""
        if source.kind != "udf":
            return []
        return [s for _, s in self.view.names.calls[self.view.declared.udfs[source.name]].sources]

    def _slot_of(self, source: Source) -> int:
        return self.names.index(source.name) if source.kind == "slot" else -1

    def _filter(self, bound: BoundCall, passes: Getter) -> Filter:
        """A filter: with documents alone it is called with them."""
        mask, slots = self._mask_of_all(s for _, s in bound.sources), tuple(self._slot_of(s) for _, s in bound.sources)
        if -1 in slots or not slots or not takes_in_order(bound, 1):
            return mask, passes, None, ()
        return mask, passes, partial(bound.call.function, ReadOnlyClass(self.view.declared.cls)), slots

    def _call_getter(self, attribute: Attribute) -> None:
        """A getter that reads slots alone, and whose value no other sees, needs no more of a view than these."""
        source = attribute.source
        if source.kind != "computed" or any(c.__new__ is not object.__new__ for c in self.classes):
            return
        function = self.view.declared.computed[source.name].function
        read = read_by(function)
        if read is not None and not read[1] and read[0] <= {*self.names}:
            attribute.call, attribute.reads = function, tuple(sorted(map(self.names.index, read[0])))

    def _asked_for(self) -> set[Source] | None:
        """The names that other names are computed from; `None` when that is not known."""
        declared = self.view.declared
        asked = {s for a in self.attributes for s in self._needs(a.source)}
        asked |= {s for f in declared.filters for _, s in self.view.names.calls[f].sources}
        for call in (*declared.udfs.values(), *declared.filters):
            asked |= {s for _, s in self.view.names.calls[call].sources}
        for call in declared.computed.values():
            read = read_by(call.function)
            if read is None:
                return None
            asked |= {Source("computed", n) for n in read[1]}
        return asked

    def _mask_of_all(self, sources: Iterable[Source]) -> int:
        return functools.reduce(operator.or_, map(self.mask_of, sources), 0)

    def _worked_out(self, source: Source) -> int:
        declared = self.view.declared
        if source.kind == "slot":
            return 1 << self.names.index(source.name)
        if source.kind == "udf":
            return self._mask_of_all(s for _, s in self.view.names.calls[declared.udfs[source.name]].sources)
        read = read_by(declared.computed[source.name].function) if source.kind == "computed" else None
        if read is None or not read[0] <= {*self.names} or not read[1] <= declared.computed.keys():
            return EVERYTHING
        return self._mask_of_all([*(Source("slot", n) for n in read[0]), *(Source("computed", n) for n in read[1])])


def may_be_kept(view: CompiledView) -> bool:
    """Whether a view's documents can be kept under change: one per root, of slots that are as their join keys say."""
    declared = view.declared
    operators = (declared.key, declared.expand, declared.paths, declared.sessions)
    if (
        declared.accumulators
        or any(o is not None for o in operators)
        or declared.cls.__init__ is not ViewModel.__init__
    ):
        return False
    store = declared.store
    if (store.__init__, store._slot) != (Store.__init__, Store._slot):
        return False
    getters = all(keeps_itself(c.function) for c in declared.computed.values())
    return getters and all(found_by_keys(s) and _read_as_declared(store, s.name) for s in declared.slots)


def _read_as_declared(store: type[Store], slot: str) -> bool:
    model = store._slots[slot].model
    return maker_of(model) is not model
