"""Shares, failovers, reasons and breakers."""

from tests.analysis.build import RUN, decisions, events, many

from roteiro.analysis.traffic import COLUMNS, DECISION_COLUMNS, ReasonCount, traffic

EVENTS = [
    *many(6, target="primary", first_target="primary", attempts=1),
    *many(2, target="secondary", first_target="primary", attempts=2, fallbacks=1),
    {"target": "secondary", "first_target": "primary", "attempts": 3, "fallbacks": 1, "outcome": "failed"},
    {"target": None, "first_target": None, "outcome": "budget"},
]
DECISIONS = [
    *many(7, step="begin", command="send", reason="weighted", target="primary"),
    {"step": "note", "reason": "breaker_opened", "target": "primary", "x": 0.4, "y": 0.3, "now_s": 2.0},
    *many(3, step="failed", command="send", reason="fallback", target="secondary"),
    {"step": "note", "reason": "breaker_half_open", "target": "primary", "now_s": 5.0},
    {"step": "note", "reason": "rule_on", "now_s": 5.1},
    {"step": "note", "reason": "breaker_closed", "target": "primary", "now_s": 6.0},
    *many(9, step="end", command="done", reason="ok"),
]


def test_shares_are_of_answers_and_nothing_is_lost() -> None:
    report = traffic(events(*EVENTS), decisions(*DECISIONS))
    assert report.outcomes == {"success": 8, "budget": 1, "failed": 1}
    assert [(row.name, row.requests, row.answered, row.share, row.asked_first) for row in report.by_provider] == [
        ("primary", 6, 6, 0.75, 9),
        ("secondary", 3, 2, 0.25, 0),
    ]
    assert report.unrouted + sum(row.requests for row in report.by_provider) == report.requests == 10


def test_failovers_and_those_that_helped() -> None:
    failovers = traffic(events(*EVENTS), decisions()).failovers
    assert (failovers.requests, failovers.answered, failovers.sends, failovers.retried) == (3, 2, 3, 3)


def test_reasons_are_counted_by_what_they_decided() -> None:
    reasons = traffic(events(), decisions(*DECISIONS)).reasons
    assert reasons[:2] == (ReasonCount("send", "weighted", 7), ReasonCount("send", "fallback", 3))
    assert ReasonCount("note", "rule_on", 1) in reasons
    assert not [row for row in reasons if row.reason == "ok"]


def test_breakers_in_the_order_of_their_turns() -> None:
    transitions = traffic(events(), decisions(*DECISIONS)).transitions
    assert [(one.run, one.at_s, one.target, one.state) for one in transitions] == [
        (RUN, 2.0, "primary", "open"),
        (RUN, 5.0, "primary", "half_open"),
        (RUN, 6.0, "primary", "closed"),
    ]
    assert (transitions[0].x, transitions[0].y) == (0.4, 0.3)


def test_of_nothing_there_is_nothing() -> None:
    report = traffic(events(), decisions())
    assert (report.requests, report.outcomes, report.by_provider, report.reasons, report.transitions) == (0, {}, (), (), ())


def test_only_the_columns_named_are_read() -> None:
    asked, taken = events(*EVENTS), decisions(*DECISIONS)
    assert traffic(asked.select(list(COLUMNS)), taken.select(list(DECISION_COLUMNS))) == traffic(asked, taken)
