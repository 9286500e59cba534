"""The journey as a worker calls it: the block's address, the clock, the draw, and a lock where processes share the block.

What must not live here: a decision. The command comes from the kernel, and so does its reason.
"""

import fcntl
import os
import random
import struct
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

import numpy as np

from roteiro.journey.step import accepts
from roteiro.journey.step import step as kernel_step
from roteiro.policy import limits
from roteiro.policy.state import FLOW, NONE, State
from roteiro.terms.codes import Step

__all__ = ["NO_FLOW", "Answer", "FileLock", "Journey", "JourneyPort"]

NO_FLOW: Final = -1

Answer = tuple[int, float, int, int, int]
"""(command, argument, reason, flow that it is about, how many wait or have news)"""


Begun = tuple[Answer, int, float, float]
"""(answer, number of the request within the run, its deadline in seconds since the run's epoch, the second number compared)"""


class JourneyPort(Protocol):
    """What drives a worker's exchanges; the kernel in service, a script in tests."""

    def step(self, what: int, flow: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0) -> Answer:
        """Takes one step of the journey (see `roteiro.journey.step`)."""

    def begin(self, key: int, route: int, input_tokens: int, output_tokens: int, flags: int) -> Begun:
        """Takes the step BEGIN.

        The number is -1 where the request was turned away without a flow.
        """

    def workload_of_key(self, key: int) -> int:
        """The workload of a key's requests that name none."""

    def admit(self, key: int) -> float:
        """Takes one request of the limits of a key and its tenant, for what is no journey; where they are reached, the seconds to wait."""

    def annotate(self, flow: int, trace: tuple[int, int, int]) -> None:
        """Keeps the client's trace with a flow: its id, in halves, and the span."""

    def is_degraded(self, flow: int) -> bool:
        """Whether a flow got a cheaper model than was asked for."""

    def hedge_at(self, flow: int) -> float:
        """When a flow that was just sent is to be hedged, seconds since the run's epoch; 0.0 for never."""

    def unwritten(self) -> tuple[int, bool]:
        """(events that are not on disk yet, whether there is room for more)."""


class FileLock:
    """An advisory lock between processes, held for the microsecond of a step; the system drops it when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)


class Journey:
    """The kernel on one block. `lock` is None where this process alone takes steps."""

    def __init__(
        self,
        state: State,
        worker: int,
        lock: AbstractContextManager[None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.state = state
        """Keeps the block's memory alive."""
        self.epoch_monotonic_s = float(state.header["epoch_monotonic_s"][0])
        self._address = int(state.header.ctypes.data)
        self._worker = worker
        self._lock = lock
        self._clock, self._draw = clock, draw
        self._flows = state.flows.view("u1").data

    def step(self, what: int, flow: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0) -> Answer:
        if self._lock is None:
            return kernel_step(self._address, what, flow, self._clock() - self.epoch_monotonic_s, self._draw(), a, b, c, d, e, self._worker)
        with self._lock:
            return kernel_step(self._address, what, flow, self._clock() - self.epoch_monotonic_s, self._draw(), a, b, c, d, e, self._worker)

    def begin(self, key: int, route: int, input_tokens: int, output_tokens: int, flags: int) -> Begun:
        if self._lock is None:
            return self._begin(key, route, input_tokens, output_tokens, flags)
        with self._lock:  # a flow that was turned away is free again, for any worker
            return self._begin(key, route, input_tokens, output_tokens, flags)

    def workload_of_key(self, key: int) -> int:
        return int(self.state.keys["workload"][key])

    def admit(self, key: int) -> float:
        with self._lock or nullcontext():
            now, owner = self._clock() - self.epoch_monotonic_s, self.state.keys[key]
            tenant = self.state.tenants[owner["tenant"]]
            rows = [self.state.limits[i : i + 1] for i in (owner["requests_limit"], tenant["requests_limit"]) if i != NONE]
            wait = max((_wait_for(row.view(np.recarray)[0], 1.0, now) for row in rows), default=0.0)
            for row in rows if wait <= 0.0 else ():
                _take(row.view(np.recarray)[0], 1.0, now)
        return wait

    def annotate(self, flow: int, trace: tuple[int, int, int]) -> None:
        _TRACE_OF(self._flows, flow * FLOW.itemsize + _TRACE_AT, *trace)

    def is_degraded(self, flow: int) -> bool:
        return bool(self.state.flows["degraded"][flow])

    def hedge_at(self, flow: int) -> float:
        return _HEDGE_AT_OF(self._flows, flow * FLOW.itemsize + _HEDGE_AT)[0]  # type: ignore[no-any-return]

    def unwritten(self) -> tuple[int, bool]:
        header = self.state.header[0]
        return int(header["event_head"] - header["event_tail"]), bool(accepts(self._address))

    def _begin(self, key: int, route: int, input_tokens: int, output_tokens: int, flags: int) -> Begun:
        now = self._clock() - self.epoch_monotonic_s
        answer = kernel_step(
            self._address, _BEGIN, NO_FLOW, now, self._draw(), key, route, input_tokens, output_tokens, flags, self._worker
        )  # fmt: skip
        if answer[3] == NO_FLOW:
            return answer, -1, now, 0.0
        request, deadline, compared = _OF_FLOW(self._flows, answer[3] * FLOW.itemsize)
        return answer, request, deadline, compared


_BEGIN: Final = int(Step.BEGIN)
_wait_for: Final = getattr(limits.wait_for, "py_func", limits.wait_for)
_take: Final = getattr(limits.take, "py_func", limits.take)
"""The rules themselves, in Python: their machine code is for other machine code only."""
assert FLOW.names is not None and FLOW.names[:3] == ("request", "arrival", "deadline") and FLOW.fields is not None
_OF_FLOW: Final[Callable[[memoryview, int], tuple[int, float, float]]] = struct.Struct(f"=q8xd{FLOW.fields['y'][1] - 24}xd").unpack_from
_TRACE_AT: Final = FLOW.fields["trace_hi"][1]
assert FLOW.fields["trace_lo"][1] == _TRACE_AT + 8 and FLOW.fields["parent_span"][1] == _TRACE_AT + 16
_TRACE_OF: Final[Callable[..., None]] = struct.Struct("=qqq").pack_into
_HEDGE_AT: Final = FLOW.fields["hedge_at"][1]
_HEDGE_AT_OF: Final = struct.Struct("=d").unpack_from
