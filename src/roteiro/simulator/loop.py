"""The event loop of the simulated world: arrivals, timers and ticks in the order of time, told to the journey, whose commands it obeys.

Compiled together with the journey. It returns whenever Python has something to do (a ring to empty, progress to show), and goes on where it
stopped. The journey is told no length of an answer before that answer has been produced.

What must not live here: decisions, and how demand and service came about.
"""

from roteiro.journey.journal import room, rows_a_flow
from roteiro.journey.observe import INDEX
from roteiro.journey.request import first_byte
from roteiro.journey.step import step
from roteiro.policy.kernel import entry, inlined, kernel
from roteiro.policy.memory import prefetch
from roteiro.policy.state import FLOW, NONE, breaker_at, flow_at, header_of, pool_at, route_at, target_at
from roteiro.simulator import batching, heap, laws, purses, replicas, strikes, timeline
from roteiro.simulator.arriving import NEVER, ask, first_arrivals, next_arrival
from roteiro.simulator.draw import chance, luck, uniform
from roteiro.simulator.prefixes import cached_tokens
from roteiro.simulator.records import (
    ATTEMPTS,
    HEDGES,
    JOURNEY_DRAWS,
    WORK,
    Place,
    Stop,
    generator_at,
    loop_of,
    service_at,
    timer_at,
    work_at,
)
from roteiro.simulator.returning import remember, turned_away
from roteiro.simulator.serving import TIMEOUT, answers, breaks, draw_length, fails, said_by, settle_quota, way_of, weather_of
from roteiro.simulator.timers import ENTER, FLOW_BITS, FLOW_MASK, HEARD, LATE, OVER, PATIENCE, set_timer
from roteiro.terms.codes import Command, Reason, Signal, Step

__all__ = ["TICK_S", "run"]

TICK_S = 0.25
FINISHED, DRAIN, REACHED = Stop.FINISHED, Stop.DRAIN, Stop.REACHED
BEGIN, FIRST_BYTE, FAILED, AGAIN, END, WAKE, TEND, HEDGE, CAPACITY, OBSERVE = (
    int(s)
    for s in (
        Step.BEGIN, Step.FIRST_BYTE, Step.FAILED, Step.AGAIN, Step.END, Step.WAKE, Step.TEND, Step.HEDGE, Step.CAPACITY, Step.OBSERVE,
    )
)  # fmt: skip
SEND, WAIT, QUEUE, REJECT, DONE, RESCUE, NOTHING = (
    int(c) for c in (Command.SEND, Command.WAIT, Command.QUEUE, Command.REJECT, Command.DONE, Command.RESCUE, Command.NONE)
)
BUDGET_SPENT = int(Reason.BUDGET_SPENT)
SPARE_ROWS = 1024  # decisions that one happening may write at most: its steps, and notes of each rule and breaker
TOLD_ROWS = 8  # the same for one answer of those that end together
STEPS, JUDGED, VERDICT = Place.STEPS, Place.JUDGED, Place.VERDICT
JUDGE, GOOD = int(Signal.JUDGE), 1_000_000  # the last in millionths
SPARE_SIGNALS = 64
REGION, REGION_BITS = 39, 0xFF  # of BEGIN's flags
TARGET_BITS = 0xFFFF  # of a command's argument; above them is the credential


@inlined
def launch(world: int, block: int, f: int, w: int, t: int, now: float) -> None:
    """An attempt of flow `f`, in row `w`, at target `t`: what will come of it is drawn now, and told when its time has come."""
    service, work, target, flow = service_at(world, t), work_at(world, w), target_at(block, t), flow_at(block, f)
    weather = weather_of(world, service, now)
    if loop_of(world).known_blocks != 0 and work.blocks > 0:
        work.cached = min(cached_tokens(world, t, work.block, work.blocks, service.prefix_ttl_s, now), work.input)
    work.first_byte, work.asked = 0.0, 0
    work.luck = luck(work.own, ATTEMPTS + flow.attempts)
    hedges = loop_of(world).hedging != 0 and route_at(block, flow.route).hedge_share > 0.0
    if hedges and flow.hedge_at > 0.0 and w == f:
        set_timer(world, f + 2 * loop_of(world).flows, flow.hedge_at, LATE)
    way = way_of(world, service, work) if service.far != 0 else 0.0
    beside = target.in_flight - 1
    if not fails(world, service, weather, work, target, flow.output_tokens, beside, way, now):
        if service.pool != 0:
            draw_length(world, service, work)
            patience = now + target.first_token_s if work.stream != 0 else NEVER
            batching.ask_server(world, service.pool - 1, w, now, min(now + target.attempt_s, flow.deadline), patience, way)
            return
        answers(world, service, weather, work, beside, way, now)
    if service.count > 1:
        breaks(world, service, work)
    latest = min(now + target.attempt_s, flow.deadline)
    if work.stream != 0 and (work.first_byte if work.first_byte > 0.0 else work.ends) > now + target.first_token_s:
        latest = min(latest, now + target.first_token_s)
    if work.ends > latest:
        if work.first_byte >= latest:
            work.first_byte = 0.0
        elif work.first_byte > 0.0:
            work.said = said_by(work, latest) if work.error_class == 0 else min(work.said, said_by(work, latest))
        work.ends, work.error_class, work.status, work.retry_after_ms = latest, TIMEOUT, 0, -1
    if work.first_byte > 0.0 and (hedges or header_of(block).journal != 0):
        set_timer(world, w, work.first_byte, HEARD)
    else:
        set_timer(world, w, work.ends, OVER)


