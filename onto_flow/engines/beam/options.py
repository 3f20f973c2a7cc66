"""The options that are ours among Beam's pipeline options."""

from __future__ import annotations

import argparse

from apache_beam.options.pipeline_options import PipelineOptions


class ViewOptions(PipelineOptions):
    """What a backfill does.

    `--view_shards N`: how many shards the roots of views are dealt to; 0: by the size of the source. `--seeds URI`: the
    folder that it writes seeds to, for a stream to begin with.
    """

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--view_shards", type=int, default=0, help="shards of a backfill; 0: by the source's size")
        parser.add_argument("--seeds", default="", help="the folder of a backfill's seeds, for a stream to begin with")


class StreamOptions(PipelineOptions):
    """What a stream of views is told; each is what `Maintain` calls so, or says where something goes."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        add = parser.add_argument
        add("--gate_shards", type=int, default=256, help="shards of the gate: some thousand view documents each")
        add(
            "--page",
            type=int,
            default=1000,
            help="subscribers that are told, or documents let out, in one step; 0: all",
        )
        add("--coalesce", type=int, default=0, help="milliseconds in which changes of a view document become one")
        add("--keep", type=int, default=None, help="bytes of state that a worker process keeps as objects")
        add("--settle", type=float, default=0.0, help="seconds that the fence waits after all else")
        add("--canaries", default="", help="documents whose changes the fence waits for, with commas between them")
        add("--force_fence", action="store_true", default=False, help="show what there is at once; the receipt says so")
        add("--receipts", default="", help="the folder of the cutover's receipt")
