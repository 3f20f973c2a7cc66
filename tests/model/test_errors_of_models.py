"""Mistakes in models: each with its code, its text, its suggestion, and the user's line."""

from __future__ import annotations

import pytest

from onto_flow import DomainModel, attrs, is_missing
from tests.model.mistakes import Mistakes, Ticket, User, judge

mistake = Mistakes()


@mistake("unknown-name", "attrs has no 'string'", "Did you mean str?")
def unknown_kind():
    class Note(DomainModel):
        class Meta:
            collection_name = "notes"

        text = attrs.string  # <-


@mistake("unknown-name", "attrs.str has no option 'nmae'", "Did you mean name?")
def unknown_option_of_an_attribute():
    class Note(DomainModel):
        class Meta:
            collection_name = "notes"

        text = attrs.str(nmae="t")  # <-


@mistake("bad-meta", "Note.Meta names no collection", 'collection_name = "users"')
def no_collection():
    class Note(DomainModel):  # <-
        text: str = attrs.str


@mistake("bad-meta", "Note.Meta has no option 'collection'", "Did you mean collection_name?")
def unknown_meta_option():
    class Note(DomainModel):  # <-
        class Meta:
            collection = "notes"

        text: str = attrs.str


@mistake("bad-meta", "Note.Meta names several collections")
def two_collections():
    class Note(DomainModel):  # <-
        class Meta:
            collection_name = "notes"
            collection_group = "notes"

        text: str = attrs.str


@mistake("bad-meta", "Note.Meta.collection_name = 'a/b': 'a/b' is not the path of a collection")
def a_document_path_as_collection():
    class Note(DomainModel):  # <-
        class Meta:
            collection_name = "a/b"

        text: str = attrs.str


@mistake("unknown-name", "attrs.relation has no option 'pars'", "Did you mean parse?")
def unknown_option_of_a_relation():
    attrs.relation(User, pars=str)  # <-


@mistake("bad-meta", "Note.Meta.convert_names = 'no' is not a bool")
def meta_option_of_a_wrong_type():
    class Note(DomainModel):  # <-
        class Meta:
            collection_name = "notes"
            convert_names = "no"


@mistake("ambiguous-name", "Note.path: every document has its own path", 'attrs.str(name="path")')
def attribute_that_every_document_has():
    class Note(DomainModel):
        class Meta:
            collection_name = "notes"

        path: str = attrs.str  # <-


@mistake("ambiguous-name", "Note: first_line and firstLine are both firstLine in Firestore", "name=")
def two_attributes_of_one_field():
    class Note(DomainModel):
        class Meta:
            collection_name = "notes"

        first_line: str = attrs.str
        firstLine: str = attrs.str  # <-


@mistake("unknown-name", "Ticket has no attribute 'rolle'", "Did you mean role?")
def missing_of_an_unknown_attribute():
    is_missing(Ticket("tickets/t1", {}), "rolle")  # <-


@mistake("unknown-name", "Day.simbol is declared as a part, and the path of Day has none", "Did you mean symbol?")
def part_that_the_path_does_not_name():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

        simbol: str = attrs.part  # <-


@mistake("unknown-name", "Day.symbol is declared as a part", 'path = "stocks/{symbol}/daily/{date}"')
def part_of_a_collection_group():
    class Day(DomainModel):
        class Meta:
            collection_group = "daily"

        symbol: str = attrs.part  # <-


@mistake("unknown-name", "attrs.part has no option 'name'")
def part_with_an_option():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

        ticker: str = attrs.part(name="symbol")  # <-


@mistake(
    "ambiguous-name",
    "Day.date is a part of the path, and declared as something else",
    'date: str = attrs.part. To read the field: document_date = attrs.timestamp(name="date")',
)
def field_named_like_a_part():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

        date = attrs.timestamp  # <-


@mistake(
    "ambiguous-name", "Week.symbol is a part of the path, and declared as something else", 'attrs.int(name="symbol")'
)
def field_of_a_subclass_named_like_an_inherited_part():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

    class Week(Day):
        symbol: int = attrs.int  # <-


@mistake("ambiguous-name", "Day.label is a part of the path, and declared as something else", "Rename one of them.")
def method_named_like_a_part():
    class Day(DomainModel):  # <-
        class Meta:
            path = "stocks/{label}/daily/{date}"

        def label(self) -> str: ...


@mistake("unknown-name", "Week.symbol is declared as a part, and the path of Week has none", "Did you mean")
def inherited_part_that_the_new_path_does_not_name():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

    class Week(Day):  # <-
        class Meta:
            path = "weeks/{week}/symbols/{a_symbol}"


@mistake("ambiguous-name", "Day: every document has its own doc_id", "Rename that part of the path.")
def part_that_every_document_has():
    class Day(DomainModel):  # <-
        class Meta:
            path = "stocks/{doc_id}/daily/{date}"


@mistake("bad-meta", "Day.Meta.path: two parts are named id", "Rename one.")
def parts_of_one_name():
    class Day(DomainModel):  # <-
        class Meta:
            path = "stocks/{id}/daily/{id}"


@mistake("bad-meta", "Day.Meta.path: {sym-bol} cannot be the name of an attribute", "such as {symbol}")
def part_that_is_no_name():
    class Day(DomainModel):  # <-
        class Meta:
            path = "stocks/{sym-bol}/daily/{date}"


@mistake("bad-value", "attrs.relation leads to a model, not to 7", 'attrs.relation("User")')
def relation_to_a_number():
    attrs.relation(7)  # <-


@mistake("unknown-name", "Tagged.tags.each: nothing says what its elements are", "class Line(MapModel)")
def each_of_a_plain_array():
    class Tags(DomainModel):
        class Meta:
            collection_name = "tags"

        tags: list = attrs.list  # <-

    Tags.__name__ = "Tagged"
    return Tags.tags.each


@pytest.mark.parametrize("case", mistake, ids=lambda m: m.declare.__name__)
def test_a_mistake_is_told_with_its_line(case):
    judge(case)
