"""What a unit costs: sums are exact, useful is what was delivered, intervals hold the value, and nothing is judged that nobody measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.build import events, many

from roteiro.analysis.sla import Verdict
from roteiro.analysis.unit_cost import COLUMNS, UnitTargets, unit_costs

TARGETS = UnitTargets(2_000_000, 5_000_000_000, 10_000_000, 0.8)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "arrival_s": st.integers(0, 10**5).map(float),
            "tenant": st.sampled_from(["acme", "beta", None]),
            "model": st.sampled_from(["chat", "support"]),
            "outcome": st.sampled_from(["success", "failed", "cancelled"]),
            "cost_nusd": st.integers(0, 10**9),
            "lost_nusd": st.sampled_from([0, 0, 5_000]),
            "input_tokens": st.integers(0, 10**4),
            "output_tokens": st.integers(0, 10**4),
        }
    ),
    min_size=1,
    max_size=40,
)


def drawn() -> np.random.Generator:
    return np.random.default_rng(7)


@given(ROWS)
def test_every_cut_adds_up_and_efficiency_is_a_share(rows: list[dict[str, object]]) -> None:
    report = unit_costs(events(*rows), TARGETS, drawn(), {"acme": "payments", "beta": "payments"})
    assert report.by_team is not None
    for lines in (report.by_tenant, report.by_team, report.by_workload, report.by_model):
        assert sum(line.cost_nusd for line in lines) == report.total.cost_nusd
        assert sum(line.tokens for line in lines) == report.total.tokens
        assert sum(line.useful_tokens for line in lines) == report.total.useful_tokens
        for line in lines:
            assert line.useful_tokens <= line.tokens
            assert line.token_efficiency.value is None or 0.0 <= line.token_efficiency.value <= 1.0
    assert {line.name for line in report.by_team} <= {"payments", None}


def test_tokens_of_failures_and_of_attempts_given_up_are_of_no_use() -> None:
    """100 tokens cost 1,000 nano-dollars; the lost hedge of 500 therefore was 50 tokens."""
    table = events(
        *many(8, input_tokens=60, output_tokens=40, cost_nusd=1000),
        {"input_tokens": 60, "output_tokens": 40, "cost_nusd": 1000, "lost_nusd": 500, "hedged": 2},
        {"input_tokens": 60, "output_tokens": 40, "cost_nusd": 1000, "outcome": "cancelled"},
    )
    total = unit_costs(table, TARGETS, drawn()).total
    assert (total.tokens, total.useful_tokens, total.lost_tokens, total.cost_nusd) == (1000, 900, 50, 10_500)
    assert total.token_efficiency.value == pytest.approx(900 / 1050)
    assert total.per_1k_tokens_nusd.value == 10_500
    assert total.per_transaction_nusd.value == 1167  # 10,500 over 9 answers, half up


def test_users_are_never_guessed() -> None:
    measure = unit_costs(events({}), TARGETS, drawn()).total.per_user_nusd
    assert (measure.value, measure.verdict, measure.target) == (None, Verdict.UNVERIFIED, 5_000_000_000)


def test_an_interval_holds_the_value_and_narrows_with_data() -> None:
    generator = drawn()

    def rows(hours: int) -> list[dict[str, object]]:
        return [{"arrival_s": 3600.0 * h, "cost_nusd": int(generator.gamma(2, 4e5)), "input_tokens": 500} for h in range(hours)]

    few, more = (unit_costs(events(*rows(hours)), TARGETS, drawn()) for hours in (24, 500))
    assert (few.stretch_s, more.stretch_s) == (3600, 3600)
    widths = []
    for report in (few, more):
        measure = report.total.per_transaction_nusd
        assert measure.interval is not None and measure.value is not None
        assert measure.interval.low <= measure.value <= measure.interval.high
        widths.append(measure.interval.high - measure.interval.low)
    assert widths[1] < widths[0]


def test_a_verdict_is_sure_where_the_whole_interval_agrees() -> None:
    rows = [{"arrival_s": 3600.0 * h, "cost_nusd": 1_000_000 + 100_000 * (h % 3), "input_tokens": 1000} for h in range(30)]
    total = unit_costs(events(*rows), TARGETS, drawn()).total
    assert total.per_1k_tokens_nusd.verdict == Verdict.MET and total.per_1k_tokens_nusd.sure
    near = unit_costs(events(*rows), UnitTargets(per_1k_tokens_nusd=1_100_001), drawn()).total
    assert near.per_1k_tokens_nusd.verdict == Verdict.MET and not near.per_1k_tokens_nusd.sure
    assert near.per_transaction_nusd.verdict == Verdict.NO_TARGET


def test_few_requests_have_no_interval_and_nothing_no_value() -> None:
    assert unit_costs(events(*many(5)), TARGETS, drawn()).stretch_s is None
    empty = unit_costs(events({}).slice(0, 0), TARGETS, drawn())
    assert empty.total.per_1k_tokens_nusd.verdict == Verdict.NO_DATA and empty.by_tenant == ()


def test_only_the_columns_named_are_read() -> None:
    table = events({"cost_nusd": 7, "input_tokens": 3})
    assert unit_costs(table.select(list(COLUMNS)), TARGETS, drawn()) == unit_costs(table, TARGETS, drawn())
