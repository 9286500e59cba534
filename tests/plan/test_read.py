"""Reading a plan: everything the chapter writes loads, every problem comes at once with its place, and nothing raises."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.chapter import BLOCKS

from roteiro.plan.model import Comparison, Metric, Plan
from roteiro.plan.problems import KINDS
from roteiro.plan.read import read, read_text
from roteiro.terms.problem import Severity

EXAMPLE = Path(__file__).parents[2] / "examples" / "chapter.yaml"

SMALL = "roteiro: 1\nproviders:\n  here: {name: local, model: m, local: smollm2}\n"


def plan_of(text: str) -> Plan:
    reading = read_text(text)
    assert reading.plan is not None, [str(problem) for problem in reading.errors]
    return reading.plan


@pytest.mark.parametrize("text", [*BLOCKS, "".join(BLOCKS)], ids=["providers", "scaling", "tiers", "together"])
def test_what_the_chapter_writes_loads_as_it_stands(text: str) -> None:
    reading = read_text(text)
    assert reading.plan is not None
    assert not reading.errors
    assert "W101" in {problem.code for problem in reading.warnings}


def test_the_chapter_means_what_it_says() -> None:
    plan = plan_of("".join(BLOCKS))
    assert {name: provider.weight for name, provider in plan.providers.items()} == {"primary": 70, "secondary": 20, "fallback": 10}
    assert plan.routing_logic[0].condition.expression == Comparison(Metric("primary", "latency", "p95", 60.0), ">", 2000.0)
    assert [str(rule.action) for rule in plan.routing_logic] == ["route_to_secondary", "circuit_break_primary", "route_to_fallback"]
    token, latency, cost = plan.scaling_policies.token_based, plan.scaling_policies.latency_based, plan.scaling_policies.cost_based
    assert token is not None
    assert latency is not None
    assert cost is not None
    assert (token.scale_up_threshold, token.cooldown_s) == (10_000, 300.0)
    assert (latency.scale_down_threshold, latency.cooldown_s) == (500.0, 600.0)
    assert (cost.max_budget_nusd, cost.fallback_model) == (1000 * 10**9, "gpt-3.5-turbo")
    tier = plan.sla_tiers["enterprise"]
    assert (tier.availability, tier.latency_p95_s, tier.quality_score, tier.support) == (0.9999, 1.0, 0.9, "24/7 com 15min SLA")


def test_the_example_checks_without_errors_and_repeats_the_chapter() -> None:
    reading = read(EXAMPLE)
    assert reading.plan is not None
    assert {problem.code for problem in reading.problems} == {"W288", "W239", "W311"}
    chapter = plan_of("".join(BLOCKS))
    assert reading.plan.scaling_policies == chapter.scaling_policies
    assert reading.plan.sla_tiers == chapter.sla_tiers
    assert [str(rule.condition) for rule in reading.plan.routing_logic] == [str(rule.condition) for rule in chapter.routing_logic]
    for name, provider in chapter.providers.items():
        ours = reading.plan.providers[name]
        assert (ours.name, ours.model, ours.weight) == (provider.name, provider.model, provider.weight)


EVERYTHING_WRONG = """\
roteiro: 1
providers:
  primary: {name: openai, model: gpt-4, weight: -3, wieght: 4, timeouts: {connect: 5 parsecs}}
  second: {name: openai, dialect: gemini, base_url: "http://u:p@x/", model: gpt-4o-mini}
  third: {model: x}
models:
  chat: {targets: {primry: 70, second: 1}, retry: {attempts: 12}}
routing_logic:
  - condition: "primry.latency > 2000ms"
    action: route_to_secnd
  - condition: 'second.error_rate > 105%'
    action: nothing
  - condition: second.latency >> 5
    action: degrade
  - condition: second.latencia > 5s
    action: degrade
tenants:
  acme: {tier: gold, budgets: {d: {amount: $5, warn_at: 90%, stop_at: 50%}}}
  acme: {}
