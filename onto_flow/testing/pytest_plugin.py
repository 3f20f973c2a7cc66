"""The plugin for pytest: the fixture `check_view`, and options that say how long to look.

```python
def test_my_view(check_view):
    check_view(MyView)
```

It is loaded wherever `onto_flow` is installed, and does nothing in suites that do not ask for it: the checking itself is
imported by the first test that does. `pytest -m onto_flow` runs the tests that check views, and no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from .checking.check import Checked

FIXTURE = "check_view"


class CheckView(Protocol):
    """What the fixture gives: `onto_flow.testing.check_view` with the options of the command line."""

    def __call__(self, *views: type[Any], **options: Any) -> Checked:
        """Checks views; see `onto_flow.testing.check_view`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options."""
    group = parser.getgroup("onto_flow", "views that onto_flow maintains")
    group.addoption(
        "--onto-flow-examples",
        type=int,
        metavar="N",
        help="how many histories check_view runs, where a test says nothing",
    )
    group.addoption("--onto-flow-seconds", type=float, metavar="S", help="how long check_view looks, for each test")
    group.addoption("--onto-flow-seed", type=int, metavar="N", help="the seed of the histories (default: 0)")


def pytest_configure(config: pytest.Config) -> None:
    """Names the marker."""
    config.addinivalue_line(
        "markers", "onto_flow: checks a view of onto_flow; set by itself where check_view is asked for"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that ask for the fixture."""
    for item in items:
        if FIXTURE in getattr(item, "fixturenames", ()):
            item.add_marker("onto_flow")


@pytest.fixture(name=FIXTURE)
def _check_view(request: pytest.FixtureRequest) -> CheckView:
    """Checks views as the command line says; what a test says itself counts more."""
    from .checking.check import check_view

    given = {name: request.config.getoption(f"--onto-flow-{name}") for name in ("examples", "seconds", "seed")}
    said = {name: value for name, value in given.items() if value is not None}

    def check(*views: type[Any], **options: Any) -> Checked:
        return check_view(*views, **{**said, **options})

    return check
