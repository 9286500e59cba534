"""The face: what is printed where, exit codes, and that help is quick because nothing heavy is imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from roteiro.cli.main import app, complain, main
from roteiro.ledger import Ledger
from roteiro.terms.error import InvariantError, SettingsError

GOOD = "roteiro: 1\nproviders:\n  one: {name: openai, model: gpt-4o}\n"
BAD = """
providers:
  one: {name: openai, model: gpt-4o, wieght: 70}
tenants: {acme: {tier: gold}}
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
    path.write_text(GOOD)
    return path


def test_help_imports_nothing_heavy() -> None:
    """By what is imported, not by the clock: the first is the cause and the same on every machine."""
    code = "import sys, roteiro.cli.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"numpy", "numba", "pyarrow", "duckdb", "pydantic", "sqlalchemy", "lark", "starlette", "uvicorn"}
    assert heavy & set(loaded) == set()


def test_a_good_plan_is_0_and_a_bad_one_2_with_all_its_problems(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", str(plan)) == 0
    assert "no problem" in capsys.readouterr().out
    plan.write_text(BAD)
    assert call("check", str(plan)) == 2
    said = capsys.readouterr().out
    assert f"{plan}:3:38 E101 providers.one.wieght" in said and "E201 tenants.acme.tier" in said
    assert "errors: 2" in said


def test_check_as_json(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(BAD)
    assert call("check", str(plan), "--json") == 2
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["digest"]) == (False, None)
    codes = [problem["code"] for problem in said["problems"] if problem["severity"] == "error"]
    assert codes == ["E101", "E201"]
    assert said["problems"][0].keys() == {"code", "severity", "file", "line", "column", "path", "message", "remedy"}


def test_an_environment_is_laid_over(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.with_name("plan.staging.yaml").write_text("providers: {one: {weight: -1}}\n")
    assert call("check", str(plan)) == 0
    assert call("check", str(plan), "--environment", "staging") == 2
    assert "plan.staging.yaml:1:" in capsys.readouterr().out


def test_init_writes_a_plan_that_checks_and_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for lang in ("en", "pt-BR"):
        path = tmp_path / f"{lang}.yaml"
        assert call("init", str(path), "--lang", lang) == 0
        assert call("check", str(path)) == 0
        before = path.read_text()
        assert call("init", str(path)) == 2
        assert "is there already" in capsys.readouterr().err
        assert path.read_text() == before
        assert call("init", str(path), "--force") == 0


def test_explain_a_plan(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("explain", str(plan), "--json") == 0
    values = {row["path"]: row for row in json.loads(capsys.readouterr().out)["values"]}
    assert values["providers.one.model"] == {"path": "providers.one.model", "value": "gpt-4o", "origin": f"{plan}:3:30"}
    assert values["retry.attempts"]["origin"] == "default"
    assert call("explain", str(plan)) == 0
    assert "providers" in capsys.readouterr().out


def test_explain_wants_one_thing(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("explain") == 2
    assert call("explain", str(plan), "--request", "run-1") == 2
    assert "roteiro explain --request ID" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "sla", "--data", "NOWHERE"), "there is no data directory"),
        (("report", "cost", "--data", "."), ""),
        (("report", "sla", "--data", ".", "--since", "yesterday"), "no period and no time"),
        (("report", "sla", "--data", ".", "--run", "nobody"), "has no run 'nobody'"),
        (("explain", "--request", "abc", "--data", "."), "is no request's id"),
        (("explain", "--request", "run-1-5", "--data", "."), "has no run 'run-1'"),
        (("keys", "list", "--data", "."), "admin.token cannot be read"),
        (("keys", "list", "--data", ".", "--admin-token", "x" * 16, "--admin-port", "1"), "no server administers at 127.0.0.1:1"),
        (("check", "nowhere.yaml"), ""),
        (("explain", "nowhere.yaml"), "cannot be read"),
        (("simulate", "nowhere.yaml"), "cannot be read"),
        (("demo", "--seconds", "0"), "from 5 to 3600"),
        (("replay", "nobody", "--data", "."), ""),
    ],
)
def test_a_mistake_is_a_line_on_stderr_and_never_a_traceback(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = call(*words)
    out, err = capsys.readouterr()
    assert code == (0 if words[:2] == ("report", "cost") else 2), err
    assert said in err and "Traceback" not in out + err


def test_debug_shows_where_it_came_from(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        main(["report", "sla", "--data", str(tmp_path / "no"), "--debug"])


def test_our_own_faults_are_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    complain(InvariantError("the clock ran back"))
    assert "a fault of ours" in capsys.readouterr().err


def test_an_empty_ledger_has_no_data_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Ledger(tmp_path)
    for what in ("sla", "cost", "traffic"):
        assert call("report", what, "--data", str(tmp_path)) == 0
        assert "no data" in capsys.readouterr().out
        assert call("report", what, "--data", str(tmp_path), "--lang", "pt-BR", "--markdown") == 0
        assert "sem dados" in capsys.readouterr().out


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("schema") == 0
    assert json.loads(capsys.readouterr().out)["$schema"].startswith("https://json-schema.org/")


def test_every_command_says_what_it_does() -> None:
    command = typer.main.get_command(app)
    pending = [command]
    while pending:
        one = pending.pop()
        assert (one.help or "").strip(), one.name
        pending += list(getattr(one, "commands", {}).values())
        for parameter in one.params:
            assert getattr(parameter, "help", None), f"{one.name} {parameter.name}"
