"""`import onto_flow`: the public names, light and fast to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import onto_flow
from onto_flow.core.errors import EngineError

NAMES = """Accumulator CTX Change DomainModel GeoPoint Many MapModel MissingDocument OntoFlowError Reference Session Store Vector
ViewChange ViewModel agg attrs clock computed export_views is_missing many one operator plan_views root settings transact udf window""".split()
HEAVY = (
    "apache_beam",
    "pyflink",
    "pyarrow",
    "pandas",
    "numpy",
    "onto_flow.run",
    "onto_flow.engines",
    "onto_flow.sources",
)


def test_the_public_names_are_these():
    on_use = {"beam", "flink", "formats", "read_table"}
    modules = {n for n, v in vars(onto_flow).items() if type(v).__name__ == "module"}
    assert sorted(n for n in dir(onto_flow) if not n.startswith("_") and n not in modules | on_use) == sorted(NAMES)
    assert all(
        getattr(onto_flow, name).__module__.startswith("onto_flow.")
        for name in NAMES
        if name not in ("agg", "attrs", "operator", "window")
    )


def test_models_are_loaded_on_use():
    code = (
        "import sys, onto_flow; print([m for m in sys.modules if m.startswith(('onto_flow.model', 'onto_flow.plan'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_importing_loads_no_engine_and_no_library():
    code = f"import sys; before = set(sys.modules); import onto_flow; new = set(sys.modules) - before; print(new & set({HEAVY!r}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_formats_load_on_use_and_unknown_names_do_not():
    assert onto_flow.formats.__name__ == "onto_flow.formats"
    assert onto_flow.read_table.__name__ == "read_table"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        onto_flow.nothing


def test_an_engine_whose_package_is_missing_gives_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(
        onto_flow._importlib, "import_module", lambda name: (_ for _ in ()).throw(ModuleNotFoundError(name="pyflink"))
    )
    with pytest.raises(EngineError, match=r"needs the package pyflink") as caught:
        onto_flow.flink
    assert caught.value.fix == "pip install 'onto-flow[flink]'"
