"""The reference page of problems tells every code once."""

import re

from roteiro.plan.look import CHECKS
from roteiro.plan.problems import KINDS
from roteiro.plan.reference import problem_kinds, problem_reference


def test_every_code_is_on_the_page_once() -> None:
    told = re.findall(r"^\| `([EW]\d{3})` \|", problem_reference(), re.MULTILINE)
    assert sorted(told) == sorted(KINDS) == [kind.code for kind in problem_kinds()]
    assert {code for code, _ in CHECKS} <= set(told)


def test_every_kind_says_what_and_why() -> None:
    for kind in problem_kinds():
        assert kind.title[0].islower() or kind.title.startswith("a ")
        assert kind.why.endswith(".")
