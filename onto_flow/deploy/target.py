"""What a set-up on Google Cloud is asked for: names and places, checked before anything is printed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..connect import shown
from ..core.collection import Collection
from ..core.errors import UsageError
from .sink_place import KINDS, SinkPlace

CANARIES = "ontoFlowCanaries"
"""The collection of documents that are written to see whether the trigger is at work."""

_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_LOCATION = re.compile(r"[a-z]+[0-9]+|[a-z]+-[a-z]+[0-9]+")
_DATABASE = re.compile(r"\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,16}[a-z0-9]")


@dataclass(frozen=True)
class Target:
    """One job's place.

    Attributes:
        views: The views as the tool takes them: `module:Class`.
        collections: What the views read of the database.
        name: Begins the name of everything that is made.
        project: The project's id.
        region: Where the job and the function run.
        location: Where the database is, and so its triggers: a region, or `nam5`, `eur3`.
        database: The id of the database.
        sink: Where the view documents go.
        jobs: How many jobs on Dataflow: 2, a backfill and a stream from its seeds; 1, a stream that reads the export first;
            0: none can run there, as the views change by time alone.

    Raises:
        UsageError: `wrong-usage`: a name that Google Cloud would refuse, or a sink that no job on Dataflow writes to.
    """

    views: str
    collections: tuple[Collection, ...]
    name: str
    project: str
    region: str
    location: str
    database: str
    sink: str
    jobs: int = 2

    def __post_init__(self) -> None:
        for what, value, form, fix in (
            ("--project", self.project, _PROJECT, "Give a project's id: my-project-1"),
            ("--region", self.region, _REGION, "Give a region: europe-west1"),
            ("--location", self.location, _LOCATION, "Give where the database is: eur3 or europe-west1"),
            ("--database", self.database, _DATABASE, "Give the id of a database: (default)"),
            ("--name", self.name, _NAME, "Use 2 to 18 small letters, digits and hyphens: meeting-views"),
        ):
            if not form.fullmatch(value):
                raise UsageError("wrong-usage", f"{value!r} cannot be {what}", fix=fix)
        if self.sink_place is None and self.jobs:
            what = f"{shown(self.sink)} does not take writers on several machines, as a stream on Dataflow writes"
            raise UsageError("wrong-usage", what, fix=f"Write to {', '.join(form for _, form in KINDS.values())}.")

    @property
    def sink_place(self) -> SinkPlace | None:
        """Where the worker must be allowed to write; `None`: the embedded engine writes elsewhere."""
        return SinkPlace.of(self.sink)

    @property
    def bucket(self) -> str:
        """The bucket of exports and of the job's files."""
        return f"{self.project}-{self.name}"

    def account(self, role: str) -> str:
        """The address of the service account of a role."""
        return f"{self.name}-{role}@{self.project}.iam.gserviceaccount.com"

    def published(self) -> str:
        """The collections that the publisher hands on, as it takes them."""
        return ",".join([*(f"**/{c.pattern}" if c.group else c.pattern for c in self.collections), CANARIES])

    def documents(self) -> dict[str, str]:
        """What each trigger listens to: its name -> the pattern of documents.

        A trigger's pattern ends where collections of one name lie anywhere: then it takes all documents, and the
        publisher chooses.
        """
        if any(c.group for c in self.collections):
            return {"all": "{document=**}"}
        patterns = [*(c.pattern for c in self.collections), CANARIES]
        return {_slug(pattern): f"{pattern}/{{document}}" for pattern in patterns}

    def exported(self) -> str:
        """The collection ids of an export, which takes those of subcollections by their last name."""
        return ",".join(sorted({c.pattern.rpartition("/")[2] for c in self.collections}))


def _slug(pattern: str) -> str:
    words = re.sub(r"[^a-zA-Z0-9]+", "-", pattern).strip("-")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", words).lower()
