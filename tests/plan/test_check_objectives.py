"""What vendors' promises carry, and alerts that cannot fire or fire for one failure: a plan for each check, and the arithmetic of paths."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roteiro.plan.composition import compose
from roteiro.plan.look import CHECKS
from roteiro.plan.model import Plan
from roteiro.plan.read import read_text

HEAD = "roteiro: 1\n"
TIERS = "sla_tiers: {gold: {availability: 99.99%}}\n"


def provider(availability: float | None, more: str = "") -> str:
    promised = "" if availability is None else f", promised_sla: {{availability: {availability}%{more}}}"
    return f"{{name: local, model: m{promised}, local: smollm2}}"


def plan_of(*availabilities: float | None, rest: str = TIERS) -> str:
    rows = "".join(f"  p{k}: {provider(one)}\n" for k, one in enumerate(availabilities))
    targets = ", ".join(f"p{k}: {10 - k}" for k in range(len(availabilities)))
    return f"{HEAD}providers:\n{rows}models: {{chat: {{targets: {{{targets}}}, retry: {{attempts: 10, same_target: 0}}}}}}\n{rest}"


def resolved(text: str) -> Plan:
    result = read_text(text)
    assert result.plan is not None, [str(one) for one in result.problems]
    return result.plan


BURN = "alerts: {{burn: [{{burn: {burn}, long: {long}, short: 5min}}]}}"
SLO = HEAD + "providers: {here: " + provider(None) + "}\nslos: {s: {sli: availability, objective: %s, %s}}\n"
CASES = [
    ("E207", "sla_tiers.gold.availability", "jointly promise 99.8%, if they fail independently (model chat: p0 98%, ", plan_of(98, 90)),
    ("E207", "sla_tiers.gold.availability", "each request asking one alone", plan_of(99.9, 99.9).replace("attempts: 10", "attempts: 1")),
    (
        "W311",
        "sla_tiers.gold.availability",
        "the vendors of model small jointly promise 98%",
        plan_of(98, 99.9).replace("models: {", "models: {small: {targets: [p0]}, "),
    ),
    (
        "W208",
        "sla_tiers.gold.latency_p95",
        "the vendors of model auto carry 2s",
        HEAD + "providers: {here: " + provider(99, ", latency_p95: 2s") + "}\nsla_tiers: {gold: {latency_p95: 1s}}\n",
    ),
    ("E310", "slos.s.alerts.burn[0].burn", "burns at most 14.29 times too fast", SLO % ("93%", BURN.format(burn=14.4, long="1h"))),
    (
        "E311",
        "slos.s.alerts.burn[0]",
        "60 requests an hour have 60 in 1h",
        SLO % ("99.9%", BURN.format(burn=14.4, long="1h")) + "demand: {arrivals: {rate: 1/min}}\n",
    ),
    ("E312", "slos.s.alerts.burn[0].long", "is 8d; the window is 1w", SLO % ("99%", "window: 7d, " + BURN.format(burn=1, long="8d"))),
    ("W310", "slos.s.steps", "leaves no error budget", SLO % ("100%", "steps: [{spent: 50%, do: degrade}]")),
]


@pytest.mark.parametrize(("code", "path", "words", "text"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_each_check_finds_its_case(code: str, path: str, words: str, text: str) -> None:
    told = [problem for problem in read_text(text).problems if problem.code == code]
    assert [problem.path for problem in told] == [path] and words in told[0].message


def test_every_check_has_a_case() -> None:
    assert {case[0] for case in CASES} == {code for code, check in CHECKS if check.__module__.endswith("check_objectives")}


def test_the_remedy_is_a_promise_that_is_carried() -> None:
    (found,) = [one for one in read_text(plan_of(98, 90)).problems if one.code == "E207"]
    assert "promise at most 99.8%" in found.remedy
    assert not [one for one in read_text(plan_of(98, 90, rest=TIERS.replace("99.99", "99.8"))).problems if one.code == "E207"]


def test_an_alert_at_its_bound_can_fire_and_one_at_more_demand_is_not_nervous() -> None:
    for text in (SLO % ("95%", BURN.format(burn=20, long="1h")), SLO % ("99.9%", BURN.format(burn=14.4, long="1h"))):
        assert not [one for one in read_text(text + "demand: {arrivals: {rate: 100/s}}\n").problems if one.code in ("E310", "E311")]


def test_the_usual_alerts_are_never_refused() -> None:
    for objective in ("50%", "93.05%", "99.99%"):
        text = SLO % (objective, "alerts: {burn: auto}") + "demand: {arrivals: {rate: 1/min}}\n"
        assert not [one for one in read_text(text).problems if one.code.startswith("E31")]


def test_a_cache_answers_without_a_vendor_and_a_shared_fate_counts_once() -> None:
    text = plan_of(99, 90, rest="")
    assert compose(resolved(text), "chat").independent == pytest.approx(1 - 0.01 * 0.1)
    cached = compose(resolved(text.replace("{targets", "{cache: {exact: true, expected_hits: 50%}, targets")), "chat")
    assert cached.independent == pytest.approx(1 - 0.5 * 0.001)
    cloud = HEAD + "providers:\n" + "".join(
        f"  {name}: {{name: openai, model: gpt-4o{more}, promised_sla: {{availability: {share}%}}}}\n"
        for name, more, share in (("one", "", 99), ("two", "-mini", 98))
    )  # fmt: skip
    together = compose(resolved(cloud), "auto")
    assert together.independent == together.together == pytest.approx(0.99), "one vendor in one region fails as one"


@settings(max_examples=15)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=4), st.integers(1, 4))
def test_a_path_is_as_good_as_its_best_part_at_least_and_no_worse_for_another_part(shares: list[int], attempts: int) -> None:
    path = compose(resolved(plan_of(*shares, rest="").replace("attempts: 10", f"attempts: {attempts}")), "chat")
    assert path.independent is not None and path.together is not None
    assert path.together <= path.independent + 1e-12
    assert path.reach == min(len(shares), attempts)
    more = compose(resolved(plan_of(*shares, 50, rest="")), "chat")
    whole = compose(resolved(plan_of(*shares, rest="")), "chat")
    assert more.independent is not None and whole.independent is not None and more.independent >= whole.independent - 1e-12


def test_a_p95_is_carried_by_what_answers_95_percent() -> None:
    text = HEAD + "providers:\n" + "".join(
        f"  p{k}: {{name: local, model: m, local: smollm2, weight: {weight}, promised_sla: {{latency_p95: {time}}}}}\n"
        for k, (weight, time) in enumerate([(60, "1s"), (40, "3s")])
    )  # fmt: skip
    assert compose(resolved(text), "auto").latency_p95_s == 3.0
    cached = text + "models: {chat: {targets: [p0, p1], cache: {exact: true, expected_hits: 90%}}}\n"
    assert compose(resolved(cached), "chat").latency_p95_s == 1.0, "90 % from the cache, 57 % of the rest within a second"
