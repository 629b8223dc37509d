"""
The numbers Tidegate shows at `/metrics`, right across all its processes.

Imports nothing of ours. Each process counts into files of the folder named by `PROMETHEUS_MULTIPROC_DIR`
(`METRICS_ENV`, set by `tidegate serve` before any process starts); whichever process is asked adds them up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector


class Metrics:
    """The counters of one process. Names as Prometheus wants them: unit last, `_total` for counts."""

    def __init__(self) -> None:
        registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        requests = counter("tidegate_requests_total", "Requests answered.", "endpoint", "outcome")
        records = counter("tidegate_records_total", "Records accepted into the journal.", "endpoint")
        body_bytes = counter("tidegate_body_bytes_total", "Bytes of accepted request bodies.", "endpoint")
        request_seconds = Histogram(
            "tidegate_request_seconds",
            "Time from request to answer.",
            ["endpoint"],
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
        )
        # Looking a counter up by its labels takes longer than counting.
        self._answered = cache(
            lambda endpoint, outcome: (requests.labels(endpoint, outcome), request_seconds.labels(endpoint))
        )
        self._brought = cache(lambda endpoint: (records.labels(endpoint), body_bytes.labels(endpoint)))
        self.loads = counter("tidegate_loads_total", "Loads attempted.", "destination", "outcome")
        self.rows_loaded = counter(
            "tidegate_rows_loaded_total", "Rows written to the warehouse.", "destination"
        )
        self.rejected_records = counter(
            "tidegate_rejected_records_total", "Records put into _sdc_rejected.", "destination"
        )
        self.damaged_entries = counter(
            "tidegate_damaged_entries_total", "Journal entries that failed their checksum."
        )
        self.hook_calls = counter("tidegate_hook_calls_total", "Attempts to call hooks.", "outcome")
        self.mails = counter("tidegate_mails_total", "Attempts to send mails.", "outcome")
        self.load_seconds = Histogram(
            "tidegate_load_seconds",
            "Time of one load.",
            ["destination"],
            registry=registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
        )

    def saw_request(self, endpoint: str, outcome: str, seconds: float) -> None:
        """Count one answered request."""
        count, times = self._answered(endpoint, outcome)
        count.inc()
        times.observe(seconds)

    def accepted(self, endpoint: str, records: int, body_bytes: int) -> None:
        """Count what one request brought into the journal."""
        counts = self._brought(endpoint)
        counts[0].inc(records)
        counts[1].inc(body_bytes)


class _Counted(Collector):
    """The counters of all processes, those that have ended too."""

    def collect(self) -> Iterable[Metric]:
        # A process makes its file a moment before it puts anything in; one killed in between never does.
        folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        files = [str(file) for file in folder.glob("*.db") if file.stat().st_size]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]  # none there
        return merged


class _Now(Collector):
    """Gauges that are asked for at the moment of scraping."""

    def __init__(self, gauges: Callable[[], Mapping[str, tuple[str, float]]]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        for name, (text, value) in self._gauges().items():
            yield GaugeMetricFamily(name, text, value=value)


def exposition(gauges: Callable[[], Mapping[str, tuple[str, float]]]) -> bytes:
    """Return the text of `/metrics`: all processes' counters, and `gauges` (name to help text and value)."""
    registry = CollectorRegistry()
    registry.register(_Counted())
    registry.register(_Now(gauges))
    return generate_latest(registry)
