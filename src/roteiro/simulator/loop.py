"""The event loop of the simulated world: arrivals, timers and ticks in the order of time, told to the journey, whose commands it obeys.

Compiled together with the journey. It returns whenever Python has something to do (a ring to empty, progress to show), and goes on where it
stopped. The journey is told no length of an answer before that answer has been produced.

What must not live here: decisions, and how demand and service came about.
"""

from typing import Any

from roteiro.journey.journal import room, rows_a_flow
from roteiro.journey.request import first_byte
from roteiro.journey.step import step
from roteiro.policy.kernel import entry, kernel
from roteiro.policy.state import NONE, TIERS, breaker_at, flow_at, header_of, route_at, target_at
from roteiro.simulator import heap, table
from roteiro.simulator.draw import exponential, gamma, uniform
from roteiro.simulator.records import (
    CACHE_DRAWS,
    CLASSES,
    DEMAND_DRAWS,
    DRAWN,
    JOURNEY_DRAWS,
    SERVICE_DRAWS,
    Stop,
    arrival_at,
    generator_at,
    hit_at,
    loop_of,
    part_at,
    service_at,
    table_at,
    timer_at,
    weather_at,
    work_at,
)
from roteiro.terms.codes import Command, ErrorClass, Operation, Reason, Step

__all__ = ["GAMMA", "POISSON", "TICK_S", "TRACE", "run"]

POISSON, GAMMA, TRACE = 0, 1, 2
NEVER = 1e300
TICK_S = 0.25
FINISHED, DRAIN, REACHED = Stop.FINISHED, Stop.DRAIN, Stop.REACHED
BEGIN, FIRST_BYTE, FAILED, AGAIN, END, WAKE, TEND, HEDGE = (
    int(s) for s in (Step.BEGIN, Step.FIRST_BYTE, Step.FAILED, Step.AGAIN, Step.END, Step.WAKE, Step.TEND, Step.HEDGE)
)
SEND, WAIT, QUEUE, REJECT, DONE, RESCUE = (
    int(c) for c in (Command.SEND, Command.WAIT, Command.QUEUE, Command.REJECT, Command.DONE, Command.RESCUE)
)
HEDGED, EMBEDDINGS = int(Reason.HEDGED), int(Operation.EMBEDDINGS)
PATIENCE, HEARD, OVER, LATE = 0, 1, 2, 3  # WORK.kind: a wait ends, the first byte comes, the attempt ends, it is late
TIMEOUT, RATE_LIMIT, CONTEXT = int(ErrorClass.TIMEOUT), int(ErrorClass.RATE_LIMIT), int(ErrorClass.CONTEXT)
STATUS = (200, 401, 429, 500, 0, 0, 400, 400, 200, 400, 0)  # by ErrorClass, as providers answer
FLOW_BITS = 24
FLOW_MASK = (1 << FLOW_BITS) - 1
SPARE_ROWS = 1024  # decisions that one happening may write at most: its steps, and notes of each rule and breaker
TINY_S = 1e-9
TARGET_BITS = 0xFFFF  # of a command's argument; above them is the credential


@kernel
def set_timer(world: int, w: int, t: float, kind: int) -> None:
    """Row `w` of the work waits for one thing from now on. Makes room by dropping stale timers."""
    loop, work = loop_of(world), work_at(world, w)
    work.version += 1
    work.kind = kind
    n = loop.timers
    if n == loop.n_timers:
        n = drop_stale(world, n)
    loop.timers = heap.push(world, n, t, work.version << FLOW_BITS | w)


@kernel
def drop_stale(world: int, n: int) -> int:
    kept = 0
    for k in range(n):
        item = timer_at(world, k).what
        if work_at(world, item & FLOW_MASK).version == item >> FLOW_BITS:
            heap.put(world, kept, timer_at(world, k).at, item)
            kept += 1
    heap.settle(world, kept)
    return kept


@kernel
def weather_of(world: int, service: Any, now: float) -> Any:
    while service.cursor + 1 < service.count and weather_at(world, service.first + service.cursor + 1).start <= now:
        service.cursor += 1
    return weather_at(world, service.first + service.cursor)


