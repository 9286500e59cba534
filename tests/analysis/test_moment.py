"""The last seconds of a run, beside all of it."""

import pytest
from tests.analysis.build import events

from roteiro.analysis.moment import BudgetLeft, Fleet, moment

ROWS = [
    {"arrival_s": 1.0, "ended_s": 2.0, "target": "primary", "total_ms": 1000.0, "cost_nusd": 5, "output_tokens": 10},
    {"arrival_s": 16.0, "ended_s": 17.0, "target": "primary", "total_ms": 100.0, "cost_nusd": 5, "output_tokens": 20},
    {"arrival_s": 17.0, "ended_s": 18.0, "target": "secondary", "total_ms": 300.0, "stream": 1, "ttft_ms": 50.0, "output_tokens": 30},
    {"arrival_s": 18.0, "ended_s": 18.0, "target": None, "outcome": "budget", "total_ms": 0.0},
]


def test_counts_are_of_the_run_and_rates_of_its_last_seconds() -> None:
    now = moment(events(*ROWS), 20.0, Fleet(), window_s=5.0)
    assert (now.requests, now.outcomes, now.cost_nusd) == (4, {"success": 3, "budget": 1}, 10)
    assert now.rate_per_s == pytest.approx(3 / 5)
    assert now.output_tokens_per_s == pytest.approx(50 / 5)
    assert now.shares == {"primary": 0.5, "secondary": 0.5}
    assert (now.total.count, now.total.p95_ms, now.first_token.p50_ms) == (2, 300.0, 50.0)


def test_a_window_is_no_longer_than_the_run() -> None:
    now = moment(events(ROWS[0]), 2.0, Fleet(), window_s=60.0)
    assert (now.window_s, now.rate_per_s) == (2.0, 0.5)


def test_before_anything_happened() -> None:
    now = moment(events(), 0.0, Fleet())
    assert (now.requests, now.shares, now.total.p95_ms, now.rate_per_s) == (0, {}, None, 0.0)


def test_reserved_money_is_not_left() -> None:
    assert BudgetLeft("b", 100, 30, 50).left_nusd == 20
