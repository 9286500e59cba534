"""The replay law on a fresh live run: several workers, providers that fail, a plan changed under load, and every decision comes again.

The same run with one row of its ledger changed is found out, and the row is named with the step that wrote it.
"""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.gateway.server import Server, eventually

from roteiro.ledger import Head, Ledger, SegmentWriter, compact_segments
from roteiro.policy.kernel import JIT
from roteiro.tasks.replay import replay
from roteiro.terms.codes import Step
from roteiro.testing.fault import CutStream, Slow, Status, Throttle
from roteiro.testing.load import Caller, Load, LoadPlan
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings
from roteiro.testing.script import Phase, Script

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: m, weight: 80, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens},
        limits: {concurrency: 12}, breaker: {window: 3s, minimum_calls: 5, open_for: 500ms}, timeouts: {first_token: 400ms, attempt: 2s}}
  two: {name: sandbox, model: m, weight: 20, on_premises: false, price: {input: $2/1M tokens, output: $4/1M tokens},
        limits: {concurrency: 8}}
models:
  chat: {targets: {one: 80, two: 20}, fallbacks: [two], rescue: true, timeouts: {total: 8s}, retry: {attempts: 3}}
routing_logic:
  - {condition: "one.latency > 300ms", action: route_to_two}
tenants:
  free: {workloads: [chat], limits: {requests: 1500/min, burst: 2s}, budgets: {daily: $1000/day}}
  paid: {workloads: [chat], tier: gold, budgets: {daily: $1/day}}
workloads:
  chat: {priority: interactive, concurrency: 16, queue: {size: 20, max_wait: 500ms}, model: chat}
sla_tiers:
  gold: {availability: 99%, latency_p95: 2s}
"""
STORM = Script(
    phases=(
        Phase(name="calm", seconds=1.0),
        Phase(name="failing", seconds=1.5, faults=(Status(status=500, rate=0.5),)),
        Phase(name="throttled", seconds=1.0, faults=(Throttle(rate=0.5, wait_s=0.2, form="ms"),)),
        Phase(name="cut", seconds=1.5, faults=(CutStream(rate=0.5), Slow(rate=0.3, factor=8.0))),
    ),
    repeat=True,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A run that was served, and is over."""
    folder = tmp_path_factory.mktemp("law")
    (folder / "plan.yaml").write_text(PLAN)
    pace = Latency(Quantiles(0.03, 0.08), Quantiles(0.001, 0.003))
    with (
        SandboxProcess(SandboxSettings(name="one", latency=pace, script=STORM, seed=1)) as one,
        SandboxProcess(SandboxSettings(name="two", latency=pace, seed=2)) as two,
        Server(folder / "plan.yaml", folder / "data", {"one": one.base_url, "two": two.base_url}) as server,
    ):
        callers = (Caller(server.key("free"), 0.7), Caller(server.key("paid"), 0.3))
        load = Load(
            LoadPlan(
                base_url=f"http://127.0.0.1:{server.ready['port']}/v1", duration_s=12.0, rate_per_s=60.0 if JIT else 6.0, cv=1.5, seed=3,
                callers=callers, models=(("chat", 1.0),), prompt_tokens=Quantiles(30.0, 200.0), output_tokens=Quantiles(8.0, 40.0),
            )
        )  # fmt: skip
        sending = threading.Thread(target=asyncio.run, args=(load.run(),))
        sending.start()
        for version in (1, 2):
            seen = len(load.records)
            eventually(lambda before=seen: len(load.records) > before + 100 or not sending.is_alive())  # type: ignore[misc]
            changed = PLAN.replace("weight: 80", f"weight: {80 - 30 * version}").replace("{one: 80", f"{{one: {80 - 30 * version}")
            status, answer = server.admin("POST", "/admin/plan", changed)
            assert (status, answer["adopted"]) == (200, True), answer
        sending.join()
        server.settled()
        name = str(server.ready["run"])
    yield folder / "data", name


def test_every_decision_of_the_run_comes_again(run: tuple[Path, str]) -> None:
    data, name = run
    found = replay(data, name)
    assert found.identical, found
    assert found.events == found.same_events > 60 and found.decisions == found.same_decisions > 2 * found.events
    decisions, events = Ledger(data).rows("decisions", name), Ledger(data).rows("events", name)
    assert {Step.ADOPT, Step.FAILED, Step.TEND, Step.FIRST_BYTE} <= set(decisions["step"].tolist())
    assert set(decisions["worker"].tolist()) >= {0, 1}, "both workers decided"
    assert len(set(events["plan"].tolist())) >= 3, "requests ended under the plan before both changes, between them and after"
    assert (events["attempts"] > 1).any()


@pytest.mark.parametrize(("table", "field"), [("decisions", "argument"), ("events", "cost_nusd")])
def test_one_row_of_the_ledger_that_was_changed_is_found_and_named(run: tuple[Path, str], tmp_path: Path, table: str, field: str) -> None:
    data, name = run
    ledger, head = Ledger(data), Ledger(data).head(name)
    (tmp_path / "run").symlink_to(data / "run")
    place = 0
    for one in ("events", "decisions"):
        rows = ledger.rows(one, name)
        if one == table:
            place = int(np.flatnonzero(rows["step"] == Step.END)[20]) if table == "decisions" else 20
            rows[field][place] += 1
        writer = SegmentWriter(tmp_path, Head(one, name, head.epoch_s, head.names))
        writer.append(rows)
        writer.seal()
        compact_segments(tmp_path, one)
    found = replay(tmp_path, name)
    assert not found.identical and found.gaps == ()
    assert found.first_difference is not None and found.first_difference.cause is not None
    assert (found.first_difference.table, found.first_difference.seq, found.first_difference.fields) == (table, place, (field,))
    assert found.first_difference.cause.inputs["step"] in ("end", "failed", "again", "begin", "gone")
    assert found.same_decisions + found.same_events == found.decisions + found.events - 1
