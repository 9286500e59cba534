"""The ways out of a request: what was reserved is settled to the truth exactly once, and one event row is written.

Every path of `request` that ends a flow ends here. What must not live here: the choice of what to do next.
"""

import numpy as np

from roteiro.journey.journal import note
from roteiro.policy import breaker as breakers
from roteiro.policy import hour_cost, limits, price
from roteiro.policy import meter as meters
from roteiro.policy import objective as objectives
from roteiro.policy.kernel import kernel
from roteiro.policy.state import (
    FLOW_BUDGETS,
    FLOW_LIMITS,
    NONE,
    Flowing,
    breaker_at,
    budget_at,
    event_at,
    flow_at,
    header_of,
    limit_at,
    target_at,
    tenant_at,
    workload_at,
)
from roteiro.terms.codes import ErrorClass, Outcome, Reason

__all__ = ["close", "cost_of", "leave_hedge", "leave_target", "outcome_of", "status_of", "unsent"]

FREE = Flowing.FREE
RATE_LIMIT, BAD_REQUEST, CONTENT, CONTEXT, UNFIT = (
    int(ErrorClass.RATE_LIMIT), int(ErrorClass.BAD_REQUEST), int(ErrorClass.CONTENT), int(ErrorClass.CONTEXT), int(ErrorClass.UNFIT),
)  # fmt: skip
OPEN, CLOSED, HALF_OPEN = breakers.OPEN, breakers.CLOSED, breakers.HALF_OPEN
OPENED, REOPENED, RECLOSED = int(Reason.BREAKER_OPENED), int(Reason.BREAKER_REOPENED), int(Reason.BREAKER_CLOSED)
SUCCESS, FAILED, LIMITED, BUDGET, SHED, UNAVAILABLE, CANCELLED, INVALID, ABANDONED = (int(outcome) for outcome in Outcome)
R = {reason.name: int(reason) for reason in Reason}
OK, KEY_LIMIT, MODEL_LIMIT, BUDGET_SPENT = R["OK"], R["KEY_LIMIT"], R["MODEL_LIMIT"], R["BUDGET_SPENT"]
TENANT_FULL, WORKLOAD_FULL, TARGETS_FULL, QUEUE_FULL = R["TENANT_FULL"], R["WORKLOAD_FULL"], R["TARGETS_FULL"], R["QUEUE_FULL"]
QUEUE_TIMEOUT, SHED_FOR_PRIORITY, FLOWS_FULL, LEDGER_FULL = R["QUEUE_TIMEOUT"], R["SHED_FOR_PRIORITY"], R["FLOWS_FULL"], R["LEDGER_FULL"]
NO_HEALTHY_TARGET, PAST_DEADLINE, NOT_RETRYABLE = R["NO_HEALTHY_TARGET"], R["PAST_DEADLINE"], R["NOT_RETRYABLE"]
CLIENT_GONE, WORKER_DIED = R["CLIENT_GONE"], R["WORKER_DIED"]
PROVIDER_LIMIT, CONTEXT_TOO_LONG, CACHE_EXACT, CACHE_SEMANTIC = (
    R["PROVIDER_LIMIT"], R["CONTEXT_TOO_LONG"], R["CACHE_EXACT"], R["CACHE_SEMANTIC"],
)  # fmt: skip
OUT_OF_ATTEMPTS, RETRY_BUDGET, ALL_TRIED, RESIDENCY = R["OUT_OF_ATTEMPTS"], R["RETRY_BUDGET"], R["ALL_TRIED"], R["RESIDENCY"]
FAILURE_MEMORY = 0.05  # weight of the newest call in a target's share of failures


@kernel
def cost_of(block: int, target: int, input_tokens: int, cached: int, output_tokens: int, reasoning: int, now: float) -> int:
    """Nano-dollars of a usage at the target's prices of this hour."""
    return price.cost(target_at(block, target), header_of(block), input_tokens, cached, output_tokens, reasoning, now)


