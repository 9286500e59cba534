"""What a failed attempt leads to: a pause, a credential that rests, the same target again, another, a larger model, a rescue, or the end.

All ways on share the request's attempts and deadline, and one fleet-wide balance. What must not live here: how an attempt is placed.
"""

from typing import Any

from roteiro.journey.arrive import estimate_of, larger
from roteiro.journey.journal import note
from roteiro.journey.lanes import observed, promote, speaks
from roteiro.journey.place import SHED_RETRY_AFTER_S, Answer, decided, place, reject, send, unplaced
from roteiro.journey.settle import cost_of, leave_hedge, leave_target, unsent
from roteiro.policy import breaker as breakers
from roteiro.policy import credential as credentials
from roteiro.policy import hedge as hedges
from roteiro.policy import retry, routing
from roteiro.policy.kernel import kernel
from roteiro.policy.state import FLOW_BUDGETS, NONE, Flowing, breaker_at, budget_at, candidate_at, flow_at, header_of, route_at, target_at
from roteiro.terms.codes import Command, ErrorClass, Reason

__all__ = ["failed", "wait_until"]

SENT, BACKOFF = Flowing.SENT, Flowing.BACKOFF
C_NONE, SEND, WAIT, RESCUE, REJECT = (
    int(Command.NONE), int(Command.SEND), int(Command.WAIT), int(Command.RESCUE), int(Command.REJECT),
)  # fmt: skip
AUTH, RATE_LIMIT, TIMEOUT, CONTEXT, UNFIT = (
    int(ErrorClass.AUTH), int(ErrorClass.RATE_LIMIT), int(ErrorClass.TIMEOUT), int(ErrorClass.CONTEXT), int(ErrorClass.UNFIT),
)  # fmt: skip
R = {reason.name: int(reason) for reason in Reason}
OK, BACKING_OFF, RETRY_AFTER, KEY_ROTATED, RESCUED = R["OK"], R["BACKOFF"], R["RETRY_AFTER"], R["KEY_ROTATED"], R["RESCUED"]
TARGETS_FULL, OUT_OF_ATTEMPTS, PAST_DEADLINE, RETRY_BUDGET = (
    R["TARGETS_FULL"], R["OUT_OF_ATTEMPTS"], R["PAST_DEADLINE"], R["RETRY_BUDGET"],
)  # fmt: skip
NOT_RETRYABLE, ALL_TRIED, PROVIDER_LIMIT = R["NOT_RETRYABLE"], R["ALL_TRIED"], R["PROVIDER_LIMIT"]
CREDENTIAL_REFUSED, LARGER_CONTEXT, CONTEXT_TOO_LONG = R["CREDENTIAL_REFUSED"], R["LARGER_CONTEXT"], R["CONTEXT_TOO_LONG"]
FAIR_SHARE = 0.5  # of the client's patience: an attempt that had so much of it has had its chance
SECOND_DRAW = 9973.0  # a prime: the fraction of u × prime is a draw independent enough of u for jitter


@kernel
def blame(block: int, f: int, t: int, credential: int, error_class: int, pause_s: float, now: float) -> None:
    """What a failure says of a target and a credential, and whether this request may ask them again."""
    flow = flow_at(block, f)
    route, target = route_at(block, flow.route), target_at(block, t)
    c = routing.position(block, route, t)
    if error_class == RATE_LIMIT and pause_s > 0.0:
        credentials.rest(target, credential, now + pause_s, False)
    elif error_class == AUTH:
        rests = credentials.REFUSED_S if credentials.refuse(target, credential, now) else 0.0
        note(block, flow.request, flow.worker, f, t, CREDENTIAL_REFUSED, float(credential), rests, now)
        if c != NONE:
            routing.bar_credential(flow, c, credential)
    elif c != NONE and (error_class == TIMEOUT or error_class == UNFIT):
        flow.barred |= 1 << c
    elif c != NONE and error_class == CONTEXT:
        flow.barred |= 1 << c
        for other in range(route.count):
            if 0 < target_at(block, candidate_at(block, route.first + other).target).context_tokens <= target.context_tokens:
                flow.barred |= 1 << other


@kernel
def verdict(block: int, flow: Any, t: int, sent: float, error_class: int, now: float) -> bool:
    """Whether a failure says something of target `t`.

    Not what its dialect cannot say, and not the end of the client's patience, where the attempt began too late to have its own time.
    """
    if error_class == UNFIT:
        return False
    if error_class != TIMEOUT or now < flow.deadline:
        return True
    target = target_at(block, t)
    own = min(target.attempt_s, target.first_token_s) if flow.stream != 0 and flow.first_byte == 0.0 else target.attempt_s
    return now - sent >= min(own, FAIR_SHARE * (flow.deadline - flow.arrival))


