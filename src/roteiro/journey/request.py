"""One request from arrival to settlement: the order in which policies are asked lives here and nowhere else.

Each function is a step: it takes the block, the flow, the clock and a draw, and answers with a command. It stores the numbers that it
compared in the flow (`x`, `y`) for the journal. Sans I/O in the manner of h11: gateway and simulator obey the same commands.

Order at arrival: room in the ledger → limits (key, tenant, workload, model) → budgets → bulkheads → routing.
"""

from typing import Any

from roteiro.journey.journal import note, room
from roteiro.journey.settle import close, cost_of, leave_target
from roteiro.policy import breaker as breakers
from roteiro.policy import budget as budgets
from roteiro.policy import limits, queue, retry, routing
from roteiro.policy.kernel import kernel
from roteiro.policy.state import Flowing, NONE, breaker_at, budget_at, candidate_at, flow_at, header_of, key_at, limit_at, queue_at, route_at, target_at, tenant_at, workload_at
from roteiro.terms.codes import Command, ErrorClass, Reason

__all__ = ["again", "begin", "end", "failed", "first_byte", "gone", "wake"]

Answer = tuple[int, float, int, int]
"""(command, argument, reason, flow it is about)"""

FREE, WAITING, SENT, BACKOFF, DISMISSED, GRANTED = (
    Flowing.FREE, Flowing.WAITING, Flowing.SENT, Flowing.BACKOFF, Flowing.DISMISSED, Flowing.GRANTED,
)  # fmt: skip
C_NONE, SEND, WAIT, QUEUE, REJECT, DONE = (int(command) for command in Command)
R = {reason.name: int(reason) for reason in Reason}
OK, FALLBACK, RETRY, BACKING_OFF, RETRY_AFTER = R["OK"], R["FALLBACK"], R["RETRY"], R["BACKOFF"], R["RETRY_AFTER"]
KEY_LIMIT, TENANT_LIMIT, WORKLOAD_LIMIT, MODEL_LIMIT = R["KEY_LIMIT"], R["TENANT_LIMIT"], R["WORKLOAD_LIMIT"], R["MODEL_LIMIT"]
BUDGET_SPENT, BUDGET_DEGRADED, TENANT_FULL, WORKLOAD_FULL = R["BUDGET_SPENT"], R["BUDGET_DEGRADED"], R["TENANT_FULL"], R["WORKLOAD_FULL"]
TARGETS_FULL, QUEUE_FULL, QUEUE_TIMEOUT, SHED_FOR_PRIORITY = R["TARGETS_FULL"], R["QUEUE_FULL"], R["QUEUE_TIMEOUT"], R["SHED_FOR_PRIORITY"]
NO_HEALTHY_TARGET, OUT_OF_ATTEMPTS, PAST_DEADLINE = R["NO_HEALTHY_TARGET"], R["OUT_OF_ATTEMPTS"], R["PAST_DEADLINE"]
RETRY_BUDGET, NOT_RETRYABLE, CLIENT_GONE = R["RETRY_BUDGET"], R["NOT_RETRYABLE"], R["CLIENT_GONE"]
LEDGER_FULL, FLOWS_FULL, DEQUEUED, HALF_OPENED, SHED_RULE = (
    R["LEDGER_FULL"], R["FLOWS_FULL"], R["DEQUEUED"], R["BREAKER_HALF_OPEN"], R["SHED_BY_RULE"],
)  # fmt: skip
FAIL_FAST, TRY_LEAST_BAD, WAIT_IN_QUEUE = 0, 1, 2  # ROUTE.on_exhausted
RATE_LIMIT, TIMEOUT = int(ErrorClass.RATE_LIMIT), int(ErrorClass.TIMEOUT)
PER_MILLION = 1_000_000
SHED_RETRY_AFTER_S = 1.0
SECOND_DRAW = 9973.0  # a prime: the fraction of u × prime is a draw independent enough of u for jitter


@kernel
def decided(flow: Any, command: int, argument: float, reason: int, x: float, y: float) -> None:
    flow.command, flow.argument, flow.reason, flow.x, flow.y = command, argument, reason, x, y


