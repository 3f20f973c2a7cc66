"""Apache Beam's transforms for views: documents and changes in, view documents out, in any pipeline.

    import apache_beam as beam
    from onto_flow.beam import Backfill, ReadExport, WriteViewTable

    with beam.Pipeline() as pipeline:
        sessions = pipeline | ReadExport("exports/2026-11-26") | Backfill(MeetingSession)
        sessions | WriteViewTable("parquet:tables", MeetingSession)

What a transform gives is piped on as its main collection, and has `dead_letters` beside it. Views, sources and sinks are
named by import path and URI, and are opened on the workers.
"""

from __future__ import annotations

try:
    import apache_beam as _beam  # noqa: F401 - asked for first, so that what is missing is said
except ModuleNotFoundError as _error:  # pragma: no cover - where Beam is not installed
    from ..core.errors import EngineError

    raise EngineError(
        "missing-extra", f"onto_flow.beam needs the package {_error.name}", fix="pip install 'onto-flow[beam]'"
    ) from _error

from ..core.change import Change as Change
from ..core.change import DeadLetter as DeadLetter
from ..core.change import ViewChange as ViewChange
from ..engines.beam import Engine as Engine
from ..engines.beam.elements import Backfilled as Backfilled
from ..engines.beam.elements import Decoded as Decoded
from ..engines.beam.elements import Documents as Documents
from ..engines.beam.maintain import Load as Load
from ..engines.beam.maintain import Maintained as Maintained
from ..engines.beam.rows import ViewRow as ViewRow
from .reading import Decode as Decode
from .reading import ReadChanges as ReadChanges
from .reading import ReadExport as ReadExport
from .udfs import udf as udf
from .views import Backfill as Backfill
from .views import Maintain as Maintain
from .views import begin_with as begin_with
from .views import begin_with_seeds as begin_with_seeds
from .writing import ViewRows as ViewRows
from .writing import WriteViewTable as WriteViewTable
