"""What the server asks under its own name: tenants, workloads and models that are there where quality is measured by asking.

They are added as a plan is taken up, so that checks, simulations and reports of demand never see them. What must not live here: asking.
"""

from typing import Any, Final

from roteiro.plan.logical import LogicalModel, ModelTimeouts, Retry
from roteiro.plan.model import Plan
from roteiro.plan.people import Budget, PriorityName, Tenant, Workload
from roteiro.terms.own import CANARIES, JUDGE, PINNED

__all__ = ["canary_targets", "own_names", "with_own"]

WITHIN_S: Final = 60.0


def own_names(plan: Plan) -> list[str]:
    """Names of the tenants that the server is itself under a plan."""
    return [name for name, part in ((CANARIES, plan.quality.canaries), (JUDGE, plan.quality.judge)) if part is not None]


def canary_targets(plan: Plan) -> list[str]:
    """Providers that canaries are asked of, by name."""
    canaries = plan.quality.canaries
    if canaries is None:
        return []
    return sorted(name for name, one in plan.providers.items() if one.kind == "chat" and (not canaries.targets or name in canaries.targets))


def with_own(plan: Plan) -> Plan:
    """The plan with them. Idempotent.

    Their tenants are in no tier, go last of all, and have their part's budget; a model that is pinned goes to one provider, once, and a
    failure stays one.
    """
    names = own_names(plan)
    if not names:
        return plan
    budgets: dict[str, Budget] = {}
    for name, part in ((CANARIES, plan.quality.canaries), (JUDGE, plan.quality.judge)):
        if part is not None:
            budgets[name] = part.budget
    tenants = {name: _tenant(plan.tenants.get(name), name, budgets[name]) for name in names}
    workloads = {name: Workload.model_construct(priority=PriorityName.SANDBOX, _fields_set=set()) for name in names}
    models = {f"{PINNED}{target}": _pinned(target) for target in canary_targets(plan)}
    updates: dict[str, Any] = {
        "tenants": {**plan.tenants, **tenants},
        "workloads": {**workloads, **plan.workloads},
        "models": {**models, **plan.models},
    }
    return plan.model_copy(update=updates)


def _tenant(written: Tenant | None, name: str, budget: Budget) -> Tenant:
    one = written or Tenant.model_construct(_fields_set=set())
    return one.model_copy(
        update={"tier": None, "workloads": (name,), "priority": PriorityName.SANDBOX, "budgets": {**one.budgets, name: budget}}
    )


def _pinned(target: str) -> LogicalModel:
    return LogicalModel.model_construct(
        targets={target: 1.0},
        rescue=False,
        on_disconnect="cancel",
        retry=Retry.model_construct(attempts=1, same_target=0, _fields_set=set()),
        timeouts=ModelTimeouts.model_construct(total_s=WITHIN_S, _fields_set=set()),
        _fields_set=set(),
    )
