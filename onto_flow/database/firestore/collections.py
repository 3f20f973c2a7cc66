"""What must be asked for to read the collections of a plan: Firestore knows collections, and groups of one name."""

from __future__ import annotations

from ...core.collection import Collection, Projection, members_of


def read_collections(projection: Projection) -> list[Collection]:
    """The collections and groups that hold all that is read; of none a document comes twice.

    Example:
        >>> plan = Projection(tuple((Collection(p), None) for p in ("users", "a/{id}/notes", "b/c/notes")))
        >>> [str(collection) for collection in read_collections(plan)]
        ['**/notes', 'users']
    """
    members = [member for collection, _ in projection.collections for member in members_of(collection)]
    free = [c for c in members if c.group or "{" in c.pattern]
    groups = {name_of(c) for c in free}
    single = {c.pattern for c in members if c not in free and name_of(c) not in groups}
    return [*(Collection(n, group=True) for n in sorted(groups)), *map(Collection, sorted(single))]


def name_of(collection: Collection) -> str:
    """The name of the group that a collection belongs to."""
    return collection.pattern.rpartition("/")[2]
