"""Scenarios of a plan's demand as forecasts apply them."""

import pytest

from roteiro.analysis.scenarios import CHAPTER
from roteiro.plan.model import Plan
from roteiro.plan.read import read_text
from roteiro.tasks.scenarios import ALL, scenarios_of
from roteiro.terms.error import PlanError

PLAN = """
roteiro: 1
timezone: America/Sao_Paulo
demand:
  factors: {user_growth: 1.15, seasonality: 1.2, hype: 2}
  spread: {user_growth: 5%}
  kinds: {hype: level, seasonality: monthly}
  events:
    campaign: {kind: campaign, begins: 2026-11-27, peak: 2}
  scenarios:
    base: {}
    cuts: {factors: {user_growth: 0.9}, spread: {user_growth: 2%}, description: fewer}
    viral: {shape: {growth: +10%, surge: {at: "14:00", day: 1, peak: 8}}, events: {launch: {kind: launch, after: 2d, peak: 3, decay: 1d}}}
"""


def plan_of(text: str) -> Plan:
    reading = read_text(text)
    assert reading.plan is not None, [str(problem) for problem in reading.problems]
    return reading.plan


def test_a_plans_scenarios_lie_over_its_demand() -> None:
    base, cuts, viral = scenarios_of(plan_of(PLAN), [ALL], begins_s=1_767_236_400.0)  # 2026-01-01 00:00 in São Paulo
    assert [(one.name, one.value, one.spread, one.kind) for one in base.factors] == [
        ("user_growth", 1.15, 0.05, "monthly"), ("seasonality", 1.2, None, "monthly"), ("hype", 2.0, None, "level"),
    ]  # fmt: skip
    assert (cuts.factors[0].value, cuts.factors[0].spread, cuts.description) == (0.9, 0.02, "fewer")
    assert [one.name for one in viral.factors] == ["user_growth", "seasonality", "hype", "growth"]
    campaign, launch, surge = viral.events
    assert (campaign.begins_s, campaign.plateau_s, campaign.lasting) == (1_795_748_400.0, 7 * 86_400.0, 0.0)
    assert (launch.after_s, launch.ramp_s, launch.decay_s, launch.lasting) == (2 * 86_400.0, 86_400.0, 86_400.0, 0.3)
    assert surge.begins_s == 1_767_236_400.0 + 38 * 3600.0


def test_without_scenarios_they_are_the_chapters() -> None:
    assert [one.name for one in scenarios_of(None, [ALL])] == list(CHAPTER)
    assert scenarios_of(plan_of("roteiro: 1\n"), ["stress", "base"]) == (CHAPTER["stress"], CHAPTER["base"])
    (base,) = scenarios_of(plan_of("roteiro: 1\ndemand: {factors: {users: 2}}\n"), [ALL])
    assert (base.name, base.factors[0].value) == ("base", 2.0)


def test_a_scenario_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(PlanError, match="E923") as raised:
        scenarios_of(None, ["optimist", "doom"])
    assert "optimistic" in str(raised.value) and "pessimistic, stress, or all" in str(raised.value)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("factors: {user_growth: -0.2}", "E104", "below 0; write 0 or more"),
        ("events: {e: {peak: -1}}", "E104", "below 0; write 0 or more"),
        ("events: {e: {kind: parade, peak: 2}}", "E106", "launch, campaign"),
        ("events: {e: {peak: 2, begins: 2026-01-01, after: 2d}}", "E102", "either `begins` or `after`"),
        ("events: {e: {peak: 2, ramp: 0s, plateau: 0s, decay: 0s}}", "E105", "no time at all"),
        ("events: {e: {begins: 2026-01-01}}", "E102", "peak"),
    ],
)
def test_a_problem_has_its_line(line: str, code: str, words: str) -> None:
    reading = read_text(f"roteiro: 1\ndemand:\n  {line}\n")
    (found,) = (problem for problem in reading.problems if problem.severity == "error")
    assert found.code == code and words in str(found) and found.where.line == 3, str(found)


def test_a_misspelt_factor_is_told() -> None:
    reading = read_text("roteiro: 1\ndemand: {factors: {user_growth: 1.1}, spread: {users_growth: 5%}}\n")
    (found,) = (problem for problem in reading.problems if problem.code == "W407")
    assert "user_growth" in found.remedy