@kernel
def reject(block: int, f: int, reason: int, retry_after_s: float, x: float, y: float, now: float) -> Answer:
    """The end of a request that gets no answer."""
    decided(flow_at(block, f), REJECT, retry_after_s, reason, x, y)
    close(block, f, reason, 0, 0, 0, 0, 0, now)
    return REJECT, retry_after_s, reason, f


@kernel
def limit_wait(block: int, requests_limit: int, tokens_limit: int, tokens: int, now: float) -> tuple[float, float]:
    """(seconds until one request of `tokens` fits both limits, the amount a minute of the one that binds)."""
    wait, per_minute = 0.0, 0.0
    if requests_limit != NONE:
        limit = limit_at(block, requests_limit)
        wait, per_minute = limits.wait_for(limit, 1.0, now), limit.per_minute
    if tokens_limit != NONE:
        limit = limit_at(block, tokens_limit)
        longer = limits.wait_for(limit, float(tokens), now)
        if longer > wait:
            wait, per_minute = longer, limit.per_minute
    return wait, per_minute


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
    key, tenant, workload, route = key_at(block, key_index), tenant_at(block, flow.tenant), workload_at(block, flow.workload), route_at(block, route_index)
    if flow.priority >= header.shed_from:
        return reject(block, f, SHED_RULE, SHED_RETRY_AFTER_S, float(flow.priority), float(header.shed_from), now)

    tokens = input_tokens + output_tokens
    wait, bound = limit_wait(block, key.requests_limit, key.tokens_limit, tokens, now)
    reason = KEY_LIMIT
    longer, other = limit_wait(block, tenant.requests_limit, tenant.tokens_limit, tokens, now)
    if longer > wait:
        wait, bound, reason = longer, other, TENANT_LIMIT
    longer, other = limit_wait(block, workload.requests_limit, workload.tokens_limit, tokens, now)
    if longer > wait:
        wait, bound, reason = longer, other, WORKLOAD_LIMIT
    longer, other = limit_wait(block, route.requests_limit, route.tokens_limit, tokens, now)
    if longer > wait:
        wait, bound, reason = longer, other, MODEL_LIMIT
    if wait > 0.0:
        return reject(block, f, reason, wait, wait, bound, now)

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

    placed, reason, x, y = place(block, f, OK, now, u)
    if placed:
        return SEND, flow.argument, flow.reason, f
    return unplaced(block, f, reason, x, y, now, u)


@kernel
def place(block: int, f: int, why: int, now: float, u: float) -> tuple[bool, int, float, float]:
    """Bulkheads, then routing, then take everything at once → (placed, reason, x, y).

    `why` is the reason to give for the send, or OK to give routing's own.
    """
    flow = flow_at(block, f)
    tenant, workload = tenant_at(block, flow.tenant), workload_at(block, flow.workload)
    if flow.admitted == 0:
        if tenant.in_flight >= tenant.slots:
            return False, TENANT_FULL, float(tenant.in_flight), float(tenant.slots)
        if workload.in_flight >= workload.slots:
            return False, WORKLOAD_FULL, float(workload.in_flight), float(workload.slots)
    route = route_at(block, flow.route)
    tokens = flow.input_tokens + flow.output_tokens
    c, reason, x, y = routing.choose(block, route, flow.tried, tokens, now, u)
    if c == NONE:
        return False, reason, x, y
    if why != OK:
        reason, x, y = why, float(flow.target), float(flow.attempts)
    send(block, f, c, reason, x, y, now)
    return True, reason, x, y


@kernel
def send(block: int, f: int, c: int, reason: int, x: float, y: float, now: float) -> None:
    """Take slot, quota and probe at candidate `c`, and command the send."""
    flow = flow_at(block, f)
    if flow.admitted == 0:
        flow.admitted = 1
        tenant_at(block, flow.tenant).in_flight += 1
        workload_at(block, flow.workload).in_flight += 1
    t = candidate_at(block, route_at(block, flow.route).first + c).target
    target = target_at(block, t)
    target.in_flight += 1
    if target.requests_limit != NONE:
        limits.take(limit_at(block, target.requests_limit), 1.0, now)
    if target.tokens_limit != NONE:
        flow.quota_tokens = flow.input_tokens + flow.output_tokens
        limits.take(limit_at(block, target.tokens_limit), float(flow.quota_tokens), now)
    probe, became = breakers.take(breaker_at(block, t))
    flow.probe = 1 if probe else 0
    if became:
        note(block, flow.request, flow.worker, f, t, HALF_OPENED, float(t), float(breaker_at(block, t).probes), now)
    if flow.attempts == 0:
        flow.first_target = t
    elif flow.target != t:
        flow.fallbacks += 1
    flow.same = flow.same + 1 if flow.target == t else 0
    flow.previous, flow.target = flow.target, t
    flow.attempts += 1
    flow.sent, flow.first_byte = now, 0.0
    flow.phase, flow.route_reason = SENT, reason
    decided(flow, SEND, float(t), reason, x, y)


