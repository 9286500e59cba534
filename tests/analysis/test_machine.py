"""Replicas that batch: laws of their number, a known queue, and minutes against draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roteiro.analysis.machine import Aim, Machine, best_pool, minute_peak
from roteiro.analysis.queueing import erlang_c
from roteiro.analysis.staffing import Target, least_servers


def machine(alpha: float = 0.02, batch: int = 32, kv: int = 0, outputs: float = 100.0) -> Machine:
    sample = np.random.default_rng(1).lognormal(np.log(outputs), 0.5, 200)
    return Machine(alpha, 2e-5, 2e-5, 0.0, batch, kv, 512, 0.0, 300.0, sample)


def test_a_batch_of_one_is_erlangs_queue() -> None:
    pool = Machine(0.01, 0.0, 0.0, 0.0, 1, 0, 512, 0.0, 100.0, np.full(10, 100.0)).at(1)
    assert pool.mean_s == pytest.approx(1.0) and pool.spread == pytest.approx(0.0)
    count = pool.replicas(5.0, Aim(ttft_s=0.51, share=0.9))
    assert count == least_servers(5.0, 1.0, Target(0.5, 0.9), 1.0, 0.0)
    assert pool.waits(5.0, count).delayed == pytest.approx(erlang_c(count, 5.0))


@given(st.floats(0.1, 50.0), st.floats(2.0, 10.0), st.floats(0.5, 3.0))
@settings(max_examples=20, deadline=None)
def test_more_demand_never_takes_fewer_and_what_is_found_keeps_the_promise(rate: float, latency: float, variation: float) -> None:
    aim = Aim(latency_s=latency + 4.0)
    pool = best_pool(machine(), rate, aim, variation)
    count = pool.replicas(rate, aim, variation)
    assert count <= pool.replicas(rate * 1.5, aim, variation)
    assert pool.latency(rate, count, 0.95, variation) <= aim.latency_s * 1.001 if aim.latency_s else True
    assert pool.carries(count, aim, variation) >= rate * 0.999
    assert pool.kept(rate, count, latency + 4.0, variation) >= 0.95 - 1e-3


def test_a_tight_promise_takes_a_smaller_batch_and_memory_bounds_it() -> None:
    loose, tight = (best_pool(machine(), 20.0, Aim(latency_s=seconds)) for seconds in (20.0, 5.0))
    assert tight.mean_s <= loose.mean_s and tight.slots <= loose.slots
    assert machine(kv=2000).room == int(2000 / machine().held) < machine().room


def test_what_service_alone_breaks_no_replica_mends() -> None:
    with pytest.raises(ValueError, match="alone takes longer than 1 s"):
        best_pool(machine(), 5.0, Aim(latency_s=1.0))


def test_a_large_pool_by_the_square_root_is_near_the_recursion() -> None:
    pool = machine().at(32)
    aim = Aim(latency_s=60.0)
    below, above = (pool.replicas(load / pool.mean_s, aim) for load in (990.0, 1010.0))
    assert below <= above <= below * 1.08 + 1


@pytest.mark.parametrize("rate", [3.0, 60.0, 5000.0])
def test_minutes_are_as_drawn(rate: float) -> None:
    rng = np.random.default_rng(2)
    sums = np.array([rng.lognormal(5.0, 0.8, rng.poisson(rate)).sum() for _ in range(4000)])
    mean, deviation = np.exp(5.32), np.exp(5.32) * np.sqrt(np.exp(0.64) - 1.0)
    found = float(minute_peak(np.array([rate]), mean, deviation, 1.0, 0.99)[0])
    assert found == pytest.approx(float(np.quantile(sums, 0.99)), rel=0.12)
    assert minute_peak(np.zeros(2), mean, deviation, 1.0, 0.99).tolist() == [0.0, 0.0]
