"""What reaches workers, and what would not import there: each reason, and a process that has only what is brought."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import onto_flow
from onto_flow import ViewModel, plan_views, udf
from onto_flow.core.errors import UsageError
from onto_flow.demo.meeting_room import Meeting, MeetingSession, MeetingSessionStore
from onto_flow.deploy.packages import Package, build
from onto_flow.deploy.shipping import Shipment, files_of, project_of, refusals
from onto_flow.views import load_views

BEAM_HAS = Shipment(requirements=["onto-flow"])

VIEWS = """
from onto_flow.demo.meeting_room import Meeting, MeetingSessionStore
from onto_flow import ViewModel, udf
from {helper} import sold

class {name}(ViewModel):
    class Meta:
        collection_name = "rooms"
    store: MeetingSessionStore

    @udf
    @staticmethod
    def tickets_sold(meeting: Meeting) -> int:
        return sold(meeting)
"""
HELPER = "def sold(meeting):\n    return len(meeting.tickets)\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Makes a project of a module with a view, a module that it imports, and a `setup.py` that packs some of them."""
    made = []

    def make(name, packed):
        files = {f"{name}_views.py": VIEWS.format(helper=f"{name}_helper", name="Rooms"), f"{name}_helper.py": HELPER}
        setup = f"from setuptools import setup\nsetup(name='{name}', version='1', py_modules={packed!r})\n"
        for file, text in {**files, "setup.py": setup}.items():
            (tmp_path / file).write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        made.extend([f"{name}_views", f"{name}_helper"])
        return plan_views(*load_views(str(tmp_path / f"{name}_views.py")))

    yield make
    for module in made:
        sys.modules.pop(module, None)


def imports(shipped: Path, module: str) -> subprocess.CompletedProcess[str]:
    """A worker: Python, onto_flow, and what was brought."""
    code = f"import sys; sys.path[:0] = {[str(shipped), str(Path(onto_flow.__file__).parents[1])]!r}; import {module}; print({module}.Rooms)"
    return subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)


def unpacked(package: Package, into: Path) -> Path:
    with tarfile.open(package.file) as archive:
        archive.extractall(into, filter="data")
    (folder,) = into.iterdir()
    return folder


def test_what_a_project_packs_imports_on_a_worker(project, tmp_path):
    plan = project("whole", ["whole_views", "whole_helper"])
    (file,) = files_of(plan)
    package = build(project_of(file), tmp_path / "built")
    assert package.modules == {"whole_views", "whole_helper"}
    assert refusals(plan, Shipment(packages=[package], requirements=["onto-flow"])) == []
    assert imports(unpacked(package, tmp_path / "worker"), "whole_views").returncode == 0


def test_what_a_project_leaves_out_is_refused_as_it_fails_on_a_worker(project, tmp_path):
    plan = project("half", ["half_views"])
    package = build(tmp_path / "setup.py", tmp_path / "built")
    (reason,) = refusals(plan, Shipment(packages=[package], requirements=["onto-flow"]))
    assert reason.startswith(
        "half_helper (half_helper.py) is in no package that the job brings. Bring it: --setup_file"
    )
    assert "No module named 'half_helper'" in imports(unpacked(package, tmp_path / "worker"), "half_views").stderr


def test_a_file_that_nothing_brings_is_refused(project, tmp_path):
    plan = project("alone", [])
    reasons = refusals(plan, BEAM_HAS)
    assert [r.partition(" (")[0] for r in reasons] == ["alone_views", "alone_helper"]
    assert refusals(plan, Shipment(image="image:1")) == []
    (tmp_path / "setup.py").unlink()
    assert len(refusals(plan, Shipment(image="image:1"))) == 2


class Local(ViewModel):
    class Meta:
        collection_name = "local"

    store: MeetingSessionStore

    @udf
    @staticmethod
    def sold(meeting: Meeting) -> int:
        return len(meeting.tickets)


def test_a_class_of_a_notebook_or_of_a_function_is_refused(monkeypatch):
    image = Shipment(image="image:1")
    monkeypatch.setattr(Local, "__module__", "__main__")
    (reason,) = refusals(plan_views(Local), image)
    assert reason == "Local is in __main__, which workers do not have: put it in a module (a notebook: export_views)"
    monkeypatch.setattr(Local, "__module__", MeetingSession.__module__)
    Local.__qualname__ = "make.<locals>.Local"
    try:
        (reason,) = refusals(plan_views(Local), image)
    finally:
        Local.__qualname__ = "Local"
    assert reason.endswith("make.<locals>.Local is made in a function: define it at the top level of its module")


def test_onto_flow_itself_must_be_brought():
    plan = plan_views(MeetingSession)
    (reason,) = refusals(plan, Shipment())
    assert reason.startswith("onto_flow")
    assert refusals(plan, BEAM_HAS) == []
    assert refusals(plan, Shipment(image="image:1")) == []


def test_connectors_need_their_packages():
    plan = plan_views(MeetingSession)
    uris = ["gs://b/export", "firestore://p", "pubsub://p/s", "parquet:gs://b/x"]
    (reason,) = refusals(plan, BEAM_HAS, uris)
    assert reason.startswith("firestore: needs the package google-cloud-firestore")
    named = Shipment(requirements=["onto-flow", "google-cloud-firestore>=2.27"])
    assert refusals(plan, named, uris) == []


def test_a_shipment_is_told(tmp_path):
    package = Package(tmp_path / "rooms-1.tar.gz", frozenset({"rooms", "helper"}))
    told = Shipment("image:1", [package], ["pandas"]).text()
    assert told == "workers have image image:1; rooms-1.tar.gz (helper, rooms); pandas"


@pytest.mark.parametrize("name", ["nothing.tar.gz", "text.whl"])
def test_what_is_no_package_is_refused(name, tmp_path):
    (tmp_path / "text.whl").write_text("text")
    with pytest.raises(UsageError, match="is no package"):
        Package.of(tmp_path / name)


def test_a_project_that_builds_nothing_is_refused(tmp_path):
    (tmp_path / "setup.py").write_text("raise ValueError('not today')\n")
    with pytest.raises(UsageError, match="builds no package: ValueError: not today"):
        build(tmp_path / "setup.py", tmp_path / "built")