budgets: [1]
"""


def test_all_problems_come_at_once_each_with_its_place() -> None:
    found = {(problem.code, problem.where.line, problem.where.column, problem.path) for problem in read_text(EVERYTHING_WRONG).errors}
    assert found == {
        ("E203", 3, 49, "providers.primary.weight"),
        ("E101", 3, 53, "providers.primary.wieght"),
        ("E104", 3, 84, "providers.primary.timeouts.connect"),
        ("E104", 4, 53, "providers.second.base_url"),
        ("E102", 5, 3, "providers.third.name"),
        ("E201", 7, 28, "models.chat.targets.primry"),
        ("E105", 7, 62, "models.chat.retry.attempts"),
        ("E111", 9, 17, "routing_logic[0].condition"),
        ("E111", 10, 22, "routing_logic[0].action"),
        ("E113", 11, 37, "routing_logic[1].condition"),
        ("E114", 12, 13, "routing_logic[1].action"),
        ("E110", 13, 32, "routing_logic[2].condition"),
        ("E112", 15, 23, "routing_logic[3].condition"),
        ("E201", 18, 16, "tenants.acme.tier"),
        ("E221", 18, 57, "tenants.acme.budgets.d.warn_at"),
        ("E007", 19, 3, ""),
        ("E103", 20, 10, "budgets"),
    }


def test_a_problem_names_thing_value_bound_and_remedy() -> None:
    told = [str(problem) for problem in read_text(EVERYTHING_WRONG).problems]
    assert "plan.yaml:3:53 E101 providers.primary.wieght is no key known here; did you mean 'weight'?" in told
    assert "plan.yaml:7:62 E105 models.chat.retry.attempts is 12; at most 10; write a number at most 10" in told
    assert "plan.yaml:15:23 E112 routing_logic[3].condition speaks of the unknown metric 'latencia'; did you mean 'latency'?" in told
    assert all("://u:p" not in line for line in told)


def test_what_looks_like_a_key_itself_is_never_shown() -> None:
    (problem,) = read_text(SMALL + "  far: {name: openai, model: gpt-4, key_env: sk-very-secret}\n").errors
    assert problem.code == "E107"
    assert "very-secret" not in str(problem)


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        ("", "E005", ""),
        ("# only a comment\n", "E005", ""),
        ("~", "E005", ""),
        ("- a\n- b\n", "E006", ""),
        ("just text", "E006", ""),
        ("roteiro: 2\n", "E108", "roteiro"),
        ("roteiro: 1\ntimezone: Mars/Olympus\n", "E104", "timezone"),
        ("roteiro: 1\nproviders: {fleet: {name: a, model: b}}\n", "E107", "providers.fleet"),
        ("roteiro: 1\nproviders: {a b: {name: a, model: b}}\n", "E107", "providers.a b"),
        ("roteiro: 1\nworkloads: {w: {priority: urgent}}\n", "E106", "workloads.w.priority"),
        ("roteiro: 1\nworkloads: {w: {concurrency: many}}\n", "E104", "workloads.w.concurrency"),
        ("roteiro: 1\nworkloads: {w: {concurrency: 0}}\n", "E105", "workloads.w.concurrency"),
        ("roteiro: 1\nqueue: {size: }\n", "E104", "queue.size"),
        ("roteiro: 1\nbudgets: {b: {period: day}}\n", "E102", "budgets.b.amount"),
        ("roteiro: 1\nbudgets: {b: $5}\n", "E104", "budgets.b"),
        ("roteiro: 1\nname: 5\n", "E103", "name"),
        ("roteiro: 1\nrouting_logic: [1]\n", "E103", "routing_logic[0]"),
        ("roteiro: 1\nsla_tiers: {t: {availability: 110%}}\n", "E104", "sla_tiers.t.availability"),
        ("roteiro: 1\ndemand: {arrivals: {process: trace}}\n", "E102", "demand.arrivals"),
        ("roteiro: 1\ndemand: {input_tokens: {median: 10, p95: 5}}\n", "E105", "demand.input_tokens"),
    ],
)
def test_one_thing_wrong_is_one_problem(text: str, code: str, path: str) -> None:
    errors = read_text(text).errors
    assert [(problem.code, problem.path) for problem in errors] == [(code, path)], [str(problem) for problem in errors]


def test_a_section_with_nothing_under_it_is_as_if_absent() -> None:
    assert plan_of(SMALL + "tenants:\nbudgets:\n").budgets == {}


def test_anchors_may_stand_in_a_section_of_their_own() -> None:
    plan = plan_of("x-common: &quick {attempt: 20s, first_token: 5s, idle: 5s}\nroteiro: 1\nproviders:\n"
                   "  a: {name: local, model: m, local: smollm2, timeouts: {<<: *quick, idle: 7s}}\n")  # fmt: skip
    times = plan.providers["a"].timeouts
    assert (times.attempt_s, times.first_token_s, times.idle_s) == (20.0, 5.0, 7.0)


def test_very_many_problems_are_bounded() -> None:
    reading = read_text(SMALL + "tenants:\n" + "".join(f"  t{n}: {{tier: gold, team: x, workloads: [y]}}\n" for n in range(400)))
    assert len(reading.problems) == 1001
    assert reading.problems[-1].code == "E017"


def test_later_sections_are_kept_and_said_not_to_be_enacted() -> None:
    reading = read_text(SMALL + "governance: {a: b}\nrecovery: {rpo: 1h}\n")
    assert reading.plan is not None
    assert reading.plan.governance == {"a": "b"}
    assert [(problem.code, problem.path) for problem in reading.problems] == [("W301", "governance"), ("W301", "recovery")]


# --- files ---------------------------------------------------------------------------------------------------------------------


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name.replace('_', '.')}.yaml").write_text(text, encoding="utf-8")
    return folder / "plan.yaml"


def test_includes_lie_beneath_and_keep_their_places(tmp_path: Path) -> None:
    plan = write(
        tmp_path,
        plan="include: [tenants.yaml]\n" + SMALL + "tenants: {acme: {concurrency: 5}}\n",
        tenants="tenants:\n  acme: {concurrency: 3, tier: gold}\n  beta: {}\n",
    )
    reading = read(plan)
    (problem,) = reading.errors
    assert (problem.code, problem.path, problem.where.file) == ("E201", "tenants.acme.tier", str(tmp_path / "tenants.yaml"))
    (tmp_path / "tenants.yaml").write_text("tenants:\n  acme: {concurrency: 3}\n  beta: {}\n", encoding="utf-8")
    included = read(plan).plan
    assert included is not None
    assert (included.tenants["acme"].concurrency, sorted(included.tenants)) == (5, ["acme", "beta"])


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"plan": "include: nowhere.yaml\n"}, "cannot be read"),
        ({"plan": "include: other.yaml\n", "other": "include: plan.yaml\n"}, "includes itself"),
        ({"plan": "include: other.yaml\n", "other": "- 1\n"}, "not a mapping"),
        ({"plan": "include: {a: 1}\n"}, "no file's name"),
        ({"plan": 'include: "a\\0b"\n'}, "no file"),
        ({"plan": "include: [" + ", ".join(["other.yaml"] * 40) + "]\n", "other": SMALL}, "more than 32 files"),
    ],
)
def test_includes_that_fail(tmp_path: Path, files: dict[str, str], words: str) -> None:
    found = [problem for problem in read(write(tmp_path, **files)).errors if problem.code == "E012"]
    assert found
    assert words in str(found[0])
    assert found[0].where.line == 1


def test_a_text_without_a_folder_includes_nothing() -> None:
    assert [problem.code for problem in read_text("include: a.yaml\n" + SMALL).errors] == ["E012"]


def test_an_environment_is_laid_over(tmp_path: Path) -> None:
    plan = write(tmp_path, plan=SMALL + "queue: {size: 10, max_wait: 5s}\nname: all\n", plan_staging="queue: {size: 3}\nname: ~\n")
    staging = read(plan, "staging").plan
    assert staging is not None
    assert (staging.queue.size, staging.queue.max_wait_s, staging.name) == (3, 5.0, None)
    base = read(plan).plan
    assert base is not None
    assert base.queue.size == 10


def test_an_unknown_environment_names_the_nearest(tmp_path: Path) -> None:
    plan = write(tmp_path, plan=SMALL, plan_staging="name: s\n")
    (problem,) = read(plan, "stagin").errors
    assert (problem.code, problem.remedy) == ("E013", "did you mean 'staging'?")
    for hostile in ("../../etc/passwd", "", "a/b", "\0"):
        assert [problem.code for problem in read(plan, hostile).errors] == ["E013"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert [problem.code for problem in read(tmp_path / "none.yaml").errors] == ["E001"]
    assert [problem.code for problem in read(tmp_path).errors] == ["E001"]
    assert [problem.code for problem in read("a\0b").errors] == ["E001"]
    (tmp_path / "latin.yaml").write_bytes("nome: ação".encode("latin-1"))
    (problem,) = read(tmp_path / "latin.yaml").errors
    assert (problem.code, problem.where.line, problem.where.column) == ("E002", 1, 8)


# --- nothing raises ------------------------------------------------------------------------------------------------------------

WORDS = """
    roteiro providers models routing_logic tenants workloads budgets retry queue demand sla_tiers scaling_policies condition
    action name model weight targets fallbacks retries attempts period amount limits requests tokens mix share arrivals process
    rate include primary p chat acme 1 0 -1 70 5% 99.9% 2000ms 15min $5/day 600/min 1e999 .nan true ~ smollm2 local openai auto <<
    primary.latency>2s hour>3 route_to_primary degrade token_based service ttft median p95 timezone UTC cache
    9999999999999999999999
