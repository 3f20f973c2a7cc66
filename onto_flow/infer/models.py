"""Domain models for the collections of a survey, and how they hang together; no text yet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..survey.facts import CollectionSurvey, FieldSurvey, Names, ReferenceSurvey, Survey
from ..survey.fields import quoted
from ..survey.patterns import part_names, singular
from .names import attribute_name, class_name, converts, stays

RELIABLE = 0.9
"""So many of the values must lead to a document before a field is declared as a relation."""

MAX_UNION = 3
_FREE = re.compile(r"\{[^{}]*\}")
_ANNOTATIONS = {
    "boolean": "bool",
    "integer": "int",
    "double": "float",
    "string": "str",
    "bytes": "bytes",
    "timestamp": "datetime",
    "geopoint": "GeoPoint",
    "vector": "Vector",
    "reference": "Reference[Any]",
    "map": "dict[str, Any]",
}
_KINDS = {
    "boolean": "bool",
    "integer": "int",
    "double": "float",
    "string": "str",
    "bytes": "bytes",
    "timestamp": "timestamp",
    "geopoint": "geopoint",
    "vector": "vector",
    "array": "list",
    "map": "map",
}


@dataclass(frozen=True)
class Attribute:
    """An attribute of a model.

    Attributes:
        python: Its name in Python; `field`: in the database.
        kind: The word after `attrs.`
        annotation: Its type; empty for relations, which have their own.
        named: Whether `name=` must say the field.
        target: For relations: the collection referred to.
        parsed: Whether integers must become texts to be ids.
    """

    python: str
    field: str
    kind: str
    annotation: str
    named: bool
    target: Names = ()
    parsed: bool = False


@dataclass(frozen=True)
class Model:
    """A domain model.

    Attributes:
        parts: The names of the ids in its path; the last is its own, which is `doc_id` too.
    """

    collection: CollectionSurvey
    name: str
    parts: tuple[str, ...]
    convert: bool
    attributes: tuple[Attribute, ...]

    @property
    def names(self) -> Names:
        """The collection."""
        return self.collection.names

    def attribute(self, label: str) -> Attribute | None:
        """The attribute of a top-level field, or of the elements of its arrays."""
        return next((a for a in self.attributes if label in (quoted(a.field), f"{quoted(a.field)}[]")), None)


@dataclass(frozen=True)
class Link:
    """Documents of one model lead to those of another.

    Attributes:
        via: The relation that leads there; else the values of `pairs` are equal.
        pairs: Attributes of the source, and of the target.
        many: Whether one document may lead to several.
        back: Whether it is natural to go from the target to the source: the source is (like) a part of the target.
        back_many: Whether several documents of the source may lead to one.
    """

    source: Names
    target: Names
    name: str
    many: bool
    via: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    back: bool = False
    back_many: bool = True


def models_of(survey: Survey, chosen: Sequence[CollectionSurvey]) -> tuple[dict[Names, Model], list[CollectionSurvey]]:
    """A model for each collection that has documents, those that are referred to first; and collections without one.

    A collection whose own name looks like a free part of a path, `{x}`, cannot be named by a model.
    """
    some = [c for c in chosen if c.documents]
    nameless = [c for c in some if any(map(_FREE.fullmatch, c.names))]
    some = [c for c in some if c not in nameless]
    guesses = _relations(survey, {c.names for c in some})
    taken: set[str] = set()
    found: dict[Names, Model] = {}
    for one in some:
        name = _class_name(one, some, taken)
        taken.add(name)
        found[one.names] = _model(one, name, guesses)
    return {names: found[names] for names in _ordered(found)}, nameless


def _class_name(one: CollectionSurvey, some: Sequence[CollectionSurvey], taken: set[str]) -> str:
    same = [c for c in some if c.group == one.group]
    words = one.names if len(same) > 1 and len(one.names) > 1 else one.names[-1:]
    return class_name("_".join(map(singular, words)), taken)


def _relations(survey: Survey, known: set[Names]) -> dict[tuple[Names, str], ReferenceSurvey]:
    """The guesses that a relation can stand for, by collection and field: those that lead to one collection only."""
    found: dict[tuple[Names, str], ReferenceSurvey | None] = {}
    for guess in survey.references:
        if not guess.keys and guess.by != "field":
            key = guess.source, guess.field
            found[key] = None if key in found else guess
    return {key: g for key, g in found.items() if g is not None and g.target in known and _can_relate(g)}


def _can_relate(guess: ReferenceSurvey) -> bool:
    if guess.by == "reference":
        return True
    return guess.resolved >= RELIABLE and (guess.by == "path" or len(guess.target) == 1)


def _model(one: CollectionSurvey, name: str, guesses: Mapping[tuple[Names, str], ReferenceSurvey]) -> Model:
    top = [f for f in one.fields if f.depth == 0 and one.keys is None]
    elements = {f.label[:-2]: f for f in one.fields if f.depth == 1 and f.label.endswith("[]")}
    mine = {label: guess for (names, label), guess in guesses.items() if names == one.names}
    convert = converts(f.name for f in top)
    taken: set[str] = set()
    attributes = []
    for field in sorted(top, key=lambda f: not stays(attribute_name(f.name, (), "field"), f.name, convert)):
        python = attribute_name(field.name, taken, "field")
        taken.add(python)
        attributes.append(_attribute(field, elements.get(field.label), python, convert, mine))
    attributes.sort(key=lambda a: a.field)
    parts: list[str] = []
    for part in part_names(one.names):
        parts.append(attribute_name(part, {*taken, *parts}, "id"))
    return Model(one, name, tuple(parts), convert, tuple(attributes))


def _attribute(
    field: FieldSurvey,
    element: FieldSurvey | None,
    python: str,
    convert: bool,
    guesses: Mapping[str, ReferenceSurvey],
) -> Attribute:
    named = not stays(python, field.name, convert)
    words = [t.word for t in field.types]
    for held, label, kind in ((field, field.label, "relation"), (element, f"{field.label}[]", "relations")):
        guess = guesses.get(label)
        if guess is not None and held is not None and len(held.types) == 1 and (held is field or words == ["array"]):
            return Attribute(python, field.name, kind, "", named, guess.target, guess.integers)
    kind = _KINDS.get(words[0], "any") if len(words) == 1 else "any"
    return Attribute(python, field.name, kind, _annotation(field, element), named)


def _annotation(field: FieldSurvey, element: FieldSurvey | None) -> str:
    words = sorted(t.word for t in field.types)
    if not words or len(words) > MAX_UNION:
        return "Any"
    inner = "Any"
    if element is not None and len(element.types) == 1 and not element.nulls and element.types[0].word != "array":
        inner = _ANNOTATIONS[element.types[0].word]
    parts = [_ANNOTATIONS.get(word, f"list[{inner}]") for word in words]
    return " | ".join([*parts, "None"] if field.missing or field.nulls else parts)


def _ordered(models: Mapping[Names, Model]) -> list[Names]:
    """Models that others refer to come before those, as far as no circle forbids it."""
    found: list[Names] = []
    begun: set[Names] = set()

    def visit(names: Names) -> None:
        if names not in begun:
            begun.add(names)
            for attribute in models[names].attributes:
                if attribute.target:
                    visit(attribute.target)
            found.append(names)

    for names in sorted(models):
        visit(names)
    return found


def links_of(survey: Survey, models: Mapping[Names, Model]) -> list[Link]:
    """How the documents of the models lead to each other: relations, equal fields, and the paths."""
    found = [
        Link(m.names, a.target, a.python, a.kind == "relations", via=a.python)
        for m in models.values()
        for a in m.attributes
        if a.target
    ]
    for guess in survey.references:
        source, target = models.get(guess.source), models.get(guess.target)
        if source is not None and target is not None and not guess.keys and guess.resolved >= RELIABLE:
            link = _equality(guess, source, target)
            if link is not None:
                found.append(link)
    for model in models.values():
        above = next((n for n in reversed(range(1, len(model.names))) if model.names[:n] in models), None)
        if above is not None:
            found.append(_under(model, models[model.names[:above]]))
    return sorted(found, key=lambda link: (link.source, link.name, link.target))


def _equality(guess: ReferenceSurvey, source: Model, target: Model) -> Link | None:
    """The link of a guess that no relation stands for: a pair of attributes with equal values."""
    left = _side(guess.field, source)
    right = "doc_id" if guess.by == "id" else _side(guess.target_field or "", target)
    own = guess.field.startswith("{") or guess.field == "__name__"
    if (
        left is None
        or right is None
        or (guess.by != "field" and not own)
        or (guess.by == "id" and len(guess.target) > 1)
    ):
        return None
    name = singular(guess.target[-1]) if own else left
    return Link(
        source.names, target.names, name, guess.many, pairs=((left, right),), back=own, back_many=left != "doc_id"
    )


def _side(label: str, model: Model) -> str | None:
    if label == "__name__":
        return "doc_id"
    if label.startswith("{"):
        return model.parts[[f"{{{p}}}" for p in part_names(model.names)].index(label)]
    attribute = model.attribute(label)
    return None if attribute is None or attribute.target else attribute.python


def _under(child: Model, parent: Model) -> Link:
    """A subcollection's documents lie under those of another collection: the same ids in both paths."""
    pairs = (*zip(child.parts, parent.parts[:-1]), (child.parts[len(parent.parts) - 1], "doc_id"))
    return Link(child.names, parent.names, singular(parent.names[-1]), many=False, pairs=pairs, back=True)
