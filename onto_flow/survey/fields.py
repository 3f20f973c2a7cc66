"""The fields of documents, as they go by: a column of values for each, taken apart by type, maps and arrays inside."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from .facts import FieldSurvey, KeySurvey
from .kinds import EXAMPLES, KindProfile
from .sketch import Sketches, hashed

MAX_MEMBERS = 300
"""A map with more different keys has keys that are data."""

MAX_FIELDS = 5_000
"""So many fields are told apart in a survey; maps that would need more count as maps whose keys are data."""

FEW_KEYS, MANY_KEYS = 2, 12
_ID_LIKE = re.compile(
    r"\d+|[0-9a-f]{8}-[0-9a-f-]{27}|(?=\w*\d)(?=\w*[A-Z])(?=\w*[a-z])[A-Za-z0-9]{20,36}"
    r"|\d{4}-\d\d(-\d\d)?|[^@\s]+@[^@\s]+\.[^@\s]+"
)
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


class Room:
    """What the fields of a survey share: their sketches, and how many fields there may be."""

    def __init__(self) -> None:
        self.sketches = Sketches()
        self.fields = 0


class FieldProfile:
    """The values of a field."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.present = self.nulls = 0
        self.own = self.compared = 0
        self.kinds: dict[type, KindProfile] = {}
        self.element: FieldProfile | None = None
        self.members: MapProfile | None = None

    def observe(self, values: Sequence[Any], ids: Sequence[str] | None = None) -> None:
        """More values.

        Args:
            values: One for each document (or map, or element) that has the field.
            ids: The ids of the documents that have the field.
        """
        self.present += len(values)
        types = sorted(set(map(type, values)), key=attrgetter("__name__"))
        for kind in types:
            part: Sequence[Any] = values if len(types) == 1 else [v for v in values if type(v) is kind]
            if kind is type(None):
                self.nulls += len(part)
                continue
            self._kind(kind).observe(part)
            if kind is list:
                self._elements().observe(list(chain.from_iterable(part)))
            elif kind is dict:
                self._maps().observe(part)
            elif ids is not None and len(types) == 1 and kind in (str, int):
                self.compared += len(ids)
                self.own += sum(map(str.__eq__, ids, map(str, values)))

    def _kind(self, kind: type) -> KindProfile:
        if kind not in self.kinds:
            self.kinds[kind] = KindProfile(kind, self._room.sketches)
        return self.kinds[kind]

    def _elements(self) -> FieldProfile:
        if self.element is None:
            self.element = FieldProfile(self._room)
        return self.element

    def _maps(self) -> MapProfile:
        if self.members is None:
            self.members = MapProfile(self._room)
        return self.members

    def merge(self, other: FieldProfile) -> None:
        """All that another one saw, too."""
        self.present += other.present
        self.nulls += other.nulls
        for kind, profile in other.kinds.items():
            self._kind(kind).merge(profile)
        if other.element is not None:
            self._elements().merge(other.element)
        if other.members is not None:
            self._maps().merge(other.members)

    def inside(self) -> Iterator[MapProfile]:
        """The maps in it, and in its arrays."""
        if self.members is not None:
            yield self.members
        if self.element is not None:
            yield from self.element.inside()

    @property
    def own_id(self) -> bool:
        """Whether (nearly) all values are the id of their own document."""
        return self.compared > 0 and self.compared == self.present and self.own >= 0.9 * self.compared

    def survey(self, label: str, name: str, depth: int, of: int) -> Iterator[FieldSurvey]:
        """What was found, and after that what was found inside."""
        kinds = sorted(self.kinds.values(), key=lambda k: (-k.count, k.word))
        examples = [e for k in kinds for e in k.examples[: EXAMPLES if len(kinds) == 1 else 2]][:EXAMPLES]
        keys = self.members.keys_survey() if self.members is not None else None
        types = tuple(k.survey() for k in kinds)
        yield FieldSurvey(label, name, depth, of, self.present, self.nulls, types, keys, tuple(examples), self.own_id)
        if self.element is not None and self.element.present:
            yield from self.element.survey(f"{label}[]", "", depth + 1, self.element.present)
        if self.members is not None:
            yield from self.members.survey(f"{label}.", depth + 1)


