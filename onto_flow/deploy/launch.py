"""A job of the tool on Dataflow: what workers need is brought or refused, an update is judged, then it is given away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import EngineError, UsageError
from ..engines.beam.dataflow.compiled import Compiled, Make, compile_job
from ..engines.beam.dataflow.names import mapping
from ..engines.beam.dataflow.places import dataflow_options
from ..engines.beam.dataflow.submitting import Running, Submitted, running, submit
from ..plan.against import Comparison
from ..plan.nodes import Plan
from .packages import Package, build
from .shipping import Shipment, files_of, project_of, refusals

GENERATION, SNAPSHOT = "onto_flow_generation", "onto_flow_snapshot"
"""Labels of a job: an update keeps the versions that its state has."""

_IN_PLACE = ("same", "update")


@dataclass(frozen=True)
class Version:
    """What the versions of a stream begin with.

    Attributes:
        generation: Of the views, in microseconds.
        snapshot: Of the documents that it began with, in microseconds; `None` where they have none.
    """

    generation: int
    snapshot: int | None = None

    def labels(self) -> dict[str, str]:
        """As a job carries it."""
        told = {GENERATION: str(self.generation)}
        return told if self.snapshot is None else {**told, SNAPSHOT: str(self.snapshot)}

    @classmethod
    def of(cls, job: Running) -> Version:
        """What a running job carries.

        Raises:
            EngineError: `engine-refused`: it is no job of ours.
        """
        if not job.labels.get(GENERATION, "").isdigit():
            what = f"the running job {job.id} does not say the generation of its views: the tool did not start it"
            raise EngineError("engine-refused", what, fix="Drain it, and start a new one from an export.")
        snapshot = job.labels.get(SNAPSHOT)
        return cls(int(job.labels[GENERATION]), None if snapshot is None else int(snapshot))


Begin = Callable[[Version | None], tuple[Version, Make]]


@dataclass(frozen=True)
class Launch:
    """A job that may be given to Dataflow.

    Attributes:
        plan: Its views.
        begin: What makes its pipeline, and the version that it has: of a new one, or of one that goes on.
        uris: Its source, feed and sink.
        options: Beam's, complete.
        shipment: How code reaches the workers.
    """

    plan: Plan
    begin: Begin
    uris: tuple[str, ...]
    options: Mapping[str, Any]
    shipment: Shipment

    @classmethod
    def of(
        cls,
        plan: Plan,
        begin: Begin,
        uris: tuple[str, ...],
        given: Mapping[str, Any],
        folder: Path,
    ) -> Launch:
        """Checks options, and brings or refuses code.

        Args:
            plan, begin, uris: As the attributes.
            given: Beam's options, as the tool takes them.
            folder: Where packages are built; they must lie there until the job is submitted.

        Raises:
            UsageError: Options that are missing or wrong; a project that builds no package.
            EngineError: `not-portable`: what would not import on a worker, one sentence each.
        """
        options = dataflow_options(given)
        shipment = _shipment(plan, options, folder)
        if reasons := refusals(plan, shipment, uris):
            raise EngineError("not-portable", "; ".join(reasons))
        if shipment.packages:
            for name in ("setup_file", "extra_package"):
                options.pop(name, None)
            options["extra_packages"] = [str(package.file) for package in shipment.packages]
        return cls(plan, begin, uris, options, shipment)

    def compiled(self) -> Compiled:
        """The job, of which nobody is told; what a requirements file names is left to the workers, not fetched here."""
        return compile_job(self.begin(None)[1], {**self.options, "requirements_cache": "skip"})

    def submitted(self) -> Submitted:
        """The job, given to Dataflow as a new one."""
        version, make = self.begin(None)
        return submit(make, self.options, labels=version.labels())

    def updated(self, found: Comparison) -> Submitted:
        """The job in place of the one of its name that runs.

        Args:
            found: How the views of the running job differ from these.

        Raises:
            EngineError: `engine-refused`: not in place, with why and what else is to be done; `engine-failed`: Dataflow
                refuses, or finds that the state does not fit: the running job goes on then.
        """
        in_place(found)
        before = running(self.options)
        version, make = self.begin(Version.of(before))
        job = submit(
            make,
            self.options,
            labels=version.labels(),
            replaces=before,
            names=lambda graph: mapping(graph, found.names),
        )
        job.wait_for_start()
        return job


def in_place(found: Comparison) -> Comparison:
    """How the views of a running job differ from these, where it may be updated in place.

    Raises:
        EngineError: `engine-refused`, with why not and what else is to be done.
    """
    if found.answer not in _IN_PLACE:
        raise EngineError("engine-refused", f"the running job cannot be updated in place\n  {found.text().strip()}")
    return found


def _shipment(plan: Plan, options: Mapping[str, Any], folder: Path) -> Shipment:
    """What the options bring; where they bring nothing and name no image, the project that the views are in."""
    image = str(options.get("sdk_container_image") or "")
    brought = options.get("extra_packages") or options.get("extra_package") or []
    packages = [Package.of(Path(p)) for p in ([brought] if isinstance(brought, str) else brought)]
    setup = options.get("setup_file")
    if setup is None and not packages and not image:
        setup = next((project for file in files_of(plan) if (project := project_of(file))), None)
    if setup is not None:
        if not Path(setup).is_file():
            raise UsageError("wrong-usage", f"there is no file {setup}", fix="Give --setup_file ./setup.py")
        packages.append(build(Path(setup).resolve(), folder))
    listed = options.get("requirements_file")
    requirements = Path(str(listed)).read_text().splitlines() if listed else []
    return Shipment(image, packages, [line for line in requirements if line.strip()])
