"""Apache Flink: a plan as a native PyFlink DataStream job. Only code here imports `pyflink`; none `apache_beam`."""

from .engine import FlinkEngine as Engine

__all__ = ["Engine"]