@kernel
def over_quota(service: Any, tokens: int, now: float) -> float:
    """Seconds until the provider's own quota lets the request in, which is then counted; 0.0 where it does now."""
    wait = 0.0
    if service.request_s > 0.0:
        wait = max(service.requests_at, now) + service.request_s - now - service.burst_s
    if service.token_s > 0.0:
        wait = max(wait, max(service.tokens_at, now) + min(tokens * service.token_s, service.burst_s) - now - service.burst_s)
    if wait > TINY_S:
        return wait
    if service.request_s > 0.0:
        service.requests_at = max(service.requests_at, now) + service.request_s
    if service.token_s > 0.0:
        service.tokens_at = max(service.tokens_at, now) + tokens * service.token_s
    return 0.0


@kernel
def draw_length(world: int, service: Any, work: Any) -> None:
    """How long the whole answer is to be, where nothing says so yet; then what is left of it for this attempt."""
    if work.output < 0:
        work.output = max(int(table.at(table_at(world, service.output), uniform(generator_at(world, SERVICE_DRAWS))) + 0.5), 1)
    if service.most_output > 0 and work.output > service.most_output:
        work.output = service.most_output
    work.rest = max(work.output - work.relayed, 1)


@kernel
def said_by(work: Any, t: float) -> int:
    """Tokens of this attempt that have come by `t`, of one that breaks: at least the first, never the last unless it is the only one."""
    said = 1 + int((t - work.first_byte) / work.gap) if work.gap > 0.0 else work.rest
    return max(min(said, work.rest - 1), 1)  # type: ignore[no-any-return]


@kernel
def fails(world: int, service: Any, weather: Any, work: Any, target: Any, now: float) -> bool:
    """Whether the attempt fails by itself; then when and how is written down in `work`."""
    whole = work.input + work.relayed  # a rescue reads the prompt and what there is of the answer
    quota = over_quota(service, whole + max(work.output - work.relayed, 0), now)
    u = uniform(generator_at(world, SERVICE_DRAWS))
    if quota > 0.0:
        error_class, work.retry_after_ms = RATE_LIMIT, int(quota * 1e3) + 1
    elif 0 < target.context_tokens < whole:
        error_class, work.retry_after_ms = CONTEXT, -1
    elif u < weather.failing:
        error_class = 1
        while error_class < CLASSES - 1 and u >= weather.below[error_class]:
            error_class += 1
        work.retry_after_ms = int(weather.retry_after_ms) if error_class == RATE_LIMIT else -1
    elif service.stall > 0.0 and uniform(generator_at(world, SERVICE_DRAWS)) < service.stall:
        stalls(world, service, weather, work, now)
        return True
    else:
        return False
    work.error_class, work.status = error_class, STATUS[error_class]
    work.ends = now + table.at(table_at(world, service.failure[error_class]), uniform(generator_at(world, SERVICE_DRAWS)))
    if work.stream != 0 and error_class != RATE_LIMIT and error_class != CONTEXT:
        if uniform(generator_at(world, SERVICE_DRAWS)) < service.midstream:
            work.first_byte = now + (work.ends - now) * uniform(generator_at(world, SERVICE_DRAWS))
            draw_length(world, service, work)
            work.gap = service.itl_mean * weather.slow_itl
            work.said = said_by(work, work.ends)
    return True


@kernel
def stalls(world: int, service: Any, weather: Any, work: Any, now: float) -> None:
    """The attempt falls silent: a stream perhaps after some of its tokens. A timeout ends it."""
    work.error_class, work.status, work.retry_after_ms = TIMEOUT, 0, -1
    work.ends = NEVER
    if work.stream == 0 or uniform(generator_at(world, SERVICE_DRAWS)) < 0.5:
        return
    work.first_byte = now + table.at(table_at(world, service.ttft), uniform(generator_at(world, SERVICE_DRAWS))) * weather.slow_ttft
    draw_length(world, service, work)
    work.gap = service.itl_mean * weather.slow_itl
    work.said = max(int(work.rest * uniform(generator_at(world, SERVICE_DRAWS))), 1)
    work.ends = work.first_byte + (work.said - 1) * work.gap + service.idle_s


