"""What became of budgets in a run: when each first refused a request, and the most that was spent of it in a period. In the loop's code.

What must not live here: decisions about money (`policy.budget`).
"""

from roteiro.policy import budget as budgets
from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE, budget_at, flow_at, header_of, tenant_at, workload_at
from roteiro.simulator.records import purse_at

__all__ = ["look", "refused"]


@kernel
def look(world: int, block: int) -> None:
    """At a tick: how much of each budget is spent in its period."""
    for b in range(header_of(block).n_budgets):
        spent = budget_at(block, b).spent_nusd
        if spent > purse_at(world, b).most_nusd:
            purse_at(world, b).most_nusd = spent


@kernel
def refused(world: int, block: int, f: int, now: float) -> None:
    """A request of flow `f` was refused for the money: the fullest budget of its caller is exhausted."""
    flow = flow_at(block, f)
    tenant, workload = tenant_at(block, flow.tenant), workload_at(block, flow.workload)
    found, fullest = NONE, -1.0
    for i in range(6):
        index = tenant.budgets[i] if i < 4 else workload.budgets[i - 4]
        if index != NONE and budgets.share_used(budget_at(block, index), 0) > fullest:
            found, fullest = index, budgets.share_used(budget_at(block, index), 0)
    if found != NONE and purse_at(world, found).exhausted != purse_at(world, found).exhausted:
        purse_at(world, found).exhausted = now