@kernel
def begin_row(world: int, w: int, row: int, anew: bool) -> None:
    """Row `w` serves what row `row` served so far; `anew`: beside it, with an answer of its own."""
    work, old = work_at(world, w), work_at(world, row)
    work.input, work.cached, work.reasoning, work.stream = old.input, old.cached, old.reasoning, old.stream
    work.wanted, work.relayed, work.region = old.wanted, old.relayed, old.region
    work.output = old.wanted if anew else old.output
    work.own = luck(old.own, HEDGES) if anew else old.own
    work.luck, work.asked = old.luck, old.asked
    work.block, work.blocks = old.block, old.blocks


@kernel
def watch(world: int, block: int, t: int, now: float) -> None:
    """Count the transitions of a target's breaker."""
    if breaker_at(block, t).state != service_at(world, t).state:
        timeline.turned(world, block, t, now)


@kernel
def forget(world: int, f: int) -> None:
    """Whatever timers flow `f` has are stale."""
    loop = loop_of(world)
    work_at(world, f).version += 1
    if loop.hedging != 0:
        work_at(world, f + loop.flows).version += 1
        work_at(world, f + 2 * loop.flows).version += 1


@kernel
def vacate(world: int, f: int, keep: int, now: float) -> None:
    """Own servers need no longer work at flow `f`'s attempts, but for that in row `keep`."""
    loop = loop_of(world)
    if f != keep:
        batching.leave(world, f, now)
    if loop.hedging != 0 and f + loop.flows != keep:
        batching.leave(world, f + loop.flows, now)


@kernel
def obey(world: int, block: int, command: int, argument: float, f: int, w: int, now: float) -> None:
    """Do what is commanded of flow `f`, whose attempt in row `w` is over."""
    if loop_of(world).pools != 0 and f != NONE and command != NOTHING:
        vacate(world, f, NONE, now)
    if command == SEND or command == RESCUE:
        t = int(argument) & TARGET_BITS
        if w != f:
            begin_row(world, f, w, False)
        if loop_of(world).hedging != 0:
            forget(world, f)
        launch(world, block, f, f, t, now)
        watch(world, block, t, now)
    elif command == WAIT or command == QUEUE:
        if w != f:
            begin_row(world, f, w, False)
        if loop_of(world).hedging != 0:
            forget(world, f)
        set_timer(world, f, argument, PATIENCE)
    elif f != NONE and (command == REJECT or command == DONE):
        forget(world, f)
        if loop_of(world).returning != 0:
            turned_away(world, block, f, argument if command == REJECT else 0.0, now)


@kernel
def wake_all(world: int, block: int, now: float) -> None:
    """Ask who may go now that something was released, until nobody may."""
    waiting = 1
    while waiting > 0:
        command, argument, _, f, waiting = step(block, WAKE, NONE, now, uniform(generator_at(world, JOURNEY_DRAWS)), 0, 0, 0, 0, 0, 0)
        if f == NONE:
            return
        obey(world, block, command, argument, f, f, now)


@inlined
def arrive(world: int, block: int, now: float) -> None:
    """One request, then the journey's word."""
    asking = ask(world, block)
    next_arrival(world)
    u = chance(asking.luck, STEPS + BEGIN)
    command, argument, reason, f, _ = step(
        block, BEGIN, NONE, now, u, asking.key, asking.route, asking.input_estimate, asking.output_estimate, asking.asks, 0
    )  # fmt: skip
    if f == NONE:
        return
    if reason == BUDGET_SPENT:
        purses.refused(world, block, f, now)
    work = work_at(world, f)
    work.input, work.cached, work.output, work.reasoning = asking.input, asking.cached, asking.output, asking.reasoning
    work.stream, work.wanted, work.relayed = asking.asks & 1, asking.output, 0
    work.own, work.luck, work.asked = asking.luck, asking.luck, 0
    work.region = (asking.asks >> REGION) & REGION_BITS
    work.block, work.blocks = asking.block, asking.blocks
    if loop_of(world).returning != 0:
        remember(world, f)
    obey(world, block, command, argument, f, f, now)
    if header_of(block).news != NONE:  # it took the place of one that waited
        wake_all(world, block, now)


