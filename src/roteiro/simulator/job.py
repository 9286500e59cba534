"""One job: what is simulated, and one seed of it done, its rows to the ledger where that is wanted.

What must not live here: several of them (`crew`, `seeds`), and the meaning of its numbers.
"""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roteiro.ledger import Head, ParquetWriter
from roteiro.ledger.place import Table
from roteiro.plan.compile import Compiled
from roteiro.plan.version import save_version
from roteiro.simulator.arriving import TRACE
from roteiro.simulator.demand import Demand
from roteiro.simulator.result import Measured, measure
from roteiro.simulator.service import ServiceWorld
from roteiro.simulator.world import EPOCH_UNIX_S, FOREVER, Rows, Simulation

__all__ = ["Job", "compile_for", "simulate_one"]

TELL_EVERY_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Job:
    """What is simulated. With `data`, each seed's events are written to that data directory as run `name`-`seed`; with `journal`, its
    decisions and plan version too, so that it can be replayed. `check`: the laws of conservation are looked at."""

    compiled: Compiled
    demand: Demand
    service: ServiceWorld
    requests: int | None = 100_000
    duration_s: float = FOREVER
    epoch_unix_s: float = EPOCH_UNIX_S
    data: Path | None = None
    name: str = "sim"
    journal: bool = False
    check: bool = False

    @property
    def expected_requests(self) -> float:
        """Of one seed, about."""
        recorded = len(self.demand.arrivals) * self.demand.keep if self.demand.process == TRACE else math.inf
        return min(recorded, math.inf if self.requests is None else self.requests, self.duration_s * self.demand.rate_per_s)


def simulate_one(job: Job, seed: int, on_progress: Callable[[float], None] | None = None, *, batches: bool = True) -> Measured[float]:
    """One seed, its rows to the ledger where that is wanted. `on_progress` gets the share that is done, about five times a second."""
    simulation = simulation_of(job, seed)
    told = 0.0

    def tell(requests: int, now_s: float) -> None:
        nonlocal told
        if on_progress is not None and time.monotonic() - told >= TELL_EVERY_S:
            told = time.monotonic()
            on_progress(min(max(requests / job.expected_requests, now_s / job.duration_s), 1.0))

    run = f"{job.name}-{seed}"
    with ExitStack() as stack:
        stack.callback(simulation.close)
        hands: dict[Table, Rows] = {}
        if job.data is not None:
            for table in tables_of(job):
                head = Head(table, run, job.epoch_unix_s, job.compiled.names)
                hands[table] = stack.enter_context(ParquetWriter(job.data, head)).append
            if job.journal:
                save_version(job.data / "run" / run, job.compiled, job.epoch_unix_s)
        simulation.run(
            job.requests, job.duration_s, hands.get("events"), hands.get("decisions"), tell, on_signals=hands.get("signals")
        )  # fmt: skip
        return measure(simulation, batches=batches)


def tables_of(job: Job) -> tuple[Table, ...]:
    """What a run writes; signals only where someone judges answers."""
    judged = any(target.judged > 0.0 for target in job.service.targets)
    return ("events", *(("decisions",) if job.journal else ()), *(("signals",) if judged else ()))


def simulation_of(job: Job, seed: int) -> Simulation:
    return Simulation(job.compiled, job.demand, job.service, seed, journal=job.journal, epoch_unix_s=job.epoch_unix_s, check=job.check)


def compile_for(job: Job) -> None:
    """Have the machine code that simulations run on."""
    simulation = simulation_of(job, 1)
    simulation.run(1)
    simulation.close()
