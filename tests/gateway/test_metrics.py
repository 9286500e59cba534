"""The metrics page: what is in it, that it is read by those it is for, and that its size is bounded."""

import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from tests.gateway.events import decisions, events
from tests.gateway.world import compiled, world

from roteiro.gateway.metrics import FAMILIES, Seen, metrics_page
from roteiro.gateway.snapshot import snapshot
from roteiro.gateway.tally import Steps, Tally
from roteiro.terms.codes import CacheKind, Command, ErrorClass, Outcome, Reason, Step

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
TRACE = (0x4BF92F3577B34DA6, 0xA3CE929D0E0E4736 - 2**64)

OBJECTIVE = {
    "name": "gold.availability", "least": 0.999, "run_good": 90, "run_bad": 10, "good": 990, "bad": 11, "left": -0.5,
    "alerts": [
        {"alert": "14.4x1h", "severity": "page", "firing": True, "long_window": "1h", "short_window": "5min", "long_rate": 20.0, "short_rate": None},
    ],
    "steps": [{"step": "90% freeze", "active": True}],
}  # fmt: skip


def seen() -> Seen:
    """A server after a few requests: two tenants, two targets, a stream with a trace, a cache hit, a refusal."""
    it = world(compiled())
    tally, steps = Tally(), Steps()
    tally.add(
        events(
            5, tenant=[0, 0, 1, 1, -1], model=[0, 0, 1, 0, -1], target=[0, 1, 1, 0, -1], total_ms=[120.0, 900.0, 40.0, 2.0, 0.1],
            ttft_ms=[float("nan"), 300.0, float("nan"), float("nan"), float("nan")], stream=[0, 1, 0, 0, 0], output_tokens=[10, 7, 1, 5, 0],
            input_tokens=100, outcome=[0, 0, Outcome.FAILED, 0, Outcome.LIMITED], reason=[0, 0, Reason.OUT_OF_ATTEMPTS, 0, Reason.KEY_LIMIT],
            error_class=[0, 0, ErrorClass.SERVER, 0, 0], attempts=[1, 2, 3, 0, 0], fallbacks=[0, 1, 0, 0, 0], status=[200, 200, 502, 200, 429],
            cache=[0, 0, 0, CacheKind.EXACT, 0], cost_nusd=[2_500_000_000, 1, 0, 0, 0], saved_nusd=[0, 0, 0, 4_000_000, 0], ended_s=2.0,
            trace_hi=[0, TRACE[0], 0, 0, 0], trace_lo=[0, TRACE[1], 0, 0, 0],
        )
    )  # fmt: skip
    steps.add(decisions(2, step=[Step.BEGIN, Step.FAILED], command=Command.SEND, argument=[0, 1], a=[0, 3], target=[0, 1], reason=[1, 4]))
    workers = [{"worker": 0, "pid": 17, "rss_bytes": 1024, "restarts": 2}, {"worker": 1, "pid": None, "rss_bytes": None, "restarts": 0}]
    state = {
        "run": 'a "run"', "status": "serving", "plan": {"name": "p", "digest": it.compiled.edge.digest, "version": 3},
        **snapshot(it.compiled, it.state, 10.0), "workers": workers,
        "writer": {"pid": 18, "rss_bytes": 2048, "restarts": 0, "error": None}, "supervisor": {"pid": 16, "rss_bytes": 4096},
        "slo": {"frozen": True, "objectives": [OBJECTIVE]},
        "notices": {"ops": {"waiting": 2, "outcomes": {"sent": 5, "failed": 1}}},
    }  # fmt: skip
    return Seen(state, tally, steps, it.compiled.names, {"events": 0, "decisions": 7}, {"version": "1.2.3", "python": "3"})


