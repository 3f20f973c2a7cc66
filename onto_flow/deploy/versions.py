"""What views say now, beside what `explain --format json` said of the version that a job runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.errors import UsageError
from ..model.compile import plan_views
from ..model.fingerprint import unnamed
from ..plan.against import Comparison, compare
from ..plan.explain import explain_json


def explained(views: Sequence[type]) -> str:
    """What `explain --format json` says of some views: JSON."""
    return explain_json(plan_views(*views), {view.__name__: unnamed(view) for view in views})


def differences(old: Path, views: Sequence[type]) -> Comparison:
    """How views differ from what `explain --format json` said of the version that a job runs.

    Args:
        old: The file that has it.
        views: As they are now.

    Raises:
        UsageError: `wrong-usage`: the file says nothing of views.
    """
    return compare(_read(old), json.loads(explained(views)))


def _read(old: Path) -> Mapping[str, object]:
    try:
        said = json.loads(old.read_text())
        if {view["name"] for view in said["views"]} and all(operator["id"] for operator in said["operators"]):
            return said  # type: ignore[no-any-return]
        raise ValueError("no view in it")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "wrong-usage", f"{old} cannot be compared: {error}", fix="Give what explain --format json printed."
        ) from error