class MapProfile:
    """The fields of documents, or of maps that lie at the same place."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.count = 0
        self.keys = room.sketches.new()
        self._examples: list[str] = []
        self._members: dict[str, FieldProfile] = {}
        self.any: FieldProfile | None = None

    def observe(self, maps: Sequence[Mapping[str, Any]], ids: Sequence[str] | None = None) -> None:
        """More maps; with the ids of documents, when they are documents."""
        self.count += len(maps)
        columns: dict[str, list[Any]] = {}
        for one in maps:
            for name, value in one.items():
                if name in columns:
                    columns[name].append(value)
                else:
                    columns[name] = [value]
        self.keys.add(hashed(Counter({name: len(values) for name, values in columns.items()}), str))
        left: list[Any] = []
        for name, values in columns.items():
            member = self._members.get(name) or self._new(name)
            if member is None:
                left.extend(values)
            else:
                often = type(values[0]) in (str, int) and 2 * len(values) >= len(maps)
                member.observe(values, _ids_with(name, maps, ids) if often else None)
        if left:
            self._member_of_any().observe(left)

    def _new(self, name: str) -> FieldProfile | None:
        """A new field, if there is room for one; else all fields count as one."""
        if len(self._examples) < EXAMPLES and name not in self._examples:
            self._examples.append(name)
        if self.any is not None:
            return None
        if len(self._members) >= MAX_MEMBERS or self._room.fields >= MAX_FIELDS:
            self._collapse()
            return None
        self._room.fields += 1
        member = self._members[name] = FieldProfile(self._room)
        return member

    def _member_of_any(self) -> FieldProfile:
        if self.any is None:
            self.any = FieldProfile(self._room)
        return self.any

    def _collapse(self) -> None:
        """Takes all fields together: their names are data."""
        merged = self._member_of_any()
        for member in self._members.values():
            merged.merge(member)
        self._room.fields -= len(self._members)
        self._members = {}

    def merge(self, other: MapProfile) -> None:
        """All that another one saw, too."""
        self.count += other.count
        self.keys.merge(other.keys)
        self._examples = list(dict.fromkeys(self._examples + other._examples))[:EXAMPLES]
        if self.any is not None or other.any is not None:
            self._collapse()
            other._collapse()
            assert other.any is not None
            self._member_of_any().merge(other.any)
            return
        for name, member in other._members.items():
            if name in self._members:
                self._room.fields -= 1
                self._members[name].merge(member)
            else:
                self._members[name] = member
        if len(self._members) > MAX_MEMBERS:
            self._collapse()

    def finish(self, *, documents: bool = False) -> None:
        """Decides whether the keys are data; to be called when all was seen.

        Args:
            documents: Whether these are documents, of which some may have many fields that others lack.
        """
        if self.any is None and self._keys_are_data(documents):
            self._collapse()
        for member in self.fields().values():
            for inside in member.inside():
                inside.finish()

    def _keys_are_data(self, documents: bool) -> bool:
        members = self._members.values()
        kinds = {kind for m in members for kind in m.kinds}
        if len(kinds - {int, float}) > (0 if kinds & {int, float} else 1):
            return False
        if len(members) >= FEW_KEYS and all(map(_ID_LIKE.fullmatch, self._members)):
            return True
        often = max((m.present for m in members), default=0)
        return not documents and len(members) >= MANY_KEYS and self.count >= 3 and often < 0.5 * self.count

    def fields(self) -> dict[str, FieldProfile]:
        """The fields by name, or under `*` all of them where their names are data."""
        return self._members if self.any is None else {"*": self.any}

    def keys_survey(self) -> KeySurvey | None:
        """What the keys are, where they are data."""
        if self.any is None:
            return None
        return KeySurvey(self.keys.distinct, not self.keys.exact, tuple(self._examples))

    def survey(self, before: str, depth: int) -> Iterator[FieldSurvey]:
        """What was found in each field, by name."""
        if self.any is not None:
            yield from self.any.survey(f"{before}*", "", depth, self.any.present)
            return
        for name in sorted(self._members):
            yield from self._members[name].survey(before + quoted(name), name, depth, self.count)


def _ids_with(name: str, maps: Sequence[Mapping[str, Any]], ids: Sequence[str] | None) -> Sequence[str] | None:
    """The ids of the documents that have a field; `None` where these are no documents."""
    return None if ids is None else [doc_id for doc_id, one in zip(ids, maps) if name in one]


def quoted(name: str) -> str:
    """A name as a part of a field path: as it is when it is a plain word, else in backquotes.

    Source: Firestore's reference on field paths.

    Example:
        >>> quoted("user"), quoted("first name"), quoted("a`b")
        ('user', '`first name`', '`a\\\\`b`')
    """
    if _WORD.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
