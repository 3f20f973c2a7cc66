"""Where the views of a job on Dataflow go, and what its worker must be allowed there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..connect import split
from ..core.errors import UsageError

KINDS = {
    "bigquery": (re.compile(r"//([^/]+)/([^/]+)"), "bigquery://PROJECT/DATASET"),
    "firestore": (re.compile(r"//([^/]+)(?:/([^/]+))?"), "firestore://PROJECT"),
    "pubsub": (re.compile(r"//([^/]+)/([^/]+)"), "pubsub://PROJECT/TOPIC"),
}
"""What takes writers on several machines: the form of its place."""


@dataclass(frozen=True)
class SinkPlace:
    """A sink of a service of Google.

    Attributes:
        kind: `bigquery`, `firestore` or `pubsub`.
        project: Whose it is.
        name: The dataset, the database or the topic.
    """

    kind: str
    project: str
    name: str

    @classmethod
    def of(cls, uri: str) -> SinkPlace | None:
        """The place that a URI names; `None` for a sink of another kind.

        Raises:
            UsageError: `wrong-usage`: it is of such a kind, and names no place.

        Example:
            >>> SinkPlace.of("bigquery://shop/views?flush_every=5"), SinkPlace.of("parquet:tables")
            (SinkPlace(kind='bigquery', project='shop', name='views'), None)
        """
        kind, place, _ = split(uri)
        if kind not in KINDS:
            return None
        form, fix = KINDS[kind]
        found = form.fullmatch(place)
        if found is None:
            raise UsageError("wrong-usage", f"{uri!r:.200} cannot be --sink", fix=f"Write {fix}.")
        return cls(kind, found[1], found[2] or "(default)")
