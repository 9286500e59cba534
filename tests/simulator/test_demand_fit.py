"""Demand that was fitted comes out as its record was: on synthetic records with known parameters, and on the public ones."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.simulator.build import compiled

from roteiro.policy.kernel import JIT
from roteiro.simulator import demand as demands
from roteiro.simulator.arriving import GAMMA, POISSON, WEIBULL
from roteiro.simulator.demand_fit import fit_demand
from roteiro.simulator.demand_gaps import draw, fit_gaps, variation
from roteiro.simulator.demand_measure import dispersion, ideal_hits, kendall, variation_of_gaps
from roteiro.simulator.demand_prefix import redrawn, reuse_of
from roteiro.simulator.demand_windows import limits, spread_out, windows_of
from roteiro.simulator.records import DRAWN
from roteiro.simulator.sample import sample
from roteiro.simulator.trace import read_record
from roteiro.simulator.trace_form import Chains, Party, Trace

DATA = Path(os.environ.get("ROTEIRO_TRACES", "traces"))
"""The public traces are not part of the project; name their folder in ROTEIRO_TRACES."""
AZURE, MOONCAKE = DATA / "azure_llm_2023", DATA / "mooncake" / "conversation_trace.jsonl"

Floats = npt.NDArray[np.float64]


def source(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def thinned(rate: Floats, edges: Floats, seed: int = 1, process: int = POISSON, shape: float = 1.0) -> Floats:
    """Arrivals of a rate that is constant between edges, with gaps of a process in operational time."""
    passed = np.concatenate([[0.0], np.cumsum(np.diff(edges) * rate)])
    x = np.cumsum(draw(source(seed), int(passed[-1] * 1.5) + 500, process, shape))
    times: Floats = np.interp(x[x < passed[-1]], passed, edges)
    return times


def trace_of(
    at_s: Floats, inputs: npt.NDArray[np.int64] | None = None, outputs: npt.NDArray[np.int64] | None = None, **more: object
) -> Trace:
    n = len(at_s)
    inputs = np.full(n, 100) if inputs is None else inputs
    return Trace("made.csv", at_s - at_s[0], inputs, np.full(n, 50) if outputs is None else outputs, **more)  # type: ignore[arg-type]


# --- gaps and windows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("process", "shape"), [(POISSON, 1.0), (GAMMA, 0.3), (GAMMA, 4.0), (WEIBULL, 0.5), (WEIBULL, 2.5)])
def test_the_process_and_its_shape_are_found(process: int, shape: float) -> None:
    found = fit_gaps(draw(source(), 6000, process, shape) * 7.0)
    assert found.process == process
    assert found.shape == pytest.approx(shape, rel=0.06)
    assert found.cv == pytest.approx(variation(process, shape), rel=0.06)
    assert found.ks < found.by_chance


@pytest.mark.parametrize("gaps", [[], [1.0], [0.0, 0.0], [0.0, 0.0, 5.0], [1.0] * 50])
def test_few_or_odd_gaps_end_in_a_process_all_the_same(gaps: list[float]) -> None:
    found = fit_gaps(np.array(gaps))
    assert found.shape > 0.0 and np.isfinite(found.shape) and np.isfinite(found.cv)


def test_edges_are_found_where_the_rate_changes_and_nowhere_else() -> None:
    rate, edges = np.array([2.0, 10.0, 0.0, 4.0]), np.array([0.0, 300.0, 500.0, 800.0, 1200.0])
    at_s = thinned(rate, edges)
    found = windows_of(at_s, 1200.0)
    assert found.edges == pytest.approx(edges, abs=8.0)
    assert found.rate_per_s == pytest.approx(rate, rel=0.12, abs=1e-9)
    assert ((found.low_per_s <= rate) & (rate <= found.high_per_s)).all()
    assert found.gaps.process == POISSON


@pytest.mark.parametrize("seed", range(3))
def test_a_bursty_process_of_one_rate_is_not_taken_for_many_rates(seed: int) -> None:
    at_s = thinned(np.array([5.0]), np.array([0.0, 1000.0]), seed, GAMMA, 0.15)
    found = windows_of(at_s, 1000.0)
    assert len(found.count) == 1 and found.gaps.process == GAMMA
    assert found.gaps.cv == pytest.approx(variation(GAMMA, 0.15), rel=0.1)


def test_times_in_whole_milliseconds_do_not_look_like_bursts() -> None:
    at_s = np.round(thinned(np.array([200.0]), np.array([0.0, 60.0])), 3)
    assert (np.diff(at_s) == 0.0).mean() > 0.05
    assert windows_of(spread_out(at_s, 0.0), 60.0).gaps.cv == pytest.approx(1.0, abs=0.06)


def test_limits_of_a_rate_cover_it_as_often_as_they_say() -> None:
    counts = source().poisson(30.0, 4000)
    low, high = limits(counts, 1.0)
    assert np.mean((low <= 30.0) & (high >= 30.0)) == pytest.approx(0.955, abs=0.015)


def test_rounded_times_are_spread_over_their_steps() -> None:
    at_s = np.floor(thinned(np.array([4.0]), np.array([0.0, 2000.0])) / 3.0) * 3.0
    found = spread_out(at_s, 3.0)
    assert (np.diff(found) >= 0.0).all() and (np.abs(found - at_s) <= 3.0).all()
    assert variation_of_gaps(at_s) > 3.0 and variation_of_gaps(found) == pytest.approx(1.0, abs=0.06)


# --- whole demands -----------------------------------------------------------------------------------------------------------


def test_a_changing_bursty_demand_comes_out_as_it_was() -> None:
    rate, edges = np.array([2.0, 8.0, 3.0]), np.array([0.0, 600.0, 1200.0, 1800.0])
    at_s = thinned(rate, edges, 3, GAMMA, 0.25)
    inputs = source(5).lognormal(6.0, 1.0, len(at_s)).astype(np.int64) + 1
    outputs = (inputs * source(6).lognormal(-1.0, 0.5, len(at_s))).astype(np.int64) + 1
    found, report = fit_demand(compiled(), trace_of(at_s, inputs, outputs))
    assert report.data is not None and report.fitted is not None
    assert report.fitted.rate_per_s == pytest.approx(report.data.rate_per_s, rel=0.04)
    assert report.fitted.cv == pytest.approx(report.data.cv, rel=0.1)
    assert report.fitted.dispersion[:4] == pytest.approx(report.data.dispersion[:4], rel=0.3)
    assert report.fitted.tau == pytest.approx(report.data.tau, abs=0.02)
    assert report.fitted.input_tokens[1:5] == pytest.approx(report.data.input_tokens[1:5], rel=0.08)
    assert found.streams[0].slices["process"].tolist().count(GAMMA) == len(found.streams[0].slices)
    assert found.horizon_s == pytest.approx(at_s[-1] - at_s[0]) and not len(found.arrivals)


def test_lengths_that_drift_keep_drifting() -> None:
    at_s = thinned(np.array([5.0]), np.array([0.0, 2000.0]))
    inputs = np.where(at_s < 1000.0, 100, 900)
    found, _ = fit_demand(compiled(), trace_of(at_s, inputs))
    group = found.streams[0]
    assert group.lengths.joint is not None
    first, last = group.slices[0], group.slices[-1]
    early, late = (group.lengths.joint[int(one["row"]) : int(one["row"] + one["rows"]), 0].mean() for one in (first, last))
    assert early < 300 and late > 700


def test_each_tenant_is_a_group_and_small_ones_are_pooled() -> None:
    plan = compiled()
    at_s = thinned(np.array([20.0]), np.array([0.0, 400.0]))
    who = source(2).choice(4, len(at_s), p=[0.7, 0.28, 0.01, 0.01]).astype(np.int64)
    parties = (Party("acme", None, "chat"), Party("cleo", None, "chat"), Party("beta", "bulk", "chat"), Party("stranger"))
    stream = np.where(who == 0, 1, 0).astype(np.int8)
    found, report = fit_demand(plan, trace_of(at_s, who=who, parties=parties, stream=stream))
    assert [group.name for group in found.streams] == ["acme chat", "cleo chat", "others"]
    assert found.streams[0].stream == 1.0 and found.streams[1].stream == 0.0
    assert sum(fit.share for fit in report.groups) == pytest.approx(1.0)
    assert any("stranger" in one for one in found.assumed)
    assert plan.names.keys[int(found.streams[0].mix["key"][0])] == "tenant:acme"


def test_requests_without_lengths_get_others_of_the_record() -> None:
    at_s = thinned(np.array([5.0]), np.array([0.0, 200.0]))
    outputs = np.where(np.arange(len(at_s)) % 3 == 0, -1, 77)
    inputs = np.where(outputs < 0, -1, 33)
    recorded = demands.of_trace(compiled(), trace_of(at_s, inputs, outputs))
    assert set(recorded.arrivals["input"].tolist()) == {33} and set(recorded.arrivals["output"].tolist()) == {77}
    assert recorded.arrivals["key"][0] == DRAWN


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_record_of_few_requests_is_fitted_too(n: int) -> None:
    found, report = fit_demand(compiled(), trace_of(np.arange(n, dtype=np.float64)))
    assert report.arrivals == n and len(found.streams) == 1


def test_a_report_is_plain_json() -> None:
    import json

    at_s = thinned(np.array([5.0]), np.array([0.0, 200.0]))
    _, report = fit_demand(compiled(), trace_of(at_s))
    told = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert told["groups"][0]["windows"][0]["process"] in ("poisson", "gamma", "weibull")


# --- prefixes ----------------------------------------------------------------------------------------------------------------


def talks(n: int, seed: int = 1) -> Chains:
    """Conversations of some turns, each of which begins with all before it, after one prompt that all have."""
    draws, fresh = source(seed), 1
    rows: list[list[int]] = []
    open_: list[list[int]] = []
    for _ in range(n):
        if open_ and draws.random() < 0.5:
            k = int(draws.integers(len(open_)))
            chain = [*open_[k], fresh, fresh + 1]
            open_[k] = chain
        else:
            chain = [0, fresh, fresh + 1]
            open_.append(chain)
            open_ = open_[-20:]
        fresh += 2
        rows.append(chain)
    count = np.array([len(row) for row in rows])
    return Chains(np.cumsum(count) - count, count, np.concatenate(rows))


def test_chains_drawn_again_hit_as_often_as_the_record() -> None:
    chains = talks(3000)
    again = redrawn(chains)
    goal = ideal_hits(chains)
    assert 0.3 < goal < 0.9 and reuse_of(chains).most == 3000
    order = source(4).integers(0, 3000, 3000)
    hits = ideal_hits(again, order) * again.count[order].sum() / chains.count[order].sum()
    assert hits == pytest.approx(goal, abs=0.025)
    assert (again.count <= chains.count).all()


def test_what_nobody_shares_is_no_prefix() -> None:
    count = np.full(50, 3)
    again = redrawn(Chains(np.arange(50) * 3, count, np.arange(150)))
    assert again.count.sum() == 0


# --- measures ----------------------------------------------------------------------------------------------------------------


def test_kendall_is_scipy_s() -> None:
    scipy = pytest.importorskip("scipy.stats")
    x = source(1).integers(0, 30, 900)
    y = x // 3 + source(2).integers(0, 6, 900)
    assert kendall(x, y) == pytest.approx(scipy.kendalltau(x, y).statistic, abs=1e-9)


def test_poisson_arrivals_have_a_dispersion_of_one_at_every_scale() -> None:
    at_s = thinned(np.array([50.0]), np.array([0.0, 3000.0]))
    for scale in (0.1, 1.0, 10.0):
        assert dispersion(at_s, 3000.0, scale) == pytest.approx(1.0, abs=0.15)
    assert np.isnan(dispersion(at_s, 3000.0, 3600.0))


# --- the public records ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not AZURE.is_dir(), reason="no Azure traces: name their folder in ROTEIRO_TRACES")
@pytest.mark.parametrize(("name", "cv", "least"), [("code", 13.15, 60), ("conv", 1.07, 2)])
def test_azure_demand_keeps_its_bursts(name: str, cv: float, least: int) -> None:
    record, problems = read_record(AZURE / f"AzureLLMInferenceTrace_{name}.csv")
    _, report = fit_demand(compiled(), record, problems)
    data, fitted = report.data, report.fitted
    assert data is not None and fitted is not None and problems == ()
    assert data.cv == pytest.approx(cv, rel=0.01) and fitted.cv == pytest.approx(cv, rel=0.05)
    assert fitted.rate_per_s == pytest.approx(data.rate_per_s, rel=0.03)
    told = [k for k, value in enumerate(data.dispersion) if value == value]
    assert [fitted.dispersion[k] for k in told] == pytest.approx([data.dispersion[k] for k in told], rel=0.25)
    assert fitted.tau == pytest.approx(data.tau, abs=0.02)
    assert fitted.input_tokens == pytest.approx(data.input_tokens, rel=0.03)
    assert fitted.output_tokens == pytest.approx(data.output_tokens, rel=0.05)
    assert len(report.groups[0].windows) >= least


@pytest.mark.skipif(not MOONCAKE.is_file(), reason="no Mooncake trace: name its folder in ROTEIRO_TRACES")
def test_mooncake_demand_keeps_its_prefixes() -> None:
    record, problems = read_record(MOONCAKE)
    assert isinstance(record, Trace) and record.chains is not None and problems == ()
    assert len(record.at_s) == 12_031 and ideal_hits(record.chains) == pytest.approx(0.366, abs=0.001)
    found, report = fit_demand(compiled(), record)
    assert report.data is not None and report.fitted is not None
    assert report.fitted.hits == pytest.approx(report.data.hits, abs=0.01)
    assert report.fitted.rate_per_s == pytest.approx(report.data.rate_per_s, rel=0.03)
    assert report.fitted.tau == pytest.approx(report.data.tau, abs=0.02)
    assert any("rounded" in one for one in found.assumed)


@pytest.mark.skipif(not JIT, reason="takes many draws")
@pytest.mark.parametrize("requests", [120, 700])
def test_what_is_drawn_costs_what_the_record_did(requests: int) -> None:
    """No bias: over many draws, requests and tokens are the record's, though a single draw is off by what its lengths add up to."""
    generator = source(4)
    inputs = np.maximum(generator.lognormal(4.0, 0.8, requests), 1.0).astype(np.int64)
    outputs = np.maximum(generator.lognormal(3.0, 0.7, requests), 1.0).astype(np.int64)
    at_s = np.cumsum(generator.exponential(0.1, requests))
    plan = compiled()
    found, _ = fit_demand(plan, trace_of(at_s, inputs, outputs))
    span_s = float(at_s[-1] - at_s[0])
    rows = [sample(plan, found, 4 * requests, seed, duration_s=span_s) for seed in range(1, 201)]
    costs = np.array([float(one["input"].sum() + 2 * one["output"].sum()) for one in rows])
    cost, by_chance = float(inputs.sum() + 2 * outputs.sum()), float(costs.std() / costs.mean() / len(costs) ** 0.5)
    assert np.mean([len(one) for one in rows]) == pytest.approx(requests, rel=4.0 / (requests * len(rows)) ** 0.5 + 1.0 / requests)
    assert costs.mean() == pytest.approx(cost, rel=4.0 * by_chance + 1.0 / requests)
    assert by_chance < 0.01 < costs.std() / costs.mean()
