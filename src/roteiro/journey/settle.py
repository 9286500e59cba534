"""The ways out of a request: what was reserved is settled to the truth exactly once, and one event row is written.

Every path of `request` that ends a flow ends here. What must not live here: the choice of what to do next.
"""

import numpy as np

from roteiro.journey.journal import note
from roteiro.policy import breaker as breakers
from roteiro.policy import limits
from roteiro.policy import meter as meters
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

__all__ = ["close", "cost_of", "leave_target", "outcome_of", "status_of"]

FREE = Flowing.FREE
RATE_LIMIT, BAD_REQUEST, CONTENT, AUTH = (
    int(ErrorClass.RATE_LIMIT), int(ErrorClass.BAD_REQUEST), int(ErrorClass.CONTENT), int(ErrorClass.AUTH),
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
FAILURE_MEMORY = 0.05  # weight of the newest call in a target's share of failures
PER_MILLION = 1_000_000


@kernel
def cost_of(block: int, target_index: int, input_tokens: int, cached: int, output_tokens: int, reasoning: int) -> int:
    """Nano-dollars of a usage at the target's prices, rounded half up. `cached` is part of input, `reasoning` of output."""
    target = target_at(block, target_index)
    cached = min(cached, input_tokens)
    reasoning = min(reasoning, output_tokens)
    total = (input_tokens - cached) * target.price_input + cached * target.price_cached
    total += (output_tokens - reasoning) * target.price_output + reasoning * target.price_reasoning
    return (total + PER_MILLION // 2) // PER_MILLION


@kernel
def leave_target(block: int, f: int, error_class: int, verdict: bool, tokens: int, cost_nusd: int, now: float, u: float) -> None:
    """An attempt is over: give back its slot and quota, and tell breaker and meters unless there is no `verdict` (the client left)."""
    flow = flow_at(block, f)
    target = target_at(block, flow.target)
    breaker = breaker_at(block, flow.target)
    target.in_flight -= 1
    if target.tokens_limit != NONE:
        limits.give_back(limit_at(block, target.tokens_limit), float(flow.quota_tokens - tokens))
    flow.quota_tokens = 0
    probe = flow.probe != 0
    flow.probe = 0
    if not verdict:
        breakers.abandon(breaker, probe)
        return
    took_s = now - flow.sent
    failed = error_class != 0 and error_class != BAD_REQUEST and error_class != CONTENT
    counted = error_class != 0 and (breaker.counted >> error_class) & 1 != 0
    probing, succeeded = breaker.state == HALF_OPEN, breaker.probes_ok
    change = breakers.settle(breaker, probe, counted, took_s, now, u)
    if change == OPEN and probing:
        note(block, flow.request, flow.worker, f, flow.target, REOPENED, float(succeeded), float(breaker.probes), now)
    elif change == OPEN:
        _, share, _ = breakers.shares(breaker)
        note(block, flow.request, flow.worker, f, flow.target, OPENED, share, breaker.failure_share, now)
    elif change == CLOSED:
        note(block, flow.request, flow.worker, f, flow.target, RECLOSED, float(flow.target), float(breaker.probes), now)
    target.calls += 1
    target.failures += 1 if failed else 0
    target.failure_share += ((1.0 if failed else 0.0) - target.failure_share) * FAILURE_MEMORY
    ttft_ms = (flow.first_byte - flow.sent) * 1e3 if flow.first_byte > 0.0 else np.nan
    meters.observe_attempt(block, flow.target, failed, took_s * 1e3, ttft_ms, float(cost_nusd), float(tokens), now)


@kernel
def outcome_of(reason: int, error_class: int, attempts: int) -> int:
    """The one outcome of a request that was rejected for `reason`."""
    if KEY_LIMIT <= reason <= MODEL_LIMIT:
        return LIMITED
    if reason == BUDGET_SPENT:
        return BUDGET
    if reason == CLIENT_GONE:
        return CANCELLED
    if reason == WORKER_DIED:
        return ABANDONED
    if error_class == BAD_REQUEST or error_class == CONTENT:
        return INVALID
    if attempts > 0:
        return FAILED
    if reason == NO_HEALTHY_TARGET or reason == PAST_DEADLINE:
        return UNAVAILABLE
    return SHED


@kernel
def status_of(reason: int, error_class: int, attempts: int, upstream_status: int) -> int:
    """HTTP status for the client of a request that ended for `reason`."""
    if reason == OK:
        return 200
    if KEY_LIMIT <= reason <= MODEL_LIMIT:
        return 429
    if reason == BUDGET_SPENT:
        return 402
    if reason == CLIENT_GONE:
        return 499
    if error_class == BAD_REQUEST or error_class == CONTENT:
        return upstream_status if 400 <= upstream_status < 500 else 400
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
            budget.spent_nusd += cost_nusd
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
    event.outcome = SUCCESS if reason == OK else outcome_of(reason, flow.error_class, flow.attempts)
    event.error_class = flow.error_class
    event.reason = reason
    event.route_reason = flow.route_reason
    event.priority = flow.priority
    event.attempts = flow.attempts
    event.fallbacks = flow.fallbacks
    event.stream = flow.stream
    event.estimated = flow.estimated
    event.degraded = flow.degraded
    header.event_head += 1  # last: a reader of the ring sees whole rows only

    flow.phase = FREE
    flow.next = header.free
    header.free = f
    header.live -= 1
