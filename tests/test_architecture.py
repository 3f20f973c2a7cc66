"""The boundaries that the folders promise."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from onto_flow.core.errors import CODES

PROJECT = Path(__file__).parent.parent
MODULES = sorted((PROJECT / "onto_flow").rglob("*.py"))
HEAVY = ("apache_beam", "pyflink", "pandas", "pyarrow", "numpy", "google", "hypothesis", "pytest", "sqlite3", "grpc")


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    return set(done.stdout.split())


def test_import_loads_no_engine_no_pandas_and_no_cloud():
    loaded = loaded_by("import onto_flow")
    assert not {name for name in loaded if name.partition(".")[0] in HEAVY}
    assert not {
        name for name in loaded if name.startswith(("onto_flow.engines", "onto_flow.sinks", "onto_flow.sources"))
    }


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PROJECT)))
def test_a_module_is_one_room(module):
    assert len(module.read_text().splitlines()) <= 400
    assert module.stem not in ("utils", "util", "helpers", "misc", "common")


def test_every_code_of_an_error_is_used_and_documented():
    errors = (PROJECT / "onto_flow" / "core" / "errors.py").read_text()
    used = {code for code in CODES if errors.count(f'"{code}"') > 1}
    for module in MODULES:
        if module.name == "errors.py":
            continue
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used |= {node.value, node.value.partition(":")[0]} & set(CODES)
    documented = (PROJECT / "docs" / "errors.md").read_text()
    assert set(CODES) - used == set()
    assert [code for code in CODES if f"## {code}\n" not in documented] == []
    assert documented.count("\n## ") == len(CODES)


def test_the_wheel_would_hold_the_package_alone():
    from setuptools import find_packages

    assert {p.partition(".")[0] for p in find_packages(str(PROJECT), include=["onto_flow", "onto_flow.*"])} == {
        "onto_flow"
    }
    assert (PROJECT / "onto_flow" / "py.typed").exists()
