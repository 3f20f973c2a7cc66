"""The options that are ours among Beam's pipeline options."""

from __future__ import annotations

import argparse

from apache_beam.options.pipeline_options import PipelineOptions


class ViewOptions(PipelineOptions):
    """`--view_shards N`: how many shards the roots of views are dealt to in a backfill; 0: by the size of the source."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--view_shards", type=int, default=0, help="shards of a backfill; 0: by the source's size")
