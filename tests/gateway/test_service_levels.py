"""How objectives stand, read from a block: the same shares as the kernel's own, under their names."""

import pytest
from tests.policy.test_objective import Counted

from roteiro.gateway.burning import burning
from roteiro.gateway.service_levels import Levels, promise_of
from roteiro.plan.compile_objectives import alert_rows
from roteiro.plan.promised import promised
from roteiro.plan.read import read_text
from roteiro.terms.codes import Reason, Step

PLAN = """
sla_tiers:
  gold:
    availability: 99%
    latency_p95: 1s
    pii_leaks: 0
    window: 30d
    steps: [{spent: 1%, do: notify}, {spent: 3%, do: freeze}, {spent: 100%, do: shed}]
"""


@pytest.fixture
def burnt() -> Counted:
    """An hour of a request every ten seconds, half of which fail in its second half."""
    it = Counted(PLAN)
    for n in range(360):
        it.ask(10.0 + 10.0 * n, good=n < 180 or n % 2 != 0)
    it.world.step(Step.TEND, now=3700.0)
    return it


def noted(it: Counted, reason: Reason) -> list[dict[str, float]]:
    rows = it.world.decisions()
    return [{"b": int(row["b"]), "x": float(row["x"]), "spent": float(row["argument"])} for row in rows[rows["reason"] == int(reason)]]


def test_shares_are_the_kernels_own(burnt: Counted) -> None:
    """What it noted when it judged is what is read of the same moment."""
    levels = Levels(lambda: burnt.world.compiled, burnt.world.state)(3700.0)
    gold = {one.name: one for one in levels.objectives}
    one, rows = gold["gold.availability"], [row[0] for row in alert_rows(burnt.world.compiled.plan)]
    alerts = {rows.index("gold.availability") + n: alert for n, alert in enumerate(one.alerts)}
    told = noted(burnt, Reason.SLO_ALERT)
    assert {note["b"] for note in told} == {b for b, alert in alerts.items() if alert.firing} and told
    for note in told:
        assert (alerts[note["b"]].lately, one.spent) == (note["x"], note["spent"])
    assert {note["x"] for note in noted(burnt, Reason.SLO_STEP)} == {one.spent}
    assert (one.good, one.bad, one.run_good, one.run_bad) == (270, 90, 270, 90)
    assert gold["gold.leaks"].left is None and gold["gold.latency_p95"].bad == 0


def test_what_fires_and_what_is_in_force(burnt: Counted) -> None:
    levels = Levels(lambda: burnt.world.compiled, burnt.world.state)
    state = levels(3700.0)
    one = next(one for one in state.objectives if one.name == "gold.availability")
    firing = {alert.alert for alert in one.alerts if alert.firing}
    assert firing and {alert.since_unix_s is not None for alert in one.alerts if alert.firing} == {True}
    assert one.spent is not None and [step.active for step in one.steps] == [True, True, one.spent >= 1.0] and state.frozen
    assert {what.objective for what in burning(state)} == {"gold.availability"}
    assert one.exhausted_unix_s is not None or one.spent >= 1.0


def test_a_glance_tells_whether_anything_changed() -> None:
    it = Counted(PLAN)
    levels = Levels(lambda: it.world.compiled, it.world.state)
    quiet = levels.glance()
    assert list(burning(levels(5.0))) == [] and levels(5.0).objectives[0].spent == 0.0
    for n in range(20):
        it.ask(10.0 + n)
    it.world.step(Step.TEND, now=60.0)
    assert levels.glance() == quiet, "requests alone are no change"
    for n in range(200):
        it.ask(70.0 + n, good=False)
    it.world.step(Step.TEND, now=300.0)
    assert levels.glance() != quiet


def test_promises_in_symbols() -> None:
    plan = read_text(
        "roteiro: 1\nsla_tiers: {gold: {availability: 99.99%, latency_p95: 1s, throughput: 20, quality_score: 90%, pii_leaks: 0, "
        "hallucination_rate: 1%, confidence: {above: 85%}, cost_per_request: $0.01}}\n"
        "slos: {fast: {sli: ttft, objective: 99%, threshold: 500ms, window: 7d}}\n"
    ).plan
    assert plan is not None
    assert {one.name: promise_of(one) for one in promised(plan) if not one.mean} == {
        "gold.availability": "availability ≥ 99.99%, month", "gold.latency_p95": "95% latency ≤ 1s, month",
        "gold.throughput": "95% throughput ≥ 20, month", "gold.quality": "quality ≥ 90%, month", "gold.leaks": "leaks = 0, month",
        "gold.hallucination": "hallucination ≤ 1%, month", "gold.confidence": "95% confidence ≥ 85%, month", "fast": "99% ttft ≤ 500ms, 1w",
    }  # fmt: skip
