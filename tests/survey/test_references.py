"""Guesses at references: those that are there are found, and chance is not taken for meaning."""

from __future__ import annotations

import random

import pytest
from of_documents import guesses, survey

from onto_flow.connect import open_source
from onto_flow.core.values import Reference
from onto_flow.survey import references, sketch, survey_of

USERS = [(f"users/user-{n:03}", {"name": f"User {n}", "email": f"u{n}@example.com", "code": n}) for n in range(40)]


def with_field(values, users=USERS):
    return survey([*users, *((f"notes/n{n}", {"f": v}) for n, v in enumerate(values))])


@pytest.mark.parametrize(
    ("value", "by"),
    [
        (lambda n: Reference(f"users/user-{n:03}"), "reference"),
        (lambda n: f"users/user-{n:03}", "path"),
        (lambda n: f"/users/user-{n:03}", "path"),
        (lambda n: f"projects/p/databases/(default)/documents/users/user-{n:03}", "path"),
        (lambda n: f"user-{n:03}", "id"),
    ],
)
def test_values_that_name_documents_are_references(value, by):
    found = with_field([value(n % 40) for n in range(60)])
    assert guesses(found) == {("notes", "f", by, "users", None)}
    [guess] = found.references
    assert (guess.values, guess.distinct, guess.resolved, guess.distinct_resolved) == (60, 40, 1.0, 40)
    assert (guess.many, guess.keys, guess.estimated) == (False, False, False)


def test_a_field_of_the_target_is_found_where_it_is_different_in_each_document():
    found = with_field([f"u{n}@example.com" for n in (1, 1, 2, 3)])
    assert guesses(found) == {("notes", "f", "field", "users", "email")}


def test_lists_and_maps_in_lists_refer_too():
    found = with_field([[f"user-{n:03}", f"user-{n + 1:03}"] for n in range(20)])
    assert guesses(found) == {("notes", "f[]", "id", "users", None)}
    assert found.references[0].many
    found = with_field([[{"who": f"user-{n:03}"}] for n in range(20)])
    assert guesses(found) == {("notes", "f[].who", "id", "users", None)}


def test_the_keys_of_a_map_may_refer():
    found = with_field([{f"user-{n:03}": True, f"user-{n + 1:03}": True} for n in range(20)])
    [guess] = found.references
    assert (guess.field, guess.keys, guess.many, guess.target, guess.resolved) == ("f", True, True, ("users",), 1.0)


def test_the_share_that_resolves_is_told():
    found = with_field([f"users/user-{n:03}" for n in range(30, 50)])
    assert (found.references[0].resolved, found.references[0].distinct_resolved) == (0.5, 10)


def test_references_to_what_does_not_exist_are_told():
    found = with_field([Reference("gone/1"), Reference("gone/2"), Reference("users/user-001")])
    assert {(g.target, g.values, g.resolved) for g in found.references} == {(("gone",), 2, 0.0), (("users",), 1, 1.0)}


def test_a_reference_into_another_database_is_no_document_of_this_one():
    found = with_field([Reference("users/user-001", "projects/p/databases/other")])
    assert [g.resolved for g in found.references] == [0.0]


def test_documents_that_do_not_exist_may_be_named_like_others():
    found = survey([*USERS, *((f"logs/user-{n:03}/days/{d}", {"x": 1}) for n in range(30) for d in ("mo", "tu"))])
    assert guesses(found) == {("logs/days", "{log}", "id", "users", None)}


def test_small_integers_are_no_references_even_if_all_of_them_are_ids():
    movies = [(f"movies/{n}", {"title": f"Movie {n}"}) for n in range(1, 500)]
    ratings = [
        (f"ratings/r{n}", {"stars": n % 5 + 1, "votes": n % 300 + 1, "year": str(n % 400 + 1)}) for n in range(900)
    ]
    assert guesses(survey([*movies, *ratings])) == set()


def test_small_integers_are_references_when_the_field_has_the_name_of_the_collection():
    movies = [(f"movies/{n}", {"title": f"Movie {n}"}) for n in range(1, 500)]
    found = survey([*movies, *((f"ratings/r{n}", {"movieId": n % 400 + 1, "m": n % 400 + 1}) for n in range(900))])
    assert guesses(found) == {("ratings", "movieId", "id", "movies", None)}
    assert found.references[0].integers


def test_large_integers_are_references_where_few_numbers_are_taken():
    random_ = random.Random(3)
    numbers = [random_.randrange(10**9) for _ in range(200)]
    people = [(f"people/p{n}", {"number": number}) for n, number in enumerate(numbers)]
    found = survey([*people, *((f"calls/c{n}", {"from": numbers[n % 150]}) for n in range(400))])
    assert guesses(found) == {("calls", "from", "field", "people", "number")}


def test_states_and_flags_are_no_references():
    documents = [(f"orders/o{n}", {"status": ("open", "paid")[n % 2], "ok": True, "n": 1.0}) for n in range(50)]
    others = [(f"offers/f{n}", {"status": ("open", "paid")[n % 2], "ok": True, "n": 1.0}) for n in range(50)]
    assert guesses(survey([*documents, *others])) == set()


