"""Apache Beam: a plan as a portable pipeline. Only code here imports `apache_beam`; none `pyflink`."""

from .engine import BeamEngine as Engine

__all__ = ["Engine"]
