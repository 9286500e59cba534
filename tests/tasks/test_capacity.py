"""Capacity from end to end: a story that ends in a rehearsal, laws of what is needed, forecasts of records, and what cannot be planned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from roteiro.plan.read import read
from roteiro.tasks.capacity import CapacityResult, capacity
from roteiro.tasks.diff import diff
from roteiro.tasks.prepared import Asked
from roteiro.terms.error import PlanError, SettingsError

EXAMPLE = Path(__file__).parents[2] / "examples" / "capacity.yaml"
DAY_S = 86_400.0
PLAN = """
roteiro: 1
name: small
providers:
  one: {name: alpha, model: a, weight: 60, base_url: "http://127.0.0.1:1/v1", region: here, quality: 90%,
        price: {input: $1/1M tokens, output: $5/1M tokens}, limits: {requests: 300/min, tokens: 200k tokens/min},
        provisioned: {tokens: 1000/min, output_ratio: 4, least: 10, increment: 5, cost: $0.02/h},
        service: {ttft: {median: 100ms, p95: 200ms}, itl: {median: 5ms, p95: 9ms}}}
  two: {name: beta, model: b, weight: 40, base_url: "http://127.0.0.1:2/v1", region: there, quality: 92%,
        price: {input: $2/1M tokens, output: $8/1M tokens}, limits: {requests: 500/min, tokens: 400k tokens/min},
        service: {ttft: {median: 150ms, p95: 300ms}, itl: {median: 5ms, p95: 9ms}}}
models: {chat: {targets: {one: 60, two: 40}}}
workloads: {ask: {model: chat}, sift: {model: chat, priority: batch}}
tenants: {acme: {tier: gold, workloads: [ask, sift]}}
sla_tiers: {gold: {availability: 99%, latency_p95: 5s, quality_score: 0.85}}
demand:
  arrivals: {process: poisson, rate: 4/s}
  input_tokens: {median: 200, p95: 500}
  output_tokens: {median: 80, p95: 200}
  mix: [{tenant: acme, workload: ask, share: 80%}, {tenant: acme, workload: sift, share: 20%}]
  scenarios: {base: {}, stress: {factors: {surge: 4}}}
