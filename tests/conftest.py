"""Tiers, Hypothesis profiles, what lies outside the project (real exports, the emulator, PostgreSQL), and the rule that nothing is skipped in CI."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from onto_flow.formats.native import extension
from onto_flow.testing.firestore_emulator import emulator_jar as find_emulator
from onto_flow.testing.postgresql_server import INSTALL, postgresql_server, server_programs
from onto_flow.testing.pubsub_emulator import emulator_jar as find_pubsub_emulator

SLOW_MACHINES = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile(
    "short",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    print_blob=True,
    suppress_health_check=SLOW_MACHINES,
)
settings.register_profile(
    "long", deadline=None, database=None, max_examples=1000, print_blob=True, suppress_health_check=SLOW_MACHINES
)

PROJECT = Path(__file__).parent.parent
NEEDS = {
    "beam": "apache_beam",
    "flink": "pyflink",
    "pubsub": "google.pubsub_v1",
    "firestore(?!_export)": "google.cloud.firestore_v1",
    "bigquery": "google.cloud.bigquery_storage_v1",
    "restarts_databases": "google.cloud.bigquery_storage_v1",
    "google_parts": "functions_framework",
    "whole_ways": "functions_framework",
}
"""What modules and folders need whose names begin so, perhaps behind `test_`."""


def exports_folder() -> Path:
    """Where the real exports lie, which are not part of the project."""
    named = os.environ.get("ONTO_FLOW_EXPORTS")
    return Path(named) if named else PROJECT.parent / "shared" / "data" / "exports"


def without_postgresql() -> bool:
    """Whether tests on PostgreSQL are left out: never in CI, where `setup.sh test` has installed it."""
    return server_programs() is None and os.environ.get("CI") != "true"


def native_is_missing() -> bool:
    """Whether the compiled extension is to be left out: it was not built, or nobody wants it; CI builds it."""
    return os.environ.get("ONTO_FLOW_NATIVE") == "0" or (os.environ.get("CI") != "true" and extension() is None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the long tier too: big histories, fuzzing, kill rounds")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if config.getoption("--long") else "short")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Modules on a package that lives in the other environment are not collected."""
    needed = [package for name, package in NEEDS.items() if re.match(f"(test_)?{name}_?", collection_path.name)]
    if "apache_beam" in needed and is_installed("pyflink"):
        return True  # The Beam that PyFlink brings is older than the one that our engine is for.
    return True if any(not is_installed(package) for package in needed) else None


def is_installed(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out, and says so, what another tier or the exports' absence excludes."""
    left_out: list[pytest.Item] = []
    if not config.getoption("--long"):
        left_out += [i for i in items if i.get_closest_marker("long")]
    if not exports_folder().is_dir():
        left_out += [i for i in items if "real_exports" in getattr(i, "fixturenames", ())]
    if find_emulator() is None:
        left_out += [i for i in items if "emulator_jar" in getattr(i, "fixturenames", ())]
    if find_pubsub_emulator() is None:
        left_out += [i for i in items if "pubsub_emulator_jar" in getattr(i, "fixturenames", ())]
    if without_postgresql():
        left_out += [i for i in items if "postgresql" in getattr(i, "fixturenames", ())]
    if native_is_missing():
        left_out += [i for i in items if _needs_native(i)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [i for i in items if i not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    result = yield
    skipped = terminalreporter.stats.get("skipped", [])
    for report in skipped:
        terminalreporter.write_line(f"skipped: {report.nodeid}: {report.longrepr[-1]}")
    if not exports_folder().is_dir():
        terminalreporter.write_line("left out: tests on the real exports (name their folder with ONTO_FLOW_EXPORTS)")
    if find_emulator() is None:
        terminalreporter.write_line(
            "left out: round trips through Google's emulator (install java, and cloud-firestore-emulator with "
            "gcloud components or Google's apt repository; or name the jar with FIRESTORE_EMULATOR_JAR)"
        )
    if without_postgresql():
        terminalreporter.write_line(f"left out: tests on PostgreSQL ({INSTALL}; a server need not run)")
    if native_is_missing() and os.environ.get("ONTO_FLOW_NATIVE") != "0":
        terminalreporter.write_line(
            "left out: tests of the compiled extension (install gcc and python3-dev, remove .venv/.stamp, and run setup.sh)"
        )
    return result


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With CI=true a skip is a failure: something that should be checked was not."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _needs_native(item: pytest.Item) -> bool:
    chosen = getattr(getattr(item, "callspec", None), "params", {})
    return "compiled" in getattr(item, "fixturenames", ()) or "compiled" in chosen.values()


@pytest.fixture(scope="session")
def compiled() -> Any:
    """The compiled extension; tests that ask for it are left out where it was not built."""
    found = extension()
    assert found is not None, "the compiled extension was not built: gcc and python3-dev are needed"
    return found


@pytest.fixture(scope="session")
def emulator_jar() -> Path:
    """Google's Firestore emulator; tests that ask for it are left out where it, or Java, is absent."""
    found = find_emulator()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def pubsub_emulator_jar() -> Path:
    """Google's Pub/Sub emulator; tests that ask for it are left out where it, or Java, is absent."""
    found = find_pubsub_emulator()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URI of a server that this session alone uses; tests that ask for it are left out where none is installed."""
    with postgresql_server() as uri:
        yield uri


@pytest.fixture(scope="session")
def real_exports() -> Path:
    """The folder of the real exports; tests that ask for it are left out where it is absent."""
    return exports_folder()