@kernel
def unplaced(block: int, f: int, reason: int, x: float, y: float, now: float, u: float) -> Answer:
    """No target took it: wait in the queue where that can help and there is room, else what the plan says."""
    flow = flow_at(block, f)
    if reason == NO_HEALTHY_TARGET:
        how = route_at(block, flow.route).on_exhausted
        if how == TRY_LEAST_BAD:
            c, why, x2, y2 = routing.least_bad(block, route_at(block, flow.route), now)
            if c != NONE:
                send(block, f, c, why, x2, y2, now)
                return SEND, flow.argument, flow.reason, f
        if how != WAIT_IN_QUEUE:
            return reject(block, f, reason, SHED_RETRY_AFTER_S, x, y, now)
    return enqueue(block, f, reason, x, y, now)


@kernel
def enqueue(block: int, f: int, reason: int, x: float, y: float, now: float) -> Answer:
    """Join the queue of the workload; when the fleet's bound is reached, the least important one that waits makes room."""
    header = header_of(block)
    flow = flow_at(block, f)
    workload = workload_at(block, flow.workload)
    if workload.queue == 0:
        return reject(block, f, reason, SHED_RETRY_AFTER_S, x, y, now)
    if workload.waiting >= workload.queue:
        return reject(block, f, QUEUE_FULL, SHED_RETRY_AFTER_S, float(workload.waiting), float(workload.queue), now)
    if header.waiting >= header.queue_bound:
        victim = queue.last_of_less_important(block, flow.priority)
        if victim == NONE:
            return reject(block, f, QUEUE_FULL, SHED_RETRY_AFTER_S, float(header.waiting), float(header.queue_bound), now)
        queue.leave(block, victim)
        dismissed = flow_at(block, victim)
        dismissed.x, dismissed.y = float(dismissed.priority), float(flow.priority)
        report(block, victim, DISMISSED)
    flow.phase, flow.queued = WAITING, now
    flow.until = min(now + workload.max_wait_s, flow.deadline)
    queue.join(block, f)
    decided(flow, QUEUE, flow.until, reason, x, y)
    return QUEUE, flow.until, reason, f


@kernel
def report(block: int, f: int, phase: int) -> None:
    """Put a flow on the list of those whose drivers are yet to be told."""
    flow = flow_at(block, f)
    flow.phase, flow.next = phase, header_of(block).news
    header_of(block).news = f


@kernel
def unreport(block: int, f: int) -> None:
    header = header_of(block)
    if header.news == f:
        header.news = flow_at(block, f).next
    else:
        before = header.news
        while before != NONE and flow_at(block, before).next != f:
            before = flow_at(block, before).next
        if before != NONE:
            flow_at(block, before).next = flow_at(block, f).next
    flow_at(block, f).next = NONE


@kernel
def wake(block: int, worker: int, now: float, u: float) -> Answer:
    """The next waiting flow that may go, most important first → its command, or (NONE, 0, OK, NONE) when there is none.

    A flow of another worker is granted its place and left for that worker's own WAKE; the answer is then
    (NONE, that worker, DEQUEUED, flow), and the driver tells it.
    """
    header = header_of(block)
    f = header.news
    while f != NONE and flow_at(block, f).worker != worker:
        f = flow_at(block, f).next
    if f != NONE:
        flow = flow_at(block, f)
        unreport(block, f)
        if flow.phase == DISMISSED:
            return reject(block, f, SHED_FOR_PRIORITY, SHED_RETRY_AFTER_S, flow.x, flow.y, now)
        flow.phase, flow.sent = SENT, now
        return SEND, flow.argument, flow.reason, f
    if header.waiting == 0:
        return C_NONE, 0.0, OK, NONE
    blocked = NONE
    for p in range(header.n_queues):
        f = queue_at(block, p).first
        while f != NONE:
            flow = flow_at(block, f)
            following = flow.next
            if now < flow.until and (flow.tried != 0 or flow.route != blocked) and could_go(block, f):
                placed, reason, x, y = place(block, f, OK, now, u)
                if placed:
                    queue.leave(block, f)
                    flow.queue_s += now - flow.queued
                    if flow.worker == worker:
                        return SEND, flow.argument, flow.reason, f
                    report(block, f, GRANTED)
                    return C_NONE, float(flow.worker), DEQUEUED, f
                if flow.tried == 0:  # who waits for the same route behind it need not ask again
                    blocked = flow.route
            f = following
    return C_NONE, 0.0, OK, NONE


