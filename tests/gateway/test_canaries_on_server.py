"""Canaries on a whole server: asked of each target, kept apart from customers, and a model that is switched under one name is noticed."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.gateway.server import Server, eventually

from roteiro.gateway.quality_store import QualityStore, changes_of
from roteiro.ledger import Ledger
from roteiro.plan.suite import read_suites
from roteiro.tasks.canaries import look_at_drift, seen_canaries
from roteiro.testing.personality import Personality
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

PROBES = read_suites([])[0]
BOOK = {probe.ask: (str(probe.example), str(probe.wrong)) for probe in PROBES}
BEFORE, AFTER = Personality(accuracy=0.95, words=4), Personality(accuracy=0.4, refusals=0.2, words=14, style=1)
PER_ROUND, QUIET_ROUNDS, WITHIN = 8, 15, 60
"""WITHIN: answers of the switched model by which it must be noticed."""
PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: small, on_premises: true}
  two: {name: sandbox, model: large, on_premises: true, dialect: anthropic}
models: {chat: {targets: [one, two]}}
tenants: {acme: {}}
quality: {canaries: {every: 0.02s, per_round: 8, suites: mine.yaml}, drift: {compare: characters}}
"""


def suite() -> str:
    """Questions with free answers, and a few short ones: so few that each is asked in every round."""
    longer = [probe for probe in PROBES if probe.kind == "instruction" and len(str(probe.example).split()) > 5][:5]
    chosen = [*longer, *[probe for probe in PROBES if probe.kind == "factual"][: PER_ROUND - len(longer)]]
    expects = {probe.id: {"contains": str(probe.example).split()[0]} for probe in chosen}
    return json.dumps({"questions": {probe.id: {"ask": probe.ask, "expect": expects[probe.id]} for probe in chosen}})


def play(origin: str, personality: Personality) -> None:
    script = json.dumps([{"personality": {name: getattr(personality, name) for name in personality.__struct_fields__}}])
    call = urllib.request.Request(origin.replace("/v1", "/_sandbox/script"), script.encode(), method="POST")
    with urllib.request.urlopen(call) as answer:
        assert answer.status == 200


def asked(data: Path, target: str) -> int:
    with QualityStore(data / "quality.sqlite") as store:
        return sum(store.askings(target).values())


def test_a_model_that_is_switched_under_one_name_is_noticed_and_customers_see_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "mine.yaml").write_text(suite())
    data = tmp_path / "data"
    settings = [SandboxSettings(name=name, book=BOOK, personality=BEFORE) for name in ("one", "two")]
    settings[1] = SandboxSettings(name="two", dialect="anthropic", book=BOOK, personality=BEFORE)
    with SandboxProcess(settings[0]) as one, SandboxProcess(settings[1]) as two:
        with Server(tmp_path / "plan.yaml", data, {"one": one.base_url, "two": two.base_url}, workers=1) as server:
            key = server.key("acme")
            assert server.chat(key) == 200
            assert server.chat(key, "target:one") == 404  # that is the server's own
            eventually(lambda: asked(data, "one") >= QUIET_ROUNDS * PER_ROUND)
            assert changes_of(data / "quality.sqlite", 0.0) == []
            before, switched_s = asked(data, "one"), time.time()
            play(one.base_url, AFTER)
            (change,) = eventually(lambda: changes_of(data / "quality.sqlite", 0.0))
            assert (change.target, change.kind, change.before, change.after) == ("one", "drift", change.after, "small fp_sandbox_one")
            assert change.probes - before <= WITHIN
            assert abs(change.since_s - switched_s) < 5.0
            state: dict[str, Any] = eventually(lambda: (state := server.state())["canaries"]["observations"] and state)
            assert state["canaries"]["restarts"] == 0
            server.written()
        drift, canaries = look_at_drift(data), seen_canaries(data)
    assert [(row.target, row.kind) for row in drift.changes] == [("one", "drift")]
    assert drift.changes[0].examples
    assert {(row.target, row.era, row.changed) for row in drift.versions} >= {("one", 1, True), ("two", 1, False)}
    assert {row.target: row.version for row in canaries.rows}["two"] == "large"
    assert all(row.failed == 0 for row in canaries.rows)
    ledger = Ledger(data)
    by_tenant = dict(ledger.sql("SELECT tenant, count(*) FILTER (tier IS NOT NULL) FROM events GROUP BY tenant").to_pydict().items())
    assert sorted(by_tenant["tenant"]) == ["acme", "canaries"]
    assert sum(ledger.sql("SELECT count(*) FILTER (tier IS NOT NULL) AS n FROM events").to_pydict()["n"]) == 0
    signals = ledger.sql(
        "SELECT target, tenant, kind, count(*) AS n, min(probe) AS probe, min(version) AS version FROM signals GROUP BY ALL"
    ).to_pylist()
    assert {row["tenant"] for row in signals} == {"canaries"}
    assert {row["target"] for row in signals} == {"one", "two"}
    assert {"canary", "refused", "length", "agreement", "distance", "confidence"} <= {row["kind"].lower() for row in signals}
    assert all(row["probe"] >= 1 and row["version"] >= 1 for row in signals)
