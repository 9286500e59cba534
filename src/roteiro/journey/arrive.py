"""A request arrives. Policies are asked in this order, which lives here and nowhere else:

room in the ledger → limits (key, tenant, workload, model) → [a cached answer ends here] → model (complexity, then cost, then context) →
residency → budgets → bulkheads → routing.

Nothing is taken before limits and budgets agree.
"""

from typing import Any

from roteiro.journey.journal import note, room
from roteiro.journey.place import SHED_RETRY_AFTER_S, Answer, decided, place, reject, unplaced
from roteiro.journey.settle import close
from roteiro.policy import budget as budgets
from roteiro.policy import limits, region, retry, routing
from roteiro.policy.kernel import inlined, kernel
from roteiro.policy.price import PER_MILLION
from roteiro.policy.state import (
    ANYWHERE,
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
from roteiro.terms.codes import CacheKind, Command, Operation, Reason

__all__ = ["begin", "estimate_of", "larger"]

SENT = Flowing.SENT
SEND, REJECT, DONE = int(Command.SEND), int(Command.REJECT), int(Command.DONE)
SEMANTIC, EMBEDDINGS = int(CacheKind.SEMANTIC), int(Operation.EMBEDDINGS)
R = {reason.name: int(reason) for reason in Reason}
OK, KEY_LIMIT, TENANT_LIMIT, WORKLOAD_LIMIT, MODEL_LIMIT = R["OK"], R["KEY_LIMIT"], R["TENANT_LIMIT"], R["WORKLOAD_LIMIT"], R["MODEL_LIMIT"]
BUDGET_SPENT, BUDGET_DEGRADED, LEDGER_FULL, FLOWS_FULL, SHED_RULE = (
    R["BUDGET_SPENT"],
    R["BUDGET_DEGRADED"],
    R["LEDGER_FULL"],
    R["FLOWS_FULL"],
    R["SHED_BY_RULE"],
)
SHED_SLO = R["SHED_FOR_SLO"]
RESIDENCY = R["RESIDENCY"]
COMPLEXITY, LARGER_CONTEXT, CACHE_EXACT, CACHE_SEMANTIC = R["COMPLEXITY"], R["LARGER_CONTEXT"], R["CACHE_EXACT"], R["CACHE_SEMANTIC"]
MOST_HOPS = 4  # from a model to one of larger context, and on; more is a circle


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


@inlined
def enter(block: int, key_index: int, route_index: int, input_tokens: int, output_tokens: int, flags: int, worker: int, now: float) -> int:
    """A fresh flow for a request that arrives."""
    header = header_of(block)
    f = header.free
    flow = flow_at(block, f)
    header.free = flow.next
    header.live += 1
    key = key_at(block, key_index)
    workload = (flags >> 8) & 0xFFFF
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
    flow.cache, flow.complexity, flow.operation = (flags >> 1) & 3, (flags >> 3) & 3, (flags >> 5) & 7
    flow.route_reason, flow.admitted, flow.stay, flow.estimated = 0, 0, 0, 0
    flow.residency = tenant_at(block, flow.tenant).residency & workload_at(block, flow.workload).residency
    flow.client_region = region.client_region(header, flags)
    flow.barred, flow.tried_credentials, flow.lost_nusd, flow.saved_nusd = 0, 0, 0, 0
    flow.hedge_at, flow.hedge_sent, flow.hedge_quota, flow.hedge_target = 0.0, 0.0, 0, NONE
    flow.credential, flow.hedge_credential, flow.hedge_probe, flow.hedged = 0, 0, 0, 0
    flow.rescues, flow.lane, flow.plain, flow.relayed = 0, 0, 0, 0
    flow.trace_hi, flow.trace_lo, flow.parent_span = 0, 0, 0
    flow.phase = SENT  # busy from here on; set anew by whatever is decided
    return f


@inlined
def budget_share(block: int, index: int, now: float) -> float:
    budget = budget_at(block, index)
    budgets.roll(budget, header_of(block).epoch_unix_s, now)
    return budgets.share_used(budget, 0) if budget.amount_nusd > 0 else 0.0


@inlined
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
def estimate_of(block: int, flow: Any) -> int:
    """Nano-dollars that a request may cost: its estimated tokens at the dearest price among its route's candidates."""
    route = route_at(block, flow.route)
    return (flow.input_tokens * route.price_input + flow.output_tokens * route.price_output + PER_MILLION // 2) // PER_MILLION


@inlined
def reserve_money(block: int, flow: Any) -> int:
    """Reserve the estimate on every budget of the caller, or on none → index of the budget that is spent, or NONE."""
    estimate = estimate_of(block, flow)
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
def from_cache(block: int, f: int, now: float) -> Answer:
    """The driver has an answer, whose own tokens it told: it costs nothing, and the event says what it would have cost."""
    flow = flow_at(block, f)
    flow.saved_nusd = estimate_of(block, flow)
    reason = CACHE_SEMANTIC if flow.cache == SEMANTIC else CACHE_EXACT
    flow.route_reason = reason
    flow.first_byte = now if flow.stream != 0 else 0.0
    decided(flow, DONE, 0.0, reason, float(flow.saved_nusd), 0.0)
    close(block, f, reason, 0, flow.input_tokens, 0, flow.output_tokens, 0, now)
    return DONE, 0.0, reason, f


@inlined
def cheapen(block: int, f: int, now: float) -> None:
    """A cheaper model, where a budget of the caller runs low, a rule says so, or the last hour was too dear; its data may go there."""
    header = header_of(block)
    flow = flow_at(block, f)
    route = route_at(block, flow.route)
    tight = degraded_by(block, flow, now)
    if (tight != NONE or header.degrading != 0) and route.degrade != NONE and routing.allowed(block, route_at(block, route.degrade), flow):
        flow.route, flow.degraded = route.degrade, 1
        if tight != NONE:
            share = budgets.share_used(budget_at(block, tight), 0)
            note(block, flow.request, flow.worker, f, NONE, BUDGET_DEGRADED, share, float(budget_at(block, tight).amount_nusd), now)
    elif header.cost_degrading != 0 and header.cost_route != NONE and flow.route != header.cost_route and flow.operation != EMBEDDINGS:
        if routing.allowed(block, route_at(block, header.cost_route), flow):
            flow.route, flow.degraded = header.cost_route, 2


@kernel
def larger(block: int, flow: Any) -> bool:
    """Take the model of larger context that the flow's own names, or that one's, until one fits the estimate. Whether it was taken.

    `flow.y` is then the context that was too small. Nothing changes where no model of larger context is named.
    """
    taken = False
    for _ in range(MOST_HOPS):
        route = route_at(block, flow.route)
        if route.larger == NONE or routing.fits(block, route, flow, flow.input_tokens):
            break
        if not routing.allowed(block, route_at(block, route.larger), flow):
            break
        flow.y = float(routing.widest(block, route, flow))
        routing.carried(block, route, route_at(block, route.larger), flow)
        flow.route, flow.tried = route.larger, 0
        taken = True
    return taken


@inlined
def begin(
    block: int, key_index: int, route_index: int, input_tokens: int, output_tokens: int, flags: int, worker: int, now: float, u: float
) -> Answer:
    """A request arrives; `flags` as `journey.step` says."""
    header = header_of(block)
    if not room(block):
        header.refused += 1
        return REJECT, SHED_RETRY_AFTER_S, LEDGER_FULL, NONE
    hit = (flags >> 1) & 3 != 0
    if not hit:  # what no provider is asked for earns no right to ask twice
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
    if flow.priority >= header.step_shed_from:
        return reject(block, f, SHED_SLO, SHED_RETRY_AFTER_S, float(flow.priority), float(header.step_shed_from), now)

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

    if flow.complexity != 0 and route.tiers[flow.complexity - 1] != NONE:
        if routing.allowed(block, route_at(block, route.tiers[flow.complexity - 1]), flow):
            flow.route = route.tiers[flow.complexity - 1]
    wider, smaller = False, 0.0
    if not hit:
        if flow.route != route_index:
            note(block, flow.request, worker, f, NONE, COMPLEXITY, float(flow.complexity), float(flow.route), now)
        cheapen(block, f, now)
        wider = larger(block, flow)
        smaller = flow.y
        if flow.residency != ANYWHERE and not routing.allowed(block, route_at(block, flow.route), flow):
            there = float(route_at(block, flow.route).count)
            return reject(block, f, RESIDENCY, 0.0, there, float(region.count(flow.residency)), now)
        spent = reserve_money(block, flow)
        if spent != NONE:
            budget = budget_at(block, spent)
            return reject(block, f, BUDGET_SPENT, budget.ends_s - now, flow.x, float(budget.amount_nusd), now)

    flow.reserved_tokens = tokens
    take_limits(block, flow, 0, key.requests_limit, key.tokens_limit, now)
    take_limits(block, flow, 1, tenant.requests_limit, tenant.tokens_limit, now)
    take_limits(block, flow, 2, workload.requests_limit, workload.tokens_limit, now)
    take_limits(block, flow, 3, route.requests_limit, route.tokens_limit, now)
    if hit:
        return from_cache(block, f, now)

    placed, reason, x, y = place(block, f, now, u)
    if placed:
        if wider:
            flow.reason, flow.route_reason, flow.x, flow.y = LARGER_CONTEXT, LARGER_CONTEXT, float(input_tokens), smaller
        return SEND, flow.argument, flow.reason, f
    if wider:
        note(block, flow.request, worker, f, NONE, LARGER_CONTEXT, float(input_tokens), smaller, now)
    return unplaced(block, f, reason, x, y, now, u)
