"""Which collections of a survey somebody means."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.errors import UsageError, did_you_mean
from .facts import CollectionSurvey, Survey


def choose(survey: Survey, wanted: Sequence[str]) -> tuple[CollectionSurvey, ...]:
    """The collections that somebody names by their paths (ids do not count) or by the name of a group; by default all.

    Raises:
        UsageError: `not-found` for a collection that there is not.
    """
    if not wanted:
        return survey.collections
    found: dict[CollectionSurvey, None] = {}
    for text in wanted:
        names = tuple(text.strip("/").split("/")[::2])
        some = [c for c in survey.collections if c.names == names]
        some = some or [c for c in survey.collections if (c.group,) == names]
        if not some:
            known = [c.pattern for c in survey.collections]
            raise UsageError("not-found", f"there is no collection {text!r}", fix=did_you_mean(text, known))
        found.update(dict.fromkeys(some))
    return tuple(c for c in survey.collections if c in found)
