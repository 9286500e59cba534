"""The process that tells an OpenTelemetry collector about requests: `python -m roteiro.gateway.exporter --spec FILE`.

It reads along in the rings of the run's block, which it maps for reading only, and owns nothing: killed at any time, it takes with it the
spans it had not sent, and the ledger has their rows. It ends with its parent. What must not live here: what a span says, and its wire form.
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from roteiro.gateway import logs
from roteiro.gateway.follower import Follower
from roteiro.gateway.spans import KEPT, OPERATIONS, PROVIDERS, Provider, Span, is_part_of_a_span, sampled, spans_of
from roteiro.gateway.tally import DURATION_S, TOKENS, TTFT_S, Histogram
from roteiro.gateway.trace_context import TraceContext
from roteiro.ledger.ring import Ring
from roteiro.terms.codes import ErrorClass, Operation
from roteiro.terms.edge import Names
from roteiro.terms.error import SettingsError
from roteiro.terms.event import DECISION, EVENT

__all__ = ["Exporter", "ExporterSpec", "RingAt", "main"]

log = logging.getLogger("roteiro.gateway")

EVERY_S: Final = 0.25
METRICS_EVERY_S: Final = 15.0
BATCH: Final = 16_384
MOST_KEPT: Final = 400_000
"""Decisions that are kept for requests that have not ended: of one that lasts longer than that, the first attempts may be missing."""
MOST_REQUESTS: Final = 1_000
"""Requests of one look, four times a second, that spans are made of; the rest are counted as dropped."""
LAST_WORDS_S: Final = 5.0


class RingAt(msgspec.Struct, frozen=True, kw_only=True):
    """Where a ring lies in the block, in bytes; `capacity` in rows."""

    offset: int
    capacity: int
    head: int
    tail: int


class ExporterSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the process is told at its start. No secrets: headers of the collector come from OTEL_EXPORTER_OTLP_HEADERS."""

    run: str
    epoch_s: float
    block: str
    names: str
    edge: str
    endpoint: str
    ratio: float = 1.0
    """Share of the requests without a trace of the client's that are traced."""
    version: str = ""
    from_start: bool = True
    """Whether rows that are there already are read: of a run that has just begun, and not of one whose exporter is started again."""
    rings: dict[str, RingAt]


class _Target(msgspec.Struct):
    name: str
    model: str
    dialect: str = "openai"


class _Edge(msgspec.Struct):
    """The part of the edge that is looked at."""

    targets: list[_Target]


class Decisions:
    """Decisions of the latest requests, in order, for as long as they may be wanted."""

    def __init__(self) -> None:
        self._chunks: deque[NDArray[Any]] = deque()
        self._rows = 0

    def keep(self, rows: NDArray[Any]) -> None:
        """Keep those that spans are made of."""
        kept = rows[is_part_of_a_span(rows)][list(KEPT)].copy()
        if len(kept):
            self._chunks.append(kept)
            self._rows += len(kept)
        while self._rows > MOST_KEPT:
            self._rows -= len(self._chunks.popleft())

    def of(self, requests: NDArray[np.int64], since_s: float) -> dict[int, list[dict[str, Any]]]:
        """By request, none of which began before `since_s`."""
        found: dict[int, list[dict[str, Any]]] = {}
        for chunk in self._chunks:
            if chunk["now_s"][-1] >= since_s:
                rows = chunk[np.isin(chunk["request"], requests)]
                for values in rows.tolist():
                    found.setdefault(values[0], []).append(dict(zip(KEPT, values, strict=True)))
        return found


