"""Views of cells as a module: it has all that they name, and another process gets the same table from it."""

from __future__ import annotations

import json
import linecache
import subprocess
import sys
from types import ModuleType

import pytest

from onto_flow import export_views
from onto_flow.core.errors import UsageError
from onto_flow.demo import data
from onto_flow.formats.typed_json import encode_fields

CELLS = [
    """
import math as maths
from dataclasses import dataclass
from onto_flow import DomainModel, Store, ViewModel, attrs, computed, many, root, udf
from pathlib import Path
""",
    """
LIMIT = 2
SUFFIX = "!"
place = Path("nowhere")

@dataclass(frozen=True)
class Name:
    text: str

def shout(text: str) -> Name:
    return Name(text.upper()[: maths.floor(LIMIT)] + SUFFIX)
""",
    """
class Meeting(DomainModel):
    class Meta:
        collection_name = "meetings"
    title: str = attrs.str
    tickets = attrs.relations("Ticket")

class Ticket(DomainModel):
    class Meta:
        collection_name = "tickets"
    role: str = attrs.str

class MeetingStore(Store):
    meeting = root(Meeting)
    tickets = many(Ticket, via=Meeting.tickets)

class Crowd(ViewModel):
    class Meta:
        collection_name = "crowds"
    store: MeetingStore

    @computed
    def roles(self) -> list[str]:
        return [shout(ticket.role).text for ticket in self.store.tickets]

    @udf
    @staticmethod
    def size(meeting: Meeting) -> int:
        return len(meeting.tickets)
""",
    "LIMIT = 3\n",
]


@pytest.fixture
def notebook(monkeypatch):
    """Runs cells as a notebook does; gives what they define."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)

    def run(*cells):
        for number, text in enumerate(cells):
            name = f"<cell {number}>"
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
            exec(compile(text, name, "exec"), vars(main))
        return vars(main)

    yield run
    for name in [n for n in linecache.cache if n.startswith("<cell")]:
        del linecache.cache[name]
    sys.modules.pop("crowd_views", None)


def test_the_module_has_all_that_the_views_name(notebook, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (crowd,) = export_views(notebook(*CELLS)["Crowd"], to=tmp_path / "crowd_views.py")
    assert crowd.__module__ == "crowd_views"
    text = (tmp_path / "crowd_views.py").read_text()
    assert "LIMIT = 3" in text and "import math as maths" in text
    assert "place" not in text and "pathlib" not in text
    assert text.index("class Name") < text.index("def shout") < text.index("class Crowd")


def test_another_process_gets_the_same_table(notebook, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    documents = tmp_path / "documents.jsonl"
    lines = [json.dumps({"path": p, "fields": encode_fields(f)}) for p, f in data.documents().items()]
    documents.write_text("\n".join(lines))
    crowd = notebook(*CELLS)["Crowd"]
    here = crowd.backfill(source=f"jsonl:{documents}").documents()
    assert any(document["roles"] for document in here.values())
    export_views(crowd, to=tmp_path / "crowd_views.py")
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); from crowd_views import Crowd; "
        "print(json.dumps(Crowd.backfill(source='jsonl:' + sys.argv[2]).documents()))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path, documents], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == here


def test_it_is_exported_again(notebook, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    export_views(notebook(*CELLS)["Crowd"], to=tmp_path / "crowd_views.py")
    again = notebook(*CELLS, 'SUFFIX = "?"\n')["Crowd"]
    (crowd,) = export_views(again, to=tmp_path / "crowd_views.py")
    assert "SUFFIX = '?'" in (tmp_path / "crowd_views.py").read_text()
    assert sys.modules["crowd_views"].Crowd is crowd


@pytest.mark.parametrize(
    ("name", "said"),
    [("crowd-views.py", "cannot be the file of a module"), ("mine.py", "was not exported: it is left as it is")],
)
def test_a_file_that_it_may_not_write(name, said, notebook, tmp_path):
    (tmp_path / "mine.py").write_text("keep = True\n")
    with pytest.raises(UsageError, match=said):
        export_views(notebook(*CELLS)["Crowd"], to=tmp_path / name)
    assert (tmp_path / "mine.py").read_text() == "keep = True\n"


def test_what_no_cell_defines_is_named(notebook, tmp_path):
    main = notebook(*CELLS[:2])
    main["FACTOR"] = object()
    views = notebook(*[c.replace("len(meeting.tickets)", "len(meeting.tickets) + FACTOR") for c in CELLS])
    with pytest.raises(UsageError, match="Crowd names FACTOR, which no cell defines"):
        export_views(views["Crowd"], to=tmp_path / "crowd_views.py")
    assert not (tmp_path / "crowd_views.py").exists()


def test_a_view_of_a_module_is_there_already(tmp_path):
    from onto_flow.demo.meeting_room import MeetingSession

    with pytest.raises(UsageError, match="MeetingSession is in the module onto_flow.demo.meeting_room already"):
        export_views(MeetingSession, to=tmp_path / "views.py")
