"""The judge of what the roots of a flow show: law 2. `judge_changes` judges the changes that come of it.

Law: every view document that was ever shown is the view of document versions that really existed, which per view document
never go backwards per source document, and are never older than the export behind the fence. The search for such
versions is exact; a *witness*, where the flow can say what it used, only makes it fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..core.change import NEVER, Version, ViewChange
from ..core.equality import same
from ..core.values import Document, to_micros
from ..plan.nodes import Plan, Slot, View
from .histories import History
from .oracle import all_at_moment, at_moment, evaluate, project
from .oracle_joins import EXPIRED, Documents, Found, belongs, lies_below, members, ordered, passes

BUDGET = 20_000
"""How many assignments the exact search looks at before it gives up, which counts as a complaint."""

Floors = dict[str, int]


class Shown(NamedTuple):
    """What one root shows from some moment on.

    Attributes:
        view: The view's name.
        root: The root's path.
        outputs: Everything that it shows: output path -> document, or group -> rows.
        witness: path -> version of the documents that it was made from, as far as the flow says.
    """

    view: str
    root: str
    outputs: Mapping[Any, Any]
    witness: Mapping[str, Version]


class Timeline:
    """The contents of one document as a plan reads them, since the export; equal neighbours are one."""

    def __init__(self, plan: Plan, path: str, states: Sequence[tuple[Version, Document | None]]) -> None:
        self.contents: list[Document | None] = []
        self._index: dict[Version, int] = {}
        for version, fields in states:
            content = None if fields is None else project(plan, path, fields)
            if not self.contents or not same(content, self.contents[-1]):
                self.contents.append(content)
            self._index[version] = len(self.contents) - 1

    def index(self, version: Version) -> int | None:
        """Which content a version has; `None` when there never was such a version."""
        return self._index.get(tuple(version))  # type: ignore[arg-type]


def timelines(
    plan: Plan, history: History, moments: Sequence[int] = (0,), shown: Iterable[ViewChange] = ()
) -> dict[str, Timeline]:
    """The timelines of all documents of a history, and of clocks.

    Args:
        plan: The views.
        history: What happened.
        moments: Where declared time stood, in microseconds, in order.
        shown: What was shown, in order: views of the plan may read it of each other.
    """
    lines = {}
    for path, states in history.states.items():
        marked = [(v, f if f is None else at_moment(plan, path, f, m)) for v, f in states for m in moments]
        lines[path] = Timeline(plan, path, [(_version(v, f), f) for v, f in marked])
    faces = {path: f for m in moments for path, f in all_at_moment(plan, {}, m).items()}
    for path in faces:
        told = [f for m in moments for p, f in all_at_moment(plan, {}, m).items() if p == path]
        lines[path] = Timeline(plan, path, [(NEVER, None), *(((to_micros(f["now"]), 0), f) for f in told)])
    return lines | timelines_of_shown(plan, shown)


def timelines_of_shown(plan: Plan, shown: Iterable[ViewChange]) -> dict[str, Timeline]:
    """The timelines of what was shown, in order, where views of the plan read it of each other."""
    read: dict[str, list[tuple[Version, Document | None]]] = {}
    for change in shown:
        view = plan.view(change.view)
        if view.relayed and change.path.rpartition("/")[0] == view.collection:
            read.setdefault(change.path, [(NEVER, None)]).append((change.version[1:], change.new))
    return {path: Timeline(plan, path, states) for path, states in read.items()}


def _version(version: Version, fields: Document | None) -> Any:
    come = len(fields.get(EXPIRED, ())) if fields is not None else 0
    return (*version, come) if come else version


def judge_shown(view: View, shown: Sequence[Shown], lines: Mapping[str, Timeline]) -> str | None:
    """What is wrong with what one root showed, in its order; `None` when nothing is."""
    floors: Floors = dict.fromkeys(lines, 0)
    for item in shown:
        raised = _witnessed(view, item, lines, floors)
        if raised is None:
            break
        floors = raised
    else:
        return None
    try:
        reached = _Search(view, shown, lines).run()
    except _TooLongError:
        return f"{view.name} of {shown[0].root}: no witness, and the search for versions was given up"
    if reached == len(shown):
        return None
    return (
        f"{view.name} of {shown[0].root} showed a state that never was (number {reached + 1}): {shown[reached].outputs}"
    )


def _witnessed(view: View, item: Shown, lines: Mapping[str, Timeline], floors: Floors) -> Floors | None:
    """The floors after this state, when its witness holds."""
    at = {p: i for p, v in item.witness.items() if p in lines and (i := lines[p].index(v)) is not None}
    documents = {p: f for p, i in at.items() if (f := lines[p].contents[i]) is not None}
    found = members(view, item.root, documents)
    if not _equal(evaluate(view, found), item.outputs):
        return None
    used = {p: at[p] for docs in found for p in docs if p in documents}
    return _raised(view, item.root, found, lines, {**floors, **used}, floors)


def _raised(
    view: View, root: str, found: Found, lines: Mapping[str, Timeline], chosen: Floors, floors: Floors
) -> Floors | None:
    """The least floors after a state with these members at these versions; `None` when no versions do."""
    used = {p for docs in found for p in docs if p in lines and lines[p].contents[chosen[p]] is not None}
    if any(chosen[p] < floors[p] for p in used):
        return None
    raised = {p: chosen[p] for p in used}
    for path, line in lines.items():
        if path not in used:
            free = (
                i
                for i in range(floors[path], len(line.contents))
                if not _shows(view, root, found, path, line.contents[i])
            )
            index = next(free, None)
            if index is None:
                return None
            raised[path] = index
    return raised


def _shows(view: View, root: str, found: Found, path: str, fields: Document | None) -> bool:
    if fields is None:
        return False
    if view.slots[0].phantom and not found[0] and lies_below(view, root, path, fields):
        return True
    if path == root and passes(view.slots[0], path, fields):
        return True
    return any(
        belongs(view, s, found[s.parent], path, fields) and not _beyond(s, found[s.index], path, fields)
        for s in view.slots[1:]
    )


def _beyond(slot: Slot, held: Documents, path: str, fields: Document) -> bool:
    """Whether a slot that holds some documents is full, and another one comes after them."""
    if slot.limit is None or len(held) < slot.limit:
        return False
    return ordered(slot, {**held, path: fields})[-1][0] == path


def _equal(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> bool:
    return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)


class _TooLongError(Exception):
    pass


class _Search:
    """Depth first, over the states of one root and the versions of the documents around it."""

    def __init__(self, view: View, shown: Sequence[Shown], lines: Mapping[str, Timeline]) -> None:
        self.view, self.shown, self.lines = view, shown, lines
        self.failed: set[tuple[int, tuple[tuple[str, int], ...]]] = set()
        self.budget = BUDGET
        self.reached = 0

    def run(self) -> int:
        """How many states can be explained one after the other."""
        self._solve(0, dict.fromkeys(self.lines, 0))
        return self.reached

    def _solve(self, at: int, floors: Floors) -> bool:
        self.reached = max(self.reached, at)
        if at == len(self.shown):
            return True
        state = (at, tuple(sorted(floors.items())))
        if state in self.failed:
            return False
        for raised in self._explanations(self.shown[at], floors):
            if self._solve(at + 1, raised):
                return True
        self.failed.add(state)
        return False

    def _explanations(self, item: Shown, floors: Floors) -> Iterator[Floors]:
        phantom = self.view.slots[0].phantom
        if item.root not in self.lines and not phantom:
            if not item.outputs:
                yield floors
            return
        line = self.lines.get(item.root)
        for index in range(floors[item.root], len(line.contents)) if line else (-1,):
            fields = self._root(item.root, line.contents[index]) if line else None
            found: Found = [{item.root: {} if fields is None else fields}]
            chosen = {item.root: index} if line else {}
            empty = [(self._nothing(), chosen)] if fields is None else []
            filled = self._filled(found, chosen, floors) if fields is not None or phantom else ()
            for complete, at in (*empty, *filled):
                self.budget -= 1
                if self.budget < 0:
                    raise _TooLongError
                if not _equal(evaluate(self.view, complete), item.outputs):
                    continue
                raised = _raised(self.view, item.root, complete, self.lines, {**floors, **at}, floors)
                if raised is not None:
                    yield raised

    def _root(self, path: str, content: Document | None) -> Document | None:
        return content if content is not None and passes(self.view.slots[0], path, content) else None

    def _nothing(self) -> Found:
        return [{} for _ in self.view.slots]

    def _filled(self, found: Found, chosen: Floors, floors: Floors) -> Iterator[tuple[Found, Floors]]:
        """All ways to fill the slots from here on; beyond the limit of a slot there may be one that is chosen already."""
        if len(found) == len(self.view.slots):
            paths = [p for docs in found for p in docs]
            documents = {p: f for p in paths if p in chosen and (f := self.lines[p].contents[chosen[p]]) is not None}
            root = next(iter(found[0]))
            if members(self.view, root, documents) == found:
                yield found, chosen
            return
        slot = self.view.slots[len(found)]
        options = []
        for path, line in self.lines.items():
            indexes = [chosen[path]] if path in chosen else range(floors[path], len(line.contents))
            fits = [i for i in indexes if self._fits(slot.index, found, path, i)]
            if fits:
                options.append((path, fits if path in chosen and slot.limit is None else [*fits, None]))
        for some in _combinations(options):
            docs = {p: self._content(p, i) for p, i in some.items()}
            yield from self._filled([*found, docs], {**chosen, **some}, floors)

    def _content(self, path: str, index: int) -> Document:
        content = self.lines[path].contents[index]
        assert content is not None
        return content

    def _fits(self, slot: int, found: Found, path: str, index: int) -> bool:
        fields, of = self.lines[path].contents[index], self.view.slots[slot]
        return fields is not None and belongs(self.view, of, found[of.parent], path, fields)


def _combinations(options: Sequence[tuple[str, Sequence[int | None]]]) -> Iterator[dict[str, int]]:
    if not options:
        yield {}
        return
    path, indexes = options[0]
    for rest in _combinations(options[1:]):
        for index in indexes:
            yield rest if index is None else {**rest, path: index}


def unknown_version(item: Shown, lines: Mapping[str, Timeline]) -> str | None:
    """A version in a witness that no document ever had."""
    for path, version in item.witness.items():
        if tuple(version) != NEVER and (path not in lines or lines[path].index(version) is None):
            return f"{item.view} of {item.root} holds {path} at {version}, which never was"
    return None
