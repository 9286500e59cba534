"""Where a request goes once it is admitted: bulkheads, routing, the queue, and whose turn comes next.

What must not live here: limits and money (`arrive`), and what a failure means (`request`).
"""

from typing import Any

from roteiro.journey.journal import note
from roteiro.journey.settle import close
from roteiro.policy import breaker as breakers
from roteiro.policy import credential as credentials
from roteiro.policy import hedge as hedges
from roteiro.policy import limits, queue, routing
from roteiro.policy.kernel import inlined, kernel
from roteiro.policy.state import (
    NONE,
    Flowing,
    breaker_at,
    candidate_at,
    flow_at,
    header_of,
    limit_at,
    queue_at,
    route_at,
    target_at,
    tenant_at,
    workload_at,
)
from roteiro.terms.codes import Command, Reason

__all__ = [
    "SHED_RETRY_AFTER_S",
    "Answer",
    "decided",
    "destination",
    "place",
    "reject",
    "send",
    "take_slot",
    "unplaced",
    "unreport",
    "wake",
]

Answer = tuple[int, float, int, int]
"""(command, argument, reason, flow it is about)"""

WAITING, SENT, DISMISSED, GRANTED = Flowing.WAITING, Flowing.SENT, Flowing.DISMISSED, Flowing.GRANTED
C_NONE, SEND, QUEUE, REJECT = int(Command.NONE), int(Command.SEND), int(Command.QUEUE), int(Command.REJECT)
R = {reason.name: int(reason) for reason in Reason}
FALLBACK, RETRY = R["FALLBACK"], R["RETRY"]
OK, TENANT_FULL, WORKLOAD_FULL, QUEUE_FULL, SHED_FOR_PRIORITY = (
    R["OK"],
    R["TENANT_FULL"],
    R["WORKLOAD_FULL"],
    R["QUEUE_FULL"],
    R["SHED_FOR_PRIORITY"],
)
NO_HEALTHY_TARGET, DEQUEUED, HALF_OPENED = R["NO_HEALTHY_TARGET"], R["DEQUEUED"], R["BREAKER_HALF_OPEN"]
PROVIDER_LIMIT, RESIDENCY = R["PROVIDER_LIMIT"], R["RESIDENCY"]
FAIL_FAST, TRY_LEAST_BAD, WAIT_IN_QUEUE = 0, 1, 2  # ROUTE.on_exhausted
SHED_RETRY_AFTER_S = 1.0
CREDENTIAL_STEP = 65_536  # see Command.SEND
NAMED = 63  # routes that a set of bits can name


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
def place(block: int, f: int, now: float, u: float) -> tuple[bool, int, float, float]:
    """Bulkheads, then routing, then take everything at once → (placed, reason, x, y)."""
    flow = flow_at(block, f)
    tenant, workload = tenant_at(block, flow.tenant), workload_at(block, flow.workload)
    if flow.admitted == 0:
        if tenant.in_flight >= tenant.slots:
            return False, TENANT_FULL, float(tenant.in_flight), float(tenant.slots)
        if workload.in_flight >= workload.slots:
            return False, WORKLOAD_FULL, float(workload.in_flight), float(workload.slots)
    route = route_at(block, flow.route)
    c, reason, x, y = routing.choose(block, route, flow, flow.tried | flow.barred, False, now, u)
    if c == NONE:
        return False, reason, x, y
    if flow.attempts > 0:
        same = candidate_at(block, route.first + c).target == flow.target
        reason, x, y = RETRY if same else FALLBACK, float(flow.target), float(flow.attempts)
    send(block, f, c, reason, x, y, now)
    return True, reason, x, y


@kernel
def destination(target: int, credential: int) -> float:
    """The argument of SEND and RESCUE."""
    return float(target + CREDENTIAL_STEP * credential)


@inlined
def take_slot(block: int, f: int, c: int, now: float) -> tuple[int, int, int, int]:
    """Take slot, quota, credential and probe at candidate `c` → (target, credential, tokens of the quota, 1 where it is a probe)."""
    flow = flow_at(block, f)
    t = candidate_at(block, route_at(block, flow.route).first + c).target
    target = target_at(block, t)
    target.in_flight += 1
    target.tokens += flow.input_tokens + flow.output_tokens
    if target.requests_limit != NONE:
        limits.take(limit_at(block, target.requests_limit), 1.0, now)
    quota = 0
    if target.tokens_limit != NONE:
        quota = flow.input_tokens + flow.output_tokens
        limits.take(limit_at(block, target.tokens_limit), float(quota), now)
    credential = credentials.take(target, routing.used_credentials(flow, c), now)
    probe, became = breakers.take(breaker_at(block, t))
    if became:
        note(block, flow.request, flow.worker, f, t, HALF_OPENED, float(t), float(breaker_at(block, t).probes), now)
    return t, credential, quota, 1 if probe else 0


