"""Traces of a whole server, as a collector gets them: with the client's trace, with errors, and with nothing of what was said."""

import http.client
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gateway.collector import Collector, collecting, values
from tests.gateway.events import decisions, events
from tests.gateway.server import Server, eventually
from tests.gateway.world import compiled, world, write_edge

from roteiro.gateway import exporter as module
from roteiro.gateway.block import Block
from roteiro.gateway.exporter import Exporter, ExporterSpec, RingAt, metrics_of
from roteiro.gateway.otlp import Outlet
from roteiro.gateway.trace_context import TraceContext
from roteiro.gateway.tracing import checked
from roteiro.terms.codes import Command, ErrorClass, Outcome, Reason, Step
from roteiro.terms.error import SettingsError
from roteiro.testing.fault import Status
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

PLAN = """
roteiro: 1
providers:
  good: {name: sandbox, model: upstream, weight: 1, on_premises: true, key_env: GOOD_KEY}
  bad:  {name: sandbox, model: upstream, weight: 1, on_premises: true}
models:
  chat:   {targets: {good: 1}}
  broken: {targets: {bad: 1}, retry: {attempts: 2, backoff: 10ms}}
tenants:
  acme: {workloads: [chat]}
workloads:
  chat: {priority: interactive, model: chat}
"""
TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


class Fed:
    """An exporter on a block of its own, fed by hand."""

    def __init__(self, folder: Path, **spec: Any) -> None:
        it = world(compiled(), folder / "block")
        write_edge(folder / "edge.json", it.edge)
        (folder / "names.json").write_bytes(
            json.dumps({name: getattr(it.compiled.names, name) for name in it.compiled.names.__struct_fields__}).encode()
        )
        block = Block(folder / "block", folder / "lock")
        self.state = block.state
        rings = {}
        for table in ("events", "decisions"):
            at = block.ring_spec(table)
            rings[table] = RingAt(offset=at.offset, capacity=at.capacity, head=at.head, tail=at.tail)
        self.spec = ExporterSpec(
            run="run-1", epoch_s=1.8e9, block=str(folder / "block"), names=str(folder / "names.json"), edge=str(folder / "edge.json"),
            endpoint="http://127.0.0.1:1", rings=rings, **spec,
        )  # fmt: skip
        self.exporter = Exporter(self.spec, np.memmap(folder / "block", np.uint8, "r"))
        block.close()

    def write(self, table: str, rows: Any) -> None:
        ring, word = getattr(self.state, table), table[:-1]
        head = int(self.state.header[f"{word}_head"][0])
        rows["seq"] = np.arange(head, head + len(rows))
        ring[rows["seq"] % len(ring)] = rows
        self.state.header[f"{word}_head"] = self.state.header[f"{word}_tail"] = head + len(rows)


def test_events_and_their_decisions_come_together(tmp_path: Path) -> None:
    """Also where the last decision comes a look later than its event."""
    fed = Fed(tmp_path)
    sends = {"command": Command.SEND, "step": Step.BEGIN, "reason": Reason.WEIGHTED}
    fed.write("decisions", decisions(3, request=[0, 1, 0], now_s=[0.1, 0.2, 0.3], argument=[0, 1, 1], **sends))
    assert fed.exporter.look() == []
    fed.write("events", events(2, ended_s=1.0, target=[1, 1]))
    assert fed.exporter.look() == []
    fed.write("decisions", decisions(1, request=[0], now_s=1.0, step=Step.END, command=Command.DONE))
    spans = fed.exporter.look()
    assert [(span.is_request, span.attributes["roteiro.target"]) for span in spans] == [
        (True, "two"), (False, "one"), (False, "two"), (True, "two"), (False, "two"),
    ]  # fmt: skip
    assert fed.exporter.look() == [] and fed.exporter.missed == 0


