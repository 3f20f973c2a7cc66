"""The documents of one collection, as they go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..core.values import Document
from .facts import CollectionSurvey, Names
from .fields import MapProfile, Room
from .kinds import EXAMPLES, is_number
from .sizes import Sizes
from .sketch import Documents, Sketch, hash_text, hashed


class CollectionProfile:
    """The documents of one collection.

    Attributes:
        paths, ids: Which documents exist.
        numbers: Those of the ids that are whole numbers, as integers.
        digits: How many those are; `number_range`: the smallest and the largest.
        characters: How many characters all ids have.
        parts: For each collection above: the ids of the documents that these ones lie under, and how many lie there.
    """

    def __init__(self, names: Names, room: Room) -> None:
        self.names = names
        self.documents = self.characters = 0
        self.sizes = Sizes()
        self.fields = MapProfile(room)
        self.paths, self.ids, self.numbers = Documents(), Documents(), Documents()
        self.number_range: tuple[int, int] | None = None
        self.parts = [room.sketches.new() for _ in names[:-1]]
        self.examples: list[str] = []

    def observe(self, documents: Sequence[tuple[str, Document]]) -> None:
        """More documents: paths and fields."""
        self.documents += len(documents)
        ids = [path.rpartition("/")[2] for path, _ in documents]
        for path, fields in documents:
            self.sizes.add(path, fields)
        if len(self.examples) < EXAMPLES:
            self.examples = list(dict.fromkeys(self.examples + ids))[:EXAMPLES]
        self.paths.extend(hash_text(path) for path, _ in documents)
        self.ids.extend(map(hash_text, ids))
        self.characters += sum(map(len, ids))
        self._numbers([int(i) for i in ids if is_number(i)])
        self.fields.observe([fields for _, fields in documents], ids)

    def _numbers(self, numbers: Sequence[int]) -> None:
        if numbers:
            self.numbers.extend(n for n, _ in hashed(dict.fromkeys(numbers, 1), int))
            low, high = self.number_range or (numbers[0], numbers[0])
            self.number_range = min(low, *numbers), max(high, *numbers)

    def lies_under(self, parents: Mapping[str, int]) -> None:
        """Paths of parent documents, and how many of its documents lie under each."""
        for level, part in enumerate(self.parts):
            ids: Counter[str] = Counter()
            for parent, count in parents.items():
                ids[parent.split("/")[2 * level + 1]] += count
            part.add(hashed(ids, str))


class Parents:
    """Documents of one collection that have subcollections, whether they exist or not."""

    def __init__(self, names: Names, room: Room) -> None:
        self.names = names
        self.sketch = room.sketches.new()
        self.examples: list[str] = []

    def observe(self, paths: Iterable[str]) -> None:
        """More of them."""
        for path in paths:
            if len(self.examples) < EXAMPLES:
                doc_id = path.rpartition("/")[2]
                if doc_id not in self.examples:
                    self.examples.append(doc_id)
        self.sketch.add((hash_text(path), 1) for path in paths)

    def phantoms(self, existing: Documents | None) -> tuple[int, bool]:
        """How many of them do not exist, and whether that is an estimate."""
        sketch = self.sketch
        if existing is None:
            return sketch.distinct, not sketch.exact
        ceiling = min(sketch.ceiling, existing.ceiling)
        below = [n for n in sketch.counts if n < ceiling]
        lost = sum(not existing.has(n) for n in below)
        return lost * Sketch().ceiling // ceiling, ceiling < Sketch().ceiling


def survey_collection(
    names: Names, pattern: str, profile: CollectionProfile | None, parents: Parents | None
) -> CollectionSurvey:
    """What was found about the documents of a collection, and about those that do not exist."""
    lost, estimated = (0, False)
    if parents is not None:
        lost, estimated = parents.phantoms(profile.paths if profile is not None else None)
    if profile is None:
        ids = tuple(parents.examples) if parents is not None else ()
        return CollectionSurvey(pattern, names, 0, lost, estimated, ids, None, ())
    profile.fields.finish(documents=True)
    return CollectionSurvey(
        pattern,
        names,
        profile.documents,
        lost,
        estimated,
        tuple(profile.examples),
        profile.sizes.survey(),
        tuple(profile.fields.survey("", 0)),
        profile.fields.keys_survey(),
    )
