"""The program as frozen data: views, their slots, and the operators that maintain them.

A plan holds no user object that could not be found again by its import path, so it travels to workers as JSON
(`plan.wire`). Only `CodeRef.live` is kept beside it, for classes that this process alone knows (a notebook's).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any, Literal

from ..core.collection import Collection, Projection
from ..core.errors import EngineError
from ..core.types import Schema
from .places import FieldPath, Place

SlotKind = Literal["root", "via", "by", "on"]
AccumulatorKind = Literal[
    "count", "sum", "avg", "min", "max", "count_distinct", "top_k", "first", "last", "collect", "histogram", "own"
]
OnError = Literal["keep", "delete", "fail"]
OperatorKind = Literal["ingest", "match", "assemble", "aggregate", "sessions", "own", "relay"]
CellKind = Literal["value", "bag", "map"]
TimerKind = Literal["fence", "coalesce", "garbage", "until"]


@dataclass(frozen=True)
class CodeRef:
    """User code by its import path, `module:qualified.name`.

    Attributes:
        path: The import path.
        live: The object itself where this process made the plan; never compared, printed or sent.
    """

    path: str
    live: Any = field(default=None, compare=False, repr=False)

    @property
    def portable(self) -> bool:
        """Whether another process can import it."""
        module, _, name = self.path.partition(":")
        return module != "__main__" and "<" not in name

    def resolve(self) -> Any:
        """The object.

        Raises:
            EngineError: `not-portable` when it cannot be imported here.
        """
        if self.live is not None:
            return self.live
        module, _, name = self.path.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            raise EngineError(
                "not-portable",
                f"{self.path} cannot be imported here ({error})",
                fix="Define it at the top level of a module that is installed on every worker.",
            ) from error
        return found


@dataclass(frozen=True)
class Relation:
    """References in a document.

    Attributes:
        field: Where they are: reference values, paths, full names, or plain ids of the target collection.
        target: The collection that they point into; others are ignored.
        parse: Code from the raw value to a path, an id, a reference or `None`.
        above: Whether it is the nearest document of the target above this one in its path, which no field says.
        default: The paths that a missing field stands for.
    """

    field: FieldPath
    target: Collection
    parse: CodeRef | None = None
    above: bool = False
    default: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """The order of a slot's documents, in Firestore's order of values; ties by path.

    Attributes:
        code: From (path, fields) of a document to a value of Firestore.
        descending: The greatest first; ties stay in path order.
    """

    code: CodeRef
    descending: bool = False


@dataclass(frozen=True)
class Slot:
    """One member of a store.

    A slot's documents are the existing ones of its collection that have a key in common with some document of the
    parent slot; a set by path.

    Attributes:
        name: As the user named it.
        index: Its place in `View.slots`; a parent comes before its children; the root is 0.
        kind: `via`: references in the parent; `by`: references to the parent; `on`: equality of fields and ids.
        collection: Which documents.
        parent: Index of the parent slot; -1 for the root.
        many: Many documents, or one or none.
        required: No view document while this one is missing.
        relation: Of `via` (in the parent's documents) and `by` (in the slot's own).
        pairs: Of `on`: (place in the parent, place in the slot's documents); all must be equal.
        fused: A `by` slot of the root: its key is the root's path, so assemble is its match.
        until: Where its documents say until when they count (declared time); they always count where it is no timestamp.
        always: Of `via`: the path of the one document that every document of the parent asks for (a clock).
        phantom: Of the root: whether one that does not exist shows while documents lie below it (of slots `by` a relation
            `above`); its fields are empty then.
        where: Code from (path, fields) to whether a document counts; one on which it raises does not.
        compare: Code from (path, fields, path of the parent, fields of the parent) to whether the two belong together.
        order: In which order; by path where there is none.
        limit: How many at most, from the first on; slots that start from this one start from these.
    """

    name: str
    index: int
    kind: SlotKind
    collection: Collection
    parent: int = -1
    many: bool = False
    required: bool = False
    relation: Relation | None = None
    pairs: tuple[tuple[Place, Place], ...] = ()
    fused: bool = False
    until: FieldPath | None = None
    always: str | None = None
    phantom: bool = False
    where: CodeRef | None = None
    compare: CodeRef | None = None
    order: Order | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Accumulator:
    """One accumulator of a group, or of a many slot.

    Attributes:
        name: The attribute that holds its result.
        kind: Which one; `own`: the user's.
        descending: For `collect`: the greatest first.
        limit: For `collect` and `top_k`: how many at most.
        bounds: For `histogram`: rising numbers; one bin below them, one from each on.
        over: Index of the many slot whose documents it takes; -1: the rows of a group.
        beside: The slots that hang on that one and that its functions name: per document, what it leads to.
        whole: The other slots that its functions read.
        code: Of `own`: the object with `create`, `add`, `retract`, `merge`, `result`.
    """

    name: str
    kind: AccumulatorKind
    descending: bool = False
    limit: int | None = None
    bounds: tuple[float, ...] = ()
    over: int = -1
    beside: tuple[int, ...] = ()
    whole: tuple[int, ...] = ()
    code: CodeRef | None = None

    @property
    def abelian(self) -> bool:
        """Whether its state is O(1); the others keep an entry per value or row."""
        return self.kind in ("count", "sum", "avg", "histogram", "own")


@dataclass(frozen=True)
class Sessions:
    """How the rows of a group are cut into sessions; the last contribution of each row is its time in microseconds.

    Attributes:
        name: The attribute that holds start and end.
        gap: Rows further apart than so many microseconds are not of one session.
    """

    name: str
    gap: int


@dataclass(frozen=True)
class View:
    """A view model, compiled.

    Attributes:
        name: The name of the class.
        collection: Where its documents live.
        code: The class; its `evaluator()` gives the `plan.evaluator.Evaluator`.
        slots: The root first.
        schema: The attributes of a view document.
        grouped: Whether rows are grouped by a key.
        accumulators: Of a grouped view.
        owned: Whether several roots may write one output path, so that an owner decides.
        sensitive: Fields (of any of its documents) that dead letters may not show.
        on_error: What becomes of a view document when the view's code raises: `keep` the last good one, `delete` it, or
            `fail`: stop the run.
        sessions: Of a grouped view with a document per session.
        reads: Per attribute that is no part of the key: its name in documents, its name in the class, and the many slots
            and accumulators that it reads, through other attributes too.
        relayed: Whether other views of the plan read its documents.
        expanded: What each of the rows of a root is called, where it has several (`expand`).
    """

    name: str
    collection: str
    code: CodeRef
    slots: tuple[Slot, ...]
    schema: Schema
    grouped: bool = False
    accumulators: tuple[Accumulator, ...] = ()
    owned: bool = False
    sensitive: tuple[str, ...] = ()
    relayed: bool = False
    on_error: OnError = "keep"
    sessions: Sessions | None = None
    reads: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    expanded: str = ""


@dataclass(frozen=True)
class Cell:
    """A declared piece of an operator's keyed state."""

    name: str
    kind: CellKind
    holds: str


@dataclass(frozen=True)
class OperatorNode:
    """One keyed, stateful step.

    Attributes:
        id: Stable: `ingest`, `View.match.slot`, `View.assemble`, `View.aggregate`, `View.own`.
        kind: Which operator.
        view: The view's name; empty for ingest, which serves all.
        slot: For match, the slot's index.
        key: What it is keyed by, in words.
        cells: Its state.
        timers: The timers it may set.
        sends_to: The operators it sends to; none may lie before it in `Plan.operators`.
    """

    id: str
    kind: OperatorKind
    view: str
    slot: int
    key: str
    cells: tuple[Cell, ...]
    timers: tuple[TimerKind, ...]
    sends_to: tuple[str, ...]

    @property
    def shows(self) -> bool:
        """Whether what it gives are view documents, and not what others make them of."""
        return self.kind not in ("ingest", "match", "relay") and set(self.sends_to) <= {f"{self.view}.relay"}


NOTHING = Projection(())

Kinds = tuple[Collection, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]
"""(collection, (steps to a field, the kinds of `core.kinds` that it is declared with) for each field that says one)."""


@dataclass(frozen=True)
class Plan:
    """Views and the operators that maintain them, in the order of the flow: a view after those that it reads.

    Attributes:
        projection: What is read of the collections of sources and feeds.
        derived: What is read of those that views of this plan write; no source or feed yields their documents.
        kinds: What fields are declared to hold; what holds something else is counted where documents are read.
    """

    views: tuple[View, ...]
    operators: tuple[OperatorNode, ...]
    projection: Projection
    derived: Projection = NOTHING
    kinds: tuple[Kinds, ...] = ()

    def view(self, name: str) -> View:
        """The view of this name."""
        return next(v for v in self.views if v.name == name)

    def sensitive(self) -> tuple[str, ...]:
        """The fields that nothing printed or kept may show."""
        return tuple(dict.fromkeys(n for v in self.views for n in v.sensitive))

    def _repr_svg_(self) -> str:
        from .drawing import draw

        return draw(self)
