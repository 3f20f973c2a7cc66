"""Domain models: what the documents of a collection are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.collection import Collection
from ..core.errors import DataError, DeclarationError, SourceLine, did_you_mean
from ..core.values import Document
from .attributes import Attribute
from .family import join_family
from .meta import Surroundings, declaring_frame, options_of
from .names import camel_case
from .parts import DOCUMENT_ID, DocumentId, named_parts, take_parts
from .stored import Stored

_PLACES = ("collection_name", "path", "collection_group")
_OPTIONS = (*_PLACES, "abstract", "convert_names", "discriminator", "discriminator_value", "strict")
_TAKEN = ("path", DOCUMENT_ID)


class UnknownAttribute(DeclarationError, AttributeError):
    """An attribute that a model does not declare, asked of its class."""


class ModelType(type):
    """The type of models: an unknown attribute is told with the nearest name and the user's line."""

    if not TYPE_CHECKING:

        def __getattr__(cls, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(f"{cls.__name__} has no attribute {name!r}")
            fix = did_you_mean(name, [*cls._attributes, *cls._parts, DOCUMENT_ID])
            what = f"{cls.__name__} has no attribute {name!r}"
            raise UnknownAttribute("unknown-name", what, where=SourceLine.of_caller(), fix=fix)


def attributes_of(cls: type) -> dict[str, Attribute]:
    """The fields that a model declares or inherits."""
    found = {n: a for base in reversed(cls.__mro__) for n, a in vars(base).items() if isinstance(a, Attribute)}
    return {n: a for n, a in found.items() if a.kind != "parent"}


class DomainModel(Stored, metaclass=ModelType):
    """A document of a collection, read through declared attributes.

    `Meta` names the collection: `collection_name = "users"`, `path = "stocks/{symbol}/daily/{date}"` (whose parts are
    attributes too; `symbol: str = attrs.part` declares one for type checkers), or `collection_group = "daily"` (whose
    documents lie at any depth, so that `doc_id` alone has a name). A missing field reads as the attribute's default, a
    wrong type reads as it is; with `strict = True` such a document does not count. With a database bound
    (`onto_flow.settings`) documents are read and saved: see `Stored`.

    Example:
        >>> from onto_flow import DomainModel, attrs
        >>> class Day(DomainModel):
        ...     class Meta:
        ...         path = "stocks/{symbol}/daily/{date}"
        ...     close_price: float = attrs.float
        >>> day = Day("stocks/ABC/daily/2024-05-01", {"closePrice": 7.5})
        >>> day.close_price, day.symbol, day.doc_id
        (7.5, 'ABC', '2024-05-01')
    """

    path: str
    _collection: ClassVar[Collection]
    _attributes: ClassVar[Mapping[str, Attribute]] = {}
    _parts: ClassVar[Mapping[str, int]] = {}
    _convert_names: ClassVar[bool] = True
    _strict: ClassVar[bool] = False
    _abstract: ClassVar[bool] = False
    _discriminator: ClassVar[str | None] = None
    _discriminator_value: ClassVar[str | None] = None
    _subclasses: ClassVar[list[type[DomainModel]]]
    _around: ClassVar[Surroundings]
    _model: ClassVar[type[DomainModel]]
    """The class as it was declared, also for its read-only form (`model.objects`)."""
    _fields: Document
    _known: dict[str, Any]
    _set: set[str]
    _writable: bool

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_read_only" in vars(cls):
            return
        cls._model = cls
        frame = declaring_frame()
        line = SourceLine(frame.f_code.co_filename, frame.f_lineno)
        options = options_of(cls, _OPTIONS, line)
        cls._around = Surroundings(frame)
        cls._convert_names = options.get("convert_names", cls._convert_names)
        cls._strict = options.get("strict", cls._strict)
        cls._attributes = attributes_of(cls)
        places = [n for n in _PLACES if n in options]
        abstract = options.get("abstract", False)
        if len(places) > 1 or (abstract and places) or not (places or abstract or hasattr(cls, "_collection")):
            raise DeclarationError(
                "bad-meta",
                f"{cls.__name__}.Meta names {_how_many(places, abstract)}",
                where=line,
                fix='Say class Meta: collection_name = "users" (or path = ..., or collection_group = ...).',
            )
        if places:
            cls._collection = _collection(cls, places[0], options[places[0]], line)
            cls._parts = named_parts(options[places[0]], f"{cls.__name__}.Meta.{places[0]}", line)
        take_parts(cls, cls._parts, _TAKEN, line)
        _refuse_clashes(cls)
        join_family(cls, options, line)

    def __init__(self, path: str, fields: Document, *, writable: bool = False) -> None:
        self.__dict__.update(path=path, _fields=fields, _known={}, _set=set(), _writable=writable)

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name):
            what = f"{type(self).__name__} has no attribute {name!r}"
            raise DataError("unknown-name", what, where=self.path, fix=did_you_mean(name, self._attributes))
        object.__setattr__(self, name, value)

    @classmethod
    def _field_name(cls, name: str) -> str:
        return camel_case(name) if cls._convert_names else name

    doc_id = DocumentId()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DomainModel) and other._model is self._model and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"


def is_missing(document: DomainModel, name: str) -> bool:
    """Whether a declared field is missing in the document (it then reads as its default).

    Raises:
        DeclarationError: `unknown-name` when the model declares no such attribute.
    """
    attribute = type(document)._attributes.get(name)
    if attribute is None:
        fix = did_you_mean(name, type(document)._attributes)
        what = f"{type(document).__name__} has no attribute {name!r}"
        raise DeclarationError("unknown-name", what, where=SourceLine.of_caller(), fix=fix)
    return attribute.field not in document._fields


def _how_many(places: list[str], abstract: bool) -> str:
    if abstract:
        return "a collection, and says that it is abstract"
    return "several collections" if places else "no collection"


def _collection(cls: type, option: str, value: str, line: SourceLine) -> Collection:
    try:
        if option == "path":
            pattern, slash, last = value.rpartition("/")
            if not slash or not last:
                raise ValueError("a path ends with a document id")
            return Collection(pattern)
        return Collection(value, group=option == "collection_group")
    except ValueError as error:
        what = f"{cls.__name__}.Meta.{option} = {value!r}: {getattr(error, 'what', error)}"
        fix = 'Such as "users" or "stocks/{symbol}/daily/{date}".'
        raise DeclarationError("bad-meta", what, where=line, fix=fix) from error


def _refuse_clashes(cls: type[DomainModel]) -> None:
    fields: dict[str, str] = {}
    for name, attribute in cls._attributes.items():
        if name in _TAKEN:
            what = f"{cls.__name__}.{name}: every document has its own {name}"
            fix = f'Take another name for the attribute: document_{name} = attrs.{attribute.kind}(name="{name}").'
            raise DeclarationError("ambiguous-name", what, where=attribute.line, fix=fix)
        other = fields.setdefault(attribute.field, name)
        if other != name:
            what = f"{cls.__name__}: {other} and {name} are both {attribute.field} in Firestore"
            raise DeclarationError("ambiguous-name", what, where=attribute.line, fix="Give one of them name=...")
