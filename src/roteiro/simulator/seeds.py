"""The same simulation under several seeds, in this process or in several; Ctrl-C keeps the seeds that are finished.

What must not live here: one run, and the meaning of its numbers.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Final

from roteiro.ledger import Head, SegmentWriter
from roteiro.plan.compile import Compiled
from roteiro.plan.version import save_version
from roteiro.simulator.demand import Demand
from roteiro.simulator.result import Measured, measure
from roteiro.simulator.service import ServiceWorld
from roteiro.simulator.world import EPOCH_UNIX_S, FOREVER, Simulation
from roteiro.terms.error import RoteiroError

__all__ = ["Job", "Progress", "simulate_seeds"]

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


def simulate_seeds(
    job: Job, seeds: Sequence[int], processes: int | None = None, on_progress: Progress | None = None
) -> tuple[dict[int, Measured[float]], bool]:
    """Each seed's numbers, and whether Ctrl-C came before all were finished (then at least one is). KeyboardInterrupt where none is."""
    count = min(len(seeds), (os.cpu_count() or 1) if processes is None else processes)
    if processes is None and (job.requests or WORTH_A_PROCESS) * len(seeds) < WORTH_A_PROCESS:
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


def child(job: Job, seed: int, pipe: "Connection[Any, Any]") -> None:
    """The whole life of a process: one seed. Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pipe.send(("done", simulate_one(job, seed, lambda *told: pipe.send(("told", told)))))
    except RoteiroError as error:
        pipe.send(("failed", error))
    except BrokenPipeError:  # the parent is gone
        return


def run_in_processes(job: Job, seeds: list[int], count: int, finished: dict[int, Measured[float]], on_progress: Progress | None) -> None:
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(seeds))
    running: dict[Connection[Any, Any], tuple[int, SpawnProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < count:
                seed = waiting.pop()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=child, args=(job, seed, theirs), name=f"seed-{seed}")
                process.start()
                theirs.close()
                running[ours] = (seed, process)
            for ready in wait(list(running)):
                pipe: Any = ready
                seed, process = running[pipe]
                try:
                    word, what = pipe.recv()
                except EOFError:
                    process.join()
                    raise RoteiroError(f"the process of seed {seed} ended with exit code {process.exitcode}") from None
                if word == "told":
                    if on_progress is not None:
                        on_progress(*what)
                    continue
                if word == "failed":
                    raise what
                finished[seed] = what
                del running[pipe]
                pipe.close()
                process.join()
    finally:
        for pipe, (_, process) in running.items():
            process.terminate()
            process.join()
            pipe.close()
