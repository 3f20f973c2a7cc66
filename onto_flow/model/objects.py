"""Documents as user code reads them, made once per version: attributes are read off slots, at the speed of C.

A model's read-only form is a hidden subclass with a slot per attribute. Arrays and maps are copied whenever they are
read; a document that has one in an attribute declared as something else is read through the plain model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..core.fields import Fields
from ..core.native import compiled
from ..core.references import reference_path
from ..core.values import Document, Reference
from .attributes import Attribute
from .domain import DomainModel
from .family import class_of, collection_of, is_polymorphic
from .inner import ListAttribute, MapAttribute
from .relations import RelationAttribute

Maker = Callable[[str, Document], Any]
"""From a path and fields to the object that user code reads."""

_CONTAINERS = frozenset({list, dict})
_COPIED = frozenset({"list", "map", "any", "relations"})
_DECISIVE = ("__init__", "__new__", "__setattr__", "__getattribute__", "__getattr__", "__init_subclass__", "__slots__")
_MAKERS: dict[type[DomainModel], Maker] = {}


def maker_of(model: type[DomainModel]) -> Maker:
    """What makes the objects of a model that nobody may write, so that they may be shared.

    Example:
        >>> from onto_flow.demo.meeting_room import User
        >>> ada = maker_of(User)("users/u1", {"firstName": "Ada"})
        >>> ada, ada.first_name, ada.last_name, isinstance(ada, User), ada == User("users/u1", {})
        (User('users/u1'), 'Ada', None, True, True)
    """
    if is_polymorphic(model):
        return lambda path, fields: _maker_of_one(class_of(model, path, fields))(path, fields)
    return _maker_of_one(model)


def _maker_of_one(model: type[DomainModel]) -> Maker:
    maker = _MAKERS.get(model)
    if maker is None:
        maker = _MAKERS[model] = _maker(model) if _reads_as_declared(model) else model
    return maker


def _reads_as_declared(model: type[DomainModel]) -> bool:
    """Whether nothing of how the model's objects are made and read was written anew by its author."""
    written = [b for b in model.__mro__ if b not in (DomainModel, object)]
    kinds = (Attribute, RelationAttribute, ListAttribute, MapAttribute)
    return not any(n in vars(b) for b in written for n in _DECISIVE) and all(
        type(a) in kinds and "." not in a.field and vars(_owner(model, n))[n] is a for n, a in model._attributes.items()
    )


def _owner(model: type, name: str) -> type:
    return next(b for b in model.__mro__ if name in vars(b))


def _maker(model: type[DomainModel]) -> Maker:
    held = {n: a for n, a in model._attributes.items() if a.kind not in _COPIED}
    copied = {n: a for n, a in model._attributes.items() if a.kind in _COPIED}
    slots = ("path", "_fields", *held)
    cls = _subclass(model, slots, {n: _copying(a) for n, a in copied.items()})
    native = compiled()
    if native is not None:
        attributes = tuple(_native(vars(cls)[n], a) for n, a in held.items())
        own = vars(cls)["path"], vars(cls)["_fields"]
        return native.maker((Fields, Reference, cls, model, attributes, *own))  # type: ignore[no-any-return]
    names: dict[str, Any] = {
        "Fields": Fields,
        "CONTAINERS": _CONTAINERS,
        "new": object.__new__,
        "model": model,
        "writable": _subclass(model, slots, {"__setattr__": object.__setattr__}),
        "cls": cls,
    }
    exec(compile(_source(held, names), "<objects>", "exec"), names)  # noqa: S102 - attributes' names are identifiers
    return names["make"]  # type: ignore[no-any-return]


def _native(slot: Any, attribute: Attribute) -> tuple[Any, ...]:
    """An attribute as the compiled maker takes it: where it is held, its field and default, how a reference is read."""
    if isinstance(attribute, RelationAttribute):
        return slot, attribute.field, attribute.default, _reading(attribute), _prefix_of(attribute)
    return slot, attribute.field, attribute.default, None, None


def _source(held: dict[str, Attribute], names: dict[str, Any]) -> str:
    """The function that makes an object, written out attribute by attribute; what it needs goes into `names`."""
    reads, writes, plain = [], [], []
    for at, (name, attribute) in enumerate(held.items()):
        if isinstance(attribute, RelationAttribute):
            names[f"read{at}"] = _reading(attribute)
            names[f"default{at}"] = attribute.default
            writes.append(f" made.{name} = read{at}(get({attribute.field!r}, default{at}))")
        else:
            names[f"default{at}"] = attribute.default
            reads.append(f" value{at} = get({attribute.field!r}, default{at})")
            writes.append(f" made.{name} = value{at}")
            plain.append(f"value{at}.__class__ in CONTAINERS")
    lines = [
        "def make(path, fields):",
        " shared = fields.__class__ is Fields",
        " if shared and fields.made.__class__ is cls: return fields.made",
        " get = fields.get",
        *reads,
        *([f" if {' or '.join(plain)}: return model(path, fields)"] if plain else []),
        " made = new(writable)",
        " made.path = path",
        " made._fields = fields",
        *writes,
        " made.__class__ = cls",
        " if shared: fields.made = made",
        " return made",
    ]
    return "\n".join(lines)


def _subclass(model: type[DomainModel], slots: Iterable[str], members: dict[str, Any]) -> Any:
    names = {"__module__": model.__module__, "__qualname__": model.__qualname__, "__doc__": model.__doc__}
    own = {"_read_only": True, "_writable": False, "__setattr__": _refuse}
    body = {**names, **own, **members, "__slots__": tuple(slots)}
    make_class: Any = type(model)
    return make_class(model.__name__, (model,), body)


def _refuse(made: Any, name: str, value: Any) -> None:
    attribute = made._attributes.get(name)
    if attribute is None:
        DomainModel.__setattr__(made, name, value)
    else:
        attribute.__set__(made, value)


def _copying(attribute: Attribute) -> Any:
    return property(lambda made: attribute.read(made._fields))


def _reading(relation: RelationAttribute[Any]) -> Callable[[Any], Any]:
    """`RelationAttribute.read` of one reference: a reference value is kept as it is."""
    target, parse, prefix = collection_of(relation.target), relation.parse, _prefix_of(relation)

    def read(raw: Any) -> Any:
        if raw is None:
            return None
        if prefix is not None and raw.__class__ is Reference and raw.database is None:
            path = raw.path
            if path.startswith(prefix) and path.find("/", len(prefix)) < 0 and len(path) > len(prefix):
                return raw
        found = reference_path(raw[0] if isinstance(raw, list) and raw else raw, target, parse)
        return None if found is None else Reference(found)

    return read


def _prefix_of(relation: RelationAttribute[Any]) -> str | None:
    """What the path of a reference value that is kept begins with, where one may be kept."""
    target = collection_of(relation.target)
    return f"{target.pattern}/" if target.top_level and relation.parse is None else None