@kernel
def one_of_two(block: int, f: int, lane: int, t: int, error_class: int, now: float, u: float) -> Answer:
    """One of two lanes failed: it leaves its target with its verdict, and the other goes on."""
    flow = flow_at(block, f)
    c = routing.position(block, route_at(block, flow.route), t)
    if c != NONE:
        flow.tried |= 1 << c
    if error_class == UNFIT:
        unsent(block, t)
        flow.attempts -= 1
    if lane == 1:
        leave_hedge(block, f, error_class, verdict(block, flow, t, flow.hedge_sent, error_class, now), 0, now, u)
        if error_class == UNFIT:  # there was no hedge: its driver may ask for one again
            flow.hedged = 0
            hedges.give_back(route_at(block, flow.route))
    else:
        leave_target(block, f, error_class, verdict(block, flow, t, flow.sent, error_class, now), 0, 0, now, u)
        promote(flow)
    decided(flow, C_NONE, 0.0, OK, 0.0, 0.0)
    return C_NONE, 0.0, OK, f


@kernel
def failed(
    block: int, f: int, error_class: int, retry_after_ms: int, status: int, relayed: int, flags: int, now: float, u: float
) -> Answer:
    """An attempt in flight failed. `relayed`: output tokens that have reached the client; `flags` as `journey.step` says."""
    header = header_of(block)
    flow = flow_at(block, f)
    lane = flags & 1
    if not speaks(flow, lane):  # told twice, or of an attempt that lost: nothing more to decide
        return C_NONE, 0.0, OK, f
    route = route_at(block, flow.route)
    flow.error_class, flow.status = error_class, status
    pause_s = min(retry_after_ms * 1e-3, route.retry_after_cap_s) if retry_after_ms >= 0 else 0.0
    hedge = flow.hedge_target != NONE and lane == 1
    t, credential = (flow.hedge_target, flow.hedge_credential) if hedge else (flow.target, flow.credential)
    blame(block, f, t, credential, error_class, pause_s, now)
    if error_class == TIMEOUT and lane == 0:
        observed(block, flow, now)
    if flow.hedge_target != NONE:
        return one_of_two(block, f, lane, t, error_class, now, u)

    used = flow.input_tokens + relayed if relayed > 0 and error_class != UNFIT else 0
    leave_target(block, f, error_class, verdict(block, flow, t, flow.sent, error_class, now), used, 0, now, u)
    flow.phase = BACKOFF
    attempts = float(flow.attempts)
    if error_class == UNFIT:
        unsent(block, t)
        if flow.attempts > 1 and flow.previous != t:
            flow.fallbacks = max(flow.fallbacks - 1, 0)
        if flow.relayed > 0:
            return rescue_again(block, f, t, now, u)
    elif relayed > 0:
        produced = max(relayed - flow.relayed, 0)
        flow.lost_nusd += cost_of(block, t, flow.input_tokens + flow.relayed, 0, produced, 0, now)
        if flags & 2 and route.rescue != 0 and retry.rescue_may_do(error_class):
            c = rescuer(block, f, now, u)
            if c != NONE and now < flow.deadline and flow.attempts < route.attempts and retry.spend(header):
                flow.relayed = relayed
                flow.rescues += 1
                send(block, f, c, RESCUED, float(t), float(relayed), now)
                flow.command = RESCUE
                return RESCUE, flow.argument, RESCUED, f
        return reject(block, f, NOT_RETRYABLE, 0.0, float(error_class), attempts, now)
    wider = False
    if error_class == CONTEXT and routing.soonest_return(block, route, flow, now) >= routing.NEVER:
        wider = larger(block, flow)
        if not wider:
            return reject(block, f, CONTEXT_TOO_LONG, 0.0, float(flow.input_tokens), float(routing.widest(block, route, flow)), now)
        route = route_at(block, flow.route)
        reserve_more(block, flow)
    elif error_class != CONTEXT and not retry.another_target_may_do(error_class):
        return reject(block, f, NOT_RETRYABLE, 0.0, float(error_class), attempts, now)
    smaller = flow.y
    if now >= flow.deadline:
        return reject(block, f, PAST_DEADLINE, 0.0, 0.0, flow.deadline - now, now)
    if error_class == UNFIT:
        flow.attempts -= 1
    elif flow.attempts >= route.attempts and not wider:  # the larger model is asked whatever the smaller ones took
        return reject(block, f, OUT_OF_ATTEMPTS, pause_s, attempts, float(route.attempts), now)
    elif not retry.spend(header):
        return reject(block, f, RETRY_BUDGET, max(pause_s, SHED_RETRY_AFTER_S), header.retry_balance, header.retry_ratio, now)
    answer = next_attempt(block, f, t, error_class, pause_s, wider, smaller, now, u)
    if answer[0] == REJECT and error_class != UNFIT:
        retry.give_back(header)  # nothing was tried again
    return answer


