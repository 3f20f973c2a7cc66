"""What may be given anew when a classic template is started."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from ..connect import open_sink, open_source
from ..sinks.base import Sink
from ..sources.base import Source

PARAMETERS = {
    "view_source": (
        "Documents",
        "The folder of an export, such as gs://BUCKET/FOLDER, or another source of documents.",
    ),
    "view_sink": ("View tables", "Where view documents go: firestore://PROJECT/DATABASE, bigquery://PROJECT/DATASET."),
}


class TemplateOptions(PipelineOptions):
    """Source and sink, as values that workers are told when the job is started."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        for name, (_, text) in PARAMETERS.items():
            parser.add_value_provider_argument(f"--{name}", type=str, help=text)  # type: ignore[attr-defined]


def later_ends(options: PipelineOptions, source: str, sink: str, sink_options: dict[str, str]) -> tuple[Any, Any]:
    """What opens source and sink on a worker: those that the job is started with, else these."""
    given = options.view_as(TemplateOptions)
    return partial(_source, given.view_source, source), partial(_sink, given.view_sink, sink, sink_options)


def metadata(name: str, views: str) -> dict[str, Any]:
    """The metadata of a template of a backfill, as Google documents it (`TemplateMetadata`)."""
    parameters = [
        {"name": name, "label": label, "helpText": text, "isOptional": True, "regexes": ["^[a-z]+:.+$"]}
        for name, (label, text) in PARAMETERS.items()
    ]
    description = f"Computes the view tables of {views} from documents."
    return {"name": name, "description": description, "parameters": parameters, "streaming": False}


def _source(given: Any, default: str) -> Source:
    return open_source(given.get() or default)


def _sink(given: Any, default: str, options: dict[str, str]) -> Sink:
    return open_sink(given.get() or default, **options)
