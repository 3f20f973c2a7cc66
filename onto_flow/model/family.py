"""Polymorphic models: a base whose documents are of subclasses, in collections of their own or told apart by a field.

- `Meta.abstract = True`: a base without a collection; a slot of it holds the documents of its subclasses.
- `Meta.discriminator = "kind"`: the attribute that says which subclass a document is; each says `Meta.discriminator_value`.
  A slot of the base holds all documents, those of unknown kinds as the base; a slot of a subclass holds its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.collection import Collection, CollectionSet
from ..core.errors import DeclarationError, SourceLine, did_you_mean
from ..core.values import Document


def join_family(cls: Any, options: Any, line: SourceLine) -> None:
    """Reads what a model's `Meta` says of its family, and makes it known to the classes that it inherits from.

    Raises:
        DeclarationError: `bad-meta`, `ambiguous-name`, with the line of the class.
    """
    cls._abstract = options.get("abstract", False)
    cls._subclasses = []
    cls._discriminator = options.get("discriminator", cls._discriminator)
    cls._discriminator_value = options.get("discriminator_value", cls._discriminator_value)
    if cls._discriminator is not None and cls._discriminator not in cls._attributes:
        what = f"{cls.__name__}.Meta.discriminator = {cls._discriminator!r} is no attribute of {cls.__name__}"
        fix = did_you_mean(cls._discriminator, cls._attributes)
        raise DeclarationError("bad-meta", what, where=line, fix=fix)
    if "discriminator_value" in options and cls._discriminator is None:
        what, fix = f"{cls.__name__}.Meta has a discriminator_value", 'Say in the base: discriminator = "kind".'
        raise DeclarationError("bad-meta", f"{what}, and nothing says which attribute holds it", where=line, fix=fix)
    for base in _bases(cls):
        base._subclasses[:] = [s for s in base._subclasses if not _same_place(s, cls)]
        for other in base._subclasses if "discriminator_value" in options else ():
            if other._discriminator_value == cls._discriminator_value and not issubclass(cls, other):
                what = f"{other.__name__} and {cls.__name__} both have the discriminator_value {cls._discriminator_value!r}"
                raise DeclarationError("ambiguous-name", what, where=line, fix="Give each a value of its own.")
        base._subclasses.append(cls)


def _bases(cls: Any) -> Iterator[Any]:
    return (base for base in cls.__mro__[1:] if "_subclasses" in vars(base))


def _same_place(one: type, other: type) -> bool:
    """Whether a class is the same one, declared again, as in a notebook."""
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def is_polymorphic(model: Any) -> bool:
    """Whether the documents of a model may be of several classes."""
    return bool(model._abstract or (model._discriminator is not None and model._subclasses))


def members_of(model: Any) -> list[Any]:
    """The models whose documents a slot of this model holds: itself, unless it is abstract, and those of its family."""
    others = model._subclasses if model._abstract or model._discriminator is not None else []
    return [m for m in (model, *others) if not m._abstract]


def collection_of(model: Any) -> Collection:
    """Where the documents of a model are; of an abstract one, those of its subclasses.

    Raises:
        DeclarationError: `bad-meta` for an abstract model without subclasses.
    """
    if not model._abstract:
        found: Collection = model._collection
        return found
    several = tuple(dict.fromkeys(m._collection for m in members_of(model)))
    if not several:
        fix = f"Declare some: class Person({model.__name__}), with a collection in its Meta."
        raise DeclarationError("bad-meta", f"{model.__name__} is abstract, and no model inherits from it", fix=fix)
    return several[0] if len(several) == 1 else CollectionSet.of(several)


def class_of(model: Any, path: str, fields: Document) -> Any:
    """The class of a document of a model's family: the last declared one that it fits."""
    for member in reversed(members_of(model)):
        if member._collection.matches(path) and _says(member, fields):
            return member
    return model


def of_family(model: Any, path: str, fields: Document) -> bool:
    """Whether a document is one of a model that is told apart by a field, or of a class below it."""
    return any(m._collection.matches(path) and _says(m, fields) for m in members_of(model))


def _says(member: Any, fields: Document) -> bool:
    if member._discriminator_value is None:
        return True
    value = fields.get(member._attributes[member._discriminator].field)
    return isinstance(value, str) and value == member._discriminator_value


def any_of(models: tuple[Any, ...]) -> Any:
    """A model that stands for several, as `attrs.relation(Person, Company)` refers to them."""
    from .domain import DomainModel

    body = {"__module__": __name__, "_read_only": True, "_abstract": True}
    make_class: Any = type(DomainModel)
    made = make_class(" or ".join(m.__name__ for m in models), (DomainModel,), body)
    made._subclasses = list(dict.fromkeys(member for m in models for member in (m, *m._subclasses)))
    return made
