"""Two lanes: a first attempt that is late and the hedge beside it, until one of them wins or one of them fails.

Lane 0 is the attempt in the flow's `target`, lane 1 its hedge in `hedge_target`, NONE where there is none. When one is left it is the
attempt in flight, and `lane` says which it was, so that a late word of the other one changes nothing.

What must not live here: what a failure means.
"""

from typing import Any

from roteiro.journey.place import Answer, decided, destination, take_slot
from roteiro.journey.settle import cost_of, leave_hedge, leave_target
from roteiro.policy import hedge as hedges
from roteiro.policy import routing
from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE, Flowing, flow_at, route_at
from roteiro.terms.codes import Command, Reason

__all__ = ["hedge", "observed", "promote", "speaks", "wins"]

SENT = Flowing.SENT
C_NONE, SEND = int(Command.NONE), int(Command.SEND)
OK, HEDGED = int(Reason.OK), int(Reason.HEDGED)


@kernel
def speaks(flow: Any, lane: int) -> bool:
    """Whether a lane has something in flight."""
    if flow.phase != SENT:
        return False
    return flow.hedge_target != NONE or lane == flow.lane


@kernel
def observed(block: int, flow: Any, now: float) -> None:
    """The first attempt gave its first sign, or was given up for another that did."""
    if flow.lane == 0 and flow.attempts - flow.hedged == 1 and flow.first_byte == 0.0:
        hedges.observe(route_at(block, flow.route), flow.stream, now - flow.sent)


@kernel
def hedge(block: int, f: int, now: float, u: float) -> Answer:
    """The attempt is late: a second one beside it, where the request, the plan and another target allow it."""
    flow = flow_at(block, f)
    if flow.phase != SENT or flow.hedged != 0 or flow.first_byte > 0.0 or flow.hedge_at <= 0.0 or now < flow.hedge_at:
        return C_NONE, 0.0, OK, f
    route = route_at(block, flow.route)
    if flow.attempts >= route.attempts or now >= flow.deadline or route.hedge_balance < 1.0:
        return C_NONE, 0.0, OK, f
    here = routing.position(block, route, flow.target)
    skip = flow.tried | flow.barred
    if here != NONE:
        skip |= 1 << here
    c, _, _, _ = routing.choose(block, route, flow, skip, False, now, u)
    if c == NONE or not hedges.spend(route):
        return C_NONE, 0.0, OK, f
    flow.hedge_target, flow.hedge_credential, flow.hedge_quota, flow.hedge_probe = take_slot(block, f, c, now)
    flow.hedge_sent, flow.hedged = now, 1
    flow.attempts += 1
    decided(flow, SEND, destination(flow.hedge_target, flow.hedge_credential), HEDGED, now - flow.sent, flow.hedge_at - flow.sent)
    return SEND, flow.argument, HEDGED, f


@kernel
def promote(flow: Any) -> None:
    """The hedge is all that is left: it is the attempt in flight."""
    flow.previous, flow.target = flow.target, flow.hedge_target
    flow.credential, flow.probe, flow.quota_tokens, flow.sent = flow.hedge_credential, flow.hedge_probe, flow.hedge_quota, flow.hedge_sent
    flow.hedge_target, flow.hedge_quota, flow.hedge_probe = NONE, 0, 0
    flow.lane, flow.same, flow.route_reason = 1, 0, HEDGED


@kernel
def wins(block: int, f: int, lane: int, now: float, u: float) -> None:
    """A lane answers: where there are two, the other one leaves its target without a verdict, and its input is paid for nothing."""
    flow = flow_at(block, f)
    observed(block, flow, now)
    if flow.hedge_target == NONE:
        return
    tokens = flow.input_tokens
    if lane == 0:
        flow.lost_nusd += cost_of(block, flow.hedge_target, tokens, 0, 0, 0, now)
        leave_hedge(block, f, 0, False, tokens, now, u)
    else:
        flow.lost_nusd += cost_of(block, flow.target, tokens, 0, 0, 0, now)
        leave_target(block, f, 0, False, tokens, 0, now, u)
        promote(flow)