@kernel
def could_go(block: int, f: int) -> bool:
    """A cheap look before routing is asked: the bulkheads of a waiting flow."""
    flow = flow_at(block, f)
    if flow.admitted != 0:
        return True
    tenant, workload = tenant_at(block, flow.tenant), workload_at(block, flow.workload)
    return tenant.in_flight < tenant.slots and workload.in_flight < workload.slots  # type: ignore[no-any-return]


@kernel
def first_byte(block: int, f: int, now: float) -> Answer:
    """The first byte of an answer arrived."""
    flow = flow_at(block, f)
    if flow.first_byte == 0.0:
        flow.first_byte = now
    decided(flow, C_NONE, 0.0, OK, 0.0, 0.0)
    return C_NONE, 0.0, OK, f


@kernel
def failed(block: int, f: int, error_class: int, retry_after_ms: int, status: int, relayed: bool, now: float, u: float) -> Answer:
    """The attempt in flight failed. `relayed`: part of the answer has reached the client, so nothing can be tried again."""
    header = header_of(block)
    flow = flow_at(block, f)
    if flow.phase != SENT:  # told twice, or of a flow that is settled: nothing more to decide
        return C_NONE, 0.0, OK, f
    route = route_at(block, flow.route)
    target = target_at(block, flow.target)
    flow.error_class, flow.status = error_class, status
    leave_target(block, f, error_class, True, 0, 0, now, u)
    flow.phase = BACKOFF
    pause_s = min(retry_after_ms * 1e-3, route.retry_after_cap_s) if retry_after_ms >= 0 else 0.0
    if error_class == RATE_LIMIT and pause_s > 0.0:
        target.paused_until = max(target.paused_until, now + pause_s)
    attempts = float(flow.attempts)
    if relayed or not retry.another_target_may_do(error_class):
        return reject(block, f, NOT_RETRYABLE, 0.0, float(error_class), attempts, now)
    if now >= flow.deadline:
        return reject(block, f, PAST_DEADLINE, 0.0, 0.0, flow.deadline - now, now)
    if flow.attempts >= route.attempts:
        return reject(block, f, OUT_OF_ATTEMPTS, pause_s, attempts, float(route.attempts), now)
    if not retry.spend(header):
        return reject(block, f, RETRY_BUDGET, SHED_RETRY_AFTER_S, header.retry_balance, header.retry_ratio, now)
    jitter = (u * SECOND_DRAW) % 1.0
    wait = retry.backoff(flow.attempts, route.backoff_s, route.max_backoff_s, jitter)
    c = routing.position(block, route, flow.target)
    if retry.same_target_may_do(error_class) and flow.same < route.same_target and breakers.allows(breaker_at(block, flow.target), now):
        flow.stay = 1
        return wait_until(block, f, wait, BACKING_OFF, now)
    flow.stay = 0
    if c != NONE:
        flow.tried |= 1 << c
    placed, reason, x, y = place(block, f, FALLBACK, now, u)
    if placed:
        return SEND, flow.argument, flow.reason, f
    if reason == TARGETS_FULL:
        return unplaced(block, f, reason, x, y, now, u)
    flow.tried = 0  # all have been tried: begin again with any of them, after a pause
    soonest = soonest_return(block, route, now)
    if soonest > wait:
        return wait_until(block, f, soonest, RETRY_AFTER, now)
    return wait_until(block, f, wait, BACKING_OFF, now)