@kernel
def leave(
    block: int, f: int, t: int, quota: int, probe: bool, sent: float, heard: float, error_class: int, verdict: bool, tokens: int,
    cost_nusd: int, now: float, u: float,
) -> None:  # fmt: skip
    """An attempt at target `t` is over: give back its slot and quota, and tell breaker and meters unless there is no `verdict`."""
    flow = flow_at(block, f)
    target = target_at(block, t)
    breaker = breaker_at(block, t)
    target.in_flight -= 1
    target.tokens -= flow.input_tokens + flow.output_tokens
    if target.tokens_limit != NONE:
        limits.give_back(limit_at(block, target.tokens_limit), float(quota - tokens))
    if not verdict:
        breakers.abandon(breaker, probe)
        return
    took_s = now - sent
    failed = error_class != 0 and error_class != BAD_REQUEST and error_class != CONTENT and error_class != CONTEXT
    counted = error_class != 0 and (breaker.counted >> error_class) & 1 != 0
    probing, succeeded = breaker.state == HALF_OPEN, breaker.probes_ok
    change = breakers.settle(breaker, probe, counted, took_s, now, u)
    if change == OPEN and probing:
        note(block, flow.request, flow.worker, f, t, REOPENED, float(succeeded), float(breaker.probes), now)
    elif change == OPEN:
        _, share, _ = breakers.shares(breaker)
        note(block, flow.request, flow.worker, f, t, OPENED, share, breaker.failure_share, now)
    elif change == CLOSED:
        note(block, flow.request, flow.worker, f, t, RECLOSED, float(t), float(breaker.probes), now)
    target.calls += 1
    target.failures += 1 if failed else 0
    target.failure_share += ((1.0 if failed else 0.0) - target.failure_share) * FAILURE_MEMORY
    ttft_ms = (heard - sent) * 1e3 if heard > 0.0 and heard >= sent else np.nan  # a rescued stream was heard before
    meters.observe_attempt(block, t, failed, took_s * 1e3, ttft_ms, float(cost_nusd), float(tokens), now)


@kernel
def unsent(block: int, t: int) -> None:
    """Nothing was sent to target `t` after all: its quota of requests has it back. Slot and tokens are given back by whoever leaves it."""
    target = target_at(block, t)
    if target.requests_limit != NONE:
        limits.give_back(limit_at(block, target.requests_limit), 1.0)


@kernel
def leave_target(block: int, f: int, error_class: int, verdict: bool, tokens: int, cost_nusd: int, now: float, u: float) -> None:
    """The attempt in flight is over. No `verdict`: its client left, or another attempt was faster."""
    flow = flow_at(block, f)
    leave(
        block, f, flow.target, flow.quota_tokens, flow.probe != 0, flow.sent, flow.first_byte, error_class, verdict, tokens, cost_nusd,
        now, u,
    )  # fmt: skip
    flow.quota_tokens, flow.probe = 0, 0


@kernel
def leave_hedge(block: int, f: int, error_class: int, verdict: bool, tokens: int, now: float, u: float) -> None:
    """The hedge beside the first attempt is over."""
    flow = flow_at(block, f)
    t, quota, probe = flow.hedge_target, flow.hedge_quota, flow.hedge_probe != 0
    leave(block, f, t, quota, probe, flow.hedge_sent, 0.0, error_class, verdict, tokens, 0, now, u)
    flow.hedge_target, flow.hedge_quota, flow.hedge_probe = NONE, 0, 0


@kernel
def outcome_of(reason: int, error_class: int, attempts: int) -> int:
    """The one outcome of a request that ended for `reason`."""
    if reason == OK or reason == CACHE_EXACT or reason == CACHE_SEMANTIC:
        return SUCCESS
    if KEY_LIMIT <= reason <= MODEL_LIMIT:
        return LIMITED
    if reason == BUDGET_SPENT:
        return BUDGET
    if reason == CLIENT_GONE:
        return CANCELLED
    if reason == WORKER_DIED:
        return ABANDONED
    if error_class == BAD_REQUEST or error_class == CONTENT or reason == CONTEXT_TOO_LONG:
        return INVALID
    if error_class == UNFIT and reason == ALL_TRIED and attempts == 0:  # no dialect can say it, and nothing was sent
        return INVALID
    if attempts > 0:
        return FAILED
    if reason == NO_HEALTHY_TARGET or reason == PAST_DEADLINE or reason == RESIDENCY:
        return UNAVAILABLE
    return SHED


