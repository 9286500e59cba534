"""`roteiro capacity`: what is printed in every form, the overlay that it keeps, and exit codes."""

import json
from pathlib import Path

import pytest
from tests.cli.test_main import call
from tests.tasks.test_capacity import PLAN

QUICK = ("--horizon", "12h", "--paths", "20", "--no-simulate")


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


@pytest.mark.parametrize(
    ("lang", "words"), [("en", ("What to do first", "One more nine", "Not simulated")), ("pt-BR", ("O que fazer primeiro", "Mais um nove", "Não simulado"))]
)  # fmt: skip
def test_capacity_in_every_form(lang: str, words: tuple[str, ...], plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form, sign in (((), "┤"), (("--markdown",), "```text"), (("--html",), "<svg")):
        assert call("capacity", str(plan), *QUICK, "--lang", lang, *form) == 0
        said = capsys.readouterr().out
        assert sign in said and [word for word in words if word not in said] == []
    assert call("capacity", str(plan), *QUICK, "--json", "--lang", lang) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["met"] and told["confirmed"] is None and {one["scenario"] for one in told["courses"]} == {"base", "stress"}


def test_the_overlay_is_a_plan_with_its_reasons(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "planned.yaml"
    assert call("capacity", str(plan), *QUICK, "--scenario", "stress", "--no-survive", "--overlay", str(kept)) == 0
    assert f"roteiro diff {plan} {kept}" in " ".join(capsys.readouterr().out.split())
    assert "# provisioned units to reserve; was 0" in kept.read_text()
    assert call("check", str(kept)) == 0


def test_what_cannot_be_kept_ends_with_one_and_what_cannot_be_asked_with_two(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(PLAN.replace("rate: 4/s", "rate: 60/s"))
    assert call("capacity", str(plan), *QUICK, "--no-why") == 1
    assert "does not keep the promise" in " ".join(capsys.readouterr().out.split())
    for words, said in ((("--probability", "much"), "--probability"), (("--overlay", "/nowhere/x.yaml", "--no-why"), "cannot be written")):
        assert call("capacity", str(plan), *QUICK, *words) == 2
        assert said in capsys.readouterr().err
