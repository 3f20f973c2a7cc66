"""Many views and many histories in one job, by prefixes of paths: the fixed cost of a job is paid once.

The documents of history 3 of view 2 lie below `m2/h3`: `a/1` is `m2/h3/a/1`. The view's collections have a free part
there, its relations refer to documents of the same history, its equalities ask for the same history too, and its
output is `m2outV/h3~a~1`. The user's code, keys and documents are those of the view alone; so what the job gives,
taken apart by prefix, is compared with what the oracle says of each history by itself.

All histories of a job lie around one moment, that of the export; a history without one begins right after it.

Example:
    >>> from onto_flow.testing.named_cases import FIXED
    >>> from onto_flow.testing.multiplexed import Multiplexed, Told
    >>> case = FIXED["a reference moves"]
    >>> together = Multiplexed([[Told(case, list(case.history.feed)), Told(case, [])]])
    >>> sorted(together.documents)
    ['m0/h0/a/1', 'm0/h0/b/1', 'm0/h0/b/2', 'm0/h1/a/1', 'm0/h1/b/1', 'm0/h1/b/2']
    >>> [table["V"] for table in together.apart({"V0": {"m0outV/h1~a~1": {"n": 1}}})]
    [{}, {'outV/a~1': {'n': 1}}]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import Any, NamedTuple

from ..core.change import Change
from ..core.codec import decode, encode
from ..core.collection import Collection, CollectionSet
from ..core.values import Document, Reference
from ..plan.compile import compile_plan
from ..plan.evaluator import Evaluator, Results
from ..plan.nodes import CodeRef, Plan, Relation, Slot, View
from ..plan.places import PathPart, Place
from .cases import Case, letters_of, random_history, random_world
from .histories import Commit, History
from .shapes import COLLECTIONS, FAMILIES, Members, Shape, view_of

SNAPSHOT = 1 << 40
"""When the export is taken, in microseconds: the same for all."""

HISTORY = PathPart("history", 1)
"""Where a path says which history it belongs to."""

Tables = Mapping[str, Mapping[str, Document]]


class Told(NamedTuple):
    """A case, and the order in which the feed tells of its commits."""

    case: Case
    order: Sequence[int]


@dataclass(frozen=True)
class Below:
    """The code of a view whose documents lie below a history of a view of a job."""

    prefix: str
    shape: Shape

    @property
    def import_name(self) -> str:
        """The attribute of this module that is this code."""
        return "below_" + encode((self.prefix, tuple(self.shape.__dict__.values()))).hex()

    def evaluator(self) -> Evaluator:
        """Itself."""
        return self

    def documents(self, members: Members, results: Results = tuple) -> dict[str, Document]:
        """See `plan.evaluator.Evaluator`."""
        history, plain = _taken_apart(members)
        return {self._path(history, path): shown for path, shown in self.shape.documents(plain, results).items()}

    def each(self, members: Members, slot: int, elements: Sequence[Members]) -> list[tuple[Any, ...]] | None:
        """See `plan.evaluator.Evaluator`."""
        return self.shape.each(_taken_apart(members)[1], slot, [_plain(alone) for alone in elements])

    def rows(self, members: Members) -> dict[bytes, tuple[tuple[Any, ...], ...]]:
        """See `plan.evaluator.Evaluator`."""
        history, plain = _taken_apart(members)
        return {encode((history, key)): rows for key, rows in self.shape.rows(plain).items()}

    def result(self, key: bytes, results: Sequence[Any]) -> tuple[str, Document | None]:
        """See `plan.evaluator.Evaluator`."""
        history, own = decode(key)
        path, shown = self.shape.result(own, results)
        return self._path(history, path), shown

    def _path(self, history: str, path: str) -> str:
        return f"{self.prefix}{path.replace('/', f'/{history}~', 1)}"


def __getattr__(name: str) -> Below:
    if not name.startswith("below_"):
        raise AttributeError(name)
    prefix, shape = decode(bytes.fromhex(name.removeprefix("below_")))
    return Below(prefix, Shape(*shape))


def _taken_apart(members: Members) -> tuple[str, Members]:
    """The history that a root belongs to, and its documents by their own paths."""
    return members["s0"][0][0].split("/", 2)[1], _plain(members)


def _plain(members: Members) -> Members:
    return {name: [(path.split("/", 2)[2], fields) for path, fields in held] for name, held in members.items()}


def stands_alone(case: Case) -> bool:
    """Whether a case cannot be told with others: its views read each other's documents."""
    return any(letter == "o" for shape in case.shapes for _, letter, *_ in shape.slots)


