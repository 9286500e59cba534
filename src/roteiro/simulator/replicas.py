"""How many replicas a pool has: they start, serve, drain and end. And where the records of pools are. Compiled into the loop.

What must not live here: what a replica does (`batching`), and how many there should be (the journey's `pools`).
"""

from typing import Any

from roteiro.policy.kernel import kernel
from roteiro.policy.memory import record_at
from roteiro.policy.state import NONE
from roteiro.simulator.records import loop_of, work_at
from roteiro.simulator.server_records import REPLICA, SEAT, SERVER, SPOT, TOLD, Phase
from roteiro.simulator.timers import TURN, set_timer

__all__ = ["ENDLESS", "replica_at", "resize", "seat_at", "server_at", "spot_at", "switch_off", "switch_on", "told_at"]

OFF, STARTING, READY, DRAINING = Phase.OFF, Phase.STARTING, Phase.READY, Phase.DRAINING
ENDLESS = 1 << 60


@kernel
def server_at(world: int, s: int) -> Any:
    return record_at(world, loop_of(world).at_servers, s, SERVER)


@kernel
def replica_at(world: int, r: int) -> Any:
    return record_at(world, loop_of(world).at_replicas, r, REPLICA)


@kernel
def seat_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_seats, i, SEAT)


@kernel
def spot_at(world: int, w: int) -> Any:
    return record_at(world, loop_of(world).at_spots, w, SPOT)


@kernel
def told_at(world: int, i: int) -> Any:
    return record_at(world, loop_of(world).at_told, i, TOLD)


@kernel
def switch_on(world: int, r: int, now: float) -> None:
    """Start a replica: it serves after the pool's start-up time, and is paid for from now on."""
    replica = replica_at(world, r)
    server = server_at(world, replica.server)
    replica.phase, replica.begun, replica.steps = STARTING, now, 0
    replica.next_finish = ENDLESS
    server.running += 1
    server.started += 1
    server.most = max(server.most, server.running)
    set_timer(world, loop_of(world).replica_rows + r, now + server.start_up, TURN)


@kernel
def switch_off(world: int, r: int, now: float) -> None:
    replica = replica_at(world, r)
    server = server_at(world, replica.server)
    server.replica_s += now - replica.begun
    server.running -= 1
    server.stopped += 1
    replica.phase = OFF
    work_at(world, loop_of(world).replica_rows + r).version += 1  # it may have been starting


@kernel
def idlest(world: int, s: int, phase: int) -> int:
    """The replica in that phase with the least to do, the last of several; NONE where there is none."""
    server = server_at(world, s)
    best, least = NONE, ENDLESS
    for k in range(server.count):
        replica = replica_at(world, server.first + k)
        if replica.phase == phase and replica.decoding + replica.prompting <= least:
            best, least = server.first + k, replica.decoding + replica.prompting
    return best


@kernel
def resize(world: int, s: int, wanted: int, now: float) -> None:
    """Start or drain replicas until as many as `wanted` serve or start. Those that drain are taken back first; starting ones go first.
    Where the machines are off, they wait until these are on again."""
    server = server_at(world, s)
    server.wanted = wanted
    if server.down != 0:
        return
    have = server.ready
    for k in range(server.count):
        if replica_at(world, server.first + k).phase == STARTING:
            have += 1
    while have < wanted:
        r = idlest(world, s, DRAINING)
        if r != NONE:
            replica_at(world, r).phase = READY
            server.ready += 1
        else:
            r = idlest(world, s, OFF)
            if r == NONE:
                return
            switch_on(world, r, now)
        have += 1
    while have > wanted:
        r = idlest(world, s, STARTING)
        if r != NONE:
            switch_off(world, r, now)
        else:
            r = idlest(world, s, READY)
            replica = replica_at(world, r)
            replica.phase = DRAINING
            server.ready -= 1
            if replica.decoding + replica.prompting == 0:
                switch_off(world, r, now)
        have -= 1
