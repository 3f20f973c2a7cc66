"""What is inferred: models that import, type-check and load the export; names of strangers stay data."""

from __future__ import annotations

import ast
import sys
import types
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from of_documents import survey

from onto_flow import DomainModel, ViewModel
from onto_flow.connect import open_source
from onto_flow.core.errors import UsageError
from onto_flow.core.values import Reference
from onto_flow.demo import data
from onto_flow.infer import infer_module, module
from onto_flow.infer.allowed import NotAllowed, check_module
from onto_flow.infer.names import snake_case
from onto_flow.model.compile import plan_views
from onto_flow.run import start
from onto_flow.sinks.memory import MemorySink
from onto_flow.survey import survey_of

GOLDEN = Path(__file__).parents[1] / "golden"
ALLTYPES = Path(__file__).parents[1] / "data/alltypes"
PROJECT = Path(__file__).parents[2]
_numbers = count()


def inferred(documents, **options):
    return infer_module(survey(documents), **options).text


def imported(text):
    module = types.ModuleType(f"inferred_{next(_numbers)}")
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, module.__name__, "exec"), vars(module))  # noqa: S102 - what a user does with it
        made = [v for v in vars(module).values() if isinstance(v, type) and v.__module__ == module.__name__]
        models = {str(m._collection): m for m in made if issubclass(m, DomainModel)}
        views = [v for v in made if issubclass(v, ViewModel)]
        plan_views(*views)
        return models, views
    finally:
        del sys.modules[module.__name__]


def fields(model):
    return {a.field for a in model._attributes.values()}


def lines(text):
    return {line.strip() for line in text.splitlines()}


def test_the_meeting_room_is_inferred_as_somebody_would_write_it():
    text = inferred(sorted(data.documents().items()))
    assert text == (GOLDEN / "inferred_meeting_room.py.txt").read_text()


def test_names_are_converted_where_that_can_be_undone():
    text = inferred([("a/1", {"firstName": 1, "URL": 1, "userID": 1, "with space": 1, "class": 1, "path": 1, "9": 1})])
    assert {
        "first_name: int = attrs.int",
        'url: int = attrs.int(name="URL")',
        'user_id: int = attrs.int(name="userID")',
        'with_space: int = attrs.int(name="with space")',
        'class_1: int = attrs.int(name="class")',
        'path_1: int = attrs.int(name="path")',
        'field_9: int = attrs.int(name="9")',
    } <= lines(text)
    assert "convert_names" not in text


def test_names_written_with_underscores_are_not_converted():
    text = inferred([("a/1", {"avg_rating": 1.5, "total_sum": 1, "total": 1, "someThing": 1})])
    assert {"convert_names = False", "avg_rating: float = attrs.float", "total: int = attrs.int"} <= lines(text)
    assert 'some_thing: int = attrs.int(name="someThing")' in lines(text)


def test_types_are_those_that_occur():
    text = inferred(
        [
            ("a/1", {"x": 1, "y": [1, 2], "z": {"k": 1}, "o": None, "n": None, "e": [], "r": Reference("q/1")}),
            ("a/2", {"x": 1.5, "y": [3], "z": {"k": 1}, "o": "t", "e": [1, "a"], "r": Reference("p/1")}),
        ]
    )
    assert {
        "x: float | int = attrs.any",
        "y: list[int] = attrs.list",
        "z: dict[str, Any] = attrs.map",
        "o: str | None = attrs.str",
        "n: Any = attrs.any",
        "e: list[Any] = attrs.list",
        "r: Reference[Any] = attrs.any",
    } <= lines(text)


def test_a_subcollection_has_its_path_and_hangs_on_its_parents():
    documents = [(f"users/u{n}", {"name": "x"}) for n in range(3)]
    documents += [(f"users/u{n}/notes/n{m}", {"t": "x"}) for n in range(3) for m in range(2)]
    text = inferred(documents)
    assert {
        'path = "users/{user}/notes/{note}"',
        "user: str = attrs.part",
        "notes = many(Note, on=(User.doc_id, Note.user))",
    } <= lines(text)
    models, views = imported(text)
    assert sorted(models) == ["users", "users/{user}/notes"]


def test_deeper_documents_hang_on_all_ids_above():
    documents = [("a/1/b/2", {"x": 1}), ("a/1/b/2/c/3/d/4", {"x": 1})]
    assert "ds = many(D, on=[(B.a, D.a), (B.doc_id, D.b)])" not in inferred(documents)
    assert "d = many(D, on=[(B.a, D.a), (B.doc_id, D.b)])" in lines(inferred(documents))


def test_integers_that_are_ids_are_parsed():
    movies = [(f"movies/{n}", {"title": f"Movie {n}"}) for n in range(1, 50)]
    text = inferred([*movies, *((f"ratings/r{n}", {"movieId": n % 40 + 1}) for n in range(90))])
    assert "movie_id = attrs.relation(Movie, parse=str)" in lines(text)


