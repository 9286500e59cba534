"""Records of the simulated servers of one's own: pools of replicas, their batches, and where each attempt sits.

What must not live here: what happens to them (`batching`), and how a pool is described (`servers`).
"""

from typing import Any, Final

import numpy as np

__all__ = ["REPLICA", "SEAT", "SERVER", "SPOT", "TOLD", "Phase", "Sitting"]


def record(*fields: tuple[Any, ...]) -> np.dtype[Any]:
    return np.dtype(list(fields), align=True)


SERVER: Final = record(
    ("target", "i8"),
    ("alpha", "f8"), ("beta", "f8"), ("prefill", "f8"), ("gamma", "f8"), ("network", "f8"), ("start_up", "f8"),  # seconds
    ("chunk", "i8"), ("batch", "i8"), ("kv", "i8"), ("queue", "i8"),  # kv 0: no bound
    ("error", "i8"), ("status", "i8"),  # of a refusal
    ("in_turn", "i8"), ("next", "i8"),  # whether replicas take turns, and whose turn it is
    ("first", "i8"), ("count", "i8"), ("cost_nusd_per_h", "i8"),  # its replicas; NONE: nothing tells what one costs
    ("head", "i8"), ("tail", "i8"), ("waiting", "i8"), ("order", "i8"),
    ("wanted", "i8"), ("ready", "i8"), ("known", "i8"), ("running", "i8"),  # replicas: asked for, serving, as the journey knows, paid for
    ("down", "i8"), ("unseen", "i8"), ("slow", "f8"),  # machines off; the journey not told since; the weather's factor on times
    # So far:
    ("entered", "i8"), ("refused", "i8"), ("preempted", "i8"), ("iterations", "i8"), ("tokens", "i8"),
    ("started", "i8"), ("stopped", "i8"), ("most", "i8"), ("replica_s", "f8"), ("busy_s", "f8"),
)  # fmt: skip
"""One pool: replicas behind one target, and the queue before them, linked through the rows' spots."""

REPLICA: Final = record(
    ("phase", "i8"), ("server", "i8"), ("seats", "i8"), ("begun", "f8"),
    # The stretch of equal iterations under way: when it began, how many, the first's time, how much each takes longer than the one before.
    ("at", "f8"), ("steps", "i8"), ("first_s", "f8"), ("growth", "f8"), ("prompt", "i8"),
    ("decoding", "i8"), ("prompting", "i8"),  # answers being written, prompts being read
    ("iterations", "i8"), ("next_finish", "i8"),  # so far, at the stretch's beginning; after which the next answer ends
    ("memory", "i8"), ("reserved", "i8"),  # tokens in memory; the same with the prompts under way counted whole
)  # fmt: skip
"""One replica. Its seats: `batch` of those that write, then `batch` of those whose prompts are read, each block filled from the front."""

SEAT: Final = record(
    ("w", "i8"),  # row of the work; NONE where it left within an iteration
    ("held", "i8"), ("since", "i8"), ("finish", "i8"),  # tokens in memory when it began to write, at which iteration, and when it ends
    ("left", "i8"), ("order", "i8"),  # of its prompt, to be read; later admitted, sooner preempted
)  # fmt: skip

SPOT: Final = record(
    ("state", "i4"), ("server", "i4"), ("replica", "i4"), ("index", "i4"), ("next", "i4"), ("before", "i4"),
    ("prompt", "i4"), ("held", "i4"),  # tokens to be read, and in memory once they are
    ("rest", "i4"), ("emitted", "i4"),  # tokens to be written in all, and written when it last began to write
    ("patience", "f8"),  # when a first token is too late
)  # fmt: skip
"""Where the attempt of one row of the work is."""

TOLD: Final = record(("w", "i8"), ("version", "i8"), ("what", "i8"))
"""What came of an iteration, for the loop to tell the journey."""


class Phase:
    """Of a replica."""

    OFF: Final = 0
    STARTING: Final = 1
    READY: Final = 2
    DRAINING: Final = 3
    """Takes no new work, and ends when it has none."""


class Sitting:
    """Of a spot."""

    FREE: Final = 0
    QUEUED: Final = 1
    PROMPTING: Final = 2
    DECODING: Final = 3
