"""The read-only form of documents reads as the plain one does, whatever they hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow import DomainModel, Reference, attrs, is_missing
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.fields import Fields
from onto_flow.core.native import compiled
from onto_flow.model import objects
from onto_flow.model.objects import maker_of


class Thing(DomainModel):
    class Meta:
        path = "boxes/{box}/things/{thing}"

    name: str = attrs.str(default="?")
    size: int = attrs.int
    tags: list = attrs.list(default=[])
    extra: dict = attrs.map
    other = attrs.relation("Thing")
    others = attrs.relations("Other", name="o")
    friend = attrs.relation("Other")


class Other(DomainModel):
    class Meta:
        collection_name = "others"

    shout = attrs.relation("Other", parse=lambda value: value.lower())


class Opinionated(DomainModel):
    class Meta:
        collection_name = "opinions"

    name: str = attrs.str

    def __init__(self, path: str, fields: Any, *, writable: bool = False) -> None:
        super().__init__(path, {**fields, "name": "mine"}, writable=writable)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=2), st.sampled_from([0.0, -0.0, 1.5])
)
paths = st.sampled_from(["others/o1", "others/o1/x/y", "o2", "boxes/b/things/t", "things/t", "others/", ""])
references = st.one_of(paths, paths.map(Reference), paths.map(lambda p: Reference(p, "projects/p/databases/d")))
values = st.recursive(
    scalars | references, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.text(max_size=1), v, max_size=2)
)
documents = st.dictionaries(st.sampled_from(["name", "size", "tags", "extra", "other", "o", "shout", "friend"]), values)


@given(documents, st.sampled_from([Thing, Other]))
def test_it_reads_as_the_plain_model(fields, model):
    path = "boxes/b1/things/t1" if model is Thing else "others/o1"
    plain, made = model(path, fields), maker_of(model)(path, fields)
    for name in (*model._attributes, "doc_id", *model._parts):
        assert same(getattr(made, name), getattr(plain, name))
    assert [is_missing(made, n) for n in model._attributes] == [is_missing(plain, n) for n in model._attributes]
    assert (made, hash(made), repr(made), isinstance(made, model)) == (plain, hash(plain), repr(plain), True)
    assert plain == made and made != model(f"{path}x", fields)


def test_what_is_read_can_be_changed_and_stays_what_it_was():
    made = maker_of(Thing)("boxes/b1/things/t1", {"tags": [["a"]], "extra": {"a": [1]}})
    made.tags[0].append("b")
    made.extra["a"].append(2)
    assert (made.tags, made.extra) == ([["a"]], {"a": [1]})


def test_it_cannot_be_written():
    made = maker_of(Thing)("boxes/b1/things/t1", {})
    for name in ("name", "tags", "other"):
        with pytest.raises(DataError, match=f"Thing.{name} cannot be set: a view is a pure function"):
            setattr(made, name, 1)
    with pytest.raises(DataError, match="Thing has no attribute 'nme'"):
        made.nme = 1
    with pytest.raises(DataError, match="part of a path"):
        made.box = "x"


def test_versions_are_made_once_and_each_model_gets_its_own():
    fields = Fields({"name": "a"})
    fields.joined = fields.made = None
    first = maker_of(Thing)("boxes/b1/things/t1", fields)
    assert maker_of(Thing)("boxes/b1/things/t1", fields) is first
    assert maker_of(Other)("others/o1", fields) == Other("others/o1", {})


def test_an_author_who_makes_objects_otherwise_is_obeyed():
    assert maker_of(Opinionated)("opinions/o1", {"name": "a"}).name == "mine"


def in_python(model):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(objects, "compiled", lambda: None)
        return objects._maker(model)


IN_PYTHON = {model: in_python(model) for model in (Thing, Other)}


@given(documents, st.sampled_from([Thing, Other]), st.booleans())
def test_objects_made_in_c_hold_what_those_made_in_python_hold(fields, model, shared):
    path = "boxes/b1/things/t1" if model is Thing else "others/o1"
    made = []
    for make in (maker_of(model), IN_PYTHON[model]):
        given = Fields(fields) if shared else dict(fields)
        if shared:
            given.made = None
        one = make(path, given)
        assert one.path is path and one._fields is given
        if shared and type(one) is not model:
            assert given.made is one and make(path, given) is one
        made.append((type(one) is model, *(repr(getattr(one, name)) for name in model._attributes)))
    assert made[0] == made[1]


@pytest.mark.skipif(compiled() is None, reason="the extension is not built")
@pytest.mark.parametrize(
    "parts", [(), (1, 2, 3, 4, 5, 6, 7), (Fields, Reference, Thing, Thing, (), Thing.name, Thing.size)]
)
def test_what_makes_objects_in_c_refuses_what_is_no_slot(parts):
    with pytest.raises(TypeError, match="maker takes"):
        compiled().maker(parts)