def test_slots_are_named_by_what_they_hold():
    users = [(f"users/user-{n}", {"x": 1}) for n in range(9)]
    tasks = [(f"tasks/t{n}", {"userId": f"user-{n}", "watcherIds": [f"user-{n}"]}) for n in range(9)]
    text = inferred([*users, *tasks])
    assert {"user_id = attrs.relation(User)", "watcher_ids = attrs.relations(User)"} <= lines(text)
    assert {"user = one(User, via=Task.user_id)", "users = many(User, via=Task.watcher_ids)"} <= lines(text)
    imported(text)


def test_relations_that_go_round_are_named_by_text():
    cats = [(f"cats/{n}", {"dog": Reference(f"dogs/{n}")}) for n in range(3)]
    dogs = [(f"dogs/{n}", {"cat": Reference(f"cats/{n}")}) for n in range(3)]
    text = inferred([*cats, *dogs])
    assert {'cat = attrs.relation("Cat")', "dog = attrs.relation(Dog)"} <= lines(text)
    imported(text)


def test_several_ways_to_one_model_name_the_slot_that_they_start_from():
    users = [(f"users/u{n}", {"boss": Reference("users/u0")}) for n in range(3)]
    tasks = [(f"tasks/t{n}", {"owner": Reference("users/u1"), "tester": Reference("users/u2")}) for n in range(3)]
    text = inferred([*users, *tasks])
    assert {"owner = one(User, via=Task.owner)", "tester = one(User, via=Task.tester)"} <= lines(text)
    imported(text)
    text = infer_module(survey([*users, *tasks]), root="users").text
    assert {"boss = one(User, via=User.boss)", "tasks = many(Task, by=(user, Task.owner))"} <= lines(text)
    imported(text)


def test_collections_are_chosen_and_only_relations_among_them_are_declared():
    found = survey([("as/1", {"b": Reference("bs/1")}), ("bs/1", {"x": 1})])
    text = infer_module(found, [found.collection(("as",))]).text
    assert "b: Reference[Any] = attrs.any" in lines(text)
    assert "bs" not in text
    with pytest.raises(UsageError, match="no model for 'bs'"):
        infer_module(found, [found.collection(("as",))], root="bs")


def test_nothing_is_inferred_from_nothing():
    models, views = imported(inferred([]))
    assert (models, views) == ({}, [])


def test_a_collection_that_looks_like_a_free_part_has_no_model():
    found = infer_module(survey([("{a}/1", {"x": 1}), ("b/1/{c}/1", {"x": 1})]))
    assert [c.names for c in found.nameless] == [("b", "{c}"), ("{a}",)]
    assert "class" not in found.text


HOSTILE = (
    *("class", "None", "__class__", "__init__", "_fields", "Meta", "attrs", "int", "str", "self", "store", "datetime"),
    *(
        '"',
        "'",
        '"""',
        "\\",
        "\n",
        "\r",
        "\x00",
        "\u202e",
        "\ud7ff",
        "a\nimport os",
        '")\nimport os\n("',
        "{x}",
        "{",
        "%s",
    ),
    *(
        "firstName",
        "first_name",
        "FirstName",
        "first name",
        "ﬁrst",
        "аdmin",
        "admin",
        "ª",
        "𝐱",
        "x",
        "naïve",
        "世界",
        "",
    ),
    *(
        "len",
        "computed",
        "root",
        "many",
        "one",
        "path",
        "doc_id",
        "get",
        "True",
        "lambda",
        "match",
        "x" * 1500,
        "é" * 750,
    ),
    *("DomainModel", "Store", "onto_flow", "\ufeff", "\u2028", "#", "# noqa", "a.b", "a`b", "0", "_", "__", "ab__"),
)
names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text("aAbB_- ", max_size=5),
)
ids = names.map(lambda n: n.replace("/", "-")).filter(lambda n: n not in ("", ".", ".."))
values = st.sampled_from([1, "x", 1.5, None, [1], ["x"], {"k": 1}, True, Reference("a/1"), "users/u1", b"x"])


def walked(text):
    """Holds a module against a list of nodes that was written down apart from the package's own."""
    known = {"DomainModel", "Store", "ViewModel", "attrs", "computed", "many", "one", "root", "Any", "datetime", "len"}
    known |= {"GeoPoint", "Reference", "Vector", "int", "str", "float", "bool", "bytes", "list", "dict", "self"}
    tree = ast.parse(text)
    classes = {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}
    slots = {t.id for n in ast.walk(tree) if isinstance(n, ast.Assign) for t in n.targets}
    for statement in tree.body:
        assert isinstance(statement, (ast.ImportFrom, ast.ClassDef, ast.Expr))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.module in ("__future__", "typing", "datetime", "onto_flow")
        elif isinstance(node, ast.Call):
            of_attrs = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "attrs"
            assert of_attrs or node.func.id in ("root", "one", "many", "len")
            assert all(isinstance(k.value, ast.Constant) for k in node.keywords if k.arg == "name")
        elif isinstance(node, ast.FunctionDef):
            assert [d.id for d in node.decorator_list] == ["computed"]
            assert [type(s) for s in node.body] == [ast.Return]
        elif isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            assert node.id in known | classes | slots
        elif isinstance(node, ast.Attribute):
            assert node.attr.isascii()
            assert not node.attr.startswith("_")
        else:
            assert not isinstance(node, (ast.Import, ast.Lambda, ast.Await, ast.Yield, ast.JoinedStr, ast.Starred))
            assert not isinstance(node, (ast.Global, ast.Delete, ast.With, ast.Try, ast.While, ast.For, ast.If))