"""
words = st.sampled_from(WORDS.split())
values = st.recursive(
    st.one_of(words, st.text(max_size=6).map(lambda text: repr(text))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + ", ".join(items) + "]"),
        st.dictionaries(words, inner, max_size=5).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        ),
    ),
    max_leaves=25,
)
yaml_shaped = st.dictionaries(words, values, max_size=6).map(lambda items: "\n".join(f"{key}: {value}" for key, value in items.items()))


@given(st.one_of(yaml_shaped, st.text(max_size=60), st.binary(max_size=60)))
def test_law_reading_never_raises_and_says_known_codes(text: str | bytes) -> None:
    reading = read_text(text)
    assert (reading.plan is None) == any(problem.severity is Severity.ERROR for problem in reading.problems)
    assert (reading.plan is None) == (reading.digest == "")
    for problem in reading.problems:
        assert problem.code in KINDS
        assert problem.message


mutations = st.tuples(
    st.integers(0, 10_000), st.sampled_from(["", " ", ":", "-", "[", "}", "x", "0", "%", "\n", "\t", "ms", "~", "*a", "'"])
)


@given(st.lists(mutations, min_size=1, max_size=4))
def test_law_a_damaged_plan_never_raises(damage: list[tuple[int, str]]) -> None:
    text = (
        "".join(BLOCKS)
        + "tenants: {acme: {tier: basic, budgets: {d: $5/day}}}\nmodels: {chat: {targets: [primary], fallbacks: [fallback]}}\n"
    )
    for place, piece in damage:
        at = place % len(text)
        text = text[:at] + piece + text[at + 1 :]
    reading = read_text(text)
    assert reading.plan is not None or reading.errors
