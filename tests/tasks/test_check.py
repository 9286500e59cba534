"""Checking finds what reading finds, and what making the tables finds."""

from pathlib import Path

import pytest

from roteiro.tasks.check import check, checked
from roteiro.tasks.example import example
from roteiro.terms.error import PlanError

BUDGETS = "\n".join(f"      b{n}: $1/day" for n in range(9))
TOO_MANY = f"roteiro: 1\nproviders:\n  one: {{name: openai, model: gpt-4o}}\ntenants:\n  acme:\n    budgets:\n{BUDGETS}\n"


def test_the_example_can_run() -> None:
    reading = checked(example())
    assert reading.plan is not None and len(reading.digest) == 64 and not reading.errors


def test_what_only_the_tables_tell_is_told_too(tmp_path: Path) -> None:
    """A tenant of more budgets than a record holds."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(TOO_MANY)
    reading = check(plan)
    assert reading.plan is None and reading.digest == ""
    assert any("budgets" in problem.path for problem in reading.errors)
    with pytest.raises(PlanError) as refused:
        checked(plan)
    assert refused.value.problems == reading.problems


def test_a_plan_that_is_not_there_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    reading = check(tmp_path / "nowhere.yaml")
    assert [problem.code for problem in reading.problems] == ["E001"]
