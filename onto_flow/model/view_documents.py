"""View documents as documents that other views read: `root(MeetingSession)`, `one(Leader, via=Meeting.leader)`.

The attributes of the view are those of its documents. One that is annotated `Reference[User]`, or a list of them, is a
relation, to be used in `via=` and `by=`; dataclasses and named tuples are read back as what they were.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from ..core.errors import DataError, SourceLine
from ..core.values import Document, Reference
from .aggregates import AccumulatorDeclaration
from .annotations import hints_of, returned, without_none
from .attributes import Attribute
from .domain import DomainModel
from .methods import computed
from .relations import RelationAttribute
from .udfs import Udf
from .view import ViewModel, output_collection

Rename = Callable[[str], str]


def document_of(view: type[ViewModel]) -> type[DomainModel]:
    """The model of a view's documents.

    Raises:
        DeclarationError: A mistake in the declaration of the view.
    """
    known: type[DomainModel] | None = vars(view).get("_document")
    if known is None:
        from .declaration import read_declaration

        declared = read_declaration(view)
        body: dict[str, Any] = {"__module__": view.__module__, "__qualname__": view.__qualname__}
        body["_of_view"] = view
        body["Meta"] = type("Meta", (), {"collection_name": output_collection(view)})
        for name in (*declared.key_parts, *declared.order):
            call = declared.computed.get(name) or declared.udfs.get(name)
            annotation = None if call is None else returned(call.function, view)
            line = view._line if call is None else call.line
            body[name] = _attribute(annotation, view._attribute_name, view._attribute_name(name), line)
        make_class: Any = type(DomainModel)
        known = make_class(view.__name__, (DomainModel,), body)
        view._document = known  # type: ignore[attr-defined]
    assert known is not None
    return known


def attribute_of(side: Any) -> Any:
    """The attribute of view documents that a getter, udf or accumulator of a view is; anything else as it is."""
    named: Any = getattr(side, "__onto_flow_udf__", side)
    known = isinstance(named, (computed, Udf, AccumulatorDeclaration)) and isinstance(
        getattr(named, "owner", None), type
    )
    return document_of(named.owner)._attributes.get(named.name, side) if known else side


def refuse_setting(document: type[DomainModel], name: str, where: object) -> DataError:
    """The error of a setter that sets what a view computes."""
    view: type[ViewModel] = document._of_view  # type: ignore[attr-defined]
    what = f"{view.__name__}.{name} cannot be set: it is computed, and what is written there does not stay"
    fix = (
        f"Set it in the documents that {view.__name__} is made of, or by a setter of its own: {view.__name__}.get(...). "
        "A setter of another view reaches that one where the other view was read by get(...), and this leads to one root."
    )
    return DataError("bad-value", what, where=where, fix=fix)


def is_settable(view: type[ViewModel], name: str) -> bool:
    """Whether a view has a setter for an attribute."""
    return getattr(inspect.getattr_static(view, name, None), "fset", None) is not None


def set_through(document: Any, name: str, value: Any) -> bool:
    """Sets an attribute of a view's document by the view behind it; whether there is one.

    Raises:
        AttributeError: The view has no setter for it.
    """
    behind = document.__dict__.get("_behind")
    if behind is None:
        return False
    if not is_settable(type(behind), name):
        raise AttributeError(f"{type(behind).__name__}.{name} has no setter")
    setattr(behind, name, value)
    from .once import documents_now

    known = behind.__dict__
    known["_documents"] = documents_now(behind)
    for one in known["_shown_as"]:
        _show(one, known["_documents"])
    return True


def shows(document: Any, behind: ViewModel | None) -> None:
    """A document of a slot is one of a view, which was made of the documents behind it: it shows what is set in them."""
    document.__dict__["_behind"] = behind
    if behind is not None:
        behind.__dict__.setdefault("_shown_as", []).append(document)
        _show(document, behind.__dict__.get("_documents", {}))


def _show(document: Any, documents: Mapping[str, Document]) -> None:
    """What is not made any more stays as it was read: a slot holds what it held."""
    if document.path in documents:
        document.__dict__.update(_known={}, _fields=documents[document.path])


class ShownRelation(RelationAttribute[Any]):
    """A reference in a view document."""

    def __set__(self, instance: Any, value: Any) -> None:
        if not set_through(instance, self.python_name, value):
            raise refuse_setting(type(instance), self.python_name, instance.path)


class ShownAttribute(Attribute):
    """An attribute of a view document, read back as it is annotated."""

    annotation: Any = None
    rename: Rename

    def __set__(self, instance: Any, value: Any) -> None:
        if not set_through(instance, self.python_name, value):
            raise refuse_setting(type(instance), self.python_name, instance.path)

    def read(self, fields: Any) -> Any:
        """The value as the view's code gave it."""
        return read_back(super().read(fields), self.annotation, self.rename)


def _attribute(annotation: Any, rename: Rename, field: str, line: SourceLine) -> Attribute:
    model, many = _referred(annotation)
    if model is not None:
        return ShownRelation(model, line, many=many, name=field, parse=None)
    made = ShownAttribute("any", line, name=field)
    made.annotation, made.rename = annotation, rename
    return made


def _referred(annotation: Any) -> tuple[Any, bool]:
    """The model that an annotation refers to, and whether it is a list of references."""
    annotation, _ = without_none(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Reference and isinstance(arguments[0], type):
        return arguments[0], False
    if origin is list and arguments and typing.get_origin(arguments[0]) is Reference:
        return _referred(arguments[0])[0], True
    return None, False


def read_back(value: Any, annotation: Any, rename: Rename) -> Any:
    """A stored value as an annotation says that it was; as it is where it does not fit.

    Example:
        >>> from onto_flow.demo.meeting_room import Attendee
        >>> from onto_flow.model.names import camel_case
        >>> stored = [{"name": "Ada", "organization": "Acme", "hearingAidRequested": True}]
        >>> read_back(stored, list[Attendee], camel_case)
        [Attendee(name='Ada', organization='Acme', hearing_aid_requested=True)]
    """
    annotation, _ = without_none(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(value, list) and origin in (list, tuple) and arguments:
        return [read_back(v, arguments[0], rename) for v in value]
    if isinstance(value, dict) and origin is dict and len(arguments) == 2:
        return {k: read_back(v, arguments[1], rename) for k, v in value.items()}
    if not isinstance(annotation, type):
        return value
    if isinstance(value, dict) and (dataclasses.is_dataclass(annotation) or hasattr(annotation, "_fields")):
        return _made(value, annotation, rename)
    if isinstance(value, dict) and typing.is_typeddict(annotation):
        declared = {rename(n): (n, hint) for n, hint in hints_of(annotation).items()}
        known = [(*declared.get(k, (k, None)), v) for k, v in value.items()]
        return {name: read_back(v, hint, rename) for name, hint, v in known}
    if issubclass(annotation, enum.Enum) and value is not None:
        return annotation(value)
    return value


def _made(value: dict[str, Any], annotation: Any, rename: Rename) -> Any:
    hints = hints_of(annotation)
    fields = getattr(annotation, "_fields", None) or [f.name for f in dataclasses.fields(annotation) if f.init]
    return annotation(**{n: read_back(value.get(rename(n)), hints.get(n), rename) for n in map(str, fields)})
