"""The text of an inferred module. Whatever a database says stands in constants; all else is made of plain names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..survey.facts import CollectionSurvey, Names, Survey
from .allowed import check_module
from .models import Attribute, Model, links_of, models_of
from .names import FUNCTIONS, IMPORTED, attribute_name, class_name, literal, snake_case
from .stores import Slot, root_of, slots_of

SHOWN = 5
"""So many fields of the root are shown by the first view."""

_TITLES = ("name", "title", "label", "display_name", "full_name", "subject", "email")
_PLAIN = ("bool", "float", "int", "str", "timestamp")


@dataclass(frozen=True)
class Inferred:
    """What was inferred.

    Attributes:
        text: The module.
        nameless: Collections that no model can name.
    """

    text: str
    nameless: tuple[CollectionSurvey, ...]


def infer_module(survey: Survey, chosen: Sequence[CollectionSurvey] | None = None, root: str | None = None) -> Inferred:
    """A module that declares models for collections, and a first store and view over them.

    Args:
        survey: What was found out.
        chosen: The collections; by default all.
        root: The path of the collection that the view has a document for each document of; by default the one that leads
            to most others.

    Raises:
        UsageError: `not-found` for a root that has no model.
    """
    models, nameless = models_of(survey, survey.collections if chosen is None else chosen)
    slots = slots_of(models, links_of(survey, models), root_of(models, root))
    body = [line for model in models.values() for line in ["", "", *_model(model, models)]]
    if slots:
        body += ["", "", *_store_and_view(slots, models, survey)]
    text = "\n".join([*_head(body), *body]) + "\n"
    check_module(text)
    return Inferred(text, tuple(nameless))


def _head(body: Sequence[str]) -> Iterator[str]:
    words = set(re.findall(r"\w+", re.sub(r'"(\\.|[^"\\])*"', "", "\n".join(body))))
    yield '"""Domain models, a first store and a first view, inferred from documents: a draft to go on from."""'
    yield ""
    yield "from __future__ import annotations"
    standard = [("datetime", "datetime"), ("typing", "Any")]
    lines = [f"from {module} import {name}" for module, name in standard if name in words]
    yield from ["", *lines] if lines else []
    ours = [name for name in (*sorted(IMPORTED), *sorted(FUNCTIONS)) if name in words]
    yield from ["", f"from onto_flow import {', '.join(ours)}"] if ours else []


def _model(model: Model, models: Mapping[Names, Model]) -> Iterator[str]:
    number = model.collection.documents
    yield f"class {model.name}(DomainModel):"
    yield "    " + literal(f"A document of {model.collection.pattern}, of which there {_are(number)}.")
    yield ""
    yield "    class Meta:"
    if len(model.names) == 1:
        yield f"        collection_name = {literal(model.names[0])}"
    else:
        path = "/".join(f"{name}/{{{part}}}" for name, part in zip(model.names, model.parts))
        yield f"        path = {literal(path)}"
    if not model.convert:
        yield "        convert_names = False"
    if len(model.names) > 1:
        yield ""
        yield from (f"    {part}: str = attrs.part" for part in model.parts)
    if model.attributes:
        yield ""
        yield from (f"    {_attribute(a, model, models)}" for a in model.attributes)


def _are(number: int) -> str:
    return "is one" if number == 1 else f"are {number:,}"


def _attribute(one: Attribute, model: Model, models: Mapping[Names, Model]) -> str:
    options = [f"name={literal(one.field)}"] if one.named else []
    if not one.target:
        call = f"({', '.join(options)})" if options else ""
        return f"{one.python}: {one.annotation} = attrs.{one.kind}{call}"
    order = list(models)
    target = models[one.target].name
    known = order.index(one.target) < order.index(model.names)
    options += ["parse=str"] if one.parsed else []
    return f"{one.python} = attrs.{one.kind}({', '.join([target if known else literal(target), *options])})"


def _store_and_view(slots: Sequence[Slot], models: Mapping[Names, Model], survey: Survey) -> Iterator[str]:
    root = slots[0].model
    taken = [m.name for m in models.values()]
    store = class_name(f"{root.name}Store", taken)
    view = class_name(f"{root.name}View", [*taken, store])
    yield f"class {store}(Store):"
    yield '    "The documents that one view document is made of."'
    yield ""
    for slot in slots:
        yield f"    {slot.name} = {_slot(slot, slots)}"
    yield from ["", "", f"class {view}(ViewModel):"]
    yield "    " + literal(f"One document for each of {root.collection.pattern}.")
    yield ""
    yield "    class Meta:"
    yield f"        collection_name = {literal(_free_collection(view, survey))}"
    if not root.convert:
        yield "        convert_names = False"
    yield ""
    yield f"    store: {store}"
    yield from _attributes(slots)


def _free_collection(view: str, survey: Survey) -> str:
    """A collection that no document lies in, at any depth."""
    used = {name for c in survey.collections for name in c.names}
    name = view[:1].lower() + view[1:] + "s"
    while name in used:
        name += "View"
    return name


def _slot(slot: Slot, slots: Sequence[Slot]) -> str:
    link, model = slot.link, slot.model.name
    if link is None:
        return f"root({model})"
    start = next(s for s in slots if s.name == slot.start)
    several = sum(s.model is start.model and s is not slot for s in slots) > 1
    if link.via:
        owner = model if slot.back else start.model.name
        way, how = ("by" if slot.back else "via"), f"{owner}.{link.via}"
        how = f"({slot.start}, {how})" if several else how
    else:
        way, pairs = "on", [(b, a) if slot.back else (a, b) for a, b in link.pairs]
        texts = [_pair(f"{start.model.name}.{a}", f"{model}.{b}", slot.start if several else "") for a, b in pairs]
        how = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return f"{'many' if slot.many else 'one'}({model}, {way}={how})"


def _pair(left: str, right: str, start: str) -> str:
    return f"(({start}, {left}), {right})" if start else f"({left}, {right})"


def _attributes(slots: Sequence[Slot]) -> Iterator[str]:
    """What the view shows: some fields of the root, how many documents a slot has, or what its document is called."""
    taken = {slot.name for slot in slots} | {"store"}
    for one in _shown(slots[0].model):
        name = attribute_name(one.python, taken, "field")
        taken.add(name)
        yield from _computed(name, one.annotation, f"self.store.{slots[0].name}.{one.python}")
    for slot in slots[1:]:
        if slot.many:
            name, type_, value = f"{slot.name}_count", "int", f"len(self.store.{slot.name})"
        else:
            name, type_, value = _of_one(slot)
        name = attribute_name(name, taken, "slot")
        taken.add(name)
        yield from _computed(name, type_, value)


def _shown(model: Model) -> list[Attribute]:
    some = [a for a in model.attributes if a.kind in _PLAIN and a.annotation != "Any"]
    some.sort(key=lambda a: _TITLES.index(a.python) if a.python in _TITLES else len(_TITLES))
    found: dict[str, Attribute] = {}
    for one in some:
        found.setdefault(snake_case(one.python).replace("_", ""), one)
    return list(found.values())[:SHOWN]


def _of_one(slot: Slot) -> tuple[str, str, str]:
    place = f"self.store.{slot.name}"
    titles = {a.python: a for a in slot.model.attributes if a.kind == "str" and a.python in _TITLES}
    title = min(titles, key=_TITLES.index, default=None)
    if title is None:
        return f"{slot.name}_found", "bool", f"{place} is not None"
    return f"{slot.name}_{title}", "str | None", f"None if {place} is None else {place}.{title}"


def _computed(name: str, annotation: str, value: str) -> Iterator[str]:
    yield from ["", "    @computed", f"    def {name}(self) -> {annotation}:", f"        return {value}"]
