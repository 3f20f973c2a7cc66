"""Which changes would make view documents right, where nothing is known but the documents and the tables.

State cannot be read on Beam and Dataflow. What a view document should read follows from the export; what the job took
instead does not. So changes are sent that cannot do harm, as a younger change wins over each:

| what | change |
|---|---|
| a document that a wrong view document reads | as it is in the export |
| one that it asks for, and that is not in the export | its deletion |
| the root of a view document that should not be there, by the id of that | as it is in the export, or its deletion |
| with an earlier export: what differs from it, in collections of wrong views | as it is in the export, or its deletion |
| with all of the collections: their other documents | as they are in the export |

What remains is a member that a job still has, which is in neither export: it was made after the earlier one, and its
deletion was lost. An audit after the repair names the view documents that it is in; they need a rebuild.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from ..core.equality import same
from ..core.keys import texts_of
from ..plan.nodes import Plan, View
from .export import Export, collection_of
from .views import ViewFinding
from .world import Row, Sources, World

_ASKED = 10
"""So many other view documents are asked whether their ids are those of their roots."""

Changes = dict[str, bool]
"""Path -> whether the document is there; else it is to be deleted."""


def changes_for(
    plan: Plan,
    findings: Iterable[ViewFinding],
    sources: Mapping[Row, Sources],
    world: World,
    export: Export,
    *,
    since: Export | None = None,
    whole: bool = False,
    is_whole: bool = False,
) -> tuple[Changes, list[ViewFinding]]:
    """The changes that may make view documents right.

    Args:
        plan: The views.
        findings: What is wrong.
        sources: What each of those reads.
        world: What follows from the export.
        export: What the documents are.
        since: An earlier export, of a time at which the job was right.
        whole: Whether all documents of the collections go.
        is_whole: Whether a collection of which the export has nothing is empty; else it may not have been exported.

    Returns:
        The changes, and the view documents of which nothing is known that could mend them.
    """
    found = list(findings)
    changes: Changes = {}
    helpless = []
    for finding in found:
        read = sources.get((finding.view, finding.path), Sources())
        if finding.kind == "extra-view":
            read = _of_extra(plan.view(finding.view), finding.path, world)
            if not read.there and not read.missing:
                helpless.append(finding)
        changes.update(dict.fromkeys(read.there, True))
        changes.update(dict.fromkeys(read.missing, False))
    views = [plan.view(name) for name in dict.fromkeys(f.view for f in found)]
    if views and (since is not None or whole):
        for path, is_there in _differing(export, since, whole=whole):
            if any(_reads(plan, view, path) for view in views):
                changes.setdefault(path, is_there)
    sure = {p: there for p, there in changes.items() if there or _is_gone(p, export, is_whole=is_whole)}
    return sure, [] if since is not None else helpless


def _is_gone(path: str, export: Export, *, is_whole: bool) -> bool:
    """Whether a document that was not read is surely not there: a deletion is sent of no other."""
    if export.has_unknown or path in export.unreadable:
        return False
    return is_whole or collection_of(path) in export.collections


def _of_extra(view: View, path: str, world: World) -> Sources:
    """What the root reads whose view document lies at a path, if that was made of the ids of its root."""
    root = _root_of(view, path)
    if root is None or any(_root_of(view, shown) != by for by, shown in islice(world.shown_by(view), _ASKED)):
        return Sources()
    read = world.roots(view, {root})
    return read if read.there or read.missing else Sources(missing=frozenset({root}))


def _root_of(view: View, path: str) -> str | None:
    collection, ids = view.slots[0].collection, texts_of(path.rpartition("/")[2])
    if view.grouped or not collection.id_count or len(ids) != collection.id_count or None in ids:
        return None
    return collection.path_of([str(i) for i in ids])


def _reads(plan: Plan, view: View, path: str) -> bool:
    """Whether a view reads documents of this one's collection, by way of other views too."""
    written = {v.collection: v for v in plan.views if v is not view}
    for slot in view.slots:
        if slot.collection.matches(path):
            return True
        other = written.get(slot.collection.pattern)
        if other is not None and _reads(plan, other, path):
            return True
    return False


def _differing(export: Export, since: Export | None, *, whole: bool) -> Iterator[tuple[str, bool]]:
    """(path, whether it is there) of documents that are not as they were; of all that are there, if they shall go."""
    old = iter(since or ())
    before = next(old, None)
    for path, fields in export:
        while before is not None and before[0].encode() < path.encode():
            yield before[0], False
            before = next(old, None)
        was = before[1] if before is not None and before[0] == path else None
        if whole or was is None or not same(was, fields):
            yield path, True
        if was is not None:
            before = next(old, None)
    while before is not None:
        yield before[0], False
        before = next(old, None)
