"""Tiers, Hypothesis profiles, the real exports, and the rule that nothing is skipped in CI."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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
NEEDS = {"beam": "apache_beam", "flink": "pyflink"}


def exports_folder() -> Path:
    """Where the real exports lie, which are not part of the project."""
    named = os.environ.get("ONTO_FLOW_EXPORTS")
    return Path(named) if named else PROJECT.parent / "shared" / "data" / "exports"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the long tier too: big histories, fuzzing, kill rounds")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if config.getoption("--long") else "short")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Modules of an engine that lives in the other environment are not collected."""
    for engine, package in NEEDS.items():
        if collection_path.name.startswith(f"test_{engine}") and importlib.util.find_spec(package) is None:
            return True
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out, and says so, what another tier or the exports' absence excludes."""
    left_out: list[pytest.Item] = []
    if not config.getoption("--long"):
        left_out += [i for i in items if i.get_closest_marker("long")]
    if not exports_folder().is_dir():
        left_out += [i for i in items if "real_exports" in getattr(i, "fixturenames", ())]
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
    return result


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With CI=true a skip is a failure: something that should be checked was not."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def real_exports() -> Path:
    """The folder of the real exports; tests that ask for it are left out where it is absent."""
    return exports_folder()