@kernel
def hedge(world: int, block: int, f: int, now: float) -> None:
    """Flow `f` is late: ask for a second attempt beside the first."""
    u = chance(work_at(world, f).luck, STEPS + HEDGE)
    command, argument, _, _, _ = step(block, HEDGE, f, now, u, 0, 0, 0, 0, 0, 0)
    if command == SEND:
        w = f + loop_of(world).flows
        begin_row(world, w, f, True)
        launch(world, block, f, w, int(argument) & TARGET_BITS, now)
        watch(world, block, int(argument) & TARGET_BITS, now)


@kernel
def hear(world: int, block: int, f: int, w: int, lane: int, now: float) -> None:
    """The first byte of the attempt in row `w` came. Where another one runs beside it, that is over."""
    two = flow_at(block, f).hedge_target != NONE
    _, _, _, _, waiting = step(block, FIRST_BYTE, f, now, 0.0, lane, 0, 0, 0, 0, 0)
    if loop_of(world).pools != 0:
        vacate(world, f, w, now)
    if loop_of(world).hedging != 0:
        forget(world, f)
    set_timer(world, w, work_at(world, w).ends, OVER)
    if two and waiting > 0:
        wake_all(world, block, now)


@inlined
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
    if work.kind == ENTER:
        batching.arrive_at_server(world, w, now)
        return
    if work.kind == OVER and loop_of(world).pools != 0 and batching.sits(world, w):
        if work.first_byte > 0.0 and now < work.ends:  # its first token came in time, so it has longer
            set_timer(world, w, work.ends, OVER)
            return
        batching.leave(world, w, now)
    if work.kind == PATIENCE:
        u = chance(work.luck, STEPS + AGAIN + STEPS * work.asked)
        work.asked += 1
        command, argument, _, _, waiting = step(block, AGAIN, f, now, u, 0, 0, 0, 0, 0, 0)
    else:
        flow = flow_at(block, f)
        t = flow.hedge_target if lane == 1 and flow.hedge_target != NONE else flow.target
        relayed = work.relayed
        u = chance(work.luck, STEPS + END)
        said = work.rest if work.error_class == 0 else work.said if work.first_byte > 0.0 else 0
        settle_quota(service_at(world, t), work, work.input + work.relayed + said)
        if work.first_byte > 0.0:
            relayed += work.said
            if header_of(block).journal == 0:
                first_byte(block, f, lane, work.first_byte)
        if work.error_class == 0:
            judged = service_at(world, t).judged > 0.0 and chance(work.luck, JUDGED) < service_at(world, t).judged
            request, key = flow.request, flow.key
            subject = (t + 1) | (flow.asked + 1 & INDEX) << 16 | (flow.workload + 1 & INDEX) << 32
            command, argument, _, _, waiting = step(
                block, END, f, now, u, work.input + work.relayed, work.cached, work.rest, min(work.reasoning, work.rest), lane << 1, 0
            )  # fmt: skip
            if judged:
                verdict = GOOD if chance(work.luck, VERDICT) < service_at(world, t).good else 0
                step(block, OBSERVE, NONE, now, u, JUDGE, request, key, verdict, subject, 0)
        else:
            command, argument, _, _, waiting = step(
                block, FAILED, f, now, u, work.error_class, work.retry_after_ms, work.status, relayed, lane | 2, 0
            )  # fmt: skip
            work.relayed = relayed
        watch(world, block, t, now)
    obey(world, block, command, argument, f, w, now)
    if waiting > 0:
        wake_all(world, block, now)


@kernel
def serve(world: int, block: int, r: int, now: float) -> None:
    """A replica's batch changes: the journey hears of first tokens and whole answers, then the replica goes on. Behind the replicas'
    rows are those of pools, whose weather changes."""
    loop = loop_of(world)
    if r >= loop.n_replicas:
        strikes.change(world, r - loop.n_replicas, now)
        return
    batching.turn(world, r, now)
    flows = loop.flows
    for i in range(loop.told):
        told = replicas.told_at(world, i)
        w = told.w
        if work_at(world, w).version != told.version:  # the attempt beside it came first
            continue
        if told.what == OVER:
            work_at(world, w).kind = OVER
            happen(world, block, w, now)
            continue
        lane = 0 if w < flows else 1
        f = w - lane * flows
        if header_of(block).journal != 0 or (loop.hedging != 0 and route_at(block, flow_at(block, f).route).hedge_share > 0.0):
            hear(world, block, f, w, lane, now)
            if i + 1 < loop.told and replicas.told_at(world, i + 1).w == w:  # its only one
                replicas.told_at(world, i + 1).version = work_at(world, w).version
    batching.proceed(world, r, now)
    tell_capacity(world, block, now)


