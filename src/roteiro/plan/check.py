"""Runs every cross-check on a resolved plan.

What must not live here: any one check (`check_credits`, `check_demand`, `check_fleet`, `check_levers`, `check_notify`, `check_objectives`,
`check_observe`, `check_people`, `check_prices`, `check_probing`, `check_regions`, `check_rules`, `check_vendors`).
"""

from roteiro.plan import (
    check_credits,
    check_demand,
    check_fleet,
    check_levers,
    check_notify,
    check_objectives,
    check_observe,
    check_people,
    check_prices,
    check_probing,
    check_regions,
    check_rules,
    check_vendors,
)
from roteiro.plan.look import CHECKS, Look
from roteiro.plan.model import Plan
from roteiro.plan.shape import Marks
from roteiro.terms.problem import Problem, Severity

__all__ = ["REGISTERED", "check"]

REGISTERED = (
    check_credits,
    check_fleet,
    check_levers,
    check_notify,
    check_objectives,
    check_observe,
    check_people,
    check_prices,
    check_probing,
    check_regions,
    check_rules,
    check_demand,
    check_vendors,
)
"""Importing them registers their checks."""


def check(plan: Plan, marks: Marks) -> list[Problem]:
    """The problems that cross-checks find in the plan, which must be resolved."""
    look = Look(plan, marks)
    problems = []
    for code, function in CHECKS:
        severity = Severity.ERROR if code.startswith("E") else Severity.WARNING
        for found in function(look):
            mark = look.mark(found.path)
            where = mark.key if found.at_key else mark.at(found.column)
            problems.append(Problem(code, where, marks.dotted(found.path), found.message, found.remedy, severity))
    return problems
