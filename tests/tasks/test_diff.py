"""Comparing two plans: what changed, what is more than chance, and that the same plan is the same to the last bit."""

from pathlib import Path

import pytest

from roteiro.tasks.diff import Effect, diff
from roteiro.tasks.prepared import Asked

PLAN = """
roteiro: 1
name: two
providers:
  one:
    {name: local, model: a, weight: WEIGHT, base_url: "http://127.0.0.1:1", price: {input: $1/1M tokens, output: $50/1M tokens},
     service: {ttft: {median: 100ms, p95: 200ms}, itl: {median: 2ms, p95: 4ms}, output_tokens: {median: 40, p95: 80}}}
  two:
    {name: local, model: b, weight: 10, base_url: "http://127.0.0.1:2", price: {input: $1/1M tokens, output: $5/1M tokens},
     service: {ttft: {median: 400ms, p95: 900ms}, itl: {median: 2ms, p95: 4ms}, output_tokens: {median: 40, p95: 80}}}
models:
  chat: {targets: {one: WEIGHT, two: 10}}
workloads: {ask: {model: chat}}
tenants: {acme: {tier: gold, workloads: [ask]}}
sla_tiers: {gold: {availability: 99%, latency_p95: LATENCY}}
demand:
  arrivals: {process: poisson, rate: 20/s}
  input_tokens: {median: 50, p95: 90}
  output_tokens: {median: 40, p95: 80}
"""
ASKED = Asked(requests=600)


def plan(folder: Path, name: str, weight: int, latency: str = "800ms") -> Path:
    path = folder / name
    path.write_text(PLAN.replace("WEIGHT", str(weight)).replace("LATENCY", latency))
    return path


def test_the_same_plan_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    result = diff(plan(tmp_path, "a.yaml", 90), plan(tmp_path, "b.yaml", 90), ASKED, seeds=2)
    assert result.changes == ()
    assert {one.effect for one in result.differences} == {Effect.SAME}
    assert not result.worse


def test_a_change_tells_what_differs_and_what_is_more_than_chance(tmp_path: Path) -> None:
    """Nine in ten to the dear and quick provider, or one in ten: cheaper, slower, and a promise newly missed."""
    result = diff(plan(tmp_path, "a.yaml", 90), plan(tmp_path, "b.yaml", 1), ASKED, seeds=4)
    written = [one for one in result.changes if not one.follows]
    assert {one.path for one in written} >= {"providers.one.weight", "models.chat.targets.one"}
    assert ("90", "1") in {(one.old, one.new) for one in written}
    effects = {one.figure: one.effect for one in result.differences}
    assert effects["cost"] is Effect.BETTER and effects["p50"] is Effect.WORSE
    assert effects["provider_share.one"] is Effect.CHANGED
    assert [one.figure for one in result.newly_missed] == ["tier_latency.gold"]
    assert result.worse
    told = result.as_json()
    assert told["worse"] is True and told["method"]["correction"] == "Holm"


def test_one_seed_is_not_sure(tmp_path: Path) -> None:
    result = diff(plan(tmp_path, "a.yaml", 90), plan(tmp_path, "b.yaml", 1), ASKED, seeds=1)
    assert {one.effect for one in result.differences} <= {Effect.UNSURE, Effect.SAME}


def test_ctrl_c_keeps_the_seeds_that_both_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from roteiro.tasks import pairs as module

    def stopped(jobs, **others):  # type: ignore[no-untyped-def]
        for i, found in real(jobs, **others):
            yield i, found
            if i == 2:
                raise KeyboardInterrupt

    real = module.run_jobs
    monkeypatch.setattr(module, "run_jobs", stopped)
    result = diff(plan(tmp_path, "a.yaml", 90), plan(tmp_path, "b.yaml", 1), ASKED, seeds=3)
    assert result.interrupted and result.seeds == (1,) and result.wanted_seeds == 3
