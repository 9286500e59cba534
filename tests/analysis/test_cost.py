"""Money is exact, and each way of cutting it gives the same sum."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.build import events, many

from roteiro.analysis.cost import COLUMNS, cost, per

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "tenant": st.sampled_from(["acme", "beta", "gama"]),
            "target": st.sampled_from(["primary", "fallback", None]),
            "outcome": st.sampled_from(["success", "failed", "budget"]),
            "cost_nusd": st.integers(0, 10**15),
            "input_tokens": st.integers(0, 10**6),
            "output_tokens": st.integers(0, 10**6),
        }
    ),
    max_size=30,
)


@given(ROWS)
def test_every_cut_adds_up_to_the_total_to_the_nano_dollar(rows: list[dict[str, object]]) -> None:
    report = cost(events(*rows))
    assert report.total.cost_nusd == sum(int(str(row["cost_nusd"])) for row in rows)
    for lines in (report.by_tenant, report.by_provider, report.by_model):
        assert sum(line.cost_nusd for line in lines) == report.total.cost_nusd
        assert sum(line.requests for line in lines) == report.total.requests == len(rows)
        assert sum(line.tokens for line in lines) == report.total.tokens
        assert [line.cost_nusd for line in lines] == sorted((line.cost_nusd for line in lines), reverse=True)


def test_what_went_to_no_provider_stands_under_no_name() -> None:
    report = cost(events({"target": None, "outcome": "budget"}, {"target": "primary", "cost_nusd": 5}))
    assert [(line.name, line.requests, line.answered) for line in report.by_provider] == [("primary", 1, 1), (None, 1, 0)]


def test_sums_past_what_a_float_holds_are_exact() -> None:
    assert cost(events(*many(3, cost_nusd=2**53 + 1))).total.cost_nusd == 3 * (2**53 + 1)


@given(st.integers(0, 10**18), st.integers(1, 10**12))
def test_a_quotient_is_rounded_half_up_once(amount: int, count: int) -> None:
    rounded = per(amount, count, 1000)
    assert rounded is not None
    assert abs(rounded - Fraction(amount * 1000, count)) <= Fraction(1, 2)
    assert per(5, 2) == 3 and per(amount, 0) is None


def test_only_the_columns_named_are_read() -> None:
    table = events({"cost_nusd": 7, "input_tokens": 3, "estimated": 1})
    assert cost(table.select(list(COLUMNS))) == cost(table)
    assert cost(table).total.estimated == 1
