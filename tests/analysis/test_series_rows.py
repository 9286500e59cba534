"""Rows → series: every slip is told, and what is made of it is what is said."""

import numpy as np
import pyarrow as pa
import pytest

from roteiro.analysis.series import coarser, seasons_of
from roteiro.analysis.series_rows import series_of_rows
from roteiro.terms.error import PlanError

HOURS = [f"2026-01-{1 + h // 24:02d}T{h % 24:02d}:00Z" for h in range(72)]


def codes(table: pa.Table) -> list[str]:
    return [problem.code for problem in series_of_rows(table, "x").problems]


def test_windows_with_rates_become_counts() -> None:
    """Tokens a second times the window's length."""
    found = series_of_rows(pa.table({"t_s": [0, 600, 1200], "rate_rps": [1.0, 2.0, 3.0], "input_tok_s": [10.0, 20.0, 30.0]}), "x")
    (requests,) = found.of("requests")
    assert requests.step_s == 600 and requests.values.tolist() == [600.0, 1200.0, 1800.0] and not requests.dated
    assert found.of("input_tokens")[0].values.tolist() == [6000.0, 12000.0, 18000.0]


def test_arrivals_are_counted_by_period_and_by_tenant() -> None:
    at = [0.0, 10.0, 299.0, 301.0, 700.0, 902.0, 955.0, 1203.5]
    table = pa.table({"arrival_s": at, "tenant": list("aabbabab"), "input_tokens": [1, 2, 3, 4, 5, 6, 7, 8], "output_tokens": [1] * 8})
    found = series_of_rows(table, "x", step_s=300, arrivals=True)
    assert found.of("requests")[0].values.tolist() == [3.0, 1.0, 1.0, 2.0, 1.0]
    assert found.of("tokens")[0].values.tolist() == [9.0, 5.0, 6.0, 15.0, 9.0]
    parts = {one.name: one.values for one in found.of("requests", "tenant")}
    assert (parts["a"] + parts["b"]).tolist() == found.of("requests")[0].values.tolist()
    assert found.parents["tenant", "a"] == ("total", "total")


def test_missing_and_all_zero_windows_are_not_known() -> None:
    values = [5.0] * 72
    values[7] = 0.0
    times = [at for k, at in enumerate(HOURS) if k != 20]
    found = series_of_rows(pa.table({"time": times, "requests": [v for k, v in enumerate(values) if k != 20]}), "x")
    (series,) = found.of("requests")
    assert np.nonzero(~series.known)[0].tolist() == [7, 20] and len(series) == 72 and series.dated
    assert [problem.code for problem in found.problems] == ["W938"]


def test_many_zeros_are_idle_hours() -> None:
    values = [0.0 if h % 24 < 10 else 5.0 for h in range(72)]
    table = pa.table({"time": HOURS, "requests": values})
    assert codes(table) == ["W937"]
    assert series_of_rows(table, "x").of("requests")[0].values.tolist() == values


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"time": [*HOURS[:-1], "soon"]}, "W931"),
        ({"requests": [-1.0] + [5.0] * 71}, "W932"),
        ({"requests": ["1.2k"] + ["5"] * 71}, "W933"),
        ({"requests": [5.0] * 72, "unit": ["requests"] * 71 + ["sheep"]}, "W933"),
        ({"time": [HOURS[0].replace("Z", "+03:00"), *HOURS[1:]]}, "W934"),
        ({"time": [*HOURS[:-1], HOURS[-2]]}, "W935"),
        ({"time": [*HOURS[:-1], HOURS[-2]], "requests": [5.0] * 71 + [6.0]}, "W936"),
    ],
)
def test_a_slip_is_told_by_its_code(change: dict[str, list[object]], code: str) -> None:
    assert code in codes(pa.table({"time": HOURS, "requests": [5.0] * 72, **change}))


def test_units_that_are_known_are_converted() -> None:
    table = pa.table({"time": HOURS[:3], "tokens": [2.0, 2000.0, 1.0], "unit": ["ktokens", "tokens", "Mtokens"]})
    assert series_of_rows(table, "x").of("tokens")[0].values.tolist() == [2000.0, 2000.0, 1e6]


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (pa.table({"requests": [1.0]}), "E932"),
        (pa.table({"time": HOURS, "a": [1.0] * 72, "b": [2.0] * 72}), "E932"),
        (pa.table({"time": ["x", "y"], "requests": [1.0, 2.0]}), "E934"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_remedy(table: pa.Table, code: str) -> None:
    with pytest.raises(PlanError) as caught:
        series_of_rows(table, "x")
    assert caught.value.problems[0].code == code and caught.value.problems[0].remedy


def test_a_coarser_series_keeps_the_sum_and_begins_on_the_hour() -> None:
    found = series_of_rows(pa.table({"t_s": [1200 + 600 * k for k in range(40)], "requests": [float(k) for k in range(40)]}), "x")
    hourly = coarser(found.of("requests")[0], 3600)
    assert hourly.start_s == 3600 and hourly.values[0] == sum(range(4, 10)) and len(hourly) == 6
    with pytest.raises(ValueError, match="no multiple"):
        coarser(hourly, 5400)


def test_seasons_follow_from_the_period_and_the_length() -> None:
    table = pa.table({"t_s": [3600.0 * k for k in range(24 * 15)], "requests": [1.0] * (24 * 15)})
    series = series_of_rows(table, "x").of("requests")[0]
    assert seasons_of(series) == (24, 168) and seasons_of(series.until(100)) == (24,) and seasons_of(series.until(40)) == ()
