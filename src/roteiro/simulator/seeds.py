"""The same simulation under several seeds; Ctrl-C keeps the seeds that are finished.

What must not live here: how they run side by side (`crew`), and the meaning of their numbers.
"""

from collections.abc import Sequence

from roteiro.simulator.crew import Backend, OnProgress, run_jobs
from roteiro.simulator.job import Job, simulate_one
from roteiro.simulator.result import Measured

__all__ = ["Job", "simulate_one", "simulate_seeds"]


def simulate_seeds(
    job: Job,
    seeds: Sequence[int],
    processes: int | None = None,
    on_progress: OnProgress | None = None,
    *,
    backend: Backend = "processes",
    address: str | None = None,
) -> tuple[dict[int, Measured[float]], bool]:
    """Each seed's numbers, and whether Ctrl-C came before all were finished (then at least one is). KeyboardInterrupt where none is.

    Arguments as of `crew.run_jobs`.
    """
    finished: dict[int, Measured[float]] = {}
    try:
        jobs = [(job, seed) for seed in seeds]
        for index, measured in run_jobs(jobs, processes=processes, backend=backend, address=address, on_progress=on_progress):
            finished[seeds[index]] = measured
    except KeyboardInterrupt:
        if not finished:
            raise
    in_order = {seed: finished[seed] for seed in seeds if seed in finished}
    return in_order, len(in_order) < len(set(seeds))
