"""A survey: what was found out about the documents of a source. Frozen; counts are exact where nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Names = tuple[str, ...]
"""A collection by the names on its path, without the ids: `("prices", "daily")`."""


@dataclass(frozen=True)
class TypeSurvey:
    """The values of one type in one field.

    Attributes:
        word: `integer double boolean string bytes timestamp geopoint reference vector array map`.
        count: How many there are.
        distinct: How many different ones; `None` for arrays, maps, vectors.
        estimated: Whether `distinct` is an estimate.
        low, high: The smallest and the largest, texts cut to `kinds.SHOWN`; `None` where there is no order worth showing.
        shortest, longest: Characters of texts, bytes, elements of arrays and vectors; else `None`.
    """

    word: str
    count: int
    distinct: int | None = None
    estimated: bool = False
    low: Any = None
    high: Any = None
    shortest: int | None = None
    longest: int | None = None


@dataclass(frozen=True)
class KeySurvey:
    """The keys of a map that are data.

    Attributes:
        distinct: How many different ones.
        estimated: Whether that is an estimate.
        examples: Some of them.
    """

    distinct: int
    estimated: bool
    examples: tuple[str, ...]


@dataclass(frozen=True)
class FieldSurvey:
    """One field, also inside maps and arrays.

    Attributes:
        label: `a.b` for maps, `a[]` for the elements of an array, `a.*` for all members of a map whose keys are data;
            names that are no plain words stand in backquotes, as in Firestore's field paths.
        name: Its own name; empty for elements and members.
        depth: How deep it lies; 0 for a field of the document.
        of: How many documents (or maps) could have it; for elements, how many elements there are.
        present: How many of them have it, null or not.
        nulls: How many are null.
        types: The types of the rest, the most frequent first.
        keys: Where its maps have keys that are data.
        examples: Some different values, as they are.
        own_id: Whether (nearly) all are the id of their own document.
    """

    label: str
    name: str
    depth: int
    of: int
    present: int
    nulls: int
    types: tuple[TypeSurvey, ...]
    keys: KeySurvey | None = None
    examples: tuple[Any, ...] = ()
    own_id: bool = False

    @property
    def missing(self) -> int:
        """How many documents (or maps) do not have it."""
        return self.of - self.present

    def type(self, word: str) -> TypeSurvey | None:
        """Its values of one type."""
        return next((t for t in self.types if t.word == word), None)


@dataclass(frozen=True)
class SizeSurvey:
    """Bytes of the documents, as Firestore counts storage; the median of documents over 8 KiB is right to 0.1 %."""

    total: int
    median: int
    largest: int
    largest_path: str


@dataclass(frozen=True)
class CollectionSurvey:
    """One collection, or all of one shape: `prices/{price}/daily` are the subcollections of every document in `prices`.

    Attributes:
        pattern: Its path; ids in braces are free.
        names: Its path without the ids.
        documents: How many exist.
        phantoms: How many do not exist, but have subcollections.
        phantoms_estimated: Whether that is an estimate.
        ids: Some ids; of phantoms where no document exists.
        size: `None` where no document exists.
        fields: Of the documents, each followed by what is inside.
        keys: Where the names of the fields themselves are data.
    """

    pattern: str
    names: Names
    documents: int
    phantoms: int
    phantoms_estimated: bool
    ids: tuple[str, ...]
    size: SizeSurvey | None
    fields: tuple[FieldSurvey, ...]
    keys: KeySurvey | None = None

    @property
    def group(self) -> str:
        """The collection group that it belongs to."""
        return self.names[-1]

    @property
    def parent(self) -> Names | None:
        """The collection that its parent documents are in."""
        return self.names[:-1] or None


@dataclass(frozen=True)
class ReferenceSurvey:
    """A guess: the values of a field name documents of a collection.

    Attributes:
        source: The collection that refers.
        field: The label of the field; a part of the path in braces; `__name__` for the document's own id.
        keys: Whether it is the keys of a map that refer.
        many: Whether one document may refer to several.
        by: How: `reference` values, `path` or `id` of the document, or equality with a `field` of it.
        target: The collection that is referred to.
        target_field: With `field`: the label of that field.
        integers: Whether the values are integers.
        values: How many values could refer.
        distinct: How many different ones.
        resolved: The share of `values` whose document exists, 0 to 1.
        distinct_resolved: How many different values have a document.
        estimated: Whether the last three are estimates from a sample.
    """

    source: Names
    field: str
    keys: bool
    many: bool
    by: str
    target: Names
    target_field: str | None
    integers: bool
    values: int
    distinct: int
    resolved: float
    distinct_resolved: int
    estimated: bool


@dataclass(frozen=True)
class Survey:
    """What was found out about a source.

    Attributes:
        source: What was read, as it was named.
        kind: Of the source: `firestore-export`, `emulator-export`, `jsonl`, ...
        snapshot_time: RFC 3339, where the source says it.
        documents: How many were read.
        unreadable: How many could not be.
        problems: Why not, for the first of them.
        file_bytes: The size of the files; `None` where nobody knows.
        collections: By their names; also those without documents whose phantoms have subcollections.
        other_documents: Documents of further collections, beyond `take.MAX_COLLECTIONS`.
        references: The most convincing first.
    """

    source: str
    kind: str
    snapshot_time: str | None
    documents: int
    unreadable: int
    problems: tuple[str, ...]
    file_bytes: int | None
    collections: tuple[CollectionSurvey, ...]
    other_documents: int
    references: tuple[ReferenceSurvey, ...]

    @property
    def groups(self) -> dict[str, tuple[CollectionSurvey, ...]]:
        """Collection groups: the collections that have documents, by the last name on their paths."""
        names = sorted({c.group for c in self.collections if c.documents})
        return {g: tuple(c for c in self.collections if c.group == g and c.documents) for g in names}

    def collection(self, names: Names) -> CollectionSurvey:
        """The collection of these names."""
        return next(c for c in self.collections if c.names == names)
