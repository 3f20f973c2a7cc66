"""What shows that a view is right: `check_view`, scenarios, oracle, generators, shuffling engine, conformance suites.

`oracle`, `judge` and what makes cases share no code with operators. The names below are loaded on use.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from .accumulator_laws import check_accumulator as check_accumulator
    from .checking.check import Checked as Checked
    from .checking.check import CheckFailed as CheckFailed
    from .checking.check import check_view as check_view
    from .checking.scenarios import EXPORT as EXPORT
    from .checking.scenarios import MISSING as MISSING
    from .checking.scenarios import now as now
    from .checking.scenarios import scenario as scenario
else:
    _PLACES = {
        "CheckFailed": "checking.check",
        "Checked": "checking.check",
        "EXPORT": "checking.scenarios",
        "MISSING": "checking.scenarios",
        "check_accumulator": "accumulator_laws",
        "check_view": "checking.check",
        "now": "checking.scenarios",
        "scenario": "checking.scenarios",
    }

    def __getattr__(name: str) -> object:
        """Loads names on use: whoever takes the oracle needs nothing of a model."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(_importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
        globals()[name] = found
        return found