@kernel
def answers(world: int, service: Any, weather: Any, work: Any, now: float) -> None:
    """The attempt succeeds unless it takes too long."""
    draw_length(world, service, work)
    work.error_class, work.status, work.retry_after_ms = 0, 200, -1
    gaps = work.rest - 1
    heard = now + table.at(table_at(world, service.ttft), uniform(generator_at(world, SERVICE_DRAWS))) * weather.slow_ttft
    work.ends, work.gap = heard, 0.0
    if gaps > 0:
        gap = table.at(table_at(world, service.itl), uniform(generator_at(world, SERVICE_DRAWS)))
        if service.gaps != 0:  # the mean of so many independent gaps varies less than one
            gap = service.itl_mean + (gap - service.itl_mean) / gaps**0.5
        work.gap = max(gap, 0.0) * weather.slow_itl
        work.ends += gaps * work.gap
    if work.stream != 0:
        work.first_byte = heard


@kernel
def launch(world: int, block: int, f: int, w: int, t: int, now: float) -> None:
    """An attempt of flow `f`, in row `w`, at target `t`: what will come of it is drawn now, and told when its time has come."""
    service, work, target, flow = service_at(world, t), work_at(world, w), target_at(block, t), flow_at(block, f)
    weather = weather_of(world, service, now)
    work.first_byte = 0.0
    if not fails(world, service, weather, work, target, now):
        answers(world, service, weather, work, now)
    latest = min(now + target.attempt_s, flow.deadline)
    if work.stream != 0 and (work.first_byte if work.first_byte > 0.0 else work.ends) > now + target.first_token_s:
        latest = min(latest, now + target.first_token_s)
    if work.ends > latest:
        if work.first_byte >= latest:
            work.first_byte = 0.0
        elif work.first_byte > 0.0:
            work.said = said_by(work, latest) if work.error_class == 0 else min(work.said, said_by(work, latest))
        work.ends, work.error_class, work.status, work.retry_after_ms = latest, TIMEOUT, 0, -1
    hedges = loop_of(world).hedging != 0 and route_at(block, flow.route).hedge_share > 0.0
    if work.first_byte > 0.0 and (hedges or header_of(block).journal != 0):
        set_timer(world, w, work.first_byte, HEARD)
    else:
        set_timer(world, w, work.ends, OVER)
    if hedges and flow.hedge_at > 0.0 and w == f:
        set_timer(world, f + 2 * loop_of(world).flows, flow.hedge_at, LATE)


@kernel
def begin_row(world: int, w: int, row: int, anew: bool) -> None:
    """Row `w` serves what row `row` served so far; `anew`: beside it, with an answer of its own."""
    work, old = work_at(world, w), work_at(world, row)
    work.input, work.cached, work.reasoning, work.stream = old.input, old.cached, old.reasoning, old.stream
    work.wanted, work.relayed = old.wanted, old.relayed
    work.output = old.wanted if anew else old.output


@kernel
def watch(world: int, block: int, t: int) -> None:
    """Count the transitions of a target's breaker."""
    service, state = service_at(world, t), breaker_at(block, t).state
    if state != service.state:
        service.state = state
        service.entered[state] += 1


@kernel
def forget(world: int, f: int) -> None:
    """Whatever timers flow `f` has are stale."""
    loop = loop_of(world)
    work_at(world, f).version += 1
    if loop.hedging != 0:
        work_at(world, f + loop.flows).version += 1
        work_at(world, f + 2 * loop.flows).version += 1


@kernel
def obey(world: int, block: int, command: int, argument: float, f: int, w: int, now: float) -> None:
    """Do what is commanded of flow `f`, whose attempt in row `w` is over."""
    if command == SEND or command == RESCUE:
        t = int(argument) & TARGET_BITS
        if w != f:
            begin_row(world, f, w, False)
        if loop_of(world).hedging != 0:
            forget(world, f)
        launch(world, block, f, f, t, now)
        watch(world, block, t)
    elif command == WAIT or command == QUEUE:
        if w != f:
            begin_row(world, f, w, False)
        if loop_of(world).hedging != 0:
            forget(world, f)
        set_timer(world, f, argument, PATIENCE)
    elif f != NONE and (command == REJECT or command == DONE):
        forget(world, f)


@kernel
def wake_all(world: int, block: int, now: float) -> None:
    """Ask who may go now that something was released, until nobody may."""
    waiting = 1
    while waiting > 0:
        command, argument, _, f, waiting = step(block, WAKE, NONE, now, uniform(generator_at(world, JOURNEY_DRAWS)), 0, 0, 0, 0, 0, 0)
        if f == NONE:
            return
        obey(world, block, command, argument, f, f, now)


