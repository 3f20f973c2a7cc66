"""Fields that share their names are the dictionaries that they would be without."""

from __future__ import annotations

import copy
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core import fields
from onto_flow.core.fields import Fields, fields_of
from onto_flow.core.native import compiled

pytestmark = pytest.mark.usefixtures("compiled")

NAMES = st.sampled_from([*"abcdefgh", "\N{SNOWMAN}", ""])
DOCUMENTS = st.dictionaries(NAMES, st.integers())
STEPS = st.lists(st.tuples(NAMES, st.none() | st.integers()))


def test_it_is_compiled():
    assert fields.fields_of is not fields.in_python


@given(st.lists(st.tuples(DOCUMENTS, STEPS), max_size=4))
def test_they_are_as_dictionaries_are_and_change_alone(given_):
    made = [(fields_of(document), dict(document)) for document, _ in given_]
    for (one, plain), (_, steps) in zip(made, given_):
        assert type(one) is Fields
        one.joined = one.made = None
        for name, value in steps:
            if value is None:
                assert one.pop(name, None) == plain.pop(name, None)
            else:
                one[name] = plain[name] = value
    for one, plain in made:
        assert list(one.items()) == list(plain.items())
        assert dict(one) == plain == copy.copy(one) == pickle.loads(pickle.dumps(dict(one)))
        assert list(reversed(one)) == list(reversed(plain))


def test_they_take_less_memory():
    document = {"role": "guest", "attendance": True, "user": "u1"}
    assert sys.getsizeof(fields_of(document)) < sys.getsizeof(Fields(document)) - 60


def test_many_names_and_many_forms_are_taken_too():
    many = {str(n): n for n in range(1000)}
    assert fields_of(many) == many
    alone = compiled().fields_of(Fields, dict.fromkeys)
    assert all(alone({str(n): n}) == {str(n): n} for n in range(1000))


def test_what_is_no_dictionary_is_an_error():
    for wrong in (1, None, ["a"]):
        with pytest.raises((TypeError, ValueError)):
            fields_of(wrong)
    for wrong in ((int, len), (1, len), (Fields,)):
        with pytest.raises(TypeError):
            compiled().fields_of(*wrong)
