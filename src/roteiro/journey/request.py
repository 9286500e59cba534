"""One request from its first send to settlement: what a first byte, the end of a wait, an end and a client who leaves lead to.

Arrival is in `arrive`, failure in `failure`, a second attempt beside the first in `lanes`.

Each function is a step: it takes the block, the flow, the clock and a draw, and answers with a command. It stores the numbers that it
compared in the flow (`x`, `y`) for the journal. Sans I/O in the manner of h11: gateway and simulator obey the same commands.
"""

from roteiro.journey.arrive import begin
from roteiro.journey.failure import failed
from roteiro.journey.lanes import hedge, speaks, wins
from roteiro.journey.place import SHED_RETRY_AFTER_S, Answer, decided, place, reject, send, unplaced, unreport, wake
from roteiro.journey.settle import close, cost_of, leave_hedge, leave_target
from roteiro.policy import credential as credentials
from roteiro.policy import queue, routing
from roteiro.policy.kernel import inlined, kernel
from roteiro.policy.state import NONE, Flowing, flow_at, route_at, target_at
from roteiro.terms.codes import Command, Reason

__all__ = ["again", "begin", "end", "failed", "first_byte", "gone", "hedge", "wake"]

FREE, WAITING, SENT, BACKOFF, DISMISSED, GRANTED = (
    Flowing.FREE,
    Flowing.WAITING,
    Flowing.SENT,
    Flowing.BACKOFF,
    Flowing.DISMISSED,
    Flowing.GRANTED,
)
C_NONE, SEND, QUEUE, DONE = int(Command.NONE), int(Command.SEND), int(Command.QUEUE), int(Command.DONE)
R = {reason.name: int(reason) for reason in Reason}
OK, RETRY, QUEUE_TIMEOUT, PAST_DEADLINE = R["OK"], R["RETRY"], R["QUEUE_TIMEOUT"], R["PAST_DEADLINE"]


@kernel
def first_byte(block: int, f: int, lane: int, now: float) -> Answer:
    """The first byte of an answer arrived; where two attempts are in flight, it decides between them."""
    flow = flow_at(block, f)
    if not speaks(flow, lane):
        return C_NONE, 0.0, OK, f
    wins(block, f, lane, now, 0.0)
    if flow.first_byte == 0.0:
        flow.first_byte = now
    decided(flow, C_NONE, 0.0, OK, 0.0, 0.0)
    return C_NONE, 0.0, OK, f


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
        if c != NONE and routing.readiness(block, flow, c, flow.target, 0, now) == routing.READY:
            send(block, f, c, RETRY, float(flow.target), float(flow.attempts), now)
            return SEND, flow.argument, flow.reason, f
        if c != NONE:
            flow.tried |= 1 << c
    placed, reason, x, y = place(block, f, now, u)
    if placed:
        return SEND, flow.argument, flow.reason, f
    return unplaced(block, f, reason, x, y, now, u)


@inlined
def end(block: int, f: int, input_tokens: int, cached: int, output_tokens: int, reasoning: int, flags: int, now: float, u: float) -> Answer:
    """The answer is complete: settle slots, limits, money and breaker. The usage is that of the attempt which ends."""
    flow = flow_at(block, f)
    lane = (flags >> 1) & 1
    if not speaks(flow, lane):
        return C_NONE, 0.0, OK, f
    wins(block, f, lane, now, u)
    if flow.lane == 1:
        flow.hedged = 2
    flow.error_class, flow.estimated = 0, flags & 1
    credentials.accepted(target_at(block, flow.target), flow.credential)
    cost = cost_of(block, flow.target, input_tokens, cached, output_tokens, reasoning, now)
    leave_target(block, f, 0, True, input_tokens + output_tokens, cost, now, u)
    decided(flow, DONE, 0.0, OK, float(cost), float(flow.reserved_nusd))
    close(block, f, OK, cost, input_tokens, cached, output_tokens, reasoning, now)
    return DONE, 0.0, OK, f


@kernel
def gone(
    block: int, f: int, input_tokens: int, cached: int, output_tokens: int, reasoning: int, estimated: int, reason: int, now: float,
    u: float,
) -> Answer:  # fmt: skip
    """The client left, or its worker died: settle what was used, by estimate unless its answer was waited for."""
    flow = flow_at(block, f)
    if flow.phase == FREE:
        return C_NONE, 0.0, OK, f
    cost = 0
    if flow.phase == SENT or flow.phase == GRANTED:
        if flow.phase == GRANTED:
            unreport(block, f)
        if flow.hedge_target != NONE:
            flow.lost_nusd += cost_of(block, flow.hedge_target, flow.input_tokens, 0, 0, 0, now)
            leave_hedge(block, f, 0, False, flow.input_tokens, now, u)
        cost = cost_of(block, flow.target, input_tokens, cached, output_tokens, reasoning, now)
        leave_target(block, f, 0, False, input_tokens + output_tokens, cost, now, u)
    elif flow.phase == WAITING:
        queue.leave(block, f)
        flow.queue_s += now - flow.queued
    elif flow.phase == DISMISSED:
        unreport(block, f)
    flow.estimated = estimated & 1
    decided(flow, DONE, 0.0, reason, float(flow.attempts), float(output_tokens))
    close(block, f, reason, cost, input_tokens, cached, output_tokens, reasoning, now)
    return DONE, 0.0, reason, f
