"""Promises of tiers and objectives of one's own, as one kind of value."""

from roteiro.analysis.objective import BurnAlert, Measure, Scope, Severity, Sli, Slices
from roteiro.plan.read import read_text
from roteiro.tasks.objectives_of import objectives_of

PLAN = """\
roteiro: 1
timezone: America/Sao_Paulo
providers: {here: {name: local, model: m, local: smollm2}}
sla_tiers:
  basic: {availability: 99%, latency_p95: 5000ms, quality_score: 0.80, support: Business hours}
  enterprise:
    availability: "99.99%"
    latency_p95: "1000ms"
    ttft_p50: 300ms
    throughput: 20
    quality_score: "0.90"
    confidence: {above: 0.85, of: 95%}
    hallucination_rate: 1%
    pii_leaks: 0
    auditable: 100%
    cost_per_request: $0.01
    support: "24/7 com 15min SLA"
    steps: [{spent: 50%, do: notify}, {spent: 100%, do: shed, below: interactive}]
slos:
  chat-fast:
    {sli: latency, objective: 99%, threshold: 2s, of: {provider: here}, window: 7d, slices: {length: 5min, objective: 95%},
     alerts: {burn: [{burn: 10, long: 1h, short: 5min, severity: ticket}]}}
"""


def test_every_promise_is_an_objective_and_a_percentile_a_share_within_a_bound() -> None:
    plan = read_text(PLAN).plan
    assert plan is not None
    found = {one.name: one for one in objectives_of(plan)}
    assert [name.removeprefix("enterprise.") for name in found if name.startswith("enterprise.")] == [
        "availability", "latency_p95", "ttft_p50", "throughput", "quality", "confidence", "hallucination", "leaks", "auditable", "cost",
    ]  # fmt: skip
    assert next(iter(found)) == "enterprise.availability" and list(found)[-1] == "chat-fast", "the strictest tier first, slos last"
    p95, median, cost = found["enterprise.latency_p95"], found["enterprise.ttft_p50"], found["enterprise.cost"]
    assert (p95.sli, p95.least, p95.bound, p95.scope, p95.tier) == (Sli.LATENCY, 0.95, 1.0, Scope(tier="enterprise"), "enterprise")
    assert (median.sli, median.least, median.bound) == (Sli.TTFT, 0.5, 0.3)
    assert (cost.measure, cost.bound, cost.has_budget, cost.alerts) == (Measure.MEAN, 1e7, False, ())
    assert found["enterprise.leaks"].alerts == (), "where nothing may be bad there is no budget to burn"
    assert found["enterprise.quality"].kinds == ("judge", "canary")
    assert [(step.spent, step.do, step.to, step.below) for step in p95.steps] == [
        (0.5, "notify", (), None), (1.0, "shed", (), "interactive"),
    ]  # fmt: skip
    assert found["enterprise.availability"].window.timezone == "America/Sao_Paulo"


def test_usual_alerts_are_those_that_can_fire_and_ones_own_are_taken_as_written() -> None:
    plan = read_text(PLAN).plan
    assert plan is not None
    found = {one.name: one for one in objectives_of(plan)}
    assert [alert.burn for alert in found["basic.availability"].alerts] == [14.4, 6.0, 3.0, 1.0]
    assert [alert.burn for alert in found["basic.quality"].alerts] == [3.0, 1.0], "at 80 % nothing burns faster than 5 times"
    own = found["chat-fast"]
    assert (own.slices, own.window.length_s) == (Slices(300.0, 0.95), 7 * 86_400.0)
    assert own.alerts == (BurnAlert(10.0, 3600.0, 300.0, Severity.TICKET),)
    assert own.scope == Scope(target="here")
