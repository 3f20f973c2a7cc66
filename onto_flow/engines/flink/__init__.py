"""Apache Flink: the plan as a native PyFlink DataStream job. Code here alone imports `pyflink`, and never `apache_beam`."""

from .engine import FlinkEngine as Engine

__all__ = ["Engine"]
