"""One request from its first send to settlement: what a first byte, a failure, the end of a wait, an end and a client who leaves lead to.

Each function is a step: it takes the block, the flow, the clock and a draw, and answers with a command. It stores the numbers that it
compared in the flow (`x`, `y`) for the journal. Sans I/O in the manner of h11: gateway and simulator obey the same commands.
"""

from typing import Any

from roteiro.journey.arrive import begin
from roteiro.journey.place import SHED_RETRY_AFTER_S, Answer, decided, place, reject, send, unplaced, unreport, wake
from roteiro.journey.settle import close, cost_of, leave_target
from roteiro.policy import breaker as breakers
from roteiro.policy import queue, retry, routing
from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE, Flowing, breaker_at, candidate_at, flow_at, header_of, route_at, target_at
from roteiro.terms.codes import Command, ErrorClass, Reason

__all__ = ["again", "begin", "end", "failed", "first_byte", "gone", "wake"]

FREE, WAITING, SENT, BACKOFF, DISMISSED, GRANTED = (
    Flowing.FREE,
    Flowing.WAITING,
    Flowing.SENT,
    Flowing.BACKOFF,
    Flowing.DISMISSED,
    Flowing.GRANTED,
)
C_NONE, SEND, WAIT, QUEUE, DONE = int(Command.NONE), int(Command.SEND), int(Command.WAIT), int(Command.QUEUE), int(Command.DONE)
RATE_LIMIT = int(ErrorClass.RATE_LIMIT)
R = {reason.name: int(reason) for reason in Reason}
OK, RETRY, BACKING_OFF, RETRY_AFTER = R["OK"], R["RETRY"], R["BACKOFF"], R["RETRY_AFTER"]
TARGETS_FULL, QUEUE_TIMEOUT, OUT_OF_ATTEMPTS, PAST_DEADLINE, RETRY_BUDGET = (
    R["TARGETS_FULL"],
    R["QUEUE_TIMEOUT"],
    R["OUT_OF_ATTEMPTS"],
    R["PAST_DEADLINE"],
    R["RETRY_BUDGET"],
)
NOT_RETRYABLE = R["NOT_RETRYABLE"]
SECOND_DRAW = 9973.0  # a prime: the fraction of u × prime is a draw independent enough of u for jitter


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
    placed, reason, x, y = place(block, f, now, u)
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
    placed, reason, x, y = place(block, f, now, u)
    if placed:
        return SEND, flow.argument, flow.reason, f
    return unplaced(block, f, reason, x, y, now, u)


@kernel
def end(
    block: int, f: int, input_tokens: int, cached: int, output_tokens: int, reasoning: int, estimated: int, now: float, u: float
) -> Answer:
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
