"""View tables in BigQuery: `bigquery://PROJECT/DATASET`."""

from ..base import Sharing
from .sink import BigQuerySink, open_sink

SHARING: Sharing = "anywhere"

__all__ = ["SHARING", "BigQuerySink", "open_sink"]
