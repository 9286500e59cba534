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
from roteiro.policy.state import NONE, breaker_at, flow_at, header_of, target_at
from roteiro.simulator import heap, table
from roteiro.simulator.draw import exponential, gamma, uniform
from roteiro.simulator.records import (
    CLASSES,
    DEMAND_DRAWS,
    DRAWN,
    JOURNEY_DRAWS,
    SERVICE_DRAWS,
    Stop,
    arrival_at,
    generator_at,
    loop_of,
    part_at,
    service_at,
    table_at,
    timer_at,
    weather_at,
    work_at,
)
from roteiro.terms.codes import Command, ErrorClass, Step

__all__ = ["GAMMA", "POISSON", "TICK_S", "TRACE", "run"]

POISSON, GAMMA, TRACE = 0, 1, 2
NEVER = 1e300
TICK_S = 0.25
FINISHED, DRAIN, REACHED = Stop.FINISHED, Stop.DRAIN, Stop.REACHED
BEGIN, FIRST_BYTE, FAILED, AGAIN, END, WAKE, TEND = (
    int(s) for s in (Step.BEGIN, Step.FIRST_BYTE, Step.FAILED, Step.AGAIN, Step.END, Step.WAKE, Step.TEND)
)
SEND, WAIT, QUEUE, REJECT, DONE = (int(c) for c in (Command.SEND, Command.WAIT, Command.QUEUE, Command.REJECT, Command.DONE))
PATIENCE, HEARD, OVER = 0, 1, 2  # WORK.kind: a wait ends, the first byte comes, the attempt ends
TIMEOUT, RATE_LIMIT = int(ErrorClass.TIMEOUT), int(ErrorClass.RATE_LIMIT)
STATUS = (200, 401, 429, 500, 0, 0, 400, 400, 200, 400, 0)  # by ErrorClass, as providers answer
FLOW_BITS = 24
FLOW_MASK = (1 << FLOW_BITS) - 1
SPARE_ROWS = 1024  # decisions that one happening may write at most: its steps, and notes of each rule and breaker
TINY_S = 1e-9
TARGET_BITS = 0xFFFF  # of a command's argument; above them is the credential


@kernel
def set_timer(world: int, f: int, t: float, kind: int) -> None:
    """Flow `f` waits for one thing from now on. Makes room by dropping stale timers."""
    loop, work = loop_of(world), work_at(world, f)
    work.version += 1
    work.kind = kind
    n = loop.timers
    if n == loop.n_timers:
        n = drop_stale(world, n)
    loop.timers = heap.push(world, n, t, work.version << FLOW_BITS | f)


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
def fails(world: int, service: Any, weather: Any, work: Any, now: float) -> bool:
    """Whether the attempt fails by itself; then when and how is written down in `work`."""
    quota = over_quota(service, work.input + max(work.output, 0), now)
    u = uniform(generator_at(world, SERVICE_DRAWS))
    if quota > 0.0:
        error_class, work.retry_after_ms = RATE_LIMIT, int(quota * 1e3) + 1
    elif u < weather.failing:
        error_class = 1
        while error_class < CLASSES - 1 and u >= weather.below[error_class]:
            error_class += 1
        work.retry_after_ms = int(weather.retry_after_ms) if error_class == RATE_LIMIT else -1
    else:
        return False
    work.error_class, work.status = error_class, STATUS[error_class]
    work.ends = now + table.at(table_at(world, service.failure[error_class]), uniform(generator_at(world, SERVICE_DRAWS)))
    if work.stream != 0 and error_class != RATE_LIMIT and uniform(generator_at(world, SERVICE_DRAWS)) < service.midstream:
        work.first_byte = now + (work.ends - now) * uniform(generator_at(world, SERVICE_DRAWS))
    return True


@kernel
def answers(world: int, service: Any, weather: Any, work: Any, now: float) -> None:
    """The attempt succeeds unless it takes too long."""
    if work.output < 0:
        work.output = max(int(table.at(table_at(world, service.output), uniform(generator_at(world, SERVICE_DRAWS))) + 0.5), 1)
    if service.most_output > 0 and work.output > service.most_output:
        work.output = service.most_output
    work.error_class, work.status, work.retry_after_ms = 0, 200, -1
    gaps = work.output - 1
    heard = now + table.at(table_at(world, service.ttft), uniform(generator_at(world, SERVICE_DRAWS))) * weather.slow_ttft
    work.ends = heard
    if gaps > 0:
        gap = table.at(table_at(world, service.itl), uniform(generator_at(world, SERVICE_DRAWS)))
        if service.gaps != 0:  # the mean of so many independent gaps varies less than one
            gap = service.itl_mean + (gap - service.itl_mean) / gaps**0.5
        work.ends += gaps * max(gap, 0.0) * weather.slow_itl
    if work.stream != 0:
        work.first_byte = heard


