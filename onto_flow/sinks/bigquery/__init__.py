"""View tables in BigQuery: `bigquery://PROJECT/DATASET`."""

from .sink import BigQuerySink, open_sink

__all__ = ["BigQuerySink", "open_sink"]
