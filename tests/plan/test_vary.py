"""Values laid on a plan from outside: what they may look like, and that a wrong one is told as the plan's own problem."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.plan.read import read
from roteiro.plan.vary import Setting, combinations, parse_variation
from roteiro.terms.error import SettingsError
from roteiro.terms.units import parse_duration, parse_money, parse_share

PLAN = """
roteiro: 1
providers:
  one: {name: openai, model: gpt-4o, weight: 70}
  two: {name: anthropic, model: claude-sonnet-4-5, weight: 30}
models:
  chat-3.5:
    targets: {one: 70, two: 30}
routing_logic:
  - {condition: "one.error_rate > 5%", action: circuit_break_one}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a.b=50..90:10", ("50", "60", "70", "80", "90")),
        ("a.b=1,2,3", ("1", "2", "3")),
        ("a.b=0.1..0.3:0.1", ("0.1", "0.2", "0.3")),
        ("a.b=100ms..300ms:100ms", ("100ms", "200ms", "300ms")),
        ("a.b=10%..50%:20%", ("10%", "30%", "50%")),
        ("a.b=$5..$20:$5", ("$5", "$10", "$15", "$20")),
        ("a.b=500ms..2s:500ms", ("500ms", "1s", "1.5s", "2s")),
        ("a.b=1..10:4", ("1", "5", "9")),
        ("a.b=1,5..7:1,none", ("1", "5", "6", "7", "none")),
        ("a.b=queue, least_bad", ("queue", "least_bad")),
        ("a.b={x: 1, y: 2},{x: 2, y: 1}", ("{x: 1, y: 2}", "{x: 2, y: 1}")),
        ("a.b=[p, q]", ("[p, q]",)),
        ("a.b='x,y',z", ("'x,y'", "z")),
        ("a.b=7,7", ("7",)),
        ("a.b=../x", ("../x",)),
    ],
)  # fmt: skip
def test_values(text: str, values: tuple[str, ...]) -> None:
    assert parse_variation(text).values == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.b", "does not say what to vary"),
        ("=1", "does not say what to vary"),
        ("a.b=", "does not say what to vary"),
        ("a..b=1", "is no path"),
        ("a[x]=1", "is no path"),
        ("a.b=1..5", "has no step"),
        ("a.b=5..1:1", "ends before it begins"),
        ("a.b=1..5:0", "no step above zero"),
        ("a.b=1..1000000:1", "at most 1,000"),
        ("a.b=1ms..5%:1", "several units"),
        ("a.b=1,,2", "empty value"),
    ],
)
def test_a_mistake_says_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_variation(text)


AMOUNTS = st.decimals(0, 20, places=2, allow_nan=False)


@given(AMOUNTS, st.decimals(Decimal("0.01"), 1, places=2), st.integers(0, 50), st.sampled_from([("$", ""), ("", "%"), ("", "s"), ("", "")]))
def test_a_range_is_its_first_and_each_next_by_the_step(first: Decimal, step: Decimal, count: int, unit: tuple[str, str]) -> None:
    """In exact decimals, and every value is one that its unit's reader reads."""
    before, after = unit

    def written(amount: Decimal) -> str:
        return f"{before}{amount:f}{after}"

    last = first + step * count
    values = parse_variation(f"p={written(first)}..{written(last)}:{written(step)}").values
    readers = {
        "$": lambda text: Decimal(parse_money(text)) / 10**9,
        "%": lambda text: parse_share(text) * 100,
        "s": parse_duration,
        "": Decimal,
    }
    read_back = [Decimal(readers[before or after](value)) for value in values]
    assert read_back == [first + step * i for i in range(count + 1)]


@given(st.text(max_size=60))
def test_any_text_is_values_or_a_mistake(text: str) -> None:
    try:
        found = parse_variation(text)
    except SettingsError:
        return
    assert found.values and found.path


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_combinations_are_all_and_none_twice(counts: list[int]) -> None:
    variations = [parse_variation(f"p{i}={','.join(map(str, range(count)))}") for i, count in enumerate(counts)]
    cells = list(combinations(variations))
    expected = 1
    for count in counts:
        expected *= count
    assert len(cells) == len(set(cells)) == expected


def test_a_path_is_varied_once() -> None:
    with pytest.raises(SettingsError, match="varied twice"):
        list(combinations([parse_variation("a=1"), parse_variation("a=2")]))


def test_a_value_is_laid_on_the_plan(plan: Path) -> None:
    reading = read(plan, settings=(Setting("providers.one.weight", "50"), Setting("retry.attempts", "2")))
    assert reading.plan is not None
    assert reading.plan.providers["one"].weight == 50
    assert reading.plan.retry.attempts == 2
    assert reading.plan.providers["two"].weight == 30
    assert reading.digest != read(plan).digest


def test_names_with_dots_and_places_in_lists(plan: Path) -> None:
    settings = (Setting("models.chat-3.5.targets.one", "10"), Setting("routing_logic[0].condition", "one.error_rate > 9%"))
    reading = read(plan, settings=settings)
    assert reading.plan is not None, reading.problems
    assert reading.plan.models["chat-3.5"].targets["one"] == 10
    assert "0.09" in repr(reading.plan.routing_logic[0].condition)


def test_a_whole_mapping_as_a_value(plan: Path) -> None:
    reading = read(plan, settings=(Setting("models.chat-3.5.targets", "{two: 1}"),))
    assert reading.plan is not None
    assert dict(reading.plan.models["chat-3.5"].targets) == {"two": 1}


@pytest.mark.parametrize(
    ("setting", "code", "said"),
    [
        (Setting("providers.one.wieght", "50"), "E101", "weight"),
        (Setting("providers.one.weight", "-5"), "E203", "at least"),
        (Setting("retry.backoff", "soon"), "E104", "duration"),
        (Setting("nowhere.at.all", "1"), "E101", "no key"),
        (Setting("models.chat-3.5.targets", "{three: 1}"), "", "three"),
        (Setting("retry.attempts", "[1"), "E003", "YAML"),
    ],
)
def test_what_the_plan_refuses_is_its_own_problem_at_the_settings_place(plan: Path, setting: Setting, code: str, said: str) -> None:
    reading = read(plan, settings=(setting,))
    assert reading.plan is None
    assert any(code in problem.code and said in str(problem) for problem in reading.errors), reading.problems
    assert any(problem.where.file == str(setting) for problem in reading.errors)
