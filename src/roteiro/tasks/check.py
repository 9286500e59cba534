"""Check a plan: read it, cross-check it, and see that its tables can be made, as serving and simulating would.

What must not live here: any one check.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from roteiro.plan.check_vendors import STALE, stale_facts
from roteiro.plan.read import Reading, read
from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem, Severity

__all__ = ["check", "checked"]


def check(plan_path: str | Path, environment: str | None = None) -> Reading:
    """The plan with all of its problems. `environment` lays `plan.<environment>.yaml` over it."""
    reading = read(plan_path, environment)
    if reading.plan is None:
        return reading
    from roteiro.plan.compile import RingSizes, compile_plan, fresh_block

    try:
        fresh_block(compile_plan(reading.plan, reading.digest, sizes=RingSizes(flows=8, events=8, decisions=8)), epoch_unix_s=0.0)
    except PlanError as error:
        return replace(reading, plan=None, digest="", problems=(*reading.problems, *error.problems))
    # Cross-checks know no calendar: what has grown old is looked for here.
    old = [
        Problem(STALE, reading.marks.nearest(one.path).value, reading.marks.dotted(one.path), one.message, one.remedy, Severity.WARNING)
        for one in stale_facts(reading.plan, datetime.now(UTC).date())
    ]
    return replace(reading, problems=(*reading.problems, *old)) if old else reading


def checked(plan_path: str | Path, environment: str | None = None) -> Reading:
    """The same, of a plan that is good. Raises PlanError with every problem otherwise."""
    reading = check(plan_path, environment)
    if reading.plan is None:
        raise PlanError(reading.problems)
    return reading
