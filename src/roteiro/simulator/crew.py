"""Simulations side by side: in this process, in worker processes that live across jobs (joblib's loky), or on a Dask or Ray cluster.

A caller gets each result as it ends and may stop at any: what it was given stays its own. Workers write how far they are into a small file
that the caller's process looks at, where both see the same disk. The first of a machine's workers compiles, the others wait for it.

What must not live here: one simulation (`job`), and what results mean.
"""

import fcntl
import os
import queue
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar

import numpy as np

from roteiro.policy.kernel import JIT
from roteiro.simulator.job import Job, compile_for, simulate_one
from roteiro.simulator.result import Measured
from roteiro.terms.error import RoteiroError, SettingsError

__all__ = ["Backend", "Doing", "OnProgress", "run_each", "run_jobs", "shut_down"]

Backend = Literal["processes", "dask", "ray"]
OnProgress = Callable[[float, str], None]
"""Called with the share that is done, 0 to 1, and a short label such as 3/200."""
J_contra = TypeVar("J_contra", bound=Job, contravariant=True)
J = TypeVar("J", bound=Job)
T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Doing(Protocol[J_contra, T_co]):
    """What is done with one job and seed, such as `job.simulate_one`. A function of a module: workers import it."""

    def __call__(self, job: J_contra, seed: int, on_progress: Callable[[float], None] | None = None, *, batches: bool = True) -> T_co: ...


WORTH_A_PROCESS: Final = 2_000_000
"""Requests in all from which processes pay for their start."""
LOOK_EVERY_S: Final = 0.2
PATIENCE_S: Final = 10.0
"""For a thread to end that was told to."""


def run_jobs(
    jobs: Sequence[tuple[Job, int]],
    *,
    processes: int | None = None,
    backend: Backend = "processes",
    address: str | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[tuple[int, Measured[float]]]:
    """Simulate each (job, seed) → (its index, its numbers), in the order in which they end.

    `processes`: how many at once; without it one for each core, and none where there is too little to do. `backend` dask or ray: where
    joblib sends them, to the cluster at `address` or to one of this machine. A job that occurs once has `Measured.batches`. Results that
    were yielded are good whatever comes after: Ctrl-C, or an error in a later job. Raises what a job raises, and SettingsError for a
    backend that is not there.
    """
    yield from run_each(jobs, simulate_one, processes=processes, backend=backend, address=address, on_progress=on_progress)


def run_each(
    jobs: Sequence[tuple[J, int]],
    doing: Doing[J, T],
    *,
    processes: int | None = None,
    backend: Backend = "processes",
    address: str | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[tuple[int, T]]:
    """As `run_jobs`, with something else done of each (job, seed) than to measure it."""
    jobs = list(jobs)
    board = Board([job.expected_requests for job, _ in jobs], on_progress)
    once = Counter(id(job) for job, _ in jobs)
    alone = [once[id(job)] == 1 for job, _ in jobs]
    count = min(len(jobs), (os.cpu_count() or 1) if processes is None else processes)
    small = processes is None and sum(job.expected_requests for job, _ in jobs) < WORTH_A_PROCESS
    if backend == "processes" and (count <= 1 or small):
        for index, (job, seed) in enumerate(jobs):
            result = doing(job, seed, partial(board.tell, index), batches=alone[index])
            yield index, result  # first: what is told as finished, the caller has, whatever comes meanwhile
            board.tell(index, 1.0)
        return
    yield from side_by_side(jobs, doing, alone, count, backend, address, board)


class Board:
    """How far each job is, weighted by its requests."""

    def __init__(self, weights: Sequence[float], on_progress: OnProgress | None) -> None:
        finite = [weight if 0.0 < weight < float("inf") else 1.0 for weight in weights]
        self.weights = np.array(finite) / max(sum(finite), 1.0)
        self.shares: Any = np.zeros(len(finite))
        self.on_progress = on_progress
        self.said = -1.0

    def tell(self, index: int, share: float) -> None:
        self.shares[index] = share
        self.say()

    def say(self) -> None:
        """Tell the caller where it is further than before."""
        share = min(float(self.weights @ self.shares), 1.0)
        if self.on_progress is not None and share > self.said:
            self.said = share
            self.on_progress(share, f"{int((self.shares >= 1.0).sum())}/{len(self.shares)}")


def side_by_side(
    jobs: Sequence[tuple[J, int]],
    doing: Doing[J, T],
    alone: Sequence[bool],
    count: int,
    backend: Backend,
    address: str | None,
    board: Board,
) -> Iterator[tuple[int, T]]:
    """A thread feeds joblib and hears its results; this one waits for them, and so hears Ctrl-C, and tells how far it is."""
    words: queue.Queue[tuple[int, Any]] = queue.Queue()
    over = threading.Event()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="roteiro-crew-"))
        path = Path(folder) / "progress"
        board.shares = np.memmap(path, np.float64, "w+", shape=(len(jobs),))
        setting, ending = prepare(backend, address, count, stack)
        calls: list[Any] = [(work, (doing, index, job, seed, alone[index], str(path)), {}) for index, (job, seed) in enumerate(jobs)]
        thread = threading.Thread(target=feed, args=(calls, count, setting, words, over), name="crew", daemon=True)
        thread.start()
        try:
            left = len(jobs)
            while left:
                try:
                    index, result = words.get(timeout=LOOK_EVERY_S)
                except queue.Empty:
                    board.say()
                    continue
                if isinstance(result, BaseException):
                    raise result if isinstance(result, RoteiroError | KeyboardInterrupt) else RoteiroError(f"a worker failed: {result!r}")
                left -= 1
                yield index, result
                board.tell(index, 1.0)
        finally:
            over.set()
            if thread.is_alive() and left:
                ending()
            thread.join(PATIENCE_S)
            board.shares = np.array(board.shares)