@kernel
def next_arrival(world: int) -> None:
    """Draw or read when the next request comes."""
    loop = loop_of(world)
    if loop.arrived >= loop.most:
        loop.next_arrival = NEVER
        return
    if loop.process == TRACE:
        loop.next_arrival = arrival_at(world, loop.arrived).at
    elif loop.process == POISSON:
        loop.next_arrival += exponential(generator_at(world, DEMAND_DRAWS), loop.gap_s)
    else:
        loop.next_arrival += gamma(generator_at(world, DEMAND_DRAWS), loop.gamma_shape) * loop.gap_s / loop.gamma_shape
    if loop.next_arrival > loop.last_arrival:
        loop.next_arrival = NEVER


@kernel
def length(world: int, i: int) -> int:
    return max(int(table.at(table_at(world, i), uniform(generator_at(world, DEMAND_DRAWS))) + 0.5), 1)


@kernel
def looks(world: int, tokens: int) -> int:
    """The complexity of a task that nobody has read: drawn by the demand's shares, else by its length alone."""
    loop = loop_of(world)
    if loop.simple_below == loop.simple_below:
        u = uniform(generator_at(world, CACHE_DRAWS))
        return 1 if u < loop.simple_below else 2 if u < loop.medium_below else 3
    return 1 if tokens < loop.medium_from else 2 if tokens < loop.complex_from else 3


@kernel
def has_tiers(block: int, r: int) -> bool:
    for i in range(TIERS):
        if route_at(block, r).tiers[i] != NONE:
            return True
    return False


@kernel
def arrive(world: int, block: int, now: float) -> None:
    """One request: who it is from and how long it is, then the journey's word."""
    loop = loop_of(world)
    key, route, flags, cached, reasoning = DRAWN, 0, 0, 0, 0
    if loop.process == TRACE:
        arrival = arrival_at(world, loop.arrived)
        key, route, flags, cached, reasoning = arrival.key, arrival.route, arrival.asks, arrival.cached, arrival.reasoning
        tokens, output, estimate, most = arrival.input, arrival.output, arrival.input_estimate, arrival.output_estimate
    else:
        tokens = length(world, loop.input)
        output = length(world, loop.output) if loop.output != DRAWN else DRAWN
        estimate, most = tokens, loop.estimate
    if key == DRAWN:
        u = uniform(generator_at(world, DEMAND_DRAWS))
        i = 0
        while i + 1 < loop.n_mix and u >= part_at(world, i).below:
            i += 1
        part = part_at(world, i)
        key, route, flags = part.key, part.route, part.asks
        if uniform(generator_at(world, DEMAND_DRAWS)) < loop.stream and (flags >> 5) & 7 != EMBEDDINGS:
            flags |= 1
    if loop.tiers != 0 and (flags >> 3) & 3 == 0 and has_tiers(block, route):
        flags |= looks(world, estimate) << 3
    if loop.caching != 0:
        hit = hit_at(world, route)
        if hit.share > 0.0 and uniform(generator_at(world, CACHE_DRAWS)) < hit.share:
            flags |= hit.kind << 1
            drawn = max(int(table.at(table_at(world, hit.output), uniform(generator_at(world, CACHE_DRAWS))) + 0.5), 1)
            estimate, most = tokens, output if output >= 0 else drawn  # the driver knows what it has
    loop.arrived += 1
    next_arrival(world)
    u = uniform(generator_at(world, JOURNEY_DRAWS))
    command, argument, _, f, _ = step(block, BEGIN, NONE, now, u, key, route, estimate, most, flags, 0)
    if f == NONE:
        return
    work = work_at(world, f)
    work.input, work.cached, work.output, work.reasoning, work.stream = tokens, cached, output, reasoning, flags & 1
    work.wanted, work.relayed = output, 0
    obey(world, block, command, argument, f, f, now)
    if header_of(block).news != NONE:  # it took the place of one that waited
        wake_all(world, block, now)


@kernel
def hedge(world: int, block: int, f: int, now: float) -> None:
    """Flow `f` is late: ask for a second attempt beside the first."""
    u = uniform(generator_at(world, JOURNEY_DRAWS))
    command, argument, _, _, _ = step(block, HEDGE, f, now, u, 0, 0, 0, 0, 0, 0)
    if command == SEND:
        w = f + loop_of(world).flows
        begin_row(world, w, f, True)
        launch(world, block, f, w, int(argument) & TARGET_BITS, now)
        watch(world, block, int(argument) & TARGET_BITS)


