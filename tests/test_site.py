"""The documentation site is built, without a warning, and leaves no page out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from onto_flow.core.errors import CODES

PROJECT = Path(__file__).parent.parent
CONFIG = PROJECT / ".ci" / "mkdocs.yml"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="the site is made by mkdocs: pip install 'onto-flow[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", str(CONFIG), "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stderr
    return folder


def test_the_reference_is_made_of_docstrings(site):
    page = (site / "reference" / "views" / "index.html").read_text()
    assert "Computes the view table from the documents of a source" in page


def test_every_error_code_has_a_place_to_link_to(site):
    page = (site / "errors" / "index.html").read_text()
    assert [code for code in CODES if f'id="{code}"' not in page] == []


def test_every_page_is_in_the_navigation():
    navigation = CONFIG.read_text()
    pages = [str(p.relative_to(PROJECT / "docs")) for p in (PROJECT / "docs").rglob("*.md")]
    assert [p for p in pages if p not in navigation and not p.startswith("decisions/")] == []
