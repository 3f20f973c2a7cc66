"""The boundaries that the folders promise."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
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


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What is in the wheel of the project, and in the wheel that a worker makes of the sdist."""
    folder = tmp_path_factory.mktemp("built")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("onto_flow", "udfs"):
        shutil.copytree(PROJECT / name, tree / name, ignore=shutil.ignore_patterns("*.so"))
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, tree / name)
    setup(tree, "sdist", "-d", "../sdist")
    setup(tree, "bdist_wheel", "-d", "../wheel")
    [sdist] = (folder / "sdist").iterdir()
    shutil.unpack_archive(sdist, folder / "worker")
    [unpacked] = (folder / "worker").iterdir()
    setup(unpacked, "bdist_wheel", "-d", str(folder / "worker-wheel"))
    names = {name: names_in(next((folder / name).iterdir())) for name in ("wheel", "worker-wheel")}
    return names | {"unpacked": folder / "worker"}


def setup(folder, *arguments, **environment):
    line = [sys.executable, "setup.py", "-q", *arguments]
    subprocess.run(line, cwd=folder, check=True, capture_output=True, env=os.environ | environment)


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {n for n in archive.namelist() if ".dist-info" not in n}


def test_the_wheel_holds_the_package_alone_and_a_worker_gets_the_udfs_too(built):
    assert {n.partition("/")[0] for n in built["wheel"]} == {"onto_flow"}
    assert {"onto_flow/py.typed", "onto_flow/demo/meeting_room.py"} <= built["wheel"]
    assert {n.partition("/")[0] for n in built["worker-wheel"]} == {"onto_flow", "udfs"}


@pytest.mark.usefixtures("compiled")
def test_a_worker_with_a_compiler_gets_the_compiled_reader(built):
    assert [n for n in built["worker-wheel"] if "/_native." in n]


def test_without_a_compiler_the_package_is_built_without_the_compiled_reader(built, tmp_path):
    [unpacked] = built["unpacked"].iterdir()
    shutil.rmtree(unpacked / "build")
    setup(unpacked, "bdist_wheel", "-d", str(tmp_path), CC="no-such-compiler")
    names = names_in(next(tmp_path.iterdir()))
    assert "onto_flow/formats/native/__init__.py" in names and not [n for n in names if "/_native." in n]


def test_the_top_level_is_the_one_that_is_agreed():
    made = {"build", "dist", "onto_flow.egg-info"}
    top = {p.name for p in PROJECT.iterdir() if not p.name.startswith(".")} - made
    agreed = {"onto_flow", "jobs", "udfs", "tests", "notebooks", "setup.py", "Dockerfile", "README.md", "docs"}
    agreed |= {"benchmarks", "pyproject.toml", "requirements.lock", "requirements-flink.lock", "setup.sh"}
    assert top <= agreed | {"CHANGELOG.md", "SECURITY.md", "LICENSE"}


def test_the_oldest_versions_that_are_claimed_are_those_that_are_tested():
    claimed = dict(re.findall(r'"([a-z0-9-]+)>=([0-9.]+)"', (PROJECT / "setup.py").read_text()))
    locked = dict(
        re.findall(r"^([a-z0-9-]+)==([0-9.]+)", (PROJECT / ".ci" / "requirements-oldest.lock").read_text(), re.M)
    )
    tested = {name: version for name, version in claimed.items() if name in locked}
    assert {"pyarrow", "pandas", "fsspec", "google-crc32c", "pytest", "hypothesis"} <= tested.keys()
    assert [name for name, version in tested.items() if not f"{locked[name]}.".startswith(f"{version}.")] == []


FOLDERS = [m for m in MODULES if m.name == "__init__.py" and "order of the" in m.read_text()]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda m: str(m.parent.relative_to(PROJECT)))
def test_a_folder_that_says_what_is_in_it_names_files_that_it_has(folder):
    text = ast.get_docstring(ast.parse(folder.read_text())) or ""
    [order] = [part for part in text.split("\n\n") if "order of the" in part]
    files = {path.stem for path in folder.parent.iterdir()}
    names = set(re.findall(r"`([a-z_]+)`", order))
    assert len(names) > 5 and names <= files