@kernel
def status_of(reason: int, error_class: int, attempts: int, upstream_status: int) -> int:
    """HTTP status for the client of a request that ended for `reason`.

    `attempts` counts what was sent. Plain Python calls this too, so it calls nothing of the kernel's.
    """
    if reason == OK or reason == CACHE_EXACT or reason == CACHE_SEMANTIC:
        return 200
    if KEY_LIMIT <= reason <= MODEL_LIMIT or reason == PROVIDER_LIMIT:
        return 429
    if reason == BUDGET_SPENT:
        return 402
    if reason == CLIENT_GONE:
        return 499
    if reason == RESIDENCY:
        return 403
    if error_class == UNFIT and reason == ALL_TRIED and attempts == 0:
        return 400
    if error_class == BAD_REQUEST or error_class == CONTENT or reason == CONTEXT_TOO_LONG:
        return upstream_status if 400 <= upstream_status < 500 else 400
    if error_class == RATE_LIMIT and (reason == OUT_OF_ATTEMPTS or reason == RETRY_BUDGET):
        return 429
    if reason == PAST_DEADLINE:
        return 504
    if attempts > 0 and reason != WORKER_DIED:
        return 502
    return 503


@kernel
def close(
    block: int, f: int, reason: int, cost_nusd: int, input_tokens: int, cached: int, output_tokens: int, reasoning: int, now: float
) -> None:
    """Settle flow `f` and free it: limits, budgets and bulkheads get back what was reserved less what was used; the event is written."""
    header = header_of(block)
    flow = flow_at(block, f)
    if flow.phase == FREE:
        return
    for i in range(FLOW_LIMITS):
        if flow.limits[i] != NONE:
            limits.give_back(limit_at(block, flow.limits[i]), float(flow.reserved_tokens - input_tokens - output_tokens))
    for i in range(FLOW_BUDGETS):
        if flow.budgets[i] != NONE:
            budget = budget_at(block, flow.budgets[i])
            budget.reserved_nusd -= flow.reserved_nusd
            budget.spent_nusd += cost_nusd + flow.lost_nusd
    if cost_nusd + flow.lost_nusd > 0:
        hour_cost.add(header, cost_nusd + flow.lost_nusd, now)
    if flow.admitted != 0:
        tenant_at(block, flow.tenant).in_flight -= 1
        workload_at(block, flow.workload).in_flight -= 1

    event = event_at(block, header.event_head % header_of(block).n_events)
    event.seq = header.event_head
    event.request = flow.request
    event.arrival_s = flow.arrival
    event.ended_s = now
    event.cost_nusd = cost_nusd
    event.queue_ms = flow.queue_s * 1e3
    event.ttft_ms = (flow.first_byte - flow.arrival) * 1e3 if flow.stream != 0 and flow.first_byte > 0.0 else np.nan
    event.attempt_ms = (now - flow.sent) * 1e3 if flow.attempts > 0 else np.nan
    event.total_ms = (now - flow.arrival) * 1e3
    event.quality = np.nan
    event.input_tokens = input_tokens
    event.cached_tokens = cached
    event.output_tokens = output_tokens
    event.reasoning_tokens = reasoning
    event.reserved_tokens = flow.reserved_tokens
    event.tenant = flow.tenant
    event.key = flow.key
    event.worker = flow.worker
    event.workload = flow.workload
    event.tier = tenant_at(block, flow.tenant).tier
    event.region = target_at(block, flow.target).region if flow.target != NONE else NONE
    event.model = flow.asked
    event.target = flow.target
    event.first_target = flow.first_target
    event.plan = header.plan
    event.status = status_of(reason, flow.error_class, flow.attempts, flow.status)
    event.world = header.world
    event.outcome = outcome_of(reason, flow.error_class, flow.attempts)
    event.error_class = flow.error_class
    event.reason = reason
    event.route_reason = flow.route_reason
    event.priority = flow.priority
    event.attempts = flow.attempts
    event.fallbacks = flow.fallbacks
    event.stream = flow.stream
    event.estimated = flow.estimated
    event.degraded = flow.degraded
    event.cache = flow.cache
    event.complexity = flow.complexity
    event.operation = flow.operation
    event.rescues = flow.rescues
    event.hedged = flow.hedged
    event.lost_nusd = flow.lost_nusd
    event.saved_nusd = flow.saved_nusd
    event.trace_hi = flow.trace_hi
    event.trace_lo = flow.trace_lo
    event.parent_span = flow.parent_span
    event.client_region = flow.client_region
    objectives.count_answer(block, event)
    header.event_head += 1  # last: a reader of the ring sees whole rows only

    flow.phase = FREE
    flow.next = header.free
    header.free = f
    header.live -= 1
