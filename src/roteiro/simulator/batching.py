"""Replicas that serve with continuous batching, as machines that jump from one change of their batch to the next. Compiled into the loop.

One iteration gives every answer under way its next token, and reads up to `chunk` tokens of prompts in the order they were admitted. It
takes alpha + beta × (answers) + prefill × (prompt tokens read) + gamma × (tokens in memory as it begins). The iteration that ends a prompt
gives its first token. While a batch stays as it is each iteration takes longer than the one before by the same amount, gamma × (tokens
added), so k of them take k·first + growth·k(k − 1)/2: a *stretch* is one event, however many iterations it has. Whoever joins or leaves
does so when the iteration under way ends, and cuts the stretch there.

A prompt is admitted when memory holds all of it. When memory cannot take the next iteration's tokens, the answer admitted last is
preempted: its memory is freed, and it reads prompt and answer again when its turn comes, before all others (recomputation, as vLLM does).

What must not live here: what the journey makes of an attempt (`loop`), draws, and how a pool is described (`servers`).
"""

from typing import Any

from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE
from roteiro.simulator.draw import chance
from roteiro.simulator.records import Place, loop_of, service_at, work_at
from roteiro.simulator.replicas import ENDLESS, replica_at, seat_at, server_at, spot_at, switch_off, told_at
from roteiro.simulator.server_queue import line_up, step_out
from roteiro.simulator.server_records import Phase, Sitting
from roteiro.simulator.serving import STATUS, class_of, weather_of
from roteiro.simulator.timers import ENTER, HEARD, OVER, TURN, set_timer
from roteiro.terms.codes import ErrorClass

__all__ = ["arrive_at_server", "ask_server", "beckon", "cut", "leave", "proceed", "sits", "turn"]

OFF, STARTING, READY, DRAINING = Phase.OFF, Phase.STARTING, Phase.READY, Phase.DRAINING
FREE, QUEUED, PROMPTING, DECODING = Sitting.FREE, Sitting.QUEUED, Sitting.PROMPTING, Sitting.DECODING
TIMEOUT, CONTEXT = int(ErrorClass.TIMEOUT), int(ErrorClass.CONTEXT)
FATE = Place.FATE
LEAST_S = 1e-9  # of an iteration


# -- stretches ------------------------------------------------------------------------------------------------------------------------


@kernel
def lasts(replica: Any, k: int) -> float:
    """Seconds that the first `k` iterations of the stretch take."""
    return k * replica.first_s + replica.growth * (0.5 * k * (k - 1))  # type: ignore[no-any-return]


@kernel
def done_by(replica: Any, now: float) -> int:
    """Iterations of the stretch that have ended."""
    passed = now - replica.at
    if replica.growth > 0.0:
        b = replica.first_s - 0.5 * replica.growth
        k = int((-b + (b * b + 2.0 * replica.growth * passed) ** 0.5) / replica.growth)
    else:
        k = int(passed / replica.first_s)
    while k > 0 and lasts(replica, k) > passed:
        k -= 1
    while k < replica.steps and lasts(replica, k + 1) <= passed:
        k += 1
    return min(k, replica.steps)  # type: ignore[no-any-return]


@kernel
def schedule(world: int, r: int, now: float) -> None:
    replica = replica_at(world, r)
    set_timer(world, loop_of(world).replica_rows + r, max(replica.at + lasts(replica, replica.steps), now), TURN)


@kernel
def cut(world: int, r: int, now: float) -> int:
    """End the stretch with the iteration under way → how many iterations it then has."""
    replica = replica_at(world, r)
    k = min(done_by(replica, now) + 1, replica.steps)
    if k < replica.steps:
        replica.steps = k
        schedule(world, r, now)
    return k  # type: ignore[no-any-return]