@kernel
def tell_capacity(world: int, block: int, now: float) -> None:
    """Tell the journey of every pool whose serving replicas are not as many as it knows of."""
    for s in range(loop_of(world).pools):
        server = replicas.server_at(world, s)
        if server.ready != server.known and server.unseen == 0:
            server.known = server.ready
            u = uniform(generator_at(world, JOURNEY_DRAWS))
            _, _, _, _, waiting = step(block, CAPACITY, NONE, now, u, server.target, server.ready, 0, 0, 0, 0)
            if waiting > 0:
                wake_all(world, block, now)


@kernel
def scale(world: int, block: int, now: float) -> None:
    """Start and drain replicas as the journey wants them."""
    for p in range(header_of(block).pool_count):
        pool = pool_at(block, p)
        s = service_at(world, pool.target).pool - 1
        if s >= 0 and pool.active != 0 and pool.wanted != replicas.server_at(world, s).wanted:
            replicas.resize(world, s, pool.wanted, now)
            batching.beckon(world, s, now)
    tell_capacity(world, block, now)


@kernel
def tick(world: int, block: int, now: float) -> None:
    loop = loop_of(world)
    loop.next_tick = now + loop.tick_s
    _, _, _, _, waiting = step(block, TEND, NONE, now, uniform(generator_at(world, JOURNEY_DRAWS)), 0, 0, 0, 0, 0, 0)
    if loop.pools != 0:
        scale(world, block, now)
    for t in range(loop_of(world).n_services):
        timeline.turned(world, block, t, now)
        if service_at(world, t).pool > 0:
            service_at(world, t).replicas = replicas.server_at(world, service_at(world, t).pool - 1).running
    purses.look(world, block)
    if waiting > 0:
        wake_all(world, block, now)


@inlined
def must_drain(world: int, block: int) -> bool:
    header = header_of(block)
    if header.signal_head - header.signal_tail + SPARE_SIGNALS > header.n_signals:
        return True
    if header.journal == 0:
        return False
    spare = SPARE_ROWS + TOLD_ROWS * loop_of(world).n_told + header.live * rows_a_flow(block)
    return header.decision_head - header.decision_tail + spare > header.n_decisions  # type: ignore[no-any-return]


@kernel
def only_weather(world: int, block: int) -> bool:
    """Whether nobody is under way, and what comes next is a change of the weather of own servers."""
    first = loop_of(world).replica_rows + loop_of(world).n_replicas
    return header_of(block).live == 0 and timer_at(world, 0).what & FLOW_MASK >= first  # type: ignore[no-any-return]


@kernel
def look_ahead(world: int, block: int) -> None:
    """What happens next is most likely the next timer: its records come from memory while this one is worked at."""
    loop = loop_of(world)
    w = timer_at(world, 0).what & FLOW_MASK
    prefetch(world, loop.at_work, w, WORK)
    prefetch(block, header_of(block).at_flows, w, FLOW)


@entry
def run(world: int, block: int, happenings: int) -> int:
    """Let at most so many things happen, none later than `loop.until` → why it stopped (`Stop`)."""
    loop = loop_of(world)
    if loop.happened == 0:
        first_arrivals(world)
        strikes.look_out(world)
        loop.next_tick = loop.tick_s
    for _ in range(happenings):
        loop.happened += 1
        if must_drain(world, block):
            return DRAIN
        while loop.timers > 0 and work_at(world, timer_at(world, 0).what & FLOW_MASK).version != timer_at(world, 0).what >> FLOW_BITS:
            loop.timers = heap.pop(world, loop.timers)
        timer = timer_at(world, 0).at if loop.timers > 0 else NEVER
        if loop.next_arrival == NEVER and (timer == NEVER or only_weather(world, block)):
            return FINISHED
        now = min(min(loop.next_arrival, timer), loop.next_tick)
        if now > loop.until:
            return REACHED
        if loop.checked != 0:
            laws.watch(world, block, now)
        if loop.next_tick <= now:
            tick(world, block, now)
        elif loop.next_arrival <= timer:
            if not room(block):
                return DRAIN
            arrive(world, block, now)
        else:
            w = timer_at(world, 0).what & FLOW_MASK
            loop.timers = heap.pop(world, loop.timers)
            look_ahead(world, block)
            if w >= loop.replica_rows:
                serve(world, block, w - loop.replica_rows, now)
            else:
                happen(world, block, w, now)
        loop.now = now
    return REACHED
