"""Jobs side by side: workers that live across jobs, a Dask cluster, and Ctrl-C, which leaves what was finished."""

import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.build import busy, compiled, troubled

from roteiro.policy.kernel import cache_directory
from roteiro.simulator import demand
from roteiro.simulator.crew import run_jobs
from roteiro.simulator.job import Job, compile_for
from roteiro.simulator.seeds import simulate_seeds
from roteiro.terms.error import InvariantError, SettingsError

ROOT = Path(__file__).resolve().parents[2]


def job(requests: int = 800, **more: Any) -> Job:
    plan = compiled()
    return Job(plan, demand.of_plan(plan), troubled(plan), requests, **more)


def test_results_come_as_they_end_and_workers_live_on() -> None:
    from joblib.externals.loky import reusable_executor

    one = job()
    jobs = [(one, 1), (one, 2), (job(400), 1)]
    here = dict(run_jobs(jobs, processes=1))
    there = dict(run_jobs(jobs, processes=2))
    assert {index: repr(measured) for index, measured in here.items()} == {index: repr(measured) for index, measured in there.items()}
    assert (len(here[0].batches), len(here[2].batches) > 0) == (0, True)  # what occurs once has its batches
    workers = set(reusable_executor._executor._processes)
    dict(run_jobs(jobs, processes=2))
    assert set(reusable_executor._executor._processes) == workers


def test_who_stops_early_keeps_what_was_given() -> None:
    results = run_jobs([(job(), seed) for seed in range(1, 7)], processes=2)
    index, measured = next(results)
    results.close()  # type: ignore[attr-defined]
    assert 0 <= index < 6 and measured.requests == 800


def test_progress_is_a_share_that_grows() -> None:
    told: list[tuple[float, str]] = []
    simulate_seeds(job(3000), [1, 2], processes=1, on_progress=lambda *word: told.append(word))
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and told[-1] == (1.0, "2/2") and not math.isnan(shares[0])


def test_a_law_that_a_worker_finds_broken_is_told_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from roteiro.simulator import world

    def broken(simulation: Any, seed: int) -> None:
        raise InvariantError(f"seed {seed} breaks 1 of the simulator's laws: Little's law")

    monkeypatch.setattr(world.laws, "hold", broken)
    with pytest.raises(InvariantError, match="seed 4 breaks"):
        dict(run_jobs([(job(check=True), 4)], processes=1))


def test_an_unknown_backend_is_said() -> None:
    with pytest.raises(SettingsError, match="no backend"):
        dict(run_jobs([(job(), 1)], backend="slurm"))  # type: ignore[arg-type]


INTERRUPTED = """
import json, sys, threading
from tests.simulator.test_crew import job
from roteiro.simulator.seeds import simulate_seeds

def tell(share, label):
    if not label.startswith("0/"):
        print("some", flush=True)

if __name__ == "__main__":
    found, interrupted = simulate_seeds(job(60_000), list(range(1, 41)), processes=2, on_progress=tell)
    print(json.dumps({"seeds": sorted(found), "requests": [one.requests for one in found.values()], "interrupted": interrupted}))
"""


def test_ctrl_c_leaves_the_finished_seeds_usable() -> None:
    """SIGINT to the whole group of processes, as a terminal sends it."""
    busy(1).close()
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "some\n", process.stderr.read()  # type: ignore[union-attr]
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=90)
    told = json.loads(out.splitlines()[-1])
    assert told["interrupted"] and 1 <= len(told["seeds"]) < 40 and set(told["requests"]) == {60_000.0}, err
    assert "Traceback" not in err


DASK = """
import json
from distributed import LocalCluster
from tests.simulator.test_crew import job
from roteiro.simulator.crew import run_jobs
from roteiro.simulator.seeds import simulate_seeds
from dataclasses import replace

if __name__ == "__main__":
    jobs = [(job(500), seed) for seed in (1, 2)] + [(job(900), 1)]
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1") as cluster:
        address = cluster.scheduler_address
        seeds, interrupted = simulate_seeds(job(500), [1, 2, 3], backend="dask", address=address)
        sweep = dict(run_jobs(jobs, backend="dask", address=address))
    here = dict(run_jobs(jobs, processes=1))
    same = {index: repr(one) for index, one in sweep.items()} == {index: repr(one) for index, one in here.items()}
    print(json.dumps({"seeds": sorted(seeds), "interrupted": interrupted, "same": same}))
"""


def test_seeds_and_a_sweep_on_a_dask_cluster_of_processes() -> None:
    """In a process of its own: the cluster's event loop and its warnings are not this one's."""
    pytest.importorskip("distributed", reason="the extra `scale` is not installed")
    done = subprocess.run([sys.executable, "-c", DASK], cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"seeds": [1, 2, 3], "interrupted": False, "same": True}


RAY = """
import json
from tests.simulator.test_crew import job
from roteiro.simulator.crew import run_jobs

if __name__ == "__main__":
    import ray

    one, told = job(500), []
    jobs = [(one, 1), (one, 2), (one, 3), (job(900), 1)]
    on_ray = dict(run_jobs(jobs, processes=2, backend="ray", on_progress=lambda share, label: told.append(share)))
    ended = not ray.is_initialized()
    by_processes = dict(run_jobs(jobs, processes=2))
    same = [repr(on_ray[n]).encode() == repr(by_processes[n]).encode() for n in range(len(jobs))]
    print(json.dumps({"same": same, "ended": ended, "told": told == sorted(told) and told[-1] == 1.0}))
"""


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra `scale` with Ray is not installed")
def test_seeds_and_a_sweep_on_a_ray_of_two_processes(tmp_path: Path) -> None:
    """What Ray gives is what processes give, to the byte; a Ray that was begun for it is ended after it.

    In a process of its own, whose Ray keeps its files to itself: what it leaves behind ends with that process.
    """
    compile_for(job(1))  # so that the cluster's workers find it
    kept = {"ROTEIRO_CACHE_DIR": str(cache_directory().parents[1])}
    environment = {
        **os.environ,
        **kept,
        "HOME": str(tmp_path),
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
    }
    done = subprocess.run([sys.executable, "-c", RAY], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"same": [True] * 4, "ended": True, "told": True}