@kernel
def send(block: int, f: int, c: int, reason: int, x: float, y: float, now: float) -> None:
    """Take what an attempt at candidate `c` needs, and command it."""
    flow = flow_at(block, f)
    if flow.admitted == 0:
        flow.admitted = 1
        tenant_at(block, flow.tenant).in_flight += 1
        workload_at(block, flow.workload).in_flight += 1
    t, flow.credential, flow.quota_tokens, flow.probe = take_slot(block, f, c, now)
    flow.hedge_at = 0.0
    if flow.attempts == 0:
        expect(block, f, now)
        flow.first_target = t
    elif flow.target != t:
        flow.fallbacks += 1
    flow.same = flow.same + 1 if flow.target == t else 0
    flow.previous, flow.target = flow.target, t
    flow.attempts += 1
    flow.sent, flow.lane = now, 0
    if flow.relayed == 0:  # else the client has heard from this answer already
        flow.first_byte = 0.0
    flow.phase, flow.route_reason = SENT, reason
    decided(flow, SEND, destination(t, flow.credential), reason, x, y)


@kernel
def expect(block: int, f: int, now: float) -> None:
    """When the first attempt is late, where its route hedges."""
    flow = flow_at(block, f)
    route = route_at(block, flow.route)
    if route.hedge_share <= 0.0:
        return
    if flow.first_target == NONE:
        hedges.earn(route)
    delay = hedges.delay(route, flow.stream)
    if delay > 0.0 and route.count > 1 and now + delay < flow.deadline:
        flow.hedge_at = now + delay


@kernel
def unplaced(block: int, f: int, reason: int, x: float, y: float, now: float, u: float) -> Answer:
    """No target took it: wait in the queue where that can help and there is room, else what the plan says."""
    flow = flow_at(block, f)
    if reason == RESIDENCY:  # a plan that was adopted meanwhile has no place for it
        return reject(block, f, reason, 0.0, x, y, now)
    if reason != NO_HEALTHY_TARGET and reason != PROVIDER_LIMIT:
        return enqueue(block, f, reason, SHED_RETRY_AFTER_S, x, y, now)
    route = route_at(block, flow.route)
    soonest = routing.soonest_return(block, route, flow, now)
    retry_after = SHED_RETRY_AFTER_S if soonest >= routing.NEVER else max(soonest, SHED_RETRY_AFTER_S)
    if reason == PROVIDER_LIMIT:
        x = soonest
        if soonest > workload_at(block, flow.workload).max_wait_s or now + soonest >= flow.deadline:  # its patience would end first
            return reject(block, f, reason, retry_after, x, y, now)
    elif route.on_exhausted == TRY_LEAST_BAD:
        c, why, x2, y2 = routing.least_bad(block, route, flow, now)
        if c != NONE:
            send(block, f, c, why, x2, y2, now)
            return SEND, flow.argument, flow.reason, f
        return reject(block, f, reason, retry_after, x, y, now)
    elif route.on_exhausted != WAIT_IN_QUEUE:
        return reject(block, f, reason, retry_after, x, y, now)
    return enqueue(block, f, reason, retry_after, x, y, now)


@kernel
def enqueue(block: int, f: int, reason: int, retry_after: float, x: float, y: float, now: float) -> Answer:
    """Join the queue of the workload; when the fleet's bound is reached, the least important one that waits makes room.

    `retry_after`: seconds that a client is told where the workload has no queue.
    """
    header = header_of(block)
    flow = flow_at(block, f)
    workload = workload_at(block, flow.workload)
    if workload.queue == 0:
        return reject(block, f, reason, retry_after, x, y, now)
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
        if flow.hedge_at > 0.0:
            flow.hedge_at += now - flow.sent
        flow.phase, flow.sent = SENT, now
        return SEND, flow.argument, flow.reason, f
    if header.waiting == 0:
        return C_NONE, 0.0, OK, NONE
    # Where one that may go to any candidate of its route cannot go, who waits for that route behind it cannot either. Thousands may wait:
    # once nobody is left of whom that is not known, there is no need to walk past them.
    blocked, left = 0, header.waiting
    for p in range(header.n_queues):
        f = queue_at(block, p).first
        while f != NONE and left > 0:
            flow = flow_at(block, f)
            following = flow.next
            if now < flow.until and not (flow.route < NAMED and (blocked >> flow.route) & 1) and could_go(block, f):
                placed, _, _, _ = place(block, f, now, u)
                if placed:
                    queue.leave(block, f)
                    flow.queue_s += now - flow.queued
                    if flow.worker == worker:
                        return SEND, flow.argument, flow.reason, f
                    report(block, f, GRANTED)
                    return C_NONE, float(flow.worker), DEQUEUED, f
                if flow.plain != 0 and flow.route < NAMED:
                    blocked |= 1 << flow.route
                    left -= route_at(block, flow.route).waiting
            f = following
    return C_NONE, 0.0, OK, NONE


@kernel
def could_go(block: int, f: int) -> bool:
    """A cheap look before routing is asked: the bulkheads of a waiting flow."""
    flow = flow_at(block, f)
    if flow.admitted != 0:
        return True
    tenant, workload = tenant_at(block, flow.tenant), workload_at(block, flow.workload)
    return tenant.in_flight < tenant.slots and workload.in_flight < workload.slots
