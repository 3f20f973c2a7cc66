"""Udfs of views as steps of any pipeline."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from ..core.errors import SourceLine
from ..engines.beam.udfs import CallUdf
from ..model.annotations import resolve, returned
from ..model.vectorised import Vectorised, vectorised


def udf(function: Callable[..., Any]) -> CallUdf:
    """A udf of a view as a step of any pipeline.

    An element is the argument of a udf of one parameter; else a mapping or row with fields of the parameters' names, or a
    tuple. A udf that takes columns is called for a batch of elements at a time.

    Args:
        function: `View.name` of a `@udf` staticmethod, or any function of a module.

    Example:
        >>> with beam.Pipeline(runner=RUNNER) as pipeline:
        ...     lists = pipeline | beam.Create([[Attendee("Ada", "Acme", True), Attendee("Bob", "Acme", False)]])
        ...     _ = lists | udf(MeetingSession.num_hearing_aid_requested) | beam.Map(print)
        1
    """
    names = list(inspect.signature(function).parameters)
    owner = getattr(getattr(function, "__onto_flow_udf__", None), "owner", None) or object
    found = _found(function, owner)
    columns = isinstance(found, Vectorised)
    returns = (found.__annotations__["return"] if columns else returned(function, owner)) or Any
    annotation = getattr(function, "__annotations__", {}).get(names[0]) if len(names) == 1 and not columns else None
    takes = resolve(annotation, getattr(function, "__globals__", {}), owner) or Any
    return CallUdf(function.__name__, partial(_found, function, owner), names, takes, returns, columns=columns)


def _found(function: Callable[..., Any], owner: type) -> Any:
    return vectorised(function.__name__, function, owner, SourceLine("", 0))