def test_the_ratio_holds_and_errors_pass_it(tmp_path: Path) -> None:
    fed = Fed(tmp_path, ratio=0.1)
    fed.write("events", events(500, outcome=[Outcome.FAILED] * 3 + [0] * 497))
    fed.exporter.look()
    found = [span.attributes["roteiro.request"] for span in fed.exporter.look()]
    assert found[:3] == [0, 1, 2] and 20 < len(found) < 100
    context = TraceContext("run-1", 0.1)
    assert all(context.samples(context.trace_of(int(request))[1], 0, True) for request in found[3:])


def test_what_is_too_much_at_once_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REQUESTS", 10)
    monkeypatch.setattr(module, "MOST_KEPT", 5)
    fed = Fed(tmp_path)
    fed.write("decisions", decisions(20, request=np.arange(20), command=Command.SEND))
    fed.write("events", events(20))
    fed.exporter.look()
    assert len([span for span in fed.exporter.look() if span.is_request]) == 10 and fed.exporter.dropped == 10


def test_metrics_of_the_conventions(tmp_path: Path, collector: Collector) -> None:
    fed = Fed(tmp_path)
    fed.write(
        "events",
        events(
            3, model=[0, 0, 0], target=[0, 0, 1], input_tokens=[3, 100, 9], output_tokens=[5, 7, 0], total_ms=[50.0, 500.0, 70.0],
            outcome=[0, 0, Outcome.FAILED], error_class=[ErrorClass.SERVER, 0, ErrorClass.TIMEOUT],
        ),
    )  # fmt: skip
    fed.exporter.look()
    fed.exporter.look()
    outlet = Outlet(collector.endpoint, {"service.name": "roteiro"})
    outlet.metrics(metrics_of(fed.exporter, 1.8e9 + 60))
    outlet.close(20)
    usage, duration = collector.metrics["gen_ai.client.token.usage"], collector.metrics["gen_ai.client.operation.duration"]
    assert (usage.unit, duration.unit) == ("{token}", "s")
    points = {values(point.attributes)["gen_ai.token.type"]: point for point in usage.histogram.data_points}
    assert (points["input"].count, points["input"].sum, points["output"].sum) == (2, 103, 12)
    assert list(points["input"].explicit_bounds)[:3] == [1, 4, 16] and list(points["input"].bucket_counts)[:5] == [0, 1, 0, 0, 1]
    errors = {values(point.attributes).get("error.type"): point.count for point in duration.histogram.data_points}
    assert errors == {None: 2, "timeout": 1}, "an answer after a failure is no error"
    said = values(points["input"].attributes)
    assert (said["gen_ai.operation.name"], said["gen_ai.provider.name"]) == ("chat", "openai")


