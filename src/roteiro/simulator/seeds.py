"""The same simulation under several seeds, in this process or in several; Ctrl-C keeps the seeds that are finished.

What must not live here: one run, and the meaning of its numbers.
"""

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, Final

from roteiro.ledger import Head, SegmentWriter
from roteiro.plan.compile import Compiled
from roteiro.plan.version import save_version
from roteiro.simulator.arriving import TRACE
from roteiro.simulator.demand import Demand
from roteiro.simulator.result import Measured, measure
from roteiro.simulator.service import ServiceWorld
from roteiro.simulator.world import EPOCH_UNIX_S, FOREVER, Simulation
from roteiro.terms.error import RoteiroError

__all__ = ["Job", "Progress", "simulate_one", "simulate_seeds"]

WORTH_A_PROCESS: Final = 2_000_000
"""Requests in all from which processes pay for their start."""
TELL_EVERY_S: Final = 0.2

Progress = Callable[[int, int, float], None]
"""Called with the seed, its requests so far and its simulated seconds."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is simulated. With `data`, each seed's events are written to that data directory as run `name`-`seed`; with `journal`, its
    decisions and plan version too, so that it can be replayed."""

    compiled: Compiled
    demand: Demand
    service: ServiceWorld
    requests: int | None = 100_000
    duration_s: float = FOREVER
    epoch_unix_s: float = EPOCH_UNIX_S
    data: Path | None = None
    name: str = "sim"
    journal: bool = False

    @property
    def expected_requests(self) -> float:
        """Of one seed, about."""
        recorded = len(self.demand.arrivals) if self.demand.process == TRACE else math.inf
        return min(recorded, math.inf if self.requests is None else self.requests, self.duration_s * self.demand.rate_per_s)


def simulate_seeds(
    job: Job, seeds: Sequence[int], processes: int | None = None, on_progress: Progress | None = None
) -> tuple[dict[int, Measured[float]], bool]:
    """Each seed's numbers, and whether Ctrl-C came before all were finished (then at least one is). KeyboardInterrupt where none is."""
    count = min(len(seeds), (os.cpu_count() or 1) if processes is None else processes)
    if processes is None and job.expected_requests * len(seeds) < WORTH_A_PROCESS:
        count = 1
    finished: dict[int, Measured[float]] = {}
    try:
        if count <= 1:
            for seed in seeds:
                finished[seed] = simulate_one(job, seed, on_progress)
        else:
            run_in_processes(job, list(seeds), count, finished, on_progress)
    except KeyboardInterrupt:
        if not finished:
            raise
        return finished, True
    return finished, False


def simulate_one(job: Job, seed: int, on_progress: Progress | None = None) -> Measured[float]:
    """One seed, its rows to the ledger where that is wanted."""
    simulation = Simulation(job.compiled, job.demand, job.service, seed, journal=job.journal, epoch_unix_s=job.epoch_unix_s)
    told = 0.0

    def tell(requests: int, now_s: float) -> None:
        nonlocal told
        if on_progress is not None and time.monotonic() - told >= TELL_EVERY_S:
            told = time.monotonic()
            on_progress(seed, requests, now_s)

    run = f"{job.name}-{seed}"
    writers: list[SegmentWriter] = []
    if job.data is not None:
        tables = ("events", "decisions") if job.journal else ("events",)
        writers = [SegmentWriter(job.data, Head(table, run, job.epoch_unix_s, job.compiled.names)) for table in tables]  # type: ignore[arg-type]
        if job.journal:
            save_version(job.data / "run" / run, job.compiled, job.epoch_unix_s)
    try:
        hands = [writer.append for writer in writers] + [None, None]
        simulation.run(job.requests, job.duration_s, hands[0], hands[1], tell)
    finally:
        for writer in writers:
            writer.seal()
        simulation.close()
    if on_progress is not None:
        on_progress(seed, simulation.arrived, simulation.now_s)
    return measure(job.compiled, simulation.tally, simulation.now_s)


def run_in_processes(job: Job, seeds: list[int], count: int, finished: dict[int, Measured[float]], on_progress: Progress | None) -> None:
    """Let `count` processes (`seed_process`) simulate the seeds, one each, and put their numbers into `finished`."""
    waiting = list(reversed(seeds))
    running: dict[Any, tuple[int, subprocess.Popen[bytes]]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < count:
                seed = waiting.pop()
                pipe, process = start(job, seed)
                running[pipe] = (seed, process)
            for ready in wait(list(running)):
                hear(ready, running, finished, on_progress)
    finally:
        for pipe, (_, process) in running.items():
            process.terminate()
            process.wait()
            pipe.close()


def start(job: Job, seed: int) -> tuple["Connection[Any, Any]", "subprocess.Popen[bytes]"]:
    """A process of our own making, not of `multiprocessing`, which would run the caller's main program again."""
    ours, theirs = Pipe()
    try:
        command = [sys.executable, "-m", "roteiro.simulator.seed_process", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    finally:
        theirs.close()
    ours.send((job, seed))
    return ours, process


def hear(
    pipe: Any, running: dict[Any, tuple[int, "subprocess.Popen[bytes]"]], finished: dict[int, Measured[float]], on_progress: Progress | None
) -> None:
    """One word of a process: how far it is, its result, or why there is none."""
    seed, process = running[pipe]
    try:
        word, what = pipe.recv()
    except (EOFError, ConnectionResetError):
        raise RoteiroError(f"the process of seed {seed} ended with exit code {process.wait()}") from None
    if word == "told":
        if on_progress is not None:
            on_progress(*what)
        return
    if word == "failed":
        raise what
    finished[seed] = what
    del running[pipe]
    pipe.close()
    process.wait()
