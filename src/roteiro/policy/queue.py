"""The waiting room: a bounded queue per workload, a bound for the fleet, and who leaves first when it is full.

Records: WORKLOAD (first, last, waiting), FLOW (next, before), HEADER (waiting). Within a workload first come, first served;
across workloads by priority. What must not live here: whether a waiting flow may go (the journey asks the other policies).
"""

from typing import Any

from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE, flow_at, header_of, workload_at

__all__ = ["join", "last_of_less_important", "leave", "most_important_after"]


@kernel
def join(block: int, f: int) -> None:
    """Put flow `f` at the end of its workload's queue."""
    flow = flow_at(block, f)
    workload = workload_at(block, flow.workload)
    flow.next, flow.before = NONE, workload.last
    if workload.last == NONE:
        workload.first = f
    else:
        flow_at(block, workload.last).next = f
    workload.last = f
    workload.waiting += 1
    header_of(block).waiting += 1


@kernel
def leave(block: int, f: int) -> None:
    """Take flow `f` out of its workload's queue, wherever it stands."""
    flow = flow_at(block, f)
    workload = workload_at(block, flow.workload)
    if flow.before == NONE:
        workload.first = flow.next
    else:
        flow_at(block, flow.before).next = flow.next
    if flow.next == NONE:
        workload.last = flow.before
    else:
        flow_at(block, flow.next).before = flow.before
    flow.next, flow.before = NONE, NONE
    workload.waiting -= 1
    header_of(block).waiting -= 1


@kernel
def last_of_less_important(block: int, priority: int) -> int:
    """The newest flow of the least important workload that waits, if it is less important than `priority`; else NONE."""
    worst, found = priority, NONE
    for w in range(header_of(block).n_workloads):
        workload = workload_at(block, w)
        if workload.waiting > 0 and workload.priority > worst:
            worst, found = workload.priority, workload.last
    return found


@kernel
def most_important_after(block: int, order: int) -> int:
    """Workload that comes next after `order` = priority × workloads + index, among those with someone waiting; NONE at the end.

    Iterating with it visits workloads from the most important down, without sorting.
    """
    n = header_of(block).n_workloads
    best, found = 1 << 40, NONE
    for w in range(n):
        if workload_at(block, w).waiting > 0:
            key = workload_at(block, w).priority * n + w
            if order < key < best:
                best, found = key, w
    return found