@kernel
def next_attempt(block: int, f: int, t: int, error_class: int, pause_s: float, wider: bool, smaller: float, now: float, u: float) -> Answer:
    """Another attempt after one at target `t` failed: at once, after a wait, or none. `wider`: a model of a larger context was taken."""
    flow = flow_at(block, f)
    route, attempts = route_at(block, flow.route), float(flow.attempts)
    jitter = (u * SECOND_DRAW) % 1.0
    wait = retry.backoff(flow.attempts, route.backoff_s, route.max_backoff_s, jitter)
    c = routing.position(block, route, t)
    flow.stay = 0
    if not wider and c != NONE:
        if retry.same_target_may_do(error_class) and flow.same < route.same_target and breakers.allows(breaker_at(block, t), now):
            flow.stay = 1
            return wait_until(block, f, wait, BACKING_OFF, now)
        if error_class == AUTH or (error_class == RATE_LIMIT and pause_s > 0.0):
            if not (flow.barred >> c) & 1 and routing.readiness(block, flow, c, t, 0, now) == routing.READY:
                send(block, f, c, KEY_ROTATED, 0.0, attempts, now)
                flow.x = float(flow.credential)
                return SEND, flow.argument, flow.reason, f
        flow.tried |= 1 << c
    placed, reason, x, y = place(block, f, now, u)
    if placed:
        if wider:
            flow.reason, flow.route_reason, flow.x, flow.y = LARGER_CONTEXT, LARGER_CONTEXT, float(flow.input_tokens), smaller
        return SEND, flow.argument, flow.reason, f
    if wider:
        note(block, flow.request, flow.worker, f, NONE, LARGER_CONTEXT, float(flow.input_tokens), smaller, now)
    if reason == TARGETS_FULL:
        return unplaced(block, f, reason, x, y, now, u)
    flow.tried = 0  # all have been tried: begin again with any that may be asked, after a pause
    soonest = routing.soonest_return(block, route, flow, now)
    if soonest >= routing.NEVER:
        return reject(block, f, ALL_TRIED, 0.0, float(route.count), float(flow.attempts), now)
    if now + max(soonest, wait) >= flow.deadline and (error_class == RATE_LIMIT or error_class == AUTH):
        if error_class == RATE_LIMIT or routing.limited(block, route, flow, now):
            return reject(block, f, PROVIDER_LIMIT, max(soonest, SHED_RETRY_AFTER_S), soonest, float(route.count), now)
        return reject(block, f, ALL_TRIED, 0.0, float(route.count), float(flow.attempts), now)
    if soonest > wait:
        return wait_until(block, f, soonest, RETRY_AFTER, now)
    return wait_until(block, f, wait, BACKING_OFF, now)


@kernel
def rescuer(block: int, f: int, now: float, u: float) -> int:
    """Position of a candidate that goes on with a broken stream at once: best one not tried yet, the one that broke only for want of
    another; NONE where there is none."""
    flow = flow_at(block, f)
    route = route_at(block, flow.route)
    here = routing.position(block, route, flow.target)
    broke = 1 << here if here != NONE else 0
    c, _, _, _ = routing.choose(block, route, flow, flow.barred | flow.tried | broke, True, now, u)
    if c == NONE and flow.tried & ~broke != 0:
        c, _, _, _ = routing.choose(block, route, flow, flow.barred | broke, True, now, u)
    if c == NONE:
        c, _, _, _ = routing.choose(block, route, flow, flow.barred, True, now, u)
    flow.tried |= broke
    return c


@kernel
def rescue_again(block: int, f: int, t: int, now: float, u: float) -> Answer:
    """Target `t` was to go on with a broken stream, and its dialect cannot say it: another does, in its place and for what it took."""
    flow = flow_at(block, f)
    flow.attempts -= 1
    flow.rescues -= 1
    c = rescuer(block, f, now, u)
    if c == NONE or now >= flow.deadline:
        retry.give_back(header_of(block))
        return reject(block, f, NOT_RETRYABLE, 0.0, float(UNFIT), float(flow.attempts), now)
    flow.rescues += 1
    send(block, f, c, RESCUED, float(t), float(flow.relayed), now)
    flow.command = RESCUE
    return RESCUE, flow.argument, RESCUED, f


@kernel
def reserve_more(block: int, flow: Any) -> None:
    """A dearer model was taken on the way: reserve what it may cost, refused by nobody, as what has been begun is finished."""
    more = estimate_of(block, flow) - flow.reserved_nusd
    if more <= 0:
        return
    flow.reserved_nusd += more
    for i in range(FLOW_BUDGETS):
        if flow.budgets[i] != NONE:
            budget_at(block, flow.budgets[i]).reserved_nusd += more


@kernel
def wait_until(block: int, f: int, wait: float, reason: int, now: float) -> Answer:
    flow = flow_at(block, f)
    if now + wait >= flow.deadline:
        return reject(block, f, PAST_DEADLINE, wait, wait, flow.deadline - now, now)
    flow.phase, flow.until = BACKOFF, now + wait
    decided(flow, WAIT, flow.until, reason, wait, float(flow.attempts))
    return WAIT, flow.until, reason, f
