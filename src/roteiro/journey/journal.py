"""The journal: one DECISION row a step, with its inputs and its answer, in the block's ring.

Replaying the input rows on a fresh state must write the same rows again: that is the replay law.
"""

from typing import Any

from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE, decision_at, header_of, route_at

__all__ = ["note", "note_change", "room", "rows_a_flow", "write"]

NOTE = 0
# An attempt that fails at its worst: FAILED, notes of its breaker and of its credential or context, AGAIN, a WAKE that grants a place to
# another worker's request and that worker's own, a note of a half-open breaker, FIRST_BYTE.
ROWS_AN_ATTEMPT = 8
ROWS_BESIDES = 6  # BEGIN with notes of complexity and budget, HEDGE, GONE, and one in hand


@kernel
def rows_a_flow(block: int) -> int:
    """Steps and notes that one request may write, by the attempts that the plan's routes allow."""
    header = header_of(block)
    if header.rows_a_flow == 0:
        attempts = 1
        for r in range(header.n_routes):
            attempts = max(attempts, route_at(block, r).attempts)
        header.rows_a_flow = ROWS_BESIDES + ROWS_AN_ATTEMPT * attempts
    return header.rows_a_flow


@kernel
def room(block: int) -> bool:
    """Whether both rings can take one more request with all the rows it may write."""
    header = header_of(block)
    if header.event_head - header.event_tail + header.live + 1 >= header_of(block).n_events:
        return False
    if header.journal == 0:
        return True
    return header.decision_head - header.decision_tail + (header.live + 1) * rows_a_flow(block) < header_of(block).n_decisions


@kernel
def next_row(block: int) -> Any:
    header = header_of(block)
    row = decision_at(block, header.decision_head % header_of(block).n_decisions)
    row.seq = header.decision_head
    return row


@kernel
def full(block: int) -> bool:
    header = header_of(block)
    if header.decision_head - header.decision_tail < header_of(block).n_decisions:
        return False
    header.unjournaled += 1
    return True


@kernel
def write(
    block: int, step: int, f: int, now: float, u: float, a: int, b: int, c: int, d: int, e: int,
    request: int, worker: int, target: int, command: int, argument: float, reason: int, x: float, y: float, answered: int,
) -> None:  # fmt: skip
    """Write the row of one step."""
    if header_of(block).journal == 0 or full(block):
        return
    row = next_row(block)
    row.request, row.now_s, row.u = request, now, u
    row.a, row.b, row.c, row.d, row.e = a, b, c, d, e
    row.argument, row.x, row.y = argument, x, y
    row.flow, row.worker, row.target = f, worker, target
    row.step, row.command, row.reason, row.answered = step, command, reason, answered
    header_of(block).decision_head += 1


@kernel
def note(block: int, request: int, worker: int, f: int, target: int, reason: int, x: float, y: float, now: float) -> None:
    """Write what happened besides the answer of the step: a breaker that opened, a rule that began to hold."""
    note_change(block, request, worker, f, target, reason, x, y, 0.0, 0, 0, 0, now)


@kernel
def note_change(
    block: int, request: int, worker: int, f: int, target: int, reason: int, x: float, y: float, argument: float, a: int, b: int, c: int,
    now: float,
) -> None:  # fmt: skip
    """The same with more numbers, which mean what the reason says."""
    if header_of(block).journal == 0 or full(block):
        return
    row = next_row(block)
    row.request, row.now_s, row.u = request, now, 0.0
    row.a, row.b, row.c, row.d, row.e = a, b, c, 0, 0
    row.argument, row.x, row.y = argument, x, y
    row.flow, row.worker, row.target = f, worker, target
    row.step, row.command, row.reason, row.answered = NOTE, 0, reason, NONE
    header_of(block).decision_head += 1