"""


def written(folder: Path, text: str = PLAN, name: str = "plan.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def asked(path: Path, source: Path | None = None, **wanted: object) -> CapacityResult:
    usual = {"horizon_s": DAY_S, "paths": 20, "simulate": False, "why": False}
    return capacity(path, source, **{**usual, **wanted})  # type: ignore[arg-type]


def test_the_example_is_planned_simulated_kept_and_rehearsed(tmp_path: Path) -> None:
    result = capacity(EXAMPLE, horizon_s=DAY_S / 2, paths=30, seeds=1)
    assert result.met and result.confirmed is not None and result.confirmed.kept
    foretold = {one.tier: one.within_latency for one in result.confirmed.foretold}
    found = {one.tier: one.share.mean for one in result.confirmed.promises if one.what == "latency_p95"}
    assert all(abs(found[tier] - (share or 0.0)) < 0.05 for tier, share in foretold.items()), "queues and simulator agree"
    overlay = tmp_path / "planned.yaml"
    overlay.write_text(result.overlay(overlay, {"was": "was {before}", "weight": "why"}, "head"))
    reading = read(overlay)
    assert reading.plan is not None, reading.problems
    assert not [one for one in reading.problems if one.code == "W288"], "no policy where nothing is left to scale"
    house = reading.plan.providers["house"].servers
    assert house is not None and (house.variant, house.alpha_s) == ("int8", 0.018), "the cheapest precision that is good enough"
    rehearsed = diff(EXAMPLE, overlay, Asked(requests=300), seeds=2)
    changed = {one.path for one in rehearsed.changes if not one.follows}
    assert {".".join(change.path) for change in result.changes if change.before != change.after and change.before} <= changed


def test_what_is_needed_grows_with_demand_and_losses(tmp_path: Path) -> None:
    result = asked(written(tmp_path))
    by_scenario = {name: [one for one in result.periods if one.scenario == name] for name in ("base", "stress")}
    for base, stress in zip(by_scenario["base"], by_scenario["stress"], strict=True):
        assert stress.rate_per_s > 3.0 * base.rate_per_s
        for usual, more in zip(base.needs, stress.needs, strict=True):
            assert usual.tokens_per_min < more.tokens_per_min and usual.lost_tokens_per_min >= usual.tokens_per_min
            assert usual.lost_rate_per_s == pytest.approx(base.rate_per_s), "either takes all when the other is lost"
    one = by_scenario["base"][0].needs[0]
    assert one.units is not None and (one.units - 10) % 5 == 0 and one.tokens_per_min > one.rate_per_s * 60 * result.tokens_a_request
    assert asked(written(tmp_path)).changes == result.changes, "the same seed buys the same"
    alone = asked(written(tmp_path), survive=False)
    assert all(need.lost_tokens_per_min == need.tokens_per_min for period in alone.periods for need in period.needs)


def test_units_are_bought_where_they_are_cheap_and_quotas_are_asked_for(tmp_path: Path) -> None:
    result = asked(written(tmp_path), scenario="stress", why=True)
    (buying,) = result.buyings
    bought = {one.provider: each for one, each in zip(buying.offered, buying.purchase.bought, strict=True)}
    assert bought["one"].units > 0 and bought["one"].used > 0.3
    changes = {".".join(change.path): change.after for change in result.changes}
    assert changes["providers.one.provisioned.units"] == str(bought["one"].units)
    assert int(changes["providers.two.limits.requests"].removesuffix("/min")) > 500
    assert buying.reasons is not None and buying.reasons.actions[0].offer == "alpha/one"
    assert result.as_json()["purchases"][0]["bought"][0]["units"] == bought["one"].units


def test_a_record_is_forecast_and_split_as_it_tells(tmp_path: Path) -> None:
    record = tmp_path / "use.csv"
    chance = np.random.default_rng(3)
    lines = ["time,workload,requests,input_tokens,output_tokens"]
    for hour in range(24 * 8):
        for workload, size in (("ask", 9000), ("sift", 3000)):
            count = size * (1.5 + np.sin(2 * np.pi * hour / 24)) * (1 + 0.05 * chance.normal())
            lines.append(f"2026-03-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z,{workload},{count:.0f},{count * 300:.0f},{count * 100:.0f}")
    record.write_text("\n".join(lines) + "\n")
    result = asked(written(tmp_path), record, method="seasonal_naive", simulate=True, seeds=1, survive=False)
    assert result.tokens_a_request == pytest.approx(400.0, rel=0.01)
    assert max(one.rate_per_s for one in result.planned) == pytest.approx(12_000 * 2.5 / 3600, rel=0.3)
    need = result.buyings[0]
    assert need.promise.survive == 0.0 and result.confirmed is not None
    assert result.confirmed.rate_per_s == max(one.rate_per_s for one in result.planned)


OWN = "servers: {batch: 8, alpha: 20ms, cost: $2/h, most: 3}"


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("latency_p95: 5s", "latency_p95: 200ms", "W953", "without any queue"),
        ("targets: {one: 60, two: 40}", "targets: {one: 1}", "W954", "no provider left when alpha is lost"),
        ("price: {input: $2/1M tokens, output: $8/1M tokens}, ", "", "W955", "left out of the purchase"),
        ("rate: 4/s", "rate: 60/s", "W956", "tokens/min are lacking"),
        ("workload: sift, share", "workload: ask, region: here, share", "", ""),
        ("tenants: {acme: {tier: gold, workloads: [ask, sift]}}", "tenants: {acme: {tier: gold, workloads: [ask, sift]}, own: {residency: [here], workloads: [ask]}}", "", ""),
        ("limits: {requests: 500/min, tokens: 400k tokens/min}", OWN, "W955", "counts as free"),
    ],
)  # fmt: skip
def test_what_makes_an_answer_worth_less_is_told(old: str, new: str, code: str, words: str, tmp_path: Path) -> None:
    text = PLAN.replace(old, new).replace("cost: $2/h, ", "" if words == "counts as free" else "cost: $2/h, ")
    result = asked(written(tmp_path, text))
    told = [problem for problem in result.problems if problem.code == code]
    assert not code or (words in str(told[0]) and told[0].remedy)
    assert all(one.where.file.endswith("plan.yaml") for one in told)
    assert result.met == (code not in ("W953", "W956") and words != "left out of the purchase"), "one vendor alone bears no loss"


def test_servers_that_are_too_few_or_too_slow(tmp_path: Path) -> None:
    few = PLAN.replace("limits: {requests: 500/min, tokens: 400k tokens/min}", OWN).replace("rate: 4/s", "rate: 25/s")
    assert any(one.code == "W959" and "most" in str(one) for one in asked(written(tmp_path, few)).problems)
    slow = asked(written(tmp_path, few.replace("alpha: 20ms", "alpha: 900ms")))
    assert any(one.code == "W953" and "keep no promise" in str(one) for one in slow.problems) and not slow.met
    assert {one.replicas for one in slow.options if one.kind == "more"} == {None}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("  arrivals: {process: poisson, rate: 4/s}\n", "", "E921"),
        ("price: {", "promised_sla: {availability: 99%}, region: here, x: {", "E101"),
        ("{base: {}, stress: {factors: {surge: 4}}}", "{base: {factors: {surge: 0}}}", "E922"),
        ("name: alpha, model: a", "name: alpha, model: a, kind: embedding", "E951"),
    ],
)
def test_what_cannot_be_planned_is_a_problem_with_its_code(old: str, new: str, code: str, tmp_path: Path) -> None:
    text = PLAN.replace(old, new)
    if code == "E951":
        text = text.replace("name: beta, model: b", "name: beta, model: b, kind: embedding")
    with pytest.raises(PlanError) as caught:
        asked(written(tmp_path, text))
    assert code in {problem.code for problem in caught.value.problems}
    assert all(problem.message for problem in caught.value.problems)


def test_a_demand_with_nowhere_to_go_names_the_model_and_the_place(tmp_path: Path) -> None:
    from roteiro.tasks.capacity_demand import parts_of
    from roteiro.tasks.capacity_needs import Fleet, shares_of

    plan = read(written(tmp_path)).plan
    assert plan is not None
    flow = replace(parts_of(plan)[0][0], allowed=frozenset(["nowhere"]))
    assert shares_of(plan, flow) == {} and shares_of(plan, replace(flow, allowed=frozenset(["here"]))) == {"one": 1.0}
    result = asked(written(tmp_path))
    expected = type("Demand", (), {"flows": (flow,)})()
    with pytest.raises(PlanError) as caught:
        Fleet.of(result.resolved, expected, 0.9, True, {})
    assert "E952" in str(caught.value.problems[0]) and "nowhere" in str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("wanted", "words"), [({"probability": 1.0}, "below 1"), ({"attainment": 0.0}, "attainment"), ({"horizon_s": 60.0}, "from an hour")]
)
def test_what_nobody_can_ask(wanted: dict[str, float], words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        asked(written(tmp_path), **wanted)


def test_an_unknown_scenario_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="E923"):
        asked(written(tmp_path), scenario="doom")


def test_an_environment_stays_beneath_the_overlay(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "plan.large.yaml").write_text("demand: {arrivals: {rate: 12/s}}\n")
    result = asked(path, environment="large")
    (tmp_path / "sub").mkdir()
    to = tmp_path / "sub" / "planned.yaml"
    to.write_text(result.overlay(to, {}, "head"))
    assert 'include: ["../plan.yaml", "../plan.large.yaml"]' in to.read_text()
    plan = read(to).plan
    assert plan is not None and plan.demand.arrivals is not None and plan.demand.arrivals.rate is not None
    assert plan.demand.arrivals.rate.per_second == pytest.approx(12.0)