def test_a_collector_that_refuses_costs_spans_alone(tmp_path: Path, collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    collector.status = 400
    fed = Fed(tmp_path)
    fed.write("events", events(4))
    fed.exporter.look()
    outlet = Outlet(collector.endpoint, {"service.name": "roteiro"})
    outlet.spans(fed.exporter.look(), 1.8e9)
    outlet.close(20)
    assert (outlet.exported, outlet.dropped) == (0, 4)


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4318", "grpc://collector"])
def test_an_endpoint_that_is_none_is_said(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="OTLP over HTTP"):
        checked(endpoint)


def test_no_endpoint_is_no_export() -> None:
    assert checked(None) is None and checked("") is None


def ask(server: Server, key: str, model: str, prompt: str, traceparent: str | None) -> int:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": 8})
    headers = {"authorization": f"Bearer {key}", **({"traceparent": traceparent} if traceparent else {})}
    with closing(http.client.HTTPConnection("127.0.0.1", server.ready["port"], timeout=40)) as connection:
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = connection.getresponse()
        answer.read()
    return answer.status


def test_the_trace_goes_on_to_the_provider_attempt_by_attempt(tmp_path: Path, collector: Collector) -> None:
    """The span id in a provider's header is that of the exported span of the very attempt; the trace is the client's, or ours."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            heard.append(self.headers["traceparent"])
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as provider:
        thread = threading.Thread(target=provider.serve_forever)
        thread.start()
        try:
            urls = dict.fromkeys(("good", "bad"), f"http://127.0.0.1:{provider.server_address[1]}/v1")
            environ = {"ROTEIRO_OTLP_ENDPOINT": collector.endpoint, "GOOD_KEY": "of-the-test"}
            with Server(tmp_path / "plan.yaml", tmp_path / "data", urls, workers=1, **environ) as server:
                key = server.key("acme")
                for traceparent in (f"00-{TRACE_ID}-{SPAN_ID}-01", None, "nonsense"):
                    assert ask(server, key, "broken", "oi", traceparent) >= 500
                eventually(lambda: sum(span.kind == span.SPAN_KIND_CLIENT for span in collector.spans) == 6)
        finally:
            provider.shutdown()
            thread.join()
    attempts = sorted((span for span in collector.spans if span.kind == span.SPAN_KIND_CLIENT), key=lambda span: span.start_time_unix_nano)
    assert heard == [f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01" for span in attempts]
    traces = [span.trace_id.hex() for span in attempts]
    assert traces[:2] == [TRACE_ID] * 2 and len(set(traces)) == 3
    (of_the_client,) = [span for span in collector.spans if span.kind == span.SPAN_KIND_SERVER and span.trace_id.hex() == TRACE_ID]
    assert of_the_client.parent_span_id.hex() == SPAN_ID


def test_a_server_tells_its_collector_and_nothing_that_was_said(tmp_path: Path, collector: Collector) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    canary, secret = f"canary-{secrets.token_hex(8)}", f"sk-{secrets.token_hex(16)}"
    bad = SandboxSettings(name="bad", always=(Status(status=500, rate=1.0),))
    with SandboxProcess(SandboxSettings(name="good", api_key=secret)) as one, SandboxProcess(bad) as two:
        urls = {"good": one.base_url, "bad": two.base_url}
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-of-the-collector=yes",
            "GOOD_KEY": secret,
        }
        with Server(tmp_path / "plan.yaml", tmp_path / "data", urls, workers=1, **environ) as server:
            key = server.key("acme")
            assert ask(server, key, "chat", canary, None) == 200
            assert ask(server, key, "chat", canary, f"00-{TRACE_ID}-{SPAN_ID}-01") == 200
            assert ask(server, key, "broken", canary, None) >= 500
            eventually(lambda: sum(span.kind == span.SPAN_KIND_SERVER for span in collector.spans) == 3)
            exporter = server.state()["exporter"]
            assert exporter["pid"] and exporter["restarts"] == 0
            run = server.ready["run"]
    assert not (server.data / "run" / run / "exporter.json").exists()
    requests = sorted((span for span in collector.spans if span.kind == span.SPAN_KIND_SERVER), key=lambda span: span.start_time_unix_nano)
    attempts = [span for span in collector.spans if span.kind == span.SPAN_KIND_CLIENT]
    assert [span.name for span in requests] == ["chat chat", "chat chat", "chat broken"]
    context = TraceContext(run)
    for span, said in ((span, values(span.attributes)) for span in requests):
        assert span.span_id == (context.span_of(said["roteiro.request"]) % 2**64).to_bytes(8, "big")
        below = [attempt for attempt in attempts if attempt.parent_span_id == span.span_id]
        assert len(below) == said["roteiro.attempts"] and {attempt.trace_id for attempt in below} == {span.trace_id}
        assert all(span.start_time_unix_nano <= a.start_time_unix_nano <= a.end_time_unix_nano <= span.end_time_unix_nano for a in below)
    assert values(requests[2].attributes)["error.type"] == "server" and requests[2].status.code == requests[2].status.STATUS_CODE_ERROR
    assert {name.name for name in collector.metrics.values()} >= {"gen_ai.client.token.usage", "gen_ai.client.operation.duration"}
    assert collector.resources[0]["service.name"] == "roteiro" and collector.resources[0]["service.instance.id"] == run
    assert {headers.get("x-of-the-collector") for headers in collector.headers} == {"yes"}
    sent = b"".join(collector.raw)
    assert not [word for word in (canary, secret, key) if word.encode() in sent]
