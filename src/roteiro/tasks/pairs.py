"""Two jobs under the same luck: each seed runs in both, and only seeds that both have finished are compared.

What must not live here: what a difference means (`figures`), and which two jobs.
"""

from collections.abc import Sequence
from typing import Literal

from roteiro.simulator.crew import OnProgress, run_jobs
from roteiro.simulator.job import Job
from roteiro.simulator.result import Measured

__all__ = ["Pairs", "run_pairs"]

Pairs = tuple[list[Measured[float]], list[Measured[float]], list[int], bool]
"""(of the first job by seed, of the second, those seeds, whether Ctrl-C came before all of them)."""


def run_pairs(
    first: Job,
    second: Job,
    seeds: Sequence[int],
    *,
    processes: int | None,
    backend: Literal["processes", "dask", "ray"],
    address: str | None,
    on_progress: OnProgress | None,
) -> Pairs:
    """Run both, seed by seed, so that what is finished when someone stops it can be compared.

    Raises KeyboardInterrupt where it is stopped before one seed is finished in both, and what `run_jobs` raises.
    """
    order = [(job, seed) for seed in seeds for job in (first, second)]
    finished: dict[int, Measured[float]] = {}
    interrupted = False
    try:
        for done in run_jobs(order, processes=processes, backend=backend, address=address, on_progress=on_progress):
            finished.update([done])
    except KeyboardInterrupt:
        interrupted = True
    both = [n for n in range(len(seeds)) if 2 * n in finished and 2 * n + 1 in finished]
    if not both:
        raise KeyboardInterrupt
    return [finished[2 * n] for n in both], [finished[2 * n + 1] for n in both], [seeds[n] for n in both], interrupted