def test_short_codes_are_no_references_by_chance():
    countries = [(f"countries/{a}{b}", {"x": 1}) for a in "abcdef" for b in "abcdef"]
    texts = [(f"texts/t{n}", {"language": ("aa", "bb", "cd", "ef", "fa", "be")[n % 6]}) for n in range(60)]
    assert guesses(survey([*countries, *texts])) == set()


def test_a_field_that_repeats_the_id_is_no_reference_to_its_own_collection():
    found = survey([(f"users/user-{n:03}", {"id": f"user-{n:03}"}) for n in range(20)])
    assert guesses(found) == set()


def test_documents_lie_under_their_parents_and_do_not_refer_to_them():
    notes = [(f"users/user-{n:03}/notes/n{n}-{m}", {"x": m}) for n in range(40) for m in range(2)]
    assert guesses(survey([*USERS, *notes])) == set()


def test_ids_that_are_the_same_under_each_parent_identify_nothing():
    days = ("monday-morning", "tuesday-morning", "friday-morning")
    logs = [(f"users/user-{n:03}/logs/{day}", {"x": 1}) for n in range(40) for day in days]
    notes = [(f"notes/n{n}", {"day": days[n % 3]}) for n in range(30)]
    assert guesses(survey([*USERS, *logs, *notes])) == set()


def test_a_collection_may_refer_to_itself():
    staff = [(f"staff/person-{n:03}", {"boss": f"person-{n // 3:03}"}) for n in range(60)]
    assert guesses(survey(staff)) == {("staff", "boss", "id", "staff", None)}


def test_the_same_values_in_two_collections_are_told_once():
    accounts = [(f"accounts/a{n}", {"mail": f"u{n}@example.com"}) for n in range(40)]
    assert guesses(survey([*USERS, *accounts])) == {("accounts", "mail", "field", "users", "email")}


def test_fields_that_all_hold_the_same_are_given_up_in_time(monkeypatch):
    """Every field of every collection could refer to every other one: the work and what is told of it are bounded."""
    monkeypatch.setattr(references, "MAX_WORK", 20_000)
    monkeypatch.setattr(references, "MOST", 10)
    calls = []
    resolved = references._resolved
    monkeypatch.setattr(references, "_resolved", lambda c, t: calls.append(1) or resolved(c, t))
    documents = [(f"c{c}/d{n}", {f"f{i}": f"value number {n}" for i in range(30)}) for c in range(4) for n in range(9)]
    found = survey(documents)
    assert len(found.references) == 10
    assert len(calls) <= (30 + 1) * 4 * references.TRIED


def test_detours_are_left_out():
    """Two collections that refer to users by the same long ids do not refer to each other."""
    a = [(f"a/{n}", {"user": f"user-{n:03}-long-enough"}) for n in range(20)]
    b = [(f"b/{n}", {"user": f"user-{n % 20:03}-long-enough"}) for n in range(50)]
    users = [(f"users/user-{n:03}-long-enough", {}) for n in range(20)]
    assert guesses(survey([*a, *b, *users])) == {("a", "user", "id", "users", None), ("b", "user", "id", "users", None)}


def test_estimates_are_near_and_say_that_they_are_some(monkeypatch):
    monkeypatch.setattr(sketch, "MAX_VALUES", 8000)
    users = [(f"users/user-{n:06}", {}) for n in range(30_000)]
    notes = ((f"notes/n{n}", {"user": f"user-{n % 40_000:06}", "other": f"text {n}"}) for n in range(60_000))
    found = survey([*users, *notes], batch=4000)
    [guess] = found.references
    assert (guess.field, guess.target, guess.estimated) == ("user", ("users",), True)
    assert 0.72 < guess.resolved < 0.86
    assert 36_000 < guess.distinct < 44_000
    assert 26_000 < guess.distinct_resolved < 34_000


def test_swapi_refers_by_urls(real_exports):
    found = survey_of(open_source(str(real_exports / "swapi")), "swapi")
    all_ = {(g.source[0], g.field, g.by, g.target[0], g.target_field): g for g in found.references}
    assert len(all_) == 19
    characters = all_["films", "characters[]", "field", "people", "url"]
    assert (characters.values, characters.distinct, characters.resolved, characters.estimated) == (162, 82, 1.0, False)
    assert all(g.by == "field" and g.target_field == "url" for g in found.references)
    assert [k[:2] for k, g in all_.items() if g.resolved < 1] == [("species", "homeworld"), ("people", "homeworld")]


def test_stocks_names_its_prices_by_the_ids_of_stocks(real_exports):
    found = survey_of(open_source(str(real_exports / "stocks")), "stocks")
    assert guesses(found) == {("prices/daily", "{price}", "id", "stocks", None)}


def test_movielens_names_genres_by_their_ids(real_exports):
    found = survey_of(open_source(str(real_exports / "movielens")), "movielens")
    assert guesses(found) == {("movies", "genres[]", "id", "genres", None)}
    assert found.references[0].distinct_resolved == 19
