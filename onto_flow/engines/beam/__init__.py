"""Apache Beam: a plan as a portable pipeline. Only code here imports `apache_beam`; none `pyflink`.

In the order of the flow: `engine` takes a job. One that ends is a `batch`, which deals documents to shards
(`routing`) and builds each with `backfill`, or else a `graph` of `steps` over `cells`. One that goes on is a
`stream_job`: its load (`loading`, or the seeds of `seeds_read`) and its feed are `entering`, `streaming` is its
operators, `fence` and `gate` keep it silent until the load is over, `write_stream` writes. `runners` says what each
runner can do, `needs` what a pipeline asks for.
"""

from .engine import BeamEngine as Engine

__all__ = ["Engine"]
