"""A drill of one's own plan: what is played, what is left out and why, and the exit code where a promise is broken."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from roteiro.cli.main import main
from roteiro.plan.read import read
from roteiro.tasks.drill import Drill, Estimate, drill
from roteiro.tasks.drill_plan import cases_of, drill_plan
from roteiro.tasks.drill_result import Verdict
from roteiro.terms.error import SettingsError
from roteiro.testing.scenario import Strike
from roteiro.testing.scenarios import SCENARIOS

EXAMPLES = Path(__file__).parents[2] / "examples"
PLAN = """
roteiro: 1
providers:
  first:  {name: openai, model: gpt-4o-mini, key_env: FIRST, weight: 1, timeouts: {connect: 1s, first_token: 1s, idle: 1s, attempt: 2s}}
  second: {name: anthropic, model: claude-3-5-haiku-latest, key_env: SECOND, weight: 0}
  vector: {name: openai, model: text-embedding-3-small, kind: embedding, key_env: FIRST, weight: 0}
models:
  chat:  {targets: {first: 1}, fallbacks: [second], degrade_to: small, limits: {requests: 1/min}}
  small: {targets: {first: 1}, retry: {attempts: 1}}
  words: {targets: {vector: 1}}
retry: {backoff: 10ms, ratio: 1%, min_per_second: 0}
tenants: {acme: {budgets: {daily: $0.01/day}}}
"""


def call(*words: str) -> int:
    """The exit code of a command."""
    try:
        return main(words)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_copies_of_every_example_make_a_plan(file: Path, tmp_path: Path) -> None:
    """Whatever the plan: each case has its own model and providers, with the same timeouts, retries and breakers."""
    known = read(file).plan
    assert known is not None
    cases, _ = cases_of(known, tuple(known.models), (), {name: "k" for provider in known.providers.values() for name in provider.key_envs})
    addresses = {copy: f"http://127.0.0.1:9/{copy}/v1" for case in cases for copy in (*case.names.values(), *case.larger)}
    cases = cases[::4]  # reading all of them takes half a minute
    reading = read(drill_plan(known, cases, addresses, tmp_path))
    assert reading.plan is not None, reading.errors[:3]
    for case in cases:
        copy, original = reading.plan.models[case.model], known.models[case.promise.model]
        assert (copy.retry, copy.timeouts, copy.rescue) == (original.retry, original.timeouts, original.rescue)
        assert set(copy.targets) | set(copy.fallbacks) == set(case.names.values())
        if case.scenario.strike is None:
            assert list(copy.fallbacks) == [case.names[name] for name in original.fallbacks]
        else:
            assert list(copy.targets) == [case.names[case.promise.targets[0].name]]
        for name, its in case.names.items():
            ours, theirs = reading.plan.providers[its], known.providers[name]
            assert (ours.timeouts, ours.breaker, ours.key_envs, ours.limits) == (
                theirs.timeouts,
                theirs.breaker,
                theirs.key_envs,
                theirs.limits,
            )
    assert reading.plan.retry.ratio == 1.0


def test_a_drill_plays_what_applies_and_says_why_the_rest_does_not(plan: Path) -> None:
    told: list[Estimate] = []
    result = drill(Drill(plan=plan, only=("503", "connection-refused", "cut", "429-gemini")), tell=told.append)
    rows = {(row.model, row.scenario, row.stream): row for row in result.rows}
    assert rows["chat", "503-lasting", True].target == "second"
    assert rows["chat", "cut", True].verdict is Verdict.KEPT
    assert (rows["small", "503-passing", False].verdict, rows["small", "503-passing", False].why) == (Verdict.NOT_APPLICABLE, "no_retry")
    assert rows["chat", "429-gemini", False].why == "other_dialect"
    assert {row.why for row in result.rows if row.model == "words"} == {"embeddings"}
    assert [row.complaints for row in result.rows if row.verdict is Verdict.BROKEN] == []
    assert result.kept
    assert told[0].cases == result.counts["kept"]
    models = [row.model for row in result.rows]
    assert models == sorted(models, key=["chat", "small", "words"].index)


def test_names_that_nothing_has_are_refused_with_those_there_are(plan: Path) -> None:
    with pytest.raises(SettingsError, match="there is no scenario 'tempest'; there are 500-passing"):
        drill(Drill(plan=plan, only=("tempest",)))
    with pytest.raises(SettingsError, match="the plan has no model 'other'; it has chat, small, words"):
        drill(Drill(plan=plan, models=("other",)))
    with pytest.raises(SettingsError, match="nothing of this can be drilled"):
        drill(Drill(plan=plan, models=("words",)))


def test_what_takes_longer_than_allowed_is_left_out(plan: Path) -> None:
    result = drill(Drill(plan=plan, models=("chat",), only=("all-silent", "400"), seconds=60.0))
    rows = {(row.scenario, row.stream): row for row in result.rows}
    assert (rows["all-silent", False].why, rows["all-silent", False].verdict) == ("no_time", Verdict.NOT_APPLICABLE)
    assert rows["400", False].verdict is Verdict.KEPT


def test_a_scenario_by_its_whole_name_is_that_one_alone(plan: Path) -> None:
    known = read(plan).plan
    assert known is not None
    assert {case.scenario.name for case in cases_of(known, ("chat",), ("cut",), {})[0]} == {"cut"}
    assert {case.scenario.name for case in cases_of(known, ("chat",), ("cut-",), {})[0]} == {"cut-before-a-word"}
    assert {case.scenario.strike for case in cases_of(known, ("chat",), ("tls",), {})[0]} == {Strike.UNTRUSTED}


def test_the_command_ends_with_1_where_a_promise_is_broken(
    plan: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("drill", "faults", str(plan), "--model", "chat", "--only", "400", "--only", "http-1.0")
    monkeypatch.setenv("FIRST", "the operator's own key")
    assert call(*words, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["kept"], said["broken"], len(said["rows"])) == (4, 0, 4)
    assert {row["verdict"] for row in said["rows"]} == {"kept"}
    assert os.environ["FIRST"] == "the operator's own key"
    monkeypatch.setitem(SCENARIOS, "400", replace(SCENARIOS["400"], check=lambda _: ["it is not to our taste"]))
    assert call(*words, "--lang", "pt-BR", "--markdown") == 1
    page = capsys.readouterr().out
    assert "Promessas descumpridas" in page
    assert "it is not to our taste" in page
    assert call("drill", "faults", str(plan), "--only", "tempest") == 2
    assert "there is no scenario 'tempest'" in capsys.readouterr().err