@kernel
def hear(world: int, block: int, f: int, w: int, lane: int, now: float) -> None:
    """The first byte of the attempt in row `w` came. Where another one runs beside it, that is over."""
    two = flow_at(block, f).hedge_target != NONE
    _, _, _, _, waiting = step(block, FIRST_BYTE, f, now, 0.0, lane, 0, 0, 0, 0, 0)
    if loop_of(world).hedging != 0:
        forget(world, f)
    set_timer(world, w, work_at(world, w).ends, OVER)
    if two and waiting > 0:
        wake_all(world, block, now)


@kernel
def happen(world: int, block: int, w: int, now: float) -> None:
    """A timer of row `w`."""
    flows, work = loop_of(world).flows, work_at(world, w)
    lane = 0 if w < flows else 1 if w < 2 * flows else 2
    f = w - lane * flows
    if work.kind == LATE:
        hedge(world, block, f, now)
        return
    if work.kind == HEARD:
        hear(world, block, f, w, lane, now)
        return
    u = uniform(generator_at(world, JOURNEY_DRAWS))
    if work.kind == PATIENCE:
        command, argument, _, _, waiting = step(block, AGAIN, f, now, u, 0, 0, 0, 0, 0, 0)
    else:
        flow = flow_at(block, f)
        t = flow.hedge_target if lane == 1 and flow.hedge_target != NONE else flow.target
        relayed = work.relayed
        if work.first_byte > 0.0:
            relayed += work.said
            if header_of(block).journal == 0:
                first_byte(block, f, lane, work.first_byte)
        if work.error_class == 0:
            command, argument, _, _, waiting = step(
                block, END, f, now, u, work.input + work.relayed, work.cached, work.rest, min(work.reasoning, work.rest), lane << 1, 0
            )  # fmt: skip
        else:
            command, argument, _, _, waiting = step(
                block, FAILED, f, now, u, work.error_class, work.retry_after_ms, work.status, relayed, lane | 2, 0
            )  # fmt: skip
            work.relayed = relayed
        watch(world, block, t)
    obey(world, block, command, argument, f, w, now)
    if waiting > 0:
        wake_all(world, block, now)


@kernel
def tick(world: int, block: int, now: float) -> None:
    loop = loop_of(world)
    loop.next_tick = now + loop.tick_s
    _, _, _, _, waiting = step(block, TEND, NONE, now, uniform(generator_at(world, JOURNEY_DRAWS)), 0, 0, 0, 0, 0, 0)
    for t in range(loop_of(world).n_services):
        watch(world, block, t)
    if waiting > 0:
        wake_all(world, block, now)


@kernel
def must_drain(block: int) -> bool:
    header = header_of(block)
    spare = SPARE_ROWS + header.live * rows_a_flow(block)
    return header.journal != 0 and header.decision_head - header.decision_tail + spare > header.n_decisions  # type: ignore[no-any-return]


@entry
def run(world: int, block: int, happenings: int) -> int:
    """Let at most so many things happen, none later than `loop.until` → why it stopped (`Stop`)."""
    loop = loop_of(world)
    if loop.happened == 0:
        next_arrival(world)
        loop.next_tick = loop.tick_s
    for _ in range(happenings):
        loop.happened += 1
        if must_drain(block):
            return DRAIN
        while loop.timers > 0 and work_at(world, timer_at(world, 0).what & FLOW_MASK).version != timer_at(world, 0).what >> FLOW_BITS:
            loop.timers = heap.pop(world, loop.timers)
        timer = timer_at(world, 0).at if loop.timers > 0 else NEVER
        if loop.next_arrival == NEVER and timer == NEVER:
            return FINISHED
        now = min(min(loop.next_arrival, timer), loop.next_tick)
        if now > loop.until:
            return REACHED
        if loop.next_tick <= now:
            tick(world, block, now)
        elif loop.next_arrival <= timer:
            if not room(block):
                return DRAIN
            arrive(world, block, now)
        else:
            w = timer_at(world, 0).what & FLOW_MASK
            loop.timers = heap.pop(world, loop.timers)
            happen(world, block, w, now)
        loop.now = now
    return REACHED
