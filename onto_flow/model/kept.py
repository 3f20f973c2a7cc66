"""A view document kept under change: the objects of its members, and of the getters what need not be called again.

    a ticket of a meeting changes -> the getters that read tickets are called, and of `attending` the one row is made again

Law: what it shows is what the evaluator shows for the same documents. What it cannot tell apart it evaluates whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.compact import new_map, unseen
from ..core.equality import same
from ..core.native import compiled, replace
from ..core.values import Document, in_path_order
from ..plan.evaluator import Members
from .kept_program import EVERYTHING, Attribute, KeptProgram
from .kept_rows import KeptRows, RowProgram
from .lasting import NotLasting
from .members import Many
from .values import Scope

Shown = tuple[Mapping[Any, Any], Sequence[Any]]


class KeptView:
    """The document of one root, kept. See `plan.evaluator.Kept`."""

    __slots__ = ("_declined", "_dirty", "_hits", "_path", "_program", "_rows", "_slots", "_unordered")

    def __init__(self, program: KeptProgram, members: Members, path: str) -> None:
        self._program, self._path = program, path
        self._slots: list[dict[str, Any]] = [
            new_map({p: make(p, fields) for p, fields in members[name]})
            for name, make in zip(program.names, program.makers)
        ]
        self._rows: list[KeptRows | None] = [*program.no_rows]
        self._dirty = EVERYTHING
        self._declined = False
        self._hits: list[tuple[int, str]] | None = None
        self._unordered = 0

    def replace(self, slots: Sequence[int], path: str, fields: Document) -> None:
        """See `plan.evaluator.Kept`."""
        for at in slots:
            documents = self._slots[at]
            if path in documents:
                documents[path] = self._program.makers[at](path, fields)
                self._hit(at, path)

    def put(self, slot: int, path: str, fields: Document) -> None:
        """See `plan.evaluator.Kept`."""
        documents = self._slots[slot]
        if documents and path not in documents:
            self._unordered |= 1 << slot
        documents[path] = self._program.makers[slot](path, fields)
        self._hit(slot, path)

    def drop(self, slot: int, path: str) -> None:
        """See `plan.evaluator.Kept`."""
        if self._slots[slot].pop(path, None) is not None:
            self._hit(slot, path)

    def _hit(self, slot: int, path: str) -> None:
        self._dirty |= 1 << slot
        if self._hits is None:
            self._hits = []
        self._hits.append((slot, path))

    def holds(self, slot: int, path: str) -> bool:
        """See `plan.evaluator.Kept`."""
        return path in self._slots[slot]

    def paths(self, slot: int) -> Sequence[str]:
        """See `plan.evaluator.Kept`."""
        return list(self._slots[slot])

    def settle(self) -> None:
        """See `plan.evaluator.Kept`."""
        unordered, self._unordered = self._unordered, 0
        for slot in range(unordered.bit_length()):
            if unordered >> slot & 1:
                self._order(slot)

    def _order(self, slot: int) -> None:
        self._slots[slot] = new_map(in_path_order(self._slots[slot]))

    def shown(self, last: Mapping[Any, Any]) -> Shown:
        """See `plan.evaluator.Kept`."""
        program, path, dirty, hits = self._program, self._path, self._dirty, self._hits or ()
        self._dirty, self._hits = 0, None
        if self._declined and not program.decisive & dirty:
            return {}, tuple(last)
        document = last.get(path)
        if document is None or self._declined:
            dirty = EVERYTHING
        if dirty == EVERYTHING:
            self._declined, self._rows = False, [*program.no_rows]
        asked: Scope | bool = self._wanted(dirty) if program.decisive & dirty else True
        self._declined = asked is False
        if self._declined:
            return {}, tuple(last)
        changed: dict[str, Any] = {}
        scope: Scope | None = None
        moved: dict[int, bool] = {}
        for attribute in program.by_rows:
            if attribute.mask & dirty:
                self._by_rows(attribute, dirty, hits, document, changed, moved)
        for attribute in program.attributes:
            # A value that reads no slot is made with the document, and never again.
            if (attribute.mask & dirty or document is None) and attribute.place not in moved:
                needs = attribute.needs
                if needs and dirty != EVERYTHING and not _any_moved(needs, dirty, moved):
                    continue
                value = self._called(attribute) if needs else self._read(attribute)
                if value is _UNKNOWN:
                    if scope is None:
                        scope = self._with_rows(asked if isinstance(asked, Scope) else self._scope())
                    value = scope[attribute.source]
                self._compare(attribute, program.stored(attribute, value), document, changed)
        if document is not None and not changed and len(last) == 1:
            return last, ()
        now = (program.pattern if document is None else document).copy()
        now.update(changed)
        return new_map({path: unseen(now)}), (path, *[p for p in last if p != path])

    _in_python = shown

    def _wanted(self, dirty: int) -> Scope | bool:
        """Whether there is a document at all: `False`, or else the scope in which that was asked, where it took one."""
        program, slots = self._program, self._slots
        for at in program.required:
            if not slots[at]:
                return False
        scope: Scope | None = None
        for mask, passes, call, taken in program.filters:
            if mask & dirty:
                if call is not None:
                    said = call(*map(self._seen, taken))
                else:
                    scope = self._scope() if scope is None else scope
                    said = passes(scope)
                if not said:
                    return False
        return True if scope is None else scope

    def _compare(self, attribute: Attribute, new: Any, document: Document | None, changed: dict[str, Any]) -> None:
        if document is None or not same(document[attribute.stored], new):
            changed[attribute.stored] = new

    def _by_rows(
        self,
        attribute: Attribute,
        dirty: int,
        hits: Sequence[tuple[int, str]],
        document: Document | None,
        changed: dict[str, Any],
        moved: dict[int, bool],
    ) -> None:
        """Evaluates an attribute row by row; where that cannot be, it is left to be evaluated whole."""
        program, place, slots = attribute.rows, attribute.place, self._slots
        assert program is not None
        rows = self._rows[place]
        try:
            if rows is None or attribute.single & dirty:
                rows = self._rows[place] = KeptRows(program, slots)
                moves = stored = True
                if program.rest is None:
                    stored = False
                    self._compare(attribute, rows.stored(), document, changed)
            else:
                moves, stored = rows.change(slots, hits)
            rest = program.rest
            if rest is not None:
                if moves:
                    around = [next(iter(slots[at].values()), None) for at in program.around]
                    value = self._program.stored(attribute, rest(rows.elements(), *around))
                    self._compare(attribute, value, document, changed)
            elif stored:
                # A row that left and one that came may be equal: then nothing was changed that a reader sees.
                self._compare(attribute, rows.stored(), document, changed)
            moved[place] = moves
        except Exception as error:
            # Whether a row that raises is reached at all, and which error counts, the getter itself decides.
            self._rows[place] = None
            if isinstance(error, NotLasting):
                self._program.give_up_rows(attribute)

    def _called(self, attribute: Attribute) -> Any:
        """What a UDF over rows and slots alone returns."""
        if attribute.call is None:
            return _UNKNOWN
        arguments = []
        for _, place, slot in attribute.needs:
            rows = self._rows[place] if place >= 0 else None
            if rows is not None and rows.is_whole:
                arguments.append(rows.elements())
            elif place < 0 <= slot:
                arguments.append(self._seen(slot))
            else:
                return _UNKNOWN
        return attribute.call(*arguments)

    def _read(self, attribute: Attribute) -> Any:
        """What a getter gives that reads slots alone: of the view it sees those."""
        if attribute.call is None or not attribute.reads:
            return _UNKNOWN
        program = self._program
        view, store = map(object.__new__, program.classes)
        object.__setattr__(view, "store", store)
        for slot in attribute.reads:
            object.__setattr__(store, program.names[slot], self._seen(slot))
        return attribute.call(view)

    def _seen(self, slot: int) -> Any:
        """A slot as user code sees it."""
        documents = self._slots[slot]
        return Many.of(documents) if self._program.many[slot] else next(iter(documents.values()), None)

    def _scope(self) -> Scope:
        """The names of the view, with the documents as they are now."""
        program = self._program
        declared = program.view.declared
        store = declared.store({}, writable=False)
        built = {name: self._seen(slot) for slot, name in enumerate(program.names)}
        store._built.update(built)
        store.__dict__.update(built)
        scope = Scope(program.rules)
        scope.view = declared.cls(store)
        return scope

    def _with_rows(self, scope: Scope) -> Scope:
        """A scope whose getters need not be called where their rows are kept, which are as they are now."""
        for attribute in self._program.by_rows:
            kept = self._rows[attribute.place]
            if kept is not None and kept.is_whole and attribute.asked_for:
                scope.view._computed[attribute.source.name] = kept.elements()
        return scope


_UNKNOWN: Any = object()


def _any_moved(needs: Sequence[tuple[int, int, int]], dirty: int, moved: Mapping[int, bool]) -> bool:
    """Whether anything that a UDF is computed from has changed."""
    for mask, place, _ in needs:
        moves = moved.get(place)
        if moves if moves is not None else mask & dirty:
            return True
    return False


if not TYPE_CHECKING and compiled() is not None:
    for name, form in compiled().kept_documents(KeptView, KeptProgram).items():
        replace(KeptView, name, form)
    replace(KeptView, "shown", compiled().kept_view(KeptView, KeptProgram, Attribute, RowProgram, Many, NotLasting))
