"""The waiting room: a bounded queue, and who leaves first when it is full.

Records: QUEUE (one a priority: first, last, waiting), WORKLOAD (waiting, for its own bound), FLOW (next, before, plain), HEADER (waiting),
ROUTE (waiting, waiting_tokens). A flow is plain where all candidates of its route are open to it: where it cannot go, nobody who waits for
the route can.
Within a priority first come, first served. What must not live here: whether a waiting flow may go (the journey asks the other policies).
"""

from roteiro.policy import region
from roteiro.policy.kernel import kernel
from roteiro.policy.state import ANYWHERE, NONE, candidate_at, flow_at, header_of, queue_at, route_at, target_at, workload_at

__all__ = ["insert", "is_plain", "join", "last_of_less_important", "leave"]


@kernel
def is_plain(block: int, f: int) -> bool:
    """Whether all candidates of its route are open to flow `f`: none is tried, barred, too small, or where its data may not go."""
    flow = flow_at(block, f)
    if flow.tried != 0 or flow.barred != 0 or flow.tried_credentials != 0:
        return False
    route = route_at(block, flow.route)
    for c in range(route.count):
        target = target_at(block, candidate_at(block, route.first + c).target)
        if 0 < target.context_tokens < flow.input_tokens:
            return False
        if flow.residency != ANYWHERE and not region.allows(flow.residency, target.region):
            return False
    return True


@kernel
def insert(block: int, f: int, before: int) -> None:
    """Put flow `f` behind flow `before` in the queue of its priority, or in front where that is NONE."""
    flow = flow_at(block, f)
    queue = queue_at(block, flow.priority)
    flow.before = before
    if before == NONE:
        flow.next = queue.first
        queue.first = f
    else:
        flow.next = flow_at(block, before).next
        flow_at(block, before).next = f
    if flow.next == NONE:
        queue.last = f
    else:
        flow_at(block, flow.next).before = f
    queue.waiting += 1
    workload_at(block, flow.workload).waiting += 1
    header_of(block).waiting += 1
    flow.plain = 1 if is_plain(block, f) else 0
    route_at(block, flow.route).waiting += 1
    route_at(block, flow.route).waiting_tokens += flow.reserved_tokens


@kernel
def join(block: int, f: int) -> None:
    """Put flow `f` at the end of the queue of its priority."""
    insert(block, f, queue_at(block, flow_at(block, f).priority).last)


@kernel
def leave(block: int, f: int) -> None:
    """Take flow `f` out of its queue, wherever it stands."""
    flow = flow_at(block, f)
    queue = queue_at(block, flow.priority)
    if flow.before == NONE:
        queue.first = flow.next
    else:
        flow_at(block, flow.before).next = flow.next
    if flow.next == NONE:
        queue.last = flow.before
    else:
        flow_at(block, flow.next).before = flow.before
    flow.next, flow.before = NONE, NONE
    queue.waiting -= 1
    workload_at(block, flow.workload).waiting -= 1
    header_of(block).waiting -= 1
    route_at(block, flow.route).waiting -= 1
    route_at(block, flow.route).waiting_tokens -= flow.reserved_tokens


@kernel
def last_of_less_important(block: int, priority: int) -> int:
    """The newest flow of the least important priority that waits, if it is less important than `priority`; else NONE."""
    for p in range(header_of(block).n_queues - 1, priority, -1):
        if queue_at(block, p).waiting > 0:
            return queue_at(block, p).last
    return NONE