class Exporter:
    """Spans and the conventions' metrics of one run."""

    def __init__(self, spec: ExporterSpec, block: NDArray[np.uint8]) -> None:
        self.spec = spec
        self.dropped = 0
        """Sampled requests that were too many at once."""
        cursor = 0 if spec.from_start else None
        self._events = Follower(self._ring(block, "events", EVENT), cursor=cursor)
        self._decisions = Follower(self._ring(block, "decisions", DECISION), cursor=cursor)
        self._context = TraceContext(spec.run, spec.ratio)
        self._kept = Decisions()
        self._ended = np.zeros(0, EVENT)
        """Events that were seen a look ago: by now their last decisions are there too."""
        self._names: Names
        self._providers: list[Provider]
        self._read_at: tuple[int, ...] = ()
        self.names()
        self.duration = Histogram(("model", "target", "operation", "error_class"), DURATION_S)
        self.first_token = Histogram(("model", "target", "operation"), TTFT_S)
        self.input_tokens = Histogram(("model", "target", "operation"), TOKENS)
        self.output_tokens = Histogram(("model", "target", "operation"), TOKENS)

    @property
    def missed(self) -> int:
        """Rows that were overwritten before they were read."""
        return self._events.missed + self._decisions.missed

    def look(self) -> list[Span]:
        """Spans of the requests that ended before the last look."""
        ended = self._events.take(BATCH)
        self._kept.keep(self._decisions.take(BATCH))
        before, self._ended = self._ended, ended
        if not len(before):
            return []
        self._count(before)
        chosen = before[sampled(before, self._context)]
        self.dropped += max(0, len(chosen) - MOST_REQUESTS)
        chosen = chosen[:MOST_REQUESTS]
        if not len(chosen):
            return []
        names = self.names()
        steps = self._kept.of(chosen["request"], float(chosen["arrival_s"].min()))
        columns = chosen.dtype.names or ()
        spans: list[Span] = []
        for values in chosen.tolist():
            event = dict(zip(columns, values, strict=True))
            spans += spans_of(event, steps.get(event["request"], ()), names, self._providers, self._context)
        return spans

    @property
    def behind(self) -> bool:
        return self._events.behind > BATCH or self._decisions.behind > BATCH

    def names(self) -> Names:
        """The names in force; a new plan version has others besides."""
        at = tuple(Path(path).stat().st_mtime_ns for path in (self.spec.names, self.spec.edge))
        if at != self._read_at:
            self._names = msgspec.json.decode(Path(self.spec.names).read_bytes(), type=Names)
            edge = msgspec.json.decode(Path(self.spec.edge).read_bytes(), type=_Edge)
            self._providers = [Provider(target.dialect, target.model) for target in edge.targets]
            self._read_at = at
        return self._names

    def words(self, key: tuple[int, ...]) -> dict[str, Any]:
        """The conventions' attributes of a key (model, target, operation and perhaps error class)."""
        model, target, operation, *error = key
        names = self._names
        said: dict[str, Any] = {
            "gen_ai.operation.name": OPERATIONS[Operation(operation)],
            "gen_ai.request.model": names.routes[model] if 0 <= model < len(names.routes) else "none",
        }
        if 0 <= target < len(self._providers):
            provider = self._providers[target]
            said["gen_ai.provider.name"] = PROVIDERS.get(provider.dialect, provider.dialect)
            said["gen_ai.response.model"] = provider.model
        if error and error[0]:
            said["error.type"] = ErrorClass(error[0]).name.lower()
        return said

    def _count(self, rows: NDArray[Any]) -> None:
        columns = {name: rows[name] for name in rows.dtype.names or ()}
        columns["error_class"] = np.where(rows["outcome"] == 0, 0, rows["error_class"])
        sent, answered = np.flatnonzero(rows["attempts"] > 0), np.flatnonzero((rows["outcome"] == 0) & (rows["attempts"] > 0))
        self.duration.take(columns, rows["total_ms"] / 1e3, sent)
        self.first_token.take(columns, rows["ttft_ms"] / 1e3, answered)
        self.input_tokens.take(columns, rows["input_tokens"].astype(np.float64), answered)
        self.output_tokens.take(columns, rows["output_tokens"].astype(np.float64), answered)

    def _ring(self, block: NDArray[np.uint8], table: str, dtype: np.dtype[Any]) -> Ring:
        at = self.spec.rings[table]
        return Ring.over(block, dtype, at.offset, at.capacity, at.head, at.tail)


def metrics_of(exporter: Exporter, until_s: float) -> list[Any]:
    """The conventions' metrics, cumulative since the run began."""
    from roteiro.gateway.otlp import metric_of

    words, since_s = exporter.words, exporter.spec.epoch_s
    tokens = [
        (exporter.input_tokens, lambda key: {**words(key), "gen_ai.token.type": "input"}),
        (exporter.output_tokens, lambda key: {**words(key), "gen_ai.token.type": "output"}),
    ]
    return [
        metric_of("gen_ai.client.token.usage", "{token}", "Tokens of answered requests", tokens, since_s, until_s),
        metric_of(
            "gen_ai.client.operation.duration", "s", "Arrival to settlement", [(exporter.duration, words)], since_s, until_s
        ),
        metric_of(
            "gen_ai.server.time_to_first_token", "s", "Arrival to the first byte", [(exporter.first_token, words)], since_s, until_s
        ),
    ]  # fmt: skip


def serve(spec: ExporterSpec, stop: threading.Event) -> None:
    """Look and send until told to stop or orphaned."""
    from roteiro.gateway.otlp import Outlet

    exporter = Exporter(spec, np.memmap(spec.block, np.uint8, "r"))
    named = os.environ.get("OTEL_SERVICE_NAME") or "roteiro"
    outlet = Outlet(spec.endpoint, {"service.name": named, "service.version": spec.version, "service.instance.id": spec.run})
    parent, metrics_at, told = os.getppid(), time.monotonic() + METRICS_EVERY_S, 0
    say(ready=True, pid=os.getpid())
    while not stop.wait(0.0 if exporter.behind else EVERY_S) and os.getppid() == parent:
        outlet.spans(exporter.look(), spec.epoch_s)
        if time.monotonic() >= metrics_at:
            metrics_at = time.monotonic() + METRICS_EVERY_S
            outlet.metrics(metrics_of(exporter, time.time()))
            if (lost := exporter.dropped + exporter.missed + outlet.dropped) != told:
                told = lost
                say(exported=outlet.exported, dropped=exporter.dropped + outlet.dropped, missed=exporter.missed)
    for _ in range(2):  # the events of the last look need another
        outlet.spans(exporter.look(), spec.epoch_s)
    outlet.metrics(metrics_of(exporter, time.time()))
    outlet.close(LAST_WORDS_S)
    say(exported=outlet.exported, dropped=exporter.dropped + outlet.dropped, missed=exporter.missed)


def say(**words: object) -> None:
    try:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        pass  # nobody listens any more


def main(arguments: list[str] | None = None) -> int:
    """Run the exporter → exit code: 0 told to stop, 1 it cannot begin (said on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m roteiro.gateway.exporter", description="Export spans and metrics over OTLP/HTTP.")
    parser.add_argument("--spec", type=Path, required=True, help="JSON file (ExporterSpec)")
    options = parser.parse_args(arguments)
    logs.begin("exporter")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(msgspec.json.decode(options.spec.read_bytes(), type=ExporterSpec), stop)
    except (OSError, msgspec.MsgspecError, SettingsError, ImportError) as error:
        log.error("the exporter cannot begin: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
