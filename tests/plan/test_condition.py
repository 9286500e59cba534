"""Conditions: what people write becomes a tree in canonical units, and a tree is written back as text that means the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.plan.condition import And, Comparison, Condition, ConditionError, Expression, Metric, Not, Or, State, parse_condition
from roteiro.plan.metric import METRICS, STATISTICS

LATENCY = Metric("primary", "latency", "p95", 60.0)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("primary.latency > 2000ms", Comparison(LATENCY, ">", 2000.0)),
        ("primary.latency > 2s", Comparison(LATENCY, ">", 2000.0)),
        ("primary.latency > 2000 ms", Comparison(LATENCY, ">", 2000.0)),
        ("2s < primary.latency", Comparison(LATENCY, ">", 2000.0)),
        ("primary.latency_p99 >= 1.5s", Comparison(Metric("primary", "latency", "p99", 60.0), ">=", 1500.0)),
        ("primary.ttft_p95 > 300ms", Comparison(Metric("primary", "ttft", "p95", 60.0), ">", 300.0)),
        ("primary.latency_mean < 1s", Comparison(Metric("primary", "latency", "mean", 60.0), "<", 1000.0)),
        ("p95(primary.latency, 5m) > 2s", Comparison(Metric("primary", "latency", "p95", 300.0), ">", 2000.0)),
        ("primary.latency over 5m > 2s", Comparison(Metric("primary", "latency", "p95", 300.0), ">", 2000.0)),
        ("primary.error_rate > 5%", Comparison(Metric("primary", "error_rate", "rate", 60.0), ">", 0.05)),
        ("primary.error_rate > 0.05", Comparison(Metric("primary", "error_rate", "rate", 60.0), ">", 0.05)),
        ("primary.availability < 99%", Comparison(Metric("primary", "availability", "rate", 60.0), "<", 0.99)),
        ("primary.in_flight > 40", Comparison(Metric("primary", "in_flight", "now", 0.0), ">", 40.0)),
        ("primary.cost_per_hour > $10", Comparison(Metric("primary", "cost_per_hour", "now", 0.0), ">", 1e10)),
        ("fleet.queue_depth > 100", Comparison(Metric("fleet", "queue_depth", "now", 0.0), ">", 100.0)),
        ("fleet.queue_depth_tokens > 10k", Comparison(Metric("fleet", "queue_depth_tokens", "now", 0.0), ">", 10_000.0)),
        ("fleet.cost_per_hour > $1,000", Comparison(Metric("fleet", "cost_per_hour", "now", 0.0), ">", 1e12)),
        ("hour >= 22", Comparison(Metric("clock", "hour", "now", 0.0), ">=", 22.0)),
        ("all_cloud_unavailable", State("cloud", "unavailable")),
        ("all_unavailable", State("all", "unavailable")),
        ("primary.unavailable", State("primary", "unavailable")),
        ("primary.breaker == open", State("primary", "open")),
        ("primary.breaker != closed", Not(State("primary", "closed"))),
        ("android.in_flight > 1", Comparison(Metric("android", "in_flight", "now", 0.0), ">", 1.0)),
        ("not (all_unavailable)", Not(State("all", "unavailable"))),
    ],
)
def test_what_people_write(text: str, expression: Expression) -> None:
    assert parse_condition(text) == Condition(expression)


def test_hours_include_both_ends_and_may_pass_midnight() -> None:
    hour = Metric("clock", "hour", "now", 0.0)
    assert parse_condition("hour in 9..18").expression == And((Comparison(hour, ">=", 9.0), Comparison(hour, "<=", 18.0)))
    assert parse_condition("hour in 22..6").expression == Or((Comparison(hour, ">=", 22.0), Comparison(hour, "<=", 6.0)))


def test_and_binds_closer_than_or_and_not_closest() -> None:
    a, b, c = (State(name, "unavailable") for name in "abc")
    assert parse_condition("a.unavailable or b.unavailable and not c.unavailable").expression == Or((a, And((b, Not(c)))))
    assert parse_condition("(a.unavailable or b.unavailable) and c.unavailable").expression == And((Or((a, b)), c))


def test_hold_and_minimum() -> None:
    condition = parse_condition("primary.error_rate > 5% for 5m with at least 20 calls")
    assert (condition.for_s, condition.minimum_calls) == (300.0, 20)
    assert condition.subjects() == ("primary",)


@pytest.mark.parametrize(
    ("text", "code", "column", "words"),
    [
        ("", "E110", 0, "is empty"),
        ("primary.latency >", "E110", 17, "ends too early"),
        ("primary.latency >> 2s", "E110", 17, "'>' where it cannot be"),
        ("primary & other", "E110", 8, "'&' where it cannot be"),
        ("primary.latency", "E110", 0, "compares primary.latency with nothing"),
        ("primary.latencia > 2s", "E112", 8, "unknown metric 'latencia'"),
        ("fleet.unavailable", "E112", 6, "unknown metric 'unavailable'"),
        ("all_cloud_unavailble", "E112", 0, "is no metric"),
        ("primary.latency > 5%", "E113", 18, "compares latency, a duration, with '5%'"),
        ("primary.latency > 2000", "E113", 18, "with '2000'"),
        ("primary.error_rate > 120%", "E113", 21, "a share"),
        ("primary.breaker == opened", "E113", 19, "a breaker with 'opened'"),
        ("primary.latency == open", "E113", 19, "the word 'open'"),
        ("hour in 20..30", "E113", 8, "is in 20..30"),
        ("p95(primary.error_rate) > 5%", "E112", 4, "which has none"),
        ("p42(primary.latency) > 5s", "E112", 0, "unknown statistic 'p42'"),
        ("p95(primary.latency_p99) > 5s", "E110", 4, "two statistics"),
        ("primary.in_flight over 5m > 3", "E112", 0, "a reading of now"),
        ("primary.latency over 9d > 3s", "E105", 21, "window of 9d"),
        ("primary.unavailable for 3", "E104", 24, "without a unit"),
        ("x" * 1001, "E110", 1000, "at most 1000"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, code: str, column: int, words: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(text)
    assert (caught.value.code, caught.value.column) == (code, column)
    assert words in caught.value.message
    assert caught.value.remedy


def test_the_remedy_names_the_nearest_metric() -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition("primary.latencia > 2s")
    assert caught.value.remedy == "did you mean 'latency'?"


subjects = st.sampled_from(["primary", "secondary", "eu-west_2", "fleet"])
numbers = st.integers(0, 10_000)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    subject = draw(subjects)
    names = sorted(name for name, kind in METRICS.items() if (kind.of_fleet if subject == "fleet" else kind.of_target))
    name = draw(st.sampled_from([*names, "hour"]))
    kind = METRICS[name]
    operator = draw(st.sampled_from([">", "<", ">=", "<=", "==", "!="]))
    if name == "hour":
        return Comparison(Metric("clock", "hour", "now", 0.0), operator, float(draw(st.integers(0, 23))))
    statistic = draw(st.sampled_from(STATISTICS)) if kind.statistical else "rate" if kind.windowed else "now"
    window = float(draw(st.integers(1, 86400))) if kind.windowed else 0.0
    value = draw(numbers) / 1e4 if kind.scale.name == "share" else draw(numbers) / 1e3 if kind.scale.name == "duration" else draw(numbers)
    return Comparison(Metric(subject, name, statistic, window), operator, float(value))


states = st.one_of(
    st.builds(State, st.sampled_from(["all", "cloud"]), st.just("unavailable")),
    st.builds(State, st.sampled_from(["primary", "b-2"]), st.sampled_from(["unavailable", "open", "closed", "half_open"])),
)
expressions: st.SearchStrategy[Expression] = st.recursive(
    st.one_of(comparisons(), states),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
conditions = st.builds(Condition, expressions, st.sampled_from([0.0, 0.5, 30.0, 300.0]), st.sampled_from([0, 1, 20]))


@given(conditions)
def test_law_a_condition_written_back_means_the_same(condition: Condition) -> None:
    text = str(condition)
    assert parse_condition(text) == condition
    assert str(parse_condition(text)) == text


TOKENS = """
    primary .latency latency > >= == < ( ) and or not in over for with at least 20 calls 5% 2s $10 9..18 hour p95( ,
    all_unavailable .. .
"""
tokens = st.sampled_from(TOKENS.split())


@given(st.one_of(st.text(max_size=60), st.lists(tokens, max_size=12).map(" ".join), st.lists(tokens, max_size=12).map("".join)))
def test_law_nothing_else_than_a_condition_error_is_raised(text: str) -> None:
    try:
        condition = parse_condition(text)
    except ConditionError as error:
        assert 0 <= error.column <= len(text)
    else:
        assert parse_condition(str(condition)) == condition


@pytest.mark.parametrize("text", ["(" * 900 + "hour > 3", "not " * 240 + "hour > 3", "(" * 480 + "hour > 3" + ")" * 480])
def test_depth_does_not_recurse_out_of_bounds(text: str) -> None:
    try:
        assert str(parse_condition(text))
    except ConditionError as error:
        assert error.code == "E110"
