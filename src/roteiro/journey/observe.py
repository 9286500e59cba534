"""A signal of quality is taken in: its row, the meters that rules look at, and the objectives.

What must not live here: how quality is found, and what a rule does about it.
"""

from roteiro.policy import meter as meters
from roteiro.policy import objective as objectives
from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE, header_of, key_at, signal_at, target_at, tenant_at

__all__ = ["observe", "packed_source", "packed_subject"]

MILLIONTH = 1e-6
KIND, VERSION = 0xFF, 0xFFFFFF
INDEX = 0xFFFF


def packed_source(kind: int, version: int = -1, probe: int = -1) -> int:
    """The first argument of OBSERVE."""
    return kind | (version + 1) << 8 | (probe + 1) << 32


def packed_subject(target: int, route: int, workload: int) -> int:
    """The last one."""
    return (target + 1) | (route + 1) << 16 | (workload + 1) << 32


@kernel
def observe(block: int, source: int, request: int, key: int, millionths: int, subject: int, worker: int, now: float) -> None:
    """The arguments are those of OBSERVE, in order."""
    header = header_of(block)
    kind, value = source & KIND, millionths * MILLIONTH
    target, route, workload = (subject & INDEX) - 1, (subject >> 16 & INDEX) - 1, (subject >> 32 & INDEX) - 1
    tenant = key_at(block, key).tenant if key != NONE else NONE
    if workload == NONE and key != NONE:
        workload = key_at(block, key).workload
    tier = tenant_at(block, tenant).tier if tenant != NONE else NONE
    meters.observe_signal(block, target, kind, value, now)
    objectives.count_signal(block, kind, value, tier, tenant, workload, route, target, now)
    if header.signal_head - header.signal_tail >= header_of(block).n_signals:
        header.unsignalled += 1
        return
    row = signal_at(block, header.signal_head % header_of(block).n_signals)
    row.seq, row.request, row.at_s, row.value = header.signal_head, request, now, value
    row.tenant, row.key, row.probe, row.version = tenant, key, (source >> 32) - 1, (source >> 8 & VERSION) - 1
    row.workload, row.tier, row.model, row.target = workload, tier, route, target
    row.region = target_at(block, target).region if target != NONE else NONE
    row.worker, row.world, row.kind = worker, header.world, kind
    header.signal_head += 1  # last: a reader of the ring sees whole rows only
