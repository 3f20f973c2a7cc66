"""README, docs and notebooks are executed: every Python block runs, in the order of its page."""

from __future__ import annotations

import json
import linecache
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).parent.parent
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for block in BLOCK.findall(page.read_text()):
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_links_of_a_page_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readme_names_the_two_commands_that_ci_runs():
    readme = (PROJECT / "README.md").read_text()
    assert "./setup.sh demo " in readme and "./setup.sh test " in readme
    assert "./setup.sh test" in (PROJECT / ".ci" / "run").read_text()


@pytest.mark.parametrize("notebook", sorted((PROJECT / "notebooks").glob("*.ipynb")), ids=lambda n: n.name)
def test_a_notebook_runs_from_top_to_bottom_and_is_kept_without_outputs(notebook, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    cells = [c for c in json.loads(notebook.read_text())["cells"] if c["cell_type"] == "code"]
    for number, cell in enumerate(cells):
        # As IPython does: each cell is a file of its own, whose lines can be looked up.
        text, name = "".join(cell["source"]), f"<{notebook.name} {number}>"
        monkeypatch.setitem(linecache.cache, name, (len(text), None, text.splitlines(keepends=True), name))
        exec(compile(text, name, "exec"), vars(main))
    assert vars(main)["run"].report.documents == 16
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in cells)
