"""The freeze: while a step of burn says so, the plan in force stays.

Any other plan is refused, also one that would seem to help: which it is, is for a person to say, with a reason that is kept. Keys are made
and revoked as ever, the plan in force may be sent again, and a server may be started again with whatever plan it is given.
What must not live here: whether a step is in force (`policy.objective`).
"""

from datetime import UTC, datetime
from typing import Final

from roteiro.gateway.service_levels import ObjectiveState, ServiceLevels
from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem, Where
from roteiro.terms.units import format_share

__all__ = ["CODE", "LONGEST_REASON", "refuse_while_frozen"]

CODE: Final = "E341"
LONGEST_REASON: Final = 500


def refuse_while_frozen(levels: ServiceLevels, override: str = "") -> None:
    """Raises PlanError with a problem for each objective that freezes plans, unless there is a reason to override it."""
    if levels.frozen and not override.strip():
        raise PlanError([problem_of(one) for one in levels.objectives if frozen_at(one) is not None])


def frozen_at(one: ObjectiveState) -> float | None:
    """The share at which it froze plans; None where it does not."""
    return min((step.spent for step in one.steps if step.active and step.do == "freeze"), default=None)


def problem_of(one: ObjectiveState) -> Problem:
    at = frozen_at(one)
    assert at is not None
    spent = "its error budget" if one.spent is None else f"{format_share(round(one.spent, 4))} of its error budget"
    until = f"until less than {format_share(at)} is spent"
    if one.ends_unix_s is not None:
        until += f", at the latest until the window ends, {datetime.fromtimestamp(one.ends_unix_s, UTC).isoformat(timespec='seconds')}"
    message = f"has spent {spent} ({one.promise}), and from {format_share(at)} on changed plans are refused, {until}"
    return Problem(CODE, Where("plan"), one.name, message, "wait, or give a reason: roteiro plan adopt PLAN --override REASON")