@kernel
def soonest_return(block: int, route: Any, now: float) -> float:
    """Seconds until the first candidate may be asked again: pause over, breaker half-open; 0.0 where one may be asked now."""
    soonest = 1e18
    for c in range(route.count):
        i = candidate_at(block, route.first + c).target
        target, breaker = target_at(block, i), breaker_at(block, i)
        if target.retired == 0:
            wait = target.paused_until - now
            if breaker.state == breakers.OPEN:
                wait = max(wait, breaker.until - now)
            soonest = min(soonest, wait)
    return max(soonest, 0.0)


@kernel
def wait_until(block: int, f: int, wait: float, reason: int, now: float) -> Answer:
    flow = flow_at(block, f)
    if now + wait >= flow.deadline:
        return reject(block, f, PAST_DEADLINE, wait, wait, flow.deadline - now, now)
    flow.phase, flow.until = BACKOFF, now + wait
    decided(flow, WAIT, flow.until, reason, wait, float(flow.attempts))
    return WAIT, flow.until, reason, f


@kernel
def again(block: int, f: int, now: float, u: float) -> Answer:
    """A backoff is over, or the patience in the queue."""
    flow = flow_at(block, f)
    if flow.phase == WAITING:
        if now < flow.until:
            decided(flow, QUEUE, flow.until, flow.reason, flow.x, flow.y)
            return QUEUE, flow.until, flow.reason, f
        queue.leave(block, f)
        flow.queue_s += now - flow.queued
        return reject(block, f, QUEUE_TIMEOUT, SHED_RETRY_AFTER_S, now - flow.queued, flow.until - flow.queued, now)
    if flow.phase != BACKOFF:
        return C_NONE, 0.0, OK, f
    if now >= flow.deadline:
        return reject(block, f, PAST_DEADLINE, 0.0, 0.0, flow.deadline - now, now)
    if flow.stay != 0:
        flow.stay = 0
        c = routing.position(block, route_at(block, flow.route), flow.target)
        tokens = flow.input_tokens + flow.output_tokens
        if c != NONE and routing.readiness(block, flow.target, tokens, now) == routing.READY:
            send(block, f, c, RETRY, float(flow.target), float(flow.attempts), now)
            return SEND, flow.argument, flow.reason, f
        if c != NONE:
            flow.tried |= 1 << c
    placed, reason, x, y = place(block, f, FALLBACK, now, u)
    if placed:
        return SEND, flow.argument, flow.reason, f
    return unplaced(block, f, reason, x, y, now, u)


@kernel
def end(block: int, f: int, input_tokens: int, cached: int, output_tokens: int, reasoning: int, estimated: int, now: float, u: float) -> Answer:
    """The answer is complete: settle slots, limits, money and breaker."""
    flow = flow_at(block, f)
    if flow.phase != SENT:
        return C_NONE, 0.0, OK, f
    flow.error_class, flow.estimated = 0, estimated & 1
    cost = cost_of(block, flow.target, input_tokens, cached, output_tokens, reasoning)
    leave_target(block, f, 0, True, input_tokens + output_tokens, cost, now, u)
    decided(flow, DONE, 0.0, OK, float(cost), float(flow.reserved_nusd))
    close(block, f, OK, cost, input_tokens, cached, output_tokens, reasoning, now)
    return DONE, 0.0, OK, f


@kernel
def gone(
    block: int, f: int, input_tokens: int, cached: int, output_tokens: int, reasoning: int, reason: int, now: float, u: float
) -> Answer:
    """The client left, or its worker died: settle what was used, by estimate."""
    flow = flow_at(block, f)
    if flow.phase == FREE:
        return C_NONE, 0.0, OK, f
    cost = 0
    if flow.phase == SENT or flow.phase == GRANTED:
        if flow.phase == GRANTED:
            unreport(block, f)
        cost = cost_of(block, flow.target, input_tokens, cached, output_tokens, reasoning)
        leave_target(block, f, 0, False, input_tokens + output_tokens, cost, now, u)
    elif flow.phase == WAITING:
        queue.leave(block, f)
        flow.queue_s += now - flow.queued
    elif flow.phase == DISMISSED:
        unreport(block, f)
    flow.estimated = 1
    decided(flow, DONE, 0.0, reason, float(flow.attempts), float(output_tokens))
    close(block, f, reason, cost, input_tokens, cached, output_tokens, reasoning, now)
    return DONE, 0.0, reason, f
