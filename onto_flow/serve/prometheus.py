"""A job's numbers in the text format of Prometheus (needs the extra `metrics`)."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from ..engines.metrics import Metrics

PREFIX = "onto_flow_"
_COUNTERS = {
    "documents": "Documents read from the source.",
    "changes": "Changes taken from the feed.",
    "publications": "How often the tables were shown.",
    "checkpoints": "States made durable.",
    "gaps_lost": "Changes that the feed should have had, given up.",
}
_GAUGES = {
    "gaps_open": "Changes that the feed should have had and did not give yet.",
    "dead_letters": "What failed and was not taken back.",
    "state_bytes": "The size of the durable state.",
    "oldest_unacked_seconds": "Age of the oldest change that is not durable yet.",
    "feed_silent_seconds": "Since when the feed has given nothing.",
}


class Exposition:
    """The numbers of a job for a scrape."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """What is answered to a scrape now."""
        text: bytes = generate_latest(self._registry)
        return text

    def collect(self) -> Iterator[Metric]:
        """The numbers as families; the registry asks for them."""
        metrics = self._metrics
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(PREFIX + name, text, value=getattr(metrics, name))
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(PREFIX + name, text, value=getattr(metrics, name))
        ready = "Whether the tables are complete and kept right."
        yield GaugeMetricFamily(PREFIX + "ready", ready, value=int(metrics.ready))
        writes = CounterMetricFamily(PREFIX + "writes", "View documents written to the sink.", labels=["view", "kind"])
        for (view, kind), count in sorted(metrics.written().items()):
            writes.add_metric([view, kind], count)
        yield writes
        text = "What the sink did: reads, writes, and what for."
        operations = CounterMetricFamily(PREFIX + "operations", text, labels=["kind"])
        for kind, count in sorted(dict(metrics.operations).items()):
            operations.add_metric([kind], count)
        yield operations
        text = "Fields of another type than declared, in what was read."
        wrong = CounterMetricFamily(PREFIX + "wrong_types", text, labels=["collection", "field"])
        for (collection, field), count in sorted(dict(metrics.wrong_types).items()):
            wrong.add_metric([collection, field], count)
        yield wrong
        yield self._freshness()

    def _freshness(self) -> Metric:
        histogram = self._metrics.freshness
        counts, total, buckets = list(histogram.counts), 0, []
        for bound, count in zip((*histogram.bounds, float("inf")), counts):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else str(bound), total))
        text = "From the commit of the oldest change in a batch to the write of what it changed."
        return HistogramMetricFamily(PREFIX + "freshness_seconds", text, buckets=buckets, sum_value=histogram.sum)