def samples(page: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    body, content_type = metrics_page(seen())
    assert content_type.startswith("text/plain; version=0.0.4")
    return samples(body.decode())


def value(found: Any, name: str, **labels: str) -> float:
    return float(found[f"roteiro_{name}", tuple(sorted(labels.items()))])


def test_requests_money_and_tokens(found: Any) -> None:
    first, second = seen().names.tenants[:2]
    model, other = seen().names.routes[:2]
    assert value(found, "requests_total", tenant=first, model=model, target="one", outcome="success") == 1
    assert value(found, "requests_total", tenant=second, model=other, target="two", outcome="failed") == 1
    assert value(found, "requests_total", tenant="none", model="none", target="none", outcome="limited") == 1
    assert value(found, "cost_dollars_total", tenant=first, model=model, target="one") == 2.5
    assert value(found, "cost_dollars_total", tenant=first, model=model, target="two") == 1e-9
    assert value(found, "saved_dollars_total", tenant=second, model=model, target="one") == 0.004
    assert value(found, "output_tokens_total", tenant=first, model=model, target="two") == 7
    assert value(found, "endings_total", outcome="failed", reason="out_of_attempts", error_class="server", status="502") == 1
    assert value(found, "cache_hits_total", model=model, cache="exact") == 1
    assert (value(found, "retries_total", model=model), value(found, "retries_total", model=other)) == (1, 2)
    assert value(found, "fallbacks_total", model=model) == 1


def test_times_are_histograms_in_seconds(found: Any) -> None:
    model = seen().names.routes[0]
    at = {"model": model, "target": "two"}
    assert value(found, "time_to_first_token_seconds_bucket", **at, le="0.25") == 0
    assert value(found, "time_to_first_token_seconds_bucket", **at, le="0.5") == 1
    assert value(found, "inter_token_seconds_sum", **at) == pytest.approx(0.1)
    assert value(found, "request_duration_seconds_bucket", model=model, target="one", outcome="success", le="0.16") == 2, "the hit counts"
    assert value(found, "request_duration_seconds_count", model=model, target="one", outcome="success") == 2


def test_the_fleet_and_the_processes(found: Any) -> None:
    assert (
        value(found, "breaker_state", target="two", state="closed") == 1 and value(found, "breaker_state", target="two", state="open") == 0
    )
    assert value(found, "worker_restarts_total", worker="0") == 2 and value(found, "worker_up", worker="1") == 0
    assert value(found, "process_resident_memory_bytes", process="writer") == 2048
    assert ("roteiro_process_resident_memory_bytes", (("process", "worker-1"),)) not in found
    assert value(found, "plan_info", run='a "run"', digest=seen().state["plan"]["digest"], version="3") == 1
    assert value(found, "build_info", version="1.2.3", python="3") == 1
    assert value(found, "telemetry_missed_rows_total", table="decisions") == 7
    assert value(found, "attempts_total", target="two", reason="fallback") == 1
    assert value(found, "attempt_failures_total", target="two", error_class="server") == 1
    assert value(found, "ring_fill_ratio", table="events") == 0 and value(found, "ledger_lag_seconds") == 0


def test_objectives_and_notices(found: Any) -> None:
    gold = {"objective": "gold.availability"}
    assert (value(found, "slo_good_total", **gold), value(found, "slo_bad_total", **gold)) == (90, 10)
    assert value(found, "slo_window_events", good="false", **gold) == 11 and value(found, "slo_budget_remaining_ratio", **gold) == -0.5
    assert value(found, "slo_alert_firing", alert="14.4x1h", severity="page", **gold) == 1 and value(found, "slo_frozen") == 1
    assert value(found, "slo_burn_rate", window="1h", **gold) == 20 and value(found, "slo_step_active", step="90% freeze", **gold) == 1
    assert value(found, "notices_total", channel="ops", outcome="sent") == 5 and value(found, "notices_waiting", channel="ops") == 2
    assert value(found, "notices_total", channel="ops", outcome="dropped") == 0, "there from the start"


def test_every_family_is_declared_once_and_documented() -> None:
    page = metrics_page(seen())[0].decode()
    declared = [line.split()[2].removesuffix("_total") for line in page.splitlines() if line.startswith("# TYPE")]
    assert sorted(declared) == sorted(FAMILIES) and len(set(declared)) == len(declared)
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text()
    assert [name for name in FAMILIES if f"`{name}" not in reference] == []


def test_openmetrics_carries_traces() -> None:
    body, content_type = metrics_page(seen(), OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    families = {family.name: family for family in openmetrics.text_string_to_metric_families(body.decode())}
    exemplars = [sample.exemplar for sample in families["roteiro_time_to_first_token_seconds"].samples if sample.exemplar]
    assert [(e.labels, e.value, float(e.timestamp) > 1e9) for e in exemplars] == [
        ({"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}, pytest.approx(0.3), True)
    ]
    assert families["roteiro_requests"].type == "counter" and families["roteiro_request_duration_seconds"].type == "histogram"


def test_its_size_is_bounded_by_the_plan_not_by_the_traffic() -> None:
    """Tenants past the hundredth share a series, and numbers that nobody knows make none of their own."""
    it = seen()
    it.tally.add(events(5000, tenant=range(5000)))
    page = samples(metrics_page(it)[0].decode())
    tenants = {dict(labels).get("tenant") for name, labels in page if name == "roteiro_requests_total"}
    assert "(others)" in tenants and len(tenants) <= 101


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here (scripts/install-monitoring-tools)")
def test_promtool_finds_nothing_to_say() -> None:
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics_page(seen())[0], capture_output=True, timeout=60)
    said = [line for line in (done.stdout + done.stderr).decode().splitlines() if line.strip()]
    assert said == []


@contextmanager
def exporter() -> Iterator[int]:
    """The page behind a port, as the administration serves it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authorized = self.headers["authorization"] == "Bearer of-the-test"
            body, content_type = metrics_page(seen(), self.headers["accept"]) if authorized else (b"", "text/plain")
            self.send_response(200 if authorized else 401)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def ask(port: int, path: str) -> Any:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not here (scripts/install-monitoring-tools)")
def test_prometheus_scrapes_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "token").write_text("of-the-test\n")
    with exporter() as target, (tmp_path / "log").open("wb") as log:
        (tmp_path / "prometheus.yml").write_text(
            "scrape_configs:\n- job_name: roteiro\n  scrape_interval: 1s\n"
            f"  authorization: {{credentials_file: {tmp_path / 'token'}}}\n  static_configs: [{{targets: ['127.0.0.1:{target}']}}]\n"
        )
        process = subprocess.Popen(
            [
                "prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            until, rows = time.monotonic() + 60, []
            while not rows and time.monotonic() < until:
                assert process.poll() is None, (tmp_path / "log").read_text()
                try:
                    query = "histogram_quantile(0.5,roteiro_time_to_first_token_seconds_bucket)"
                    rows = [row for row in ask(port, f"/api/v1/query?query={query}")["data"]["result"] if row["value"][1] != "NaN"]
                except (OSError, http.client.HTTPException, ValueError):
                    pass  # it is starting
                time.sleep(0.1)
            assert [float(row["value"][1]) for row in rows] == [pytest.approx(0.375)]
            (scraped,) = ask(port, "/api/v1/targets")["data"]["activeTargets"]
            assert (scraped["health"], scraped["lastError"]) == ("up", "")
        finally:
            process.terminate()
            process.wait(20)