def prepare(backend: Backend, address: str | None, count: int, stack: ExitStack) -> tuple[dict[str, Any], Callable[[], None]]:
    """(joblib's settings for the backend, how to end what runs there). Raises SettingsError where it cannot be used."""
    if backend == "processes":
        return {"backend": "loky", "inner_max_num_threads": 1}, shut_down
    try:
        if backend == "dask":
            from distributed import Client, LocalCluster

            where: Any = address
            if address is None:
                where = stack.enter_context(
                    LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", protocol="tcp://")
                )
            client = stack.enter_context(Client(where, set_as_default=False))
            return {"backend": "dask", "client": client}, client.close
        if backend == "ray":
            import ray
            from ray.util.joblib import register_ray

            if not ray.is_initialized():
                # A cluster of this machine's own listens to this machine alone.
                own: Any = {"num_cpus": count, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
                bounds = own if address is None else {}
                ray.init(address=address, log_to_driver=False, configure_logging=False, **bounds)
                stack.callback(ray.shutdown)
            register_ray()
            return {"backend": "ray"}, lambda: None
    except ImportError as error:
        raise SettingsError(f"{backend} is not installed: pip install 'roteiro[scale]'") from error
    except (OSError, ConnectionError, TimeoutError) as error:
        raise SettingsError(f"no {backend} cluster answers at {address or 'this machine'}: {error}") from error
    raise SettingsError(f"{backend!r} is no backend; there are processes, dask and ray")


def feed(calls: Sequence[Any], count: int, setting: dict[str, Any], words: "queue.Queue[tuple[int, Any]]", over: threading.Event) -> None:
    """Let joblib run the calls, and put each result, or what went wrong, into the queue."""
    from joblib import Parallel, parallel_config

    try:
        with parallel_config(**setting):
            if setting["backend"] == "ray":  # its backend gives results all at once, so it gets them round by round
                for first in range(0, len(calls), count):
                    if over.is_set():
                        return
                    for pair in Parallel(n_jobs=count, batch_size=1)(calls[first : first + count]):
                        words.put(pair)
                return
            # All are handed over at once: else joblib hands on from threads of its own, which a crew that was ended throws its refusals at.
            for pair in Parallel(n_jobs=count, batch_size=1, pre_dispatch="all", return_as="generator_unordered")(calls):
                words.put(pair)
                if over.is_set():
                    return
    except BaseException as error:
        words.put((-1, error))


def shut_down() -> None:
    """End the worker processes at once, if there are any. They begin anew when next needed."""
    from joblib.externals.loky import reusable_executor

    with suppress(Exception):
        if reusable_executor._executor is not None:
            reusable_executor._executor.shutdown(wait=True, kill_workers=True)


# --- in a worker --------------------------------------------------------------------------------------------------------------------


compiled: list[bool] = []


def work(doing: Doing[J, T], index: int, job: J, seed: int, alone: bool, board: str) -> tuple[int, T]:
    """One job in a worker. Ctrl-C is the caller's to handle."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    shares = None
    with suppress(OSError):  # a worker on another machine has nobody to tell
        shares = np.memmap(board, np.float64, "r+")

    def tell(share: float) -> None:
        if shares is not None:
            shares[index] = min(share, 0.999)  # that it is over is the caller's to say

    compile_alone(job)
    return index, doing(job, seed, tell, batches=alone)


def compile_alone(job: Job) -> None:
    """Have the machine code, which one process of a machine compiles and the others find on disk."""
    if not JIT or compiled:
        return
    import numba

    with (Path(numba.config.CACHE_DIR) / "crew.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        compile_for(job)
    compiled.append(True)
