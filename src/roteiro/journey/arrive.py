"""A request arrives. Policies are asked in this order, which lives here and nowhere else:

room in the ledger → limits (key, tenant, workload, model) → budgets → bulkheads → routing.

Nothing is taken before the first three agree.
"""

from typing import Any

from roteiro.journey.journal import note, room
from roteiro.journey.place import SHED_RETRY_AFTER_S, Answer, place, reject, unplaced
from roteiro.policy import budget as budgets
from roteiro.policy import limits, retry
from roteiro.policy.kernel import kernel
from roteiro.policy.state import (
    FLOW_BUDGETS,
    FLOW_LIMITS,
    NONE,
    Flowing,
    budget_at,
    flow_at,
    header_of,
    key_at,
    limit_at,
    route_at,
    tenant_at,
    workload_at,
)
from roteiro.terms.codes import Command, Reason

__all__ = ["begin"]

SENT = Flowing.SENT
SEND, REJECT = int(Command.SEND), int(Command.REJECT)
R = {reason.name: int(reason) for reason in Reason}
OK, KEY_LIMIT, TENANT_LIMIT, WORKLOAD_LIMIT, MODEL_LIMIT = R["OK"], R["KEY_LIMIT"], R["TENANT_LIMIT"], R["WORKLOAD_LIMIT"], R["MODEL_LIMIT"]
BUDGET_SPENT, BUDGET_DEGRADED, LEDGER_FULL, FLOWS_FULL, SHED_RULE = (
    R["BUDGET_SPENT"],
    R["BUDGET_DEGRADED"],
    R["LEDGER_FULL"],
    R["FLOWS_FULL"],
    R["SHED_BY_RULE"],
)
PER_MILLION = 1_000_000


@kernel
def limit_wait(block: int, requests_limit: int, tokens_limit: int, tokens: int, now: float) -> tuple[float, float]:
    """(seconds until one request of `tokens` fits both limits, index of the one that binds)."""
    wait, which = 0.0, float(NONE)
    if requests_limit != NONE:
        limit = limit_at(block, requests_limit)
        wait, which = limits.wait_for(limit, 1.0, now), float(requests_limit)
    if tokens_limit != NONE:
        limit = limit_at(block, tokens_limit)
        longer = limits.wait_for(limit, float(tokens), now)
        if longer > wait:
            wait, which = longer, float(tokens_limit)
    return wait, which


@kernel
def take_limits(block: int, flow: Any, at: int, requests_limit: int, tokens_limit: int, now: float) -> None:
    if requests_limit != NONE:
        limits.take(limit_at(block, requests_limit), 1.0, now)
    flow.limits[at] = tokens_limit
    if tokens_limit != NONE:
        limits.take(limit_at(block, tokens_limit), float(flow.reserved_tokens), now)


@kernel
def enter(block: int, key_index: int, route_index: int, input_tokens: int, output_tokens: int, flags: int, worker: int, now: float) -> int:
    """A fresh flow for a request that arrives."""
    header = header_of(block)
    f = header.free
    flow = flow_at(block, f)
    header.free = flow.next
    header.live += 1
    key = key_at(block, key_index)
    workload = flags >> 8
    flow.request, flow.worker, flow.key, flow.tenant = header.requests, worker, key_index, key.tenant
    header.requests += 1
    flow.workload = workload - 1 if workload > 0 else key.workload
    own = tenant_at(block, flow.tenant).priority
    flow.priority = own if own != NONE else workload_at(block, flow.workload).priority
    flow.asked, flow.route, flow.target, flow.first_target, flow.previous = route_index, route_index, NONE, NONE, NONE
    flow.input_tokens, flow.output_tokens, flow.reserved_tokens = input_tokens, output_tokens, 0
    flow.arrival, flow.deadline, flow.until = now, now + route_at(block, route_index).deadline_s, 0.0
    flow.sent, flow.first_byte, flow.queued, flow.queue_s = 0.0, 0.0, 0.0, 0.0
    flow.reserved_nusd, flow.quota_tokens, flow.tried = 0, 0, 0
    flow.attempts, flow.same, flow.fallbacks = 0, 0, 0
    flow.next, flow.before = NONE, NONE
    for i in range(FLOW_LIMITS):
        flow.limits[i] = NONE
    for i in range(FLOW_BUDGETS):
        flow.budgets[i] = NONE
    flow.stream, flow.status, flow.probe, flow.degraded, flow.error_class = flags & 1, 0, 0, 0, 0
    flow.route_reason, flow.admitted, flow.stay, flow.estimated = 0, 0, 0, 0
    flow.phase = SENT  # busy from here on; set anew by whatever is decided
    return f


@kernel
def budget_share(block: int, index: int, now: float) -> float:
    budget = budget_at(block, index)
    budgets.roll(budget, header_of(block).epoch_unix_s, now)
    return budgets.share_used(budget, 0) if budget.amount_nusd > 0 else 0.0