@given(
    st.dictionaries(
        st.lists(ids, min_size=1, max_size=3).map(tuple),
        st.dictionaries(names, values, max_size=8),
        min_size=1,
        max_size=4,
    )
)
@example({("class",): dict.fromkeys(HOSTILE, 1), ("None", "__class__"): dict.fromkeys(HOSTILE, "x")})
@example({(name.replace("/", "-") or "x",): {name: 1} for name in HOSTILE})
@example({("a", name.replace("/", "-") or "x"): {} for name in HOSTILE})
def test_whatever_names_there_are_the_module_is_plain_and_declares_exactly_them(collections):
    documents = [("/".join(f"{name}/d" for name in parts), fields) for parts, fields in collections.items()]
    found = survey(documents)
    result = infer_module(found)
    walked(result.text)
    models, _ = imported(result.text)
    nameless = {c.names for c in result.nameless}
    expected = {c.names: {f.name for f in c.fields if f.depth == 0} for c in found.collections if c.documents}
    got = {tuple(p for p in m._collection.pattern.split("/")[::2]): fields(m) for m in models.values()}
    assert got == {n: f for n, f in expected.items() if n not in nameless}


@given(names)
def test_a_name_is_made_of_letters_digits_and_single_underscores(name):
    assert set(snake_case(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "from os import path",
        "from onto_flow import demo",
        "x = 1",
        "class A(object): pass",
        "class A(DomainModel):\n    x = __import__('os')",
        "class A(DomainModel):\n    x: int = attrs.int(name=f())",
        "class A(DomainModel):\n    attrs = attrs.int",
        "class A(DomainModel):\n    __class__: int = attrs.int",
        "class A(DomainModel, metaclass=B):\n    'x'",
        "class A(ViewModel):\n    @computed\n    def f(self) -> int:\n        print(1)",
        "class A(ViewModel):\n    @computed\n    def f(self, x=print(1)) -> int:\n        return 1",
        "class A(ViewModel):\n    @computed\n    def f(self) -> int:\n        return self.store.__class__",
        "class A(DomainModel):\n    class Meta(B):\n        path = 'x'",
        "class A(DomainModel):\n    class Meta:\n        path = open('x')",
    ],
)
def test_a_module_with_anything_else_is_refused(text):
    with pytest.raises(NotAllowed):
        check_module(text)


def test_a_module_is_held_against_the_list_before_it_is_given_away(monkeypatch):
    monkeypatch.setattr(module, "literal", lambda text: "print(1)")
    with pytest.raises(NotAllowed):
        inferred([("a/1", {"class": 1})])


@pytest.fixture(scope="module")
def of_exports(real_exports, tmp_path_factory):
    """The modules of the real exports, as files."""
    folder = tmp_path_factory.mktemp("inferred")
    for name in ("swapi", "stocks", "movielens", "alltypes"):
        place = real_exports / name
        text = infer_module(survey_of(open_source(str(place)), name)).text
        (folder / f"inferred_{name}.py").write_text(text)
    return folder


def test_what_is_inferred_from_the_real_exports_type_checks(of_exports):
    mypy = pytest.importorskip("mypy.api")
    files = sorted(map(str, of_exports.glob("*.py")))
    options = (
        "--strict",
        "--config-file",
        str(PROJECT / "pyproject.toml"),
        "--cache-dir",
        str(PROJECT / ".mypy_cache"),
    )
    report, errors, code = mypy.run([*options, *files])
    assert (report, errors, code) == (f"Success: no issues found in {len(files)} source files\n", "", 0)


@pytest.mark.parametrize(
    ("name", "documents", "shown"),
    [
        ("swapi", 6, {"title": "A New Hope", "characters_count": 18, "planets_count": 3}),
        ("stocks", 99, {"country": "United States", "dailyCount": 204}),
        ("movielens", 9742, {"title": "Jumanji", "genres_count": 3}),
        ("alltypes", 150, {"i": 7}),
    ],
)
def test_what_is_inferred_from_the_real_exports_loads_them(of_exports, real_exports, tmp_path, name, documents, shown):
    _, [view] = imported((of_exports / f"inferred_{name}.py").read_text())
    sink = MemorySink()
    run = start([view], source=str(real_exports / name), sink=sink, dead_letters=tmp_path / "letters.sqlite")
    assert not run.letters
    found = list(sink.documents(view.__name__).values())
    assert len(found) == documents
    assert [d for d in found if d.items() >= shown.items()] != []
