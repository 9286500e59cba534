"""What an outage does to servers of one's own: work in them stops, machines are lost, and are started again. Compiled into the loop.

A hard outage of all attempts takes the machines with it. Whatever is read, written or queued there fails as the outage begins, nothing is
paid for while it lasts, and at its end as many replicas are started as are then wanted; until they serve, connections are refused (the
weather says so, see `outages`). Other outages leave the machines: of the work under way the share that they strike fails with their class
of error, and what falls silent does so until a timeout ends it. Times change with the iteration that follows.

The journey is told nothing of all this: it finds out as it does with any provider, by attempts that fail.
What must not live here: when outages come (`outages`), and what becomes of attempts that begin in one (`serving`).
"""

from typing import Any

from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE
from roteiro.simulator.batching import cut, leave
from roteiro.simulator.draw import chance
from roteiro.simulator.records import Place, loop_of, service_at, weather_at, work_at
from roteiro.simulator.replicas import ENDLESS, replica_at, resize, seat_at, server_at, spot_at, switch_off
from roteiro.simulator.server_records import Phase
from roteiro.simulator.serving import STATUS, TIMEOUT, weather_of
from roteiro.simulator.timers import OVER, TURN, set_timer

__all__ = ["change", "look_out"]

OFF, READY = Phase.OFF, Phase.READY
BREAKS = Place.BREAKS
APART_S = 1e-9


@kernel
def look_out(world: int) -> None:
    """A run begins: every pool has the weather of its first moment."""
    for s in range(loop_of(world).pools):
        change(world, s, 0.0)


@kernel
def change(world: int, s: int, now: float) -> None:
    """The weather of pool `s` changes."""
    server = server_at(world, s)
    service = service_at(world, server.target)
    weather = weather_of(world, service, now)
    if weather.stops > 0.0:
        stop_work(world, s, weather.stops, int(weather.stops_as), now)
    if weather.down != 0 and server.down == 0:
        lose(world, s, now)
    elif weather.down == 0 and server.down != 0:
        server.down = 0
        resize(world, s, server.wanted, now)
    if weather.slow_itl != server.slow:
        server.slow = weather.slow_itl
        for r in range(server.first, server.first + server.count):
            if replica_at(world, r).steps > 0:
                cut(world, r, now)
    if service.cursor + 1 < service.count:
        loop = loop_of(world)
        set_timer(world, loop.replica_rows + loop.n_replicas + s, weather_at(world, service.first + service.cursor + 1).start, TURN)


@kernel
def stop_work(world: int, s: int, share: float, error_class: int, now: float) -> None:
    """So much of what is in the pool stops, by each attempt's own luck."""
    server, hit = server_at(world, s), 0
    w = server.tail  # from the end, so that nobody is the first of the queue on the way
    while w != NONE:
        ahead = spot_at(world, w).before
        hit += strike(world, w, share, error_class, now, hit)
        w = ahead
    for r in range(server.first, server.first + server.count):
        replica = replica_at(world, r)
        for i in range(replica.decoding):
            hit += strike(world, seat_at(world, replica.seats + i).w, share, error_class, now, hit)
        for i in range(replica.prompting):
            hit += strike(world, seat_at(world, replica.seats + server.batch + i).w, share, error_class, now, hit)


@kernel
def strike(world: int, w: int, share: float, error_class: int, now: float, hit: int) -> int:
    """The attempt of row `w` stops, if it is one of those → 1, else 0; NONE is a seat that was left before.

    The journey hears of them a nanosecond apart: timers of one time come in an order that hangs on what else waits.
    """
    if w == NONE:
        return 0
    work = work_at(world, w)
    if chance(work.luck, BREAKS) >= share:
        return 0
    leave(world, w, now)
    ends = now + hit * APART_S
    if error_class != TIMEOUT:
        work.error_class, work.status, work.retry_after_ms, work.ends = error_class, STATUS[error_class], -1, ends
        set_timer(world, w, ends, OVER)
    elif work.first_byte > 0.0:  # who has heard nothing yet has a timer for that
        idle_s = service_at(world, server_at(world, spot_at(world, w).server).target).idle_s
        work.ends = min(work.ends, ends + idle_s)
        set_timer(world, w, work.ends, OVER)
    return 1


@kernel
def lose(world: int, s: int, now: float) -> None:
    """The pool's machines are gone, and nobody is in them."""
    server = server_at(world, s)
    server.down = server.unseen = 1
    for r in range(server.first, server.first + server.count):
        replica: Any = replica_at(world, r)
        if replica.phase == OFF:
            continue
        if replica.steps > 0:
            server.busy_s += now - replica.at
        if replica.phase == READY:
            server.ready -= 1
        replica.decoding, replica.prompting, replica.memory, replica.reserved = 0, 0, 0, 0
        replica.steps, replica.next_finish = 0, ENDLESS
        switch_off(world, r, now)