class Multiplexed:
    """Views, each with histories, as one job.

    Args:
        groups: For each view (or the views of a case) its histories: cases that have the same shapes and read the same.
        random: Decides how the feeds of the histories are mixed.
    """

    def __init__(self, groups: Sequence[Sequence[Told]], random: Random | None = None) -> None:
        self._groups, self._random = groups, random or Random(0)
        assert all(not stands_alone(told.case) for group in groups for told in group)

    @cached_property
    def plan(self) -> Plan:
        """All views."""
        views = [_view(number, shape) for number, group in enumerate(self._groups) for shape in group[0].case.shapes]
        fields = [
            (_below(number, collection), group[0].case.read)
            for number, group in enumerate(self._groups)
            for letter, collection in COLLECTIONS.items()
            if letter not in (*FAMILIES, "o")
        ]
        return compile_plan(views, fields)

    def _told(self) -> Iterator[tuple[str, Case, Sequence[int], History]]:
        """(prefix, case, order, its history below the prefix) of each history."""
        for number, group in enumerate(self._groups):
            for at, (case, order) in enumerate(group):
                prefix = f"m{number}/h{at}/"
                yield prefix, case, order, _moved(case.history, prefix)

    @cached_property
    def documents(self) -> dict[str, Document]:
        """What the export holds."""
        return {path: fields for *_, history in self._told() for path, fields in history.documents.items()}

    @cached_property
    def final(self) -> dict[str, Document]:
        """The documents at the end."""
        return {path: fields for *_, history in self._told() for path, fields in history.final.items()}

    @cached_property
    def changes(self) -> list[Change]:
        """The feeds, mixed; each history's own order is kept."""
        feeds = [[history.change(i) for i in order] for *_, order, history in self._told()]
        turns = [at for at, feed in enumerate(feeds) for _ in feed]
        self._random.shuffle(turns)
        waiting = [iter(feed) for feed in feeds]
        return [next(waiting[at]) for at in turns]

    @property
    def cases(self) -> list[Told]:
        """All histories in the order of `apart`."""
        return [told for group in self._groups for told in group]

    def apart(self, tables: Tables) -> list[dict[str, dict[str, Document]]]:
        """The tables of each history, with the names and paths of its views alone."""
        found: list[dict[str, dict[str, Document]]] = []
        for number, group in enumerate(self._groups):
            of_views = [_by_history(tables.get(f"{s.name}{number}", {}), number) for s in group[0].case.shapes]
            names = [s.name for s in group[0].case.shapes]
            found += [{n: held.get(f"h{at}", {}) for n, held in zip(names, of_views)} for at in range(len(group))]
        return found


def _by_history(table: Mapping[str, Document], number: int) -> dict[str, dict[str, Document]]:
    found: dict[str, dict[str, Document]] = {}
    for path, document in table.items():
        collection, _, name = path.removeprefix(f"m{number}").partition("/")
        history, _, own = name.partition("~")
        found.setdefault(history, {})[f"{collection}/{own}"] = document
    return found


def _below(number: int, collection: Collection) -> Collection:
    if isinstance(collection, CollectionSet):
        return CollectionSet.of(tuple(_below(number, member) for member in collection.members))
    return Collection(f"m{number}/{{history}}/{collection.pattern}")


def _view(number: int, shape: Shape) -> View:
    view, code = view_of(shape), Below(f"m{number}", shape)
    return replace(
        view,
        name=f"{view.name}{number}",
        collection=f"m{number}{view.collection}",
        code=CodeRef(f"{__name__}:{code.import_name}", live=code),
        slots=tuple(_slot(number, slot) for slot in view.slots),
    )


def _slot(number: int, slot: Slot) -> Slot:
    relation = slot.relation and _relation(number, slot.relation)
    pairs = tuple((_place(mine), _place(theirs)) for mine, theirs in slot.pairs)
    if slot.kind == "on":
        pairs = ((HISTORY, HISTORY), *pairs)
    return replace(slot, collection=_below(number, slot.collection), relation=relation, pairs=pairs)


def _relation(number: int, relation: Relation) -> Relation:
    return replace(relation, target=_below(number, relation.target))


def _place(place: Place) -> Place:
    return replace(place, index=place.index + 2) if isinstance(place, PathPart) and place.index >= 0 else place


def _moved(history: History, prefix: str) -> History:
    """The history below a prefix, its export at the moment of all."""
    exported = history.exported
    if history.snapshot is not None:
        shift = SNAPSHOT - history.snapshot
    elif exported < len(history.commits):
        shift = SNAPSHOT + 1 - history.commits[exported].time
    else:
        shift = 0
    commits = tuple(
        Commit(prefix + path, fields and _refers_below(fields, prefix), time + shift)
        for path, fields, time in history.commits
    )
    return replace(history, commits=commits, snapshot=SNAPSHOT)


_REFERRING = ("r", "s", "lines", "m")
"""The fields that hold references, or texts that mean one."""


def _refers_below(fields: Document, prefix: str) -> Document:
    return {name: _value_below(v, prefix) if name in _REFERRING else v for name, v in fields.items()}


def _value_below(value: Any, prefix: str) -> Any:
    if isinstance(value, Reference):
        return Reference[object](prefix + value.path, value.database)
    if isinstance(value, str):
        return prefix + value if "/" in value else value
    if isinstance(value, list):
        return [_value_below(v, prefix) for v in value]
    return {n: _value_below(v, prefix) for n, v in value.items()} if isinstance(value, dict) else value


def with_another_history(case: Case, random: Random, *, most: int = 25) -> Case:
    """The views of a case with another history."""
    return replace(case, history=random_history(random, random_world(random, letters_of(case.shapes)), most=most))


def by_paths(case: Case) -> Case:
    """The case without references by an id alone, which only collections at the top can have."""
    commits = tuple(c._replace(fields=c.fields and _without_ids(c.fields)) for c in case.history.commits)
    return replace(case, history=replace(case.history, commits=commits))


def _without_ids(fields: Document) -> Document:
    return {name: _without_id(v) if name in _REFERRING else v for name, v in fields.items()}


def _without_id(value: Any) -> Any:
    if isinstance(value, str) and value and "/" not in value:
        return Reference[object](f"b/{value}")
    if isinstance(value, list):
        return [_without_id(v) for v in value]
    return {n: _without_id(v) for n, v in value.items()} if isinstance(value, dict) else value
