"""The plan's language of demand: what it accepts, what it refuses, and that a plan written out is the plan again."""

import pytest

from roteiro.plan.digest import canonical_json, load_canonical
from roteiro.plan.model import Plan
from roteiro.plan.read import read_text

PLAN = """
roteiro: 1
providers: {here: {name: local, model: m, local: smollm2}}
tenants: {acme: {}, beta: {}}
demand:
  arrivals: {process: weibull, rate: 8/s, cv: 2}
  input_tokens: {median: 800, p95: 1500}
  output_tokens: {median: 60, p95: 300}
  correlation: 0.3
  prefixes: {count: 200, zipf: 1.1, tokens: 500}
  clients: {retry: {share: 60%, attempts: 3, backoff: 2s, after_failures: true}}
  shape:
    daily: {peak_at: "14:00", trough: 20%}
    weekly: [1, 1, 1, 1, 1, 0.5, 0.5]
    growth: +10%
    bursts: {rate: 6/d, size: 3, length: 10min}
    surge: {at: "14:00", ramp: 20min, peak: 8, plateau: 1h, decay: 2h}
  groups:
    a: {share: 70%, process: gamma, cv: 3}
    b: {share: 30%, mix: [{tenant: acme, share: 100%}], prefixes: {count: 3}}
  scenarios:
    viral: {factors: {hype: 2}, shape: {surge: {at: "10:00", peak: 20}}}
    calm: {shape: {bursts: null, growth: 1}}
"""


def plan_of(text: str) -> Plan:
    reading = read_text(text)
    assert reading.plan is not None, [str(problem) for problem in reading.problems]
    return reading.plan


def told(text: str) -> list[str]:
    return [str(problem) for problem in read_text(text).errors]


def test_the_whole_language_is_read_and_comes_back_as_it_was() -> None:
    plan = plan_of(PLAN)
    assert load_canonical(canonical_json(plan)).demand == plan.demand
    surge = plan.demand.shape.surge
    assert surge is not None and (surge.at_s, surge.ramp_s, surge.peak) == (50_400.0, 1200.0, 8.0)
    assert plan.demand.groups["b"].mix[0].tenant == "acme"


def test_24_factors_may_stand_in_place_of_a_wave() -> None:
    plan = plan_of(PLAN.replace('{peak_at: "14:00", trough: 20%}', f"[{', '.join(['1'] * 23)}, +50%]"))
    daily = plan.demand.shape.daily
    assert daily is not None and daily.hours[-1] == 1.5
    assert load_canonical(canonical_json(plan)).demand == plan.demand


def test_a_scenario_changes_what_it_says_and_no_more() -> None:
    demand = plan_of(PLAN).demand
    viral = demand.shape_in(demand.scenarios["viral"])
    assert viral.surge is not None and viral.surge.peak == 20.0
    assert (viral.daily, viral.bursts, viral.growth) == (demand.shape.daily, demand.shape.bursts, demand.shape.growth)
    calm = demand.shape_in(demand.scenarios["calm"])
    assert calm.bursts is None and calm.growth == 1.0 and calm.surge == demand.shape.surge
    assert demand.shape_in(None) == demand.shape


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('{peak_at: "14:00", trough: 20%}', "[1, 2]", "E105 demand.shape.daily has 2 factors; 24"),
        ('{peak_at: "14:00", trough: 20%}', f"[{', '.join(['0'] * 24)}]", "has no factor above 0"),
        ('{peak_at: "14:00", trough: 20%}', f"[{', '.join(['-1'] * 24)}]", "is -1, a factor below 0"),
        ('{peak_at: "14:00", trough: 20%}', f"[{', '.join(['.nan'] * 24)}]", "not a factor"),
        ('{peak_at: "14:00", trough: 20%}', "{}", "wants either 24 hours or a peak"),
        ('{peak_at: "14:00", trough: 20%}', '{peak_at: "25:00"}', "E115 demand.shape.daily.peak_at"),
        ("[1, 1, 1, 1, 1, 0.5, 0.5]", "[1, 1]", "has 2 factors; 7, one a day from Monday"),
        ("growth: +10%", "growth: 0", "E105 demand.shape.growth"),
        ("growth: +10%", "growth: -.inf", "demand.shape.growth"),
        ("size: 3", "size: 0.5", "E105 demand.shape.bursts.size"),
        ("length: 10min", "length: 0s", "E105 demand.shape.bursts.length"),
        ('at: "14:00", ramp', 'at: "24:30", ramp', "E115 demand.shape.surge.at"),
        ("peak: 8", "peak: 0", "E105 demand.shape.surge.peak"),
        ("ramp: 20min, peak: 8, plateau: 1h, decay: 2h", "ramp: 0s, peak: 8, decay: 0s", "takes no time at all"),
        ("correlation: 0.3", "correlation: 1.5", "E105 demand.correlation"),
        ("correlation: 0.3", "correlation: .nan", "demand.correlation"),
        ("share: 70%, process: gamma", "process: gamma", "wants either a share or a rate"),
        ("share: 70%, process: gamma", "share: 70%, rate: 1/s, process: gamma", "wants either a share or a rate"),
        ("share: 70%, process: gamma", "share: 70%, process: trace", "E106 demand.groups.a is a trace"),
        ("count: 200", "count: 0", "E105 demand.prefixes.count"),
        ("zipf: 1.1", "zipf: -1", "E105 demand.prefixes.zipf"),
        ("attempts: 3", "attempts: 21", "E105 demand.clients.retry.attempts"),
        ("share: 60%", "share: 160%", "demand.clients.retry.share"),
        ("process: weibull, rate: 8/s, cv: 2", "process: weibull, cv: 2", "is weibull without a rate"),
        ("cv: 2}", "cv: 0}", "E105 demand.arrivals.cv"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(old: str, new: str, words: str) -> None:
    text = PLAN.replace(old, new, 1)
    assert text != PLAN
    assert any(words in one for one in told(text)), told(text)
