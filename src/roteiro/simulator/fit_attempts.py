"""What attempts a recorded run made, read from its decisions: where, when, how long, and beside how many others.

What must not live here: what is concluded from them (`fit`).
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.policy.kernel import JIT, entry, kernel
from roteiro.terms.codes import Command, Outcome, Reason, Step

__all__ = ["ATTEMPT", "attempts_in_events", "attempts_of"]

ATTEMPT: Final = np.dtype(
    [
        ("target", "i4"), ("stream", "i1"), ("error_class", "i1"), ("midstream", "i1"),
        ("in_flight", "i4"),  # others at the same target when it was sent
        ("sent_s", "f8"), ("heard_s", "f8"), ("ended_s", "f8"),
        ("input", "i8"), ("cached", "i8"),  # tokens, as reported at the end; of failures as estimated
        ("output", "i8"), ("retry_after_ms", "i8"),
    ],
    align=True,
)  # fmt: skip
"""One attempt that came to an end; `heard_s` is 0 where no first byte was told."""

BEGIN, FIRST_BYTE, FAILED, END, GONE = int(Step.BEGIN), int(Step.FIRST_BYTE), int(Step.FAILED), int(Step.END), int(Step.GONE)
SEND, RESCUE, HEDGED = int(Command.SEND), int(Command.RESCUE), int(Reason.HEDGED)
TARGET_BITS = 0xFFFF  # of a command's argument; above them is the credential


@kernel
def leave(lane: Any, flying: Any) -> None:
    """The attempt of a lane is under way no more."""
    if lane.sent_s >= 0.0:
        flying[lane.target] -= 1
        lane.sent_s = -1.0


@entry
def gather(decisions: Any, lanes: Any, flying: Any, attempts: Any) -> int:
    """Follow each flow through the decisions → how many attempts were written to `attempts`.

    `lanes` is two ATTEMPTs for each slot: the attempt and its hedge. Of two lanes, the one that lost tells nothing. `flying`: by target,
    how many are under way.
    """
    n = 0
    for k in range(decisions.shape[0]):
        row = decisions[k]
        if row.flow >= 0 and (row.step == FAILED or row.step == END or row.step == FIRST_BYTE):
            lane = row.a & 1 if row.step == FIRST_BYTE else row.e & 1 if row.step == FAILED else (row.e >> 1) & 1
            own = 2 * row.flow + lane
            other = 2 * row.flow + 1 - lane
            if row.step == FIRST_BYTE:
                lanes[own].heard_s = row.now_s
                leave(lanes[other], flying)
            elif lanes[own].sent_s >= 0.0:
                attempts[n] = lanes[own]
                done = attempts[n]
                done.ended_s = row.now_s
                if row.step == END:
                    done.error_class, done.input, done.cached, done.output = 0, row.a, row.b, row.c
                    leave(lanes[other], flying)
                else:
                    done.error_class, done.retry_after_ms, done.midstream = row.a, row.b, 1 if row.d > 0 else 0
                leave(lanes[own], flying)
                n += 1
        elif row.flow >= 0 and row.step == GONE:
            leave(lanes[2 * row.flow], flying)
            leave(lanes[2 * row.flow + 1], flying)
        if row.answered < 0:
            continue
        if row.step == BEGIN:
            for lane in range(2):
                leave(lanes[2 * row.answered + lane], flying)  # of a worker that died: nobody told its end
                lanes[2 * row.answered + lane].stream = row.e & 1
                lanes[2 * row.answered + lane].input = row.c
        if row.command == SEND or row.command == RESCUE:
            sent = lanes[2 * row.answered + (1 if row.reason == HEDGED else 0)]
            leave(sent, flying)
            sent.sent_s, sent.heard_s, sent.target = row.now_s, 0.0, np.int32(int(row.argument) & TARGET_BITS)
            sent.output, sent.cached, sent.retry_after_ms, sent.midstream = 0, 0, -1, 0
            sent.in_flight = flying[sent.target]
            flying[sent.target] += 1
    return n


def attempts_of(decisions: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """All attempts that the decisions of a run tell of, in the order of their ends."""
    slots = int(max(decisions["flow"].max(initial=-1), decisions["answered"].max(initial=-1))) + 1
    lanes, attempts, flying = np.zeros(2 * slots, ATTEMPT), np.zeros(len(decisions), ATTEMPT), np.zeros(TARGET_BITS + 1, np.int32)
    lanes["sent_s"] = -1.0
    if JIT:
        n = gather(decisions, lanes, flying, attempts)
    else:
        n = gather(decisions.view(np.recarray), lanes.view(np.recarray), flying, attempts.view(np.recarray))
    return attempts[:n]


def attempts_in_events(events: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The last attempts, where decisions have expired: those of answers, and the last failure of those that got none."""
    tried = events[(events["attempts"] > 0) & ~np.isnan(events["attempt_ms"])]
    tried = tried[(tried["outcome"] == int(Outcome.SUCCESS)) | (tried["outcome"] == int(Outcome.FAILED))]
    attempts = np.zeros(len(tried), ATTEMPT)
    for name in ("target", "stream"):
        attempts[name] = tried[name]
    answered = tried["outcome"] == int(Outcome.SUCCESS)
    attempts["error_class"] = np.where(answered, 0, tried["error_class"])
    attempts["input"], attempts["cached"] = tried["input_tokens"], tried["cached_tokens"]
    attempts["ended_s"], attempts["output"], attempts["retry_after_ms"] = tried["ended_s"], tried["output_tokens"], -1
    attempts["sent_s"] = tried["ended_s"] - tried["attempt_ms"] / 1e3
    heard = tried["arrival_s"] + tried["ttft_ms"] / 1e3
    attempts["heard_s"] = np.where(np.isnan(heard) | (heard < attempts["sent_s"]), 0.0, heard)
    known: npt.NDArray[Any] = attempts[answered | (attempts["error_class"] > 0)]
    return known