@kernel
def launch(world: int, block: int, f: int, t: int, now: float) -> None:
    """An attempt of flow `f` at target `t`: what will come of it is drawn now, and told when its time has come."""
    service, work, target = service_at(world, t), work_at(world, f), target_at(block, t)
    weather = weather_of(world, service, now)
    work.first_byte = 0.0
    if not fails(world, service, weather, work, now):
        answers(world, service, weather, work, now)
    latest = min(now + target.attempt_s, flow_at(block, f).deadline)
    if work.stream != 0 and (work.first_byte if work.first_byte > 0.0 else work.ends) > now + target.first_token_s:
        latest = min(latest, now + target.first_token_s)
    if work.ends > latest:
        work.ends, work.error_class, work.status, work.retry_after_ms = latest, TIMEOUT, 0, -1
        if work.first_byte >= latest:
            work.first_byte = 0.0
    if work.first_byte > 0.0 and header_of(block).journal != 0:
        set_timer(world, f, work.first_byte, HEARD)
    else:
        set_timer(world, f, work.ends, OVER)


@kernel
def watch(world: int, block: int, t: int) -> None:
    """Count the transitions of a target's breaker."""
    service, state = service_at(world, t), breaker_at(block, t).state
    if state != service.state:
        service.state = state
        service.entered[state] += 1


@kernel
def obey(world: int, block: int, command: int, argument: float, f: int, now: float) -> None:
    if command == SEND:
        t = int(argument) & TARGET_BITS
        launch(world, block, f, t, now)
        watch(world, block, t)
    elif command == WAIT or command == QUEUE:
        set_timer(world, f, argument, PATIENCE)
    elif f != NONE and (command == REJECT or command == DONE):
        work_at(world, f).version += 1  # whatever timer it had is stale


@kernel
def wake_all(world: int, block: int, now: float) -> None:
    """Ask who may go now that something was released, until nobody may."""
    waiting = 1
    while waiting > 0:
        command, argument, _, f, waiting = step(block, WAKE, NONE, now, uniform(generator_at(world, JOURNEY_DRAWS)), 0, 0, 0, 0, 0, 0)
        if f == NONE:
            return
        obey(world, block, command, argument, f, now)


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
        if uniform(generator_at(world, DEMAND_DRAWS)) < loop.stream:
            flags |= 1
    loop.arrived += 1
    next_arrival(world)
    u = uniform(generator_at(world, JOURNEY_DRAWS))
    command, argument, _, f, _ = step(block, BEGIN, NONE, now, u, key, route, estimate, most, flags, 0)
    if f == NONE:
        return
    work = work_at(world, f)
    work.input, work.cached, work.output, work.reasoning, work.stream = tokens, cached, output, reasoning, flags & 1
    obey(world, block, command, argument, f, now)
    if header_of(block).news != NONE:  # it took the place of one that waited
        wake_all(world, block, now)


@kernel
def happen(world: int, block: int, f: int, now: float) -> None:
    """A timer of flow `f`."""
    work = work_at(world, f)
    if work.kind == HEARD:
        step(block, FIRST_BYTE, f, now, 0.0, 0, 0, 0, 0, 0, 0)
        set_timer(world, f, work.ends, OVER)
        return
    u = uniform(generator_at(world, JOURNEY_DRAWS))
    if work.kind == PATIENCE:
        command, argument, _, _, waiting = step(block, AGAIN, f, now, u, 0, 0, 0, 0, 0, 0)
    else:
        t = flow_at(block, f).target
        relayed = 1 if work.first_byte > 0.0 else 0
        if relayed != 0 and header_of(block).journal == 0:
            first_byte(block, f, 0, work.first_byte)
        if work.error_class == 0:
            command, argument, _, _, waiting = step(
                block, END, f, now, u, work.input, work.cached, work.output, min(work.reasoning, work.output), 0, 0
            )  # fmt: skip
        else:
            command, argument, _, _, waiting = step(
                block, FAILED, f, now, u, work.error_class, work.retry_after_ms, work.status, relayed, 0, 0
            )  # fmt: skip
        watch(world, block, t)
    obey(world, block, command, argument, f, now)
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
            f = timer_at(world, 0).what & FLOW_MASK
            loop.timers = heap.pop(world, loop.timers)
            happen(world, block, f, now)
        loop.now = now
    return REACHED
