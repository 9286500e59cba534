"""The freeze: what is refused while a step of burn says so, and what a reason lets through."""

import msgspec
import pytest
from tests.gateway.levels import levels

from roteiro.gateway.freeze import CODE, refuse_while_frozen
from roteiro.plan.problems import KINDS
from roteiro.terms.error import PlanError


def test_a_changed_plan_is_refused_with_all_that_is_to_be_known() -> None:
    with pytest.raises(PlanError) as refused:
        refuse_while_frozen(levels(freeze=True, spent=0.9312))
    (problem,) = refused.value.problems
    assert (problem.code, problem.path) == (CODE, "gold.availability") and CODE in KINDS
    for said in ("93.12% of its error budget", "availability ≥ 99.9%, month", "from 90% on", "until less than 90%", "2026-10-26T07:33:20"):
        assert said in problem.message, problem.message
    assert "--override REASON" in problem.remedy


def test_a_reason_lets_it_through_and_blanks_are_none() -> None:
    refuse_while_frozen(levels(freeze=True), "the other provider is down")
    with pytest.raises(PlanError):
        refuse_while_frozen(levels(freeze=True), "  ")
    refuse_while_frozen(levels(page=True))


def test_a_rolling_window_names_no_end() -> None:
    rolling = levels(freeze=True, ends_unix_s=None)
    with pytest.raises(PlanError) as refused:
        refuse_while_frozen(msgspec.structs.replace(rolling))
    assert "at the latest" not in str(refused.value.problems[0])
