"""Sweeps: every combination, the front, what makes no difference, and what cannot be swept."""

from pathlib import Path

import pytest
from tests.tasks.test_diff import ASKED, plan

from roteiro.tasks.sweep import SweepEstimate, sweep
from roteiro.terms.error import PlanError, SettingsError


def test_every_combination_and_the_front(tmp_path: Path) -> None:
    said: list[SweepEstimate] = []
    result = sweep(
        plan(tmp_path, "a.yaml", 90), ["models.chat.targets.one=1,90", "retry.attempts=1..2:1", "providers.two.weight=10,20"], ASKED, seeds=2,
        tell=said.append,
    )  # fmt: skip
    assert (said[0].cells, said[0].seeds, said[0].requests) == (8, 2, 600)
    assert len(result.cells) == result.wanted_cells == 8
    assert [setting.value for setting in result.cells[0].settings] == ["1", "1", "10"]
    assert "providers.two.weight" in result.idle, "the model names its own targets"
    cheap, dear = result.cells[0], result.cells[-1]
    assert cheap.figures["cost"].mean < dear.figures["cost"].mean
    assert cheap.best and dear.best
    assert result.as_json()["cells"][0]["settings"] == {"models.chat.targets.one": "1", "retry.attempts": "1", "providers.two.weight": "10"}


@pytest.mark.parametrize(
    ("vary", "said"),
    [([], "nothing to vary"), (["retry.attempts=1..3"], "no step"), (["a.b=1..500:1", "a.c=1..3:1"], "at most 1,000")],
)
def test_what_cannot_be_swept(vary: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=said):
        sweep(plan(tmp_path, "a.yaml", 90), vary, ASKED)


def test_a_combination_that_makes_no_plan_is_told_with_its_problems(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as caught:
        sweep(plan(tmp_path, "a.yaml", 90), ["models.chat.targts.one=1,2"], ASKED)
    assert {problem.code for problem in caught.value.problems} == {"E101"}


def test_an_unknown_figure_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="attainment"):
        sweep(plan(tmp_path, "a.yaml", 90), ["retry.attempts=1,2"], ASKED, y="atainment")
