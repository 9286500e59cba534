"""Scenarios as values: every one says what must be seen, in two languages and on its page, and its checks tell good from bad."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roteiro.plan.read import read_text
from roteiro.report.words_of_drills import PROMISES_PT
from roteiro.testing.promise import Promise, promise_of
from roteiro.testing.scenario import Acted, Scenario, Seen, answered, asked, no_upstream_words, refused
from roteiro.testing.scenarios import SCENARIOS
from roteiro.testing.truth import Told, Truth

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "drill-faults.md"
PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: a, base_url: "http://127.0.0.1:9/v1", weight: 30, on_premises: true, key_env: [A, B], price: {input: $1/1M tokens, output: $2/1M tokens}}
  two: {name: sandbox, model: b, dialect: anthropic, base_url: "http://127.0.0.1:9/v1", weight: 70, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}}
  old: {name: sandbox, model: c, base_url: "http://127.0.0.1:9/v1", weight: 0, on_premises: true, assistant_prefix: false, price: {input: $1/1M tokens, output: $2/1M tokens}}
models:
  both:  {targets: [one, two], fallbacks: [old], retry: {attempts: 3, same_target: 1}}
  once:  {targets: [one, two], retry: {attempts: 1}}
  alone: {targets: {one: 1}}
  mute:  {targets: {one: 1}, fallbacks: [old]}
  off:   {targets: [one, two], rescue: false, on_disconnect: drain}
tenants: {acme: {}}
"""


def promise(model: str) -> Promise:
    reading = read_text(PLAN)
    assert reading.plan is not None, reading.problems
    return promise_of(reading.plan, model)


def test_a_promise_is_what_the_plan_says() -> None:
    both = promise("both")
    assert [target.name for target in both.targets] == ["two", "one", "old"]  # the heaviest first, fallbacks last
    assert (both.targets[1].keys, both.targets[0].dialect, both.targets[2].prefix) == (("A", "B"), "anthropic", False)
    assert (both.may_retry, both.may_fail_over, both.may_move, both.may_rescue) == (True, True, True, True)
    once, alone, mute, off = (promise(name) for name in ("once", "alone", "mute", "off"))
    assert (once.may_retry, once.may_fail_over, once.may_rescue, once.why_no_rescue) == (False, False, False, "one_attempt")
    assert (alone.may_retry, alone.may_fail_over, alone.may_rescue, alone.why_no_rescue) == (True, False, False, "no_second_prefix")
    assert (mute.may_fail_over, mute.may_rescue, mute.why_no_rescue) == (True, False, "no_second_prefix")
    assert (off.may_rescue, off.why_no_rescue, off.on_disconnect) == (False, "rescue_off", "drain")


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))
def test_a_scenario_says_what_must_be_seen(scenario: Scenario) -> None:
    assert scenario.must
    assert PROMISES_PT[scenario.name]
    assert scenario.streams
    assert f"`{scenario.name}`" in PAGE.read_text(encoding="utf-8"), "the page of drills tells every scenario"


def test_nothing_is_told_that_is_not_played() -> None:
    assert set(PROMISES_PT) == set(SCENARIOS)


def seen(truth: Truth = Truth.ANSWER, counts: tuple[int, ...] = (1, 0), event: Any = None, **told: Any) -> Seen:
    headers = told.pop("headers", {"x-roteiro-target": "a"})
    acted = [Acted(target=name, requests=count) for name, count in zip("ab", counts, strict=True)]
    return Seen(promise=promise("both"), told=Told(truth=truth, headers=headers, **{"status": 200, **told}), acted=acted, event=event)


@pytest.mark.parametrize("truth", [Truth.LIE, Truth.CUT, Truth.SILENT])
@pytest.mark.parametrize("scenario", [one for one in SCENARIOS.values() if one.name != "client-leaves"], ids=lambda one: one.name)
def test_no_scenario_lets_a_lie_pass(scenario: Scenario, truth: Truth) -> None:
    assert scenario.complaints(seen(truth))


def test_a_bound_of_time_is_held() -> None:
    scenario = replace(SCENARIOS["400"], check=lambda _: [])
    assert scenario.complaints(seen(total_s=1.0)) == []
    assert "it took 200.0 s" in scenario.complaints(seen(total_s=200.0))[0]


def test_an_answer_must_come_from_who_gave_it_and_be_a_success_in_the_ledger() -> None:
    assert answered(0)(seen()) == []
    assert "x-roteiro-target is a" in answered(1)(seen())[0]
    assert answered()(seen(event={"outcome": "success", "status": 200})) == []
    assert "the ledger says failed" in answered()(seen(event={"outcome": "failed", "status": 200}))[0]
    assert answered()(seen(Truth.ERROR, status=502))


def test_an_error_must_tell_official_clients_what_to_do() -> None:
    told = {"status": 502, "headers": {"x-should-retry": "false"}, "code": "provider_error"}
    assert refused(502)(seen(Truth.ERROR, **told)) == []
    assert refused(400)(seen(Truth.ERROR, **told)) == ["status 502, not 400"]
    assert refused(502, code="other")(seen(Truth.ERROR, **told)) == ["code 'provider_error', not 'other'"]
    assert "x-should-retry" in refused(502)(seen(Truth.ERROR, status=502, headers={}))[0]
    assert refused(429, retry=True)(seen(Truth.ERROR, status=429, headers={})) == ["no retry-after"]
    assert refused(502)(seen())
    assert "the ledger says success" in refused(502)(seen(Truth.ERROR, event={"outcome": "success"}, **told))[0]


def test_targets_are_counted_in_the_order_in_which_they_were_asked() -> None:
    assert asked(1, others=0)(seen()) == []
    assert asked(2)(seen()) == ["target 1 was asked 1 times, not 2"]
    assert asked(1, others=0)(seen(counts=(1, 2))) == ["other targets were asked 2 times, not 0"]


def test_words_of_a_provider_do_not_leak() -> None:
    assert no_upstream_words(seen(Truth.ERROR, message="tried: server error")) == []
    assert no_upstream_words(seen(Truth.ERROR, message="the sandbox's script answers 503"))
