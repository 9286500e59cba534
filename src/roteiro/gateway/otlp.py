"""Spans and histograms in OpenTelemetry's own types, and out over OTLP/HTTP. Needs the extra `otel`.

Export happens in a thread with a bounded line before it: a collector that is slow or gone costs spans, which are counted, and nothing else.
What must not live here: what is in a span (`spans`).
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from roteiro.gateway.spans import Span
from roteiro.gateway.tally import Histogram

__all__ = ["Outlet", "metric_of", "readable"]

log = logging.getLogger("roteiro.gateway")

SCOPE: Final = InstrumentationScope("roteiro")
BATCH: Final = 512
LINE: Final = 64
"""Batches that may wait."""
WORD: Final = 1 << 64
NS: Final = 1_000_000_000


def readable(span: Span, resource: Resource, epoch_s: float) -> ReadableSpan:
    """A span as the SDK knows it."""
    hi, lo = span.trace
    trace_id = (hi % WORD) << 64 | lo % WORD

    def context(span_id: int) -> SpanContext:
        return SpanContext(trace_id, span_id % WORD, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    def ns(at_s: float) -> int:
        return int((epoch_s + at_s) * NS)

    return ReadableSpan(
        span.name,
        context(span.span),
        context(span.parent) if span.parent else None,
        resource,
        span.attributes,
        [Event(each.name, each.attributes, ns(each.at_s)) for each in span.happened],
        kind=SpanKind.SERVER if span.is_request else SpanKind.CLIENT,
        instrumentation_scope=SCOPE,
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
        start_time=ns(span.began_s),
        end_time=ns(span.ended_s),
    )


def metric_of(
    name: str, unit: str, about: str, parts: Iterable[tuple[Histogram, Callable[[tuple[int, ...]], Mapping[str, Any]]]],
    since_s: float, until_s: float,
) -> Metric:  # fmt: skip
    """Histograms as one cumulative metric; each with what makes attributes of its keys. Times are Unix seconds."""
    points = [
        HistogramDataPoint(
            attributes=dict(attributes_of(key)),
            start_time_unix_nano=int(since_s * NS),
            time_unix_nano=int(until_s * NS),
            count=int(sum(values[:-1])),
            sum=values[-1],
            bucket_counts=[int(count) for count in values[:-1]],
            explicit_bounds=list(histogram.bounds),
            min=None,  # type: ignore[arg-type]  # unknown, which the wire has and the type has not
            max=None,  # type: ignore[arg-type]
        )
        for histogram, attributes_of in parts
        for key, values in histogram.items()
    ]
    return Metric(name, about, unit, HistogramData(points, AggregationTemporality.CUMULATIVE))


class Outlet:
    """Where spans and metrics leave. `endpoint`: of OTLP/HTTP, without the signal's path."""

    def __init__(self, endpoint: str, attributes: Mapping[str, str]) -> None:
        self.resource = Resource.create(dict(attributes))
        base = endpoint.rstrip("/")
        self._spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces")
        self._metrics = OTLPMetricExporter(endpoint=f"{base}/v1/metrics")
        self._line: queue.Queue[Callable[[], object] | None] = queue.Queue(LINE)
        self.exported = self.dropped = 0
        """Spans that were handed to the collector, and those that found no room in the line or were refused."""
        self._thread = threading.Thread(target=self._work, name="export", daemon=True)
        self._thread.start()

    def spans(self, spans: Iterable[Span], epoch_s: float) -> None:
        """Send spans, a batch at a time. Never waits."""
        ready = [readable(span, self.resource, epoch_s) for span in spans]
        for n in range(0, len(ready), BATCH):
            self._put(lambda batch=ready[n : n + BATCH]: self._export(batch), len(ready[n : n + BATCH]))  # type: ignore[misc]

    def metrics(self, metrics: list[Metric]) -> None:
        """Send metrics. Never waits."""
        data = MetricsData([ResourceMetrics(self.resource, [ScopeMetrics(SCOPE, metrics, "")], "")])
        self._put(lambda: self._metrics.export(data), 0)

    def close(self, within_s: float) -> None:
        """Send what is in the line, for so long."""
        try:
            self._line.put(None, timeout=within_s)
        except queue.Full:
            return
        self._thread.join(within_s)

    def _put(self, work: Callable[[], object], spans: int) -> None:
        try:
            self._line.put_nowait(work)
        except queue.Full:
            self.dropped += spans

    def _export(self, batch: list[ReadableSpan]) -> None:
        if self._spans.export(batch).value == 0:
            self.exported += len(batch)
        else:
            self.dropped += len(batch)

    def _work(self) -> None:
        while (work := self._line.get()) is not None:
            try:
                work()
            except Exception as error:  # a collector's fault is no reason to stop
                log.error("export failed: %s", type(error).__name__)
