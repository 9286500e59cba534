"""A request's story: from arrival to its end, with the numbers under their names."""

import ast
import inspect
from itertools import pairwise
from typing import Any

import pytest
from tests.analysis.build import NAMES, RUN, ledger_of

from roteiro.analysis.explain import DECISION_COLUMNS, MEANINGS, Fact, Kind, Story, tell
from roteiro.policy.complexity import Feature, judge, pack
from roteiro.report.words_of_codes import CODES
from roteiro.terms import codes
from roteiro.terms.codes import CacheKind, Reason
from roteiro.wire.features import Looks

DECISIONS: list[dict[str, Any]] = [
    {"request": 6, "step": "note", "reason": "breaker_forced", "target": "secondary", "x": 0, "y": 1, "now_s": 1.0},
    {"request": -1, "step": "note", "reason": "rule_on", "x": 0, "y": 0.2, "now_s": 1.0},
    {"request": 7, "step": "begin", "command": "send", "reason": "weighted", "target": "primary", "x": 12.5, "y": 100, "now_s": 10.0,
     "a": 1, "b": 0, "c": 90, "d": 40, "e": 1},
    {"request": 8, "step": "begin", "command": "send", "reason": "weighted", "target": "primary", "now_s": 10.1},
    {"request": 7, "step": "failed", "command": "wait", "reason": "backoff", "target": "primary", "argument": 10.9, "x": 0.4, "y": 1,
     "now_s": 10.5, "a": 3, "b": 1500, "c": 503},
    {"request": 7, "step": "again", "command": "send", "reason": "fallback", "target": "fallback", "x": 0, "y": 1, "now_s": 10.9},
    {"request": 7, "step": "end", "command": "done", "reason": "ok", "target": "fallback", "x": 2500, "y": 9000, "now_s": 11.25,
     "a": 88, "c": 31},
]  # fmt: skip
EVENT = {"request": 7, "tenant": "beta", "target": "fallback", "total_ms": 1250.0, "attempts": 2, "cost_nusd": 2500, "stream": 1}


def story(before: int = 2) -> Story:
    ledger = ledger_of([EVENT], DECISIONS)
    mine, notes = ledger.decisions(where="request = 7"), ledger.decisions(where=f"seq < {before} AND step = 'note'")
    return tell(RUN, 7, ledger.events(), mine.select(list(DECISION_COLUMNS)), notes, NAMES)


def test_steps_come_in_order_counted_from_the_arrival() -> None:
    told = story()
    assert [(step.step, step.command, step.reason) for step in told.steps] == [
        ("begin", "send", "weighted"), ("failed", "wait", "backoff"), ("again", "send", "fallback"), ("end", "done", "ok"),
    ]  # fmt: skip
    assert [round(step.at_s, 6) for step in told.steps] == [0.0, 0.5, 0.9, 1.25]


def test_numbers_stand_under_the_meaning_that_their_reason_gives_them() -> None:
    arrived, failed, again, ended = story().steps
    assert arrived.compared == (Fact("draw", Kind.NUMBER, 12.5), Fact("total_weight", Kind.NUMBER, 100))
    assert arrived.order == Fact("target", Kind.NAME, "primary")
    assert Fact("key", Kind.NAME, "beta-1") in arrived.given and Fact("stream", Kind.NAME, "") in arrived.given
    assert failed.given == (
        Fact("error_class", Kind.ERROR_CLASS, "server"),
        Fact("status", Kind.COUNT, 503),
        Fact("retry_after", Kind.MILLISECONDS, 1500),
    )
    assert failed.order is not None and failed.order.value == pytest.approx(0.9)
    assert again.compared == (Fact("failed_target", Kind.TARGET, "primary"), Fact("attempts", Kind.COUNT, 1))
    assert ended.compared == (Fact("cost", Kind.MONEY, 2500), Fact("reserved", Kind.MONEY, 9000))


def test_what_was_in_force_at_the_arrival_is_told() -> None:
    breaker, rule = story().circumstances
    assert (breaker.reason, breaker.subject, breaker.since_s) == ("breaker_forced", "secondary", -9.0)
    assert breaker.compared[0] == Fact("rule", Kind.RULE, NAMES.rules[0])
    assert (rule.reason, rule.subject) == ("rule_on", NAMES.rules[0])
    assert story(before=0).circumstances == ()


def test_the_ending_is_the_event() -> None:
    ending = story().ending
    assert ending is not None
    assert (ending.tenant, ending.target, ending.cost_nusd, ending.ttft_ms) == ("beta", "fallback", 2500, None)


def test_a_request_in_flight_has_no_ending_and_an_old_one_no_steps() -> None:
    ledger = ledger_of([EVENT], DECISIONS)
    none = ledger.decisions(where="false")
    in_flight = tell(RUN, 7, ledger.events(where="false"), ledger.decisions(where="request = 7"), none, NAMES)
    assert in_flight.ending is None and len(in_flight.steps) == 4
    old = tell(RUN, 7, ledger.events(), none, none, NAMES)
    assert old.ending is not None and old.steps == ()


def test_a_judged_task_tells_its_tier_and_what_made_it() -> None:
    judged = judge(Looks(tools=1, reasoning=True), 900, 256)
    begin = DECISIONS[2] | {"c": 900, "d": 256, "e": pack(judged) | CacheKind.EXACT << 1}
    ledger = ledger_of([EVENT], [begin])
    (arrived,) = tell(RUN, 7, ledger.events(), ledger.decisions(), ledger.decisions(where="false"), NAMES).steps
    assert arrived.given[4:] == (
        Fact("cached", Kind.CACHE, "exact"),
        Fact("complexity", Kind.COMPLEXITY, "complex"),
        Fact("complexity_score", Kind.COUNT, 62),
        Fact("points_reasoning", Kind.COUNT, 30),
        Fact("points_tools", Kind.COUNT, 20),
        Fact("points_input_tokens", Kind.COUNT, 12),
    )


@pytest.mark.parametrize("label", ["points_input_tokens", "points_output_tokens", *(f"points_{str(one.name).lower()}" for one in Feature)])
def test_every_part_of_a_score_has_words(label: str) -> None:
    assert f"fact.{label}" in CODES


def test_every_reason_has_a_meaning_for_its_numbers() -> None:
    assert set(MEANINGS) == set(Reason)


def docs() -> dict[str, str]:
    """Reason → what is written under it."""
    tree = ast.parse(inspect.getsource(codes))
    (reasons,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Reason")
    told = {}
    for this, following in pairwise(reasons.body):
        match this, following:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str() as text)):
                told[name] = text
    return told


@pytest.mark.parametrize("reason", Reason)
def test_meanings_are_those_that_the_codes_tell(reason: Reason) -> None:
    """`x: seconds to wait; y: limit.`; a number that is always 0 has no meaning."""
    text = docs().get(reason.name, "")
    x, y = MEANINGS[reason]
    assert (x is not None) == ("x: " in text)
    assert (y is not None) == ("y: " in text and "y: 0." not in text)