@kernel
def plan(world: int, r: int, now: float) -> None:
    """Begin the stretch of iterations until the batch changes."""
    replica = replica_at(world, r)
    server = server_at(world, replica.server)
    n, steps, prompt = replica.decoding, ENDLESS, 0
    if replica.prompting > 0:
        first = replica.seats + server.batch
        left = seat_at(world, first).left
        if left >= server.chunk:
            prompt, steps = server.chunk, left // server.chunk
        else:  # several prompts share the iteration
            steps = 1
            for i in range(replica.prompting):
                prompt += seat_at(world, first + i).left
                if prompt >= server.chunk:
                    prompt = server.chunk
                    break
    if n > 0:
        steps = min(steps, replica.next_finish - replica.iterations)
        if server.kv > 0:
            steps = min(steps, max((server.kv - replica.reserved) // n, 1))
    replica.at, replica.steps, replica.prompt = now, steps, prompt
    slow = weather_of(world, service_at(world, server.target), now).slow_itl
    base = server.alpha + server.beta * n + server.prefill * prompt + server.gamma * replica.memory
    replica.first_s, replica.growth = max(base * slow, LEAST_S), server.gamma * slow * (n + prompt)
    schedule(world, r, now)


# -- seats ----------------------------------------------------------------------------------------------------------------------------


@kernel
def fits(server: Any, replica: Any, held: int, now: float) -> bool:
    """Whether the replica has a seat, and memory for `held` more tokens than it has by now."""
    if replica.decoding + replica.prompting >= server.batch:
        return False
    if server.kv == 0:
        return True
    grown = done_by(replica, now) * replica.decoding if replica.steps > 0 else 0
    return replica.reserved + grown + held <= server.kv  # type: ignore[no-any-return]


@kernel
def seat(world: int, r: int, w: int) -> None:
    """The attempt's prompt is admitted to the replica's batch."""
    replica, spot = replica_at(world, r), spot_at(world, w)
    server = server_at(world, replica.server)
    server.order += 1
    one = seat_at(world, replica.seats + server.batch + replica.prompting)
    one.w, one.held, one.left, one.order = w, spot.held, spot.prompt, server.order
    spot.state, spot.replica, spot.index = PROMPTING, r, replica.prompting
    replica.prompting += 1
    replica.reserved += spot.held
    replica.memory += spot.held - spot.prompt  # what was cached is there at once


@kernel
def move(world: int, source: int, goal: int, index: int) -> None:
    if source != goal:
        one, other = seat_at(world, goal), seat_at(world, source)
        one.w, one.held, one.since = other.w, other.held, other.since
        one.finish, one.left, one.order = other.finish, other.left, other.order
        if one.w != NONE:
            spot_at(world, one.w).index = index


@kernel
def stop_writing(world: int, r: int, i: int) -> None:
    """Seat `i` of those that write is empty, and its memory free."""
    replica = replica_at(world, r)
    one = seat_at(world, replica.seats + i)
    held = one.held + replica.iterations - one.since
    replica.memory -= held
    replica.reserved -= held
    replica.decoding -= 1
    move(world, replica.seats + replica.decoding, replica.seats + i, i)


@kernel
def stop_reading(world: int, r: int, i: int) -> None:
    """Prompt `i` is no longer read, and its memory free. The others keep their order."""
    replica = replica_at(world, r)
    first = replica.seats + server_at(world, replica.server).batch
    one = seat_at(world, first + i)
    replica.memory -= one.held - one.left
    replica.reserved -= one.held
    replica.prompting -= 1
    for k in range(i, replica.prompting):
        move(world, first + k + 1, first + k, k)


# -- the queue ------------------------------------------------------------------------------------------------------------------------


@kernel
def choose(world: int, s: int, held: int, now: float) -> int:
    """The replica that takes the next request: the least loaded with room, or the next in turn with room; NONE where none has."""
    server = server_at(world, s)
    best, least = NONE, ENDLESS
    for i in range(server.count):
        k = (server.next + i) % server.count
        replica = replica_at(world, server.first + k)
        if replica.phase != READY or not fits(server, replica, held, now):
            continue
        if server.in_turn != 0:
            server.next = (k + 1) % server.count
            return server.first + k  # type: ignore[no-any-return]
        load = replica.decoding + replica.prompting
        if load < least:
            best, least = server.first + k, load
    return best


@kernel
def shut_out(world: int, s: int, w: int, now: float) -> bool:
    """Whether the pool's weather became such on the attempt's way to it that it fails; then how is written down."""
    weather, work = weather_of(world, service_at(world, server_at(world, s).target), now), work_at(world, w)
    u = chance(work.luck, FATE)
    if u >= weather.failing:
        return False
    error_class = class_of(weather, u)
    if error_class == TIMEOUT:  # it hears nothing
        set_timer(world, w, spot_at(world, w).patience, OVER)
    else:
        work.error_class, work.status, work.retry_after_ms, work.ends = error_class, STATUS[error_class], -1, now
        set_timer(world, w, now, OVER)
    return True


@kernel
def arrive_at_server(world: int, w: int, now: float) -> None:
    """The attempt is at the pool's door: into a batch, into the queue, or refused."""
    spot, work = spot_at(world, w), work_at(world, w)
    s = int(spot.server)
    server = server_at(world, s)
    if now >= spot.patience:
        set_timer(world, w, now, OVER)
        return
    if service_at(world, server.target).count > 1 and shut_out(world, s, w, now):
        return
    server.entered += 1
    r = choose(world, s, spot.held, now) if server.waiting == 0 else NONE
    if r == NONE and server.waiting >= server.queue:
        server.refused += 1
        work.error_class, work.status, work.retry_after_ms, work.ends = server.error, server.status, -1, now
        set_timer(world, w, now, OVER)
        return
    set_timer(world, w, spot.patience, OVER)
    if r == NONE:
        line_up(world, s, w, False)
        return
    seat(world, r, w)
    replica = replica_at(world, r)
    if replica.steps > 0:
        cut(world, r, now)
    elif loop_of(world).turning != r:
        proceed(world, r, now)


@kernel
def ask_server(world: int, s: int, w: int, now: float, latest: float, patience: float, way: float) -> None:
    """Send the attempt of row `w` to pool `s`: it times out at `latest`, and at `patience` where no token has come by then.

    `way`: seconds there and back, which pass before it is there, as those of a remote target pass before its first token.
    """
    server, spot, work = server_at(world, s), spot_at(world, w), work_at(world, w)
    whole = max(work.input + work.relayed, 1)
    spot.server, spot.emitted, spot.state, spot.patience = s, 0, FREE, min(latest, patience)
    spot.held, spot.prompt = whole, max(whole - work.cached, 1)
    work.said = 0
    way += server.network
    if server.kv > 0 and whole >= server.kv:  # no replica could ever hold it
        work.error_class, work.status, work.retry_after_ms, work.ends = CONTEXT, 400, -1, now + way
        set_timer(world, w, work.ends, OVER)
        return
    if server.kv > 0:
        work.rest = min(work.rest, server.kv - whole)
    spot.rest = work.rest
    work.error_class, work.status, work.retry_after_ms, work.ends = TIMEOUT, 0, -1, latest
    if way > 0.0:
        set_timer(world, w, min(now + way, spot.patience), ENTER)
    else:
        arrive_at_server(world, w, now)


@kernel
def sits(world: int, w: int) -> bool:
    """Whether a pool still has the attempt of row `w`."""
    return spot_at(world, w).state != FREE  # type: ignore[no-any-return]


@kernel
def leave(world: int, w: int, now: float) -> None:
    """Nobody waits for the attempt any more: it gives up its place, in a batch at the iteration's end. `work.said`: its tokens."""
    spot = spot_at(world, w)
    state = spot.state
    if state == FREE:
        return
    spot.state = FREE
    said, r = int(spot.emitted), int(spot.replica)
    if state == QUEUED:
        first = spot.before == NONE
        step_out(world, spot.server, w)
        if first:
            beckon(world, spot.server, now)
    else:
        replica = replica_at(world, r)
        k = done_by(replica, now) if replica.steps > 0 else 0
        first = replica.seats if state == DECODING else replica.seats + server_at(world, replica.server).batch
        one = seat_at(world, first + spot.index)
        if state == DECODING:
            said += replica.iterations + k - one.since
        if replica.steps > 0:
            one.w = NONE
            one.finish = replica.iterations + cut(world, r, now)
            if state == DECODING:
                replica.next_finish = min(replica.next_finish, one.finish)
        elif state == DECODING:
            stop_writing(world, r, spot.index)
        else:
            stop_reading(world, r, spot.index)
    work_at(world, w).said = said


@kernel
def take_in(world: int, r: int, now: float) -> None:
    """The queue's first are admitted to a replica between two iterations, for as long as it has room for them."""
    replica = replica_at(world, r)
    server = server_at(world, replica.server)
    while server.waiting > 0 and fits(server, replica, spot_at(world, server.head).held, now):
        w = server.head
        step_out(world, replica.server, w)
        seat(world, r, w)


@kernel
def beckon(world: int, s: int, now: float) -> None:
    """Another is the first in the queue: replicas that have room for it take it, at once where they have nothing to do, else when their
    iteration ends. Without a bound on memory who is first makes no difference to whether there is room."""
    server = server_at(world, s)
    for r in range(server.first, server.first + server.count):
        if server.waiting == 0:
            return
        replica = replica_at(world, r)
        if replica.phase != READY or r == loop_of(world).turning or not fits(server, replica, spot_at(world, server.head).held, now):
            continue
        if replica.steps > 0:
            cut(world, r, now)
        else:
            take_in(world, r, now)
            plan(world, r, now)


# -- an iteration's end ---------------------------------------------------------------------------------------------------------------


@kernel
def tell(world: int, w: int, what: int) -> None:
    loop = loop_of(world)
    told = told_at(world, loop.told)
    told.w, told.version, told.what = w, work_at(world, w).version, what
    loop.told += 1


@kernel
def complete(world: int, w: int, now: float) -> None:
    """The answer is whole."""
    work = work_at(world, w)
    spot_at(world, w).state = FREE
    work.error_class, work.status, work.retry_after_ms, work.ends = 0, 200, -1, now
    tell(world, w, OVER)


@kernel
def turn(world: int, r: int, now: float) -> None:
    """The stretch has ended: whose answers are whole, whose first tokens came. The loop tells the journey, then lets it `proceed`."""
    loop, replica = loop_of(world), replica_at(world, r)
    loop.told, loop.turning = 0, r
    server = server_at(world, replica.server)
    if replica.phase == STARTING:
        replica.phase = READY
        server.ready += 1
        server.unseen = 0
        return
    k = replica.steps
    replica.steps = 0
    replica.iterations += k
    replica.memory += k * (replica.decoding + replica.prompt)
    replica.reserved += k * replica.decoding
    server.iterations += k
    server.tokens += k * replica.decoding
    server.busy_s += now - replica.at
    if replica.iterations >= replica.next_finish:
        end_answers(world, r, now)
    if replica.prompting > 0:
        read_prompts(world, r, k * replica.prompt, now)


@kernel
def end_answers(world: int, r: int, now: float) -> None:
    replica = replica_at(world, r)
    i, nearest = 0, ENDLESS
    while i < replica.decoding:
        one = seat_at(world, replica.seats + i)
        if one.finish <= replica.iterations:
            if one.w != NONE:
                complete(world, one.w, now)
            stop_writing(world, r, i)
        else:
            nearest = min(nearest, one.finish)
            i += 1
    replica.next_finish = nearest


@kernel
def read_prompts(world: int, r: int, tokens: int, now: float) -> None:
    """So many tokens of prompts were read, first come first served; whose prompt ends begins to write."""
    replica = replica_at(world, r)
    server = server_at(world, replica.server)
    first, count, kept = replica.seats + server.batch, replica.prompting, 0
    for i in range(count):
        one = seat_at(world, first + i)
        w, part = one.w, min(one.left, tokens)
        one.left -= part
        tokens -= part
        if w == NONE:
            replica.memory -= one.held - one.left
            replica.reserved -= one.held
        elif one.left > 0:
            move(world, first + i, first + kept, kept)
            kept += 1
        else:
            begin_to_write(world, r, w, one.held, one.order, now)
    replica.prompting = kept


@kernel
def begin_to_write(world: int, r: int, w: int, held: int, order: int, now: float) -> None:
    """The prompt is read, which gives a token: the first, but for an answer that was preempted."""
    replica, spot, work = replica_at(world, r), spot_at(world, w), work_at(world, w)
    server_at(world, replica.server).tokens += 1
    spot.emitted += 1
    if work.stream != 0 and work.first_byte == 0.0:
        work.first_byte = now
        tell(world, w, HEARD)
    if spot.emitted >= spot.rest:
        replica.memory -= held
        replica.reserved -= held
        complete(world, w, now)
        return
    one = seat_at(world, replica.seats + replica.decoding)
    one.w, one.held, one.since, one.left, one.order = w, held, replica.iterations, 0, order
    one.finish = replica.iterations + spot.rest - spot.emitted
    spot.state, spot.index = DECODING, replica.decoding
    replica.decoding += 1
    replica.next_finish = min(replica.next_finish, one.finish)


@kernel
def preempt(world: int, r: int) -> None:
    """The answer admitted last gives its memory back, and is the first in the queue."""
    replica = replica_at(world, r)
    server = server_at(world, replica.server)
    index, youngest, writes = NONE, -1, True
    for i in range(replica.decoding):
        if seat_at(world, replica.seats + i).order > youngest:
            index, youngest = i, seat_at(world, replica.seats + i).order
    for i in range(replica.prompting):
        if seat_at(world, replica.seats + server.batch + i).order > youngest:
            index, youngest, writes = i, seat_at(world, replica.seats + server.batch + i).order, False
    if writes:
        one = seat_at(world, replica.seats + index)
        w, more = one.w, replica.iterations - one.since
        spot = spot_at(world, w)
        spot.emitted += more
        spot.held = spot.prompt = one.held + more + 1  # the last token it wrote is not in memory yet
        stop_writing(world, r, index)
    else:
        w = seat_at(world, replica.seats + server.batch + index).w
        stop_reading(world, r, index)
    server.preempted += 1
    line_up(world, replica.server, w, True)


@kernel
def proceed(world: int, r: int, now: float) -> None:
    """Between two iterations: make room in memory, take in whom there is room for, and go on."""
    loop_of(world).turning = NONE
    replica = replica_at(world, r)
    server = server_at(world, replica.server)
    short = False
    while server.kv > 0 and replica.decoding > 0 and replica.reserved + replica.decoding > server.kv:
        if replica.decoding + replica.prompting == 1:
            break
        preempt(world, r)
        short = True
    waiting = server.waiting
    if replica.phase == READY and not short:
        take_in(world, r, now)
    if replica.decoding == 0:
        replica.next_finish = ENDLESS
    if replica.decoding + replica.prompting > 0:
        plan(world, r, now)
    elif replica.phase == DRAINING:
        switch_off(world, r, now)
    if short or (server.kv > 0 and server.waiting < waiting):
        beckon(world, replica.server, now)