@kernel
def degraded_by(block: int, flow: Any, now: float) -> int:
    """Index of a budget of the caller that has passed its degrade threshold, or NONE. Brings their periods up to date."""
    found = NONE
    tenant, workload = tenant_at(block, flow.tenant), workload_at(block, flow.workload)
    for i in range(6):
        index = tenant.budgets[i] if i < 4 else workload.budgets[i - 4]
        if index != NONE and budget_share(block, index, now) >= budget_at(block, index).degrade:
            found = index
    return found


@kernel
def reserve_money(block: int, flow: Any, now: float) -> int:
    """Reserve the estimate on every budget of the caller, or on none → index of the budget that is spent, or NONE."""
    route = route_at(block, flow.route)
    estimate = (flow.input_tokens * route.price_input + flow.output_tokens * route.price_output + PER_MILLION // 2) // PER_MILLION
    tenant, workload = tenant_at(block, flow.tenant), workload_at(block, flow.workload)
    for i in range(6):
        index = tenant.budgets[i] if i < 4 else workload.budgets[i - 4]
        if index != NONE and budgets.share_used(budget_at(block, index), estimate) > budget_at(block, index).stop:
            flow.x = float(budget_at(block, index).spent_nusd + budget_at(block, index).reserved_nusd + estimate)
            return index
    flow.reserved_nusd = estimate
    for i in range(6):
        index = tenant.budgets[i] if i < 4 else workload.budgets[i - 4]
        flow.budgets[i] = index
        if index != NONE:
            budget_at(block, index).reserved_nusd += estimate
    return NONE


@kernel
def begin(
    block: int, key_index: int, route_index: int, input_tokens: int, output_tokens: int, flags: int, worker: int, now: float, u: float
) -> Answer:
    """A request arrives. `flags`: bit 0 stream; from bit 8 on the workload's index + 1, or 0 for the key's own."""
    header = header_of(block)
    if not room(block):
        header.refused += 1
        return REJECT, SHED_RETRY_AFTER_S, LEDGER_FULL, NONE
    retry.earn(header, now)
    f = enter(block, key_index, route_index, input_tokens, output_tokens, flags, worker, now)
    flow = flow_at(block, f)
    if header.free == NONE:  # the last flow there is serves to say so
        return reject(block, f, FLOWS_FULL, SHED_RETRY_AFTER_S, float(header.live), float(header_of(block).n_flows), now)
    key, tenant, workload, route = (
        key_at(block, key_index),
        tenant_at(block, flow.tenant),
        workload_at(block, flow.workload),
        route_at(block, route_index),
    )
    if flow.priority >= header.shed_from:
        return reject(block, f, SHED_RULE, SHED_RETRY_AFTER_S, float(flow.priority), float(header.shed_from), now)

    tokens = input_tokens + output_tokens
    wait, which = limit_wait(block, key.requests_limit, key.tokens_limit, tokens, now)
    reason = KEY_LIMIT
    longer, other = limit_wait(block, tenant.requests_limit, tenant.tokens_limit, tokens, now)
    if longer > wait:
        wait, which, reason = longer, other, TENANT_LIMIT
    longer, other = limit_wait(block, workload.requests_limit, workload.tokens_limit, tokens, now)
    if longer > wait:
        wait, which, reason = longer, other, WORKLOAD_LIMIT
    longer, other = limit_wait(block, route.requests_limit, route.tokens_limit, tokens, now)
    if longer > wait:
        wait, which, reason = longer, other, MODEL_LIMIT
    if wait > 0.0:
        return reject(block, f, reason, wait, wait, which, now)

    tight = degraded_by(block, flow, now)
    if (tight != NONE or header.degrading != 0) and route.degrade != NONE:
        flow.route, flow.degraded = route.degrade, 1
        if tight != NONE:
            share = budgets.share_used(budget_at(block, tight), 0)
            note(block, flow.request, worker, f, NONE, BUDGET_DEGRADED, share, float(budget_at(block, tight).amount_nusd), now)
    spent = reserve_money(block, flow, now)
    if spent != NONE:
        budget = budget_at(block, spent)
        return reject(block, f, BUDGET_SPENT, budget.ends_s - now, flow.x, float(budget.amount_nusd), now)

    flow.reserved_tokens = tokens
    take_limits(block, flow, 0, key.requests_limit, key.tokens_limit, now)
    take_limits(block, flow, 1, tenant.requests_limit, tenant.tokens_limit, now)
    take_limits(block, flow, 2, workload.requests_limit, workload.tokens_limit, now)
    take_limits(block, flow, 3, route.requests_limit, route.tokens_limit, now)

    placed, reason, x, y = place(block, f, now, u)
    if placed:
        return SEND, flow.argument, flow.reason, f
    return unplaced(block, f, reason, x, y, now, u)
