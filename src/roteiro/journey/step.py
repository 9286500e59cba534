"""One entry for all steps: what gateway, replay and tests call from Python; it also keeps the journal.

The simulator, compiled together with the journey, calls the same entry.
"""

from roteiro.journey import fleet, request
from roteiro.journey.journal import room, write
from roteiro.journey.observe import observe
from roteiro.policy.kernel import entry
from roteiro.policy.state import NONE, flow_at, header_of
from roteiro.terms.codes import Command, Reason, Step

__all__ = ["accepts", "step"]

BEGIN, FIRST_BYTE, FAILED, AGAIN, END, GONE, WAKE, TEND, REAP, ADOPT, RESTORE, HEDGE, CAPACITY, OBSERVE, RECALL = (
    int(s) for s in Step if s
)
OK, CLIENT_GONE, ADOPTED, MONEY_RESTORED = int(Reason.OK), int(Reason.CLIENT_GONE), int(Reason.ADOPTED), int(Reason.MONEY_RESTORED)
HEDGED, OBSERVED, RECALLED = int(Reason.HEDGED), int(Reason.OBSERVED), int(Reason.RECALLED)
C_NONE = int(Command.NONE)


@entry
def accepts(block: int) -> bool:
    """Whether a request that came now would find room in the ledger; BEGIN asks the same."""
    return room(block)


@entry
def step(
    block: int, what: int, flow: int, now: float, u: float, a: int, b: int, c: int, d: int, e: int, worker: int
) -> tuple[int, float, int, int, int]:
    """Take one step of the journey.

    Arguments: address of the block; a `Step`; slot of the flow (-1 for BEGIN and the fleet's steps); the clock in seconds since the run's
    epoch; a uniform draw; five arguments that depend on the step; the worker that asks:

    | step | a | b | c | d | e |
    |---|---|---|---|---|---|
    | BEGIN | key | route | estimated input tokens | most output tokens | flags, see below |
    | FIRST_BYTE | lane: 0 the attempt, 1 its hedge | | | | |
    | FAILED | error class | Retry-After in ms, or -1 | HTTP status | output tokens that reached the client | bit 0 lane; bit 1 rescue it |
    | END, GONE | input tokens | cached of them | output tokens | reasoning of them | bit 0 estimated; bit 1 lane (END) |
    | REAP | dead worker | | | | |
    | ADOPT | plan version | | | | |
    | RESTORE | budget | nano-dollars spent in the current period | | | |
    | CAPACITY | target | replicas that serve | bit 0: b is a floor instead | ms that the last took to start, or 0 | |
    | OBSERVE | kind, version and probe | request, or -1 | key, or -1 | millionths | target, route and workload |
    | RECALL | objective | hour, or minute with bit 62 | good events | bad ones | |

    AGAIN, HEDGE, WAKE and TEND take none. Flags of BEGIN: bit 0 stream; bits 1–2 `CacheKind` of an answer that the driver has (then c and d
    are its tokens); bits 3–4 `Complexity`; bits 5–7 `Operation`; bits 8–23 workload + 1, or 0 for the key's own. Bits 24–38 (features and
    score of the complexity) are kept in the journal and decide nothing. Bits 39–46 are the client's region + 1, or 0 where that is not
    known. FAILED sets bit 1 where the driver could continue the stream
    elsewhere. Usage at END is that of the attempt that ends; after a rescue the client has more.

    The argument of SEND and RESCUE is target + 65,536 × credential; SEND for the reason HEDGED starts lane 1, every other SEND and RESCUE
    lane 0. After a SEND the flow's `hedge_at`, where it is not 0, is when HEDGE is due. When a first byte or an end decides between two
    lanes, the driver cancels the other one and tells nothing of it.

    Returns (command, argument, reason, flow that it is about, flows that wait or have news). While the last is above 0, call WAKE until it
    answers with no flow. The clock may stand still but not run back: an earlier `now` counts as the latest one seen.
    """
    header = header_of(block)
    if header.last_now > now:
        now = header.last_now
    header.last_now = now
    command, argument, reason, answered = C_NONE, 0.0, OK, flow
    if what == BEGIN:
        command, argument, reason, answered = request.begin(block, a, b, c, d, e, worker, now, u)
    elif what == END:
        command, argument, reason, answered = request.end(block, flow, a, b, c, d, e, now, u)
    elif what == FIRST_BYTE:
        command, argument, reason, answered = request.first_byte(block, flow, a, now)
    elif what == FAILED:
        command, argument, reason, answered = request.failed(block, flow, a, b, c, d, e, now, u)
    elif what == AGAIN:
        command, argument, reason, answered = request.again(block, flow, now, u)
    elif what == GONE:
        command, argument, reason, answered = request.gone(block, flow, a, b, c, d, e, CLIENT_GONE, now, u)
    elif what == WAKE:
        command, argument, reason, answered = request.wake(block, worker, now, u)
    elif what == HEDGE:
        command, argument, reason, answered = request.hedge(block, flow, now, u)
    elif what == TEND:
        fleet.tend(block, worker, now, u)
    elif what == REAP:
        argument = float(fleet.reap(block, a, now, u))
    elif what == ADOPT:
        fleet.adopt(block, a, now)
        reason = ADOPTED
    elif what == CAPACITY:
        fleet.capacity(block, a, b, c, d)
    elif what == RESTORE:
        fleet.restore(block, a, b, now)
        reason = MONEY_RESTORED
    elif what == OBSERVE:
        observe(block, a, b, c, d, e, worker, now)
        reason = OBSERVED
    elif what == RECALL:
        fleet.recall(block, a, b, c, d, now)
        reason = RECALLED
    if header.journal != 0:
        if answered == NONE:
            write(block, what, flow, now, u, a, b, c, d, e, NONE, worker, NONE, command, argument, reason, 0.0, 0.0, answered)
        else:
            about = flow_at(block, answered)
            target = about.hedge_target if reason == HEDGED else about.target
            write(
                block, what, flow, now, u, a, b, c, d, e,
                about.request, worker, target, command, argument, reason, about.x, about.y, answered,
            )  # fmt: skip
    return command, argument, reason, answered, header.waiting + (1 if header.news != NONE else 0)
