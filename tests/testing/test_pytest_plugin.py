"""The plugin in a pytest of its own: it checks views as it is told, and leaves other suites alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SUITE = """
from onto_flow.demo.meeting_room import OrganizationLoad
import sys

def test_other():
    assert "onto_flow.testing.checking.check" not in sys.modules

def test_view(check_view):
    checked = check_view(OrganizationLoad)
    print("looked at", checked.examples, "seed", checked.seed)

def test_own_number(check_view):
    assert check_view(OrganizationLoad, examples=2).examples == 2
"""


def run(folder, *options):
    (folder / "test_suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-s", "-p", "onto_flow.testing.pytest_plugin", "-W", "error", *options]
    (folder / "pytest.ini").write_text(
        f"[pytest]\npythonpath = {PROJECT}\naddopts = -p no:cacheprovider --strict-markers\n"
    )
    environment = {"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_views_are_checked_as_the_command_line_says(tmp_path):
    found = run(tmp_path, "--onto-flow-examples=3", "--onto-flow-seed=7")
    assert found.returncode == 0, found.stdout
    assert "looked at 3 seed 7" in found.stdout
    assert "3 passed" in found.stdout


def test_tests_of_views_may_be_run_alone(tmp_path):
    assert "2 passed, 1 deselected" in run(tmp_path, "--onto-flow-examples=1", "-m", "onto_flow").stdout


def test_loading_the_plugin_imports_nothing_that_checks():
    code = "import onto_flow.testing.pytest_plugin, sys; print([m for m in sys.modules if 'checking' in m or 'hypothesis' in m])"
    found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_plugin_is_found_where_the_package_is_installed():
    assert (
        '"pytest11": ["onto_flow.testing.pytest_plugin=onto_flow.testing.pytest_plugin"]'
        in (PROJECT / "setup.py").read_text()
    )
