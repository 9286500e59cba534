"""`--demand`: what a person may name, fitted or taken again, thinned, sped up by a scenario, and bounded."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from tests.simulator.build import BUSY, compiled

from roteiro.simulator.arriving import GAMMA, POISSON, WEIBULL
from roteiro.simulator.demand_fit import fit_demand
from roteiro.simulator.sample import sample
from roteiro.simulator.trace import read_record
from roteiro.simulator.world import FOREVER
from roteiro.tasks.demand_source import MOST_REQUESTS, bounded, demand_from, run_named
from roteiro.tasks.simulate import simulate
from roteiro.terms.error import InvariantError, LedgerError, RoteiroError, SettingsError

PLAN = compiled(BUSY + "  factors: {growth: 2}\n  scenarios: {campaign: {factors: {growth: 5}}}\n")
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
DAY_S = 86_400.0


def azure(folder: Path, count: int = 600, gap_s: float = 0.5) -> Path:
    path = folder / "azure.csv"
    seconds = np.cumsum(np.random.default_rng(1).exponential(gap_s, count))
    rows = [f"2023-11-16 18:{int(t // 60):02d}:{t % 60:09.6f},{100 + k % 50},{20 + k % 7}" for k, t in enumerate(seconds.tolist())]
    path.write_text(AZURE + "\n".join(rows) + "\n")
    return path


def servegen(folder: Path, windows: int = 288, window_s: int = 600) -> Path:
    """Two days of two large clients, Gamma and Weibull, whose rates follow the hours, and twenty small ones."""
    lines = ["client,t_s,rate_rps,rate_with_token_info_rps,pattern,p1,p2"]
    for k in range(windows):
        t = k * window_s
        wave = 1.0 + 0.5 * np.cos((t / DAY_S - 0.5) * 2 * np.pi)
        lines += [f"a,{t},{3.0 * wave:.4f},0,Gamma,0.25,1", f"b,{t},{1.0 * wave:.4f},0,Weibull,0.5,1"]
        lines += [f"s{n},{t},0.01,0,Gamma,1,1" for n in range(20)]
    path = folder / "m_clients_10min.csv.gz"
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    return path


def of(source: Path | str | None, folder: Path, **more: object):  # type: ignore[no-untyped-def]
    return demand_from(PLAN, source, **{"data": None, "scenario": None, "folder": folder, **more})  # type: ignore[arg-type]


def test_nothing_named_is_the_plan_s_own(tmp_path: Path) -> None:
    assert of(None, tmp_path).rate_per_s == pytest.approx(120.0)
    assert of(None, tmp_path, scenario="campaign").rate_per_s == pytest.approx(300.0)


def test_a_record_comes_again_as_it_was_or_is_fitted(tmp_path: Path) -> None:
    path = azure(tmp_path)
    again, fitted = of(path, tmp_path), of(path, tmp_path, fitted=True)
    assert len(again.arrivals) == 600 and not again.streams
    assert not len(fitted.arrivals) and fitted.name.startswith("fitted to")
    assert fitted.rate_per_s == pytest.approx(again.rate_per_s, rel=0.01)
    first, second = (sample(PLAN, fitted, 5000, seed, duration_s=fitted.horizon_s) for seed in (1, 2))
    assert len(first) == pytest.approx(600, abs=120) and not np.array_equal(first["at"][:50], second["at"][:50])
    assert set(first["input"].tolist()) <= set(range(100, 150))


def test_a_scenario_speeds_a_record_up_by_what_it_changes(tmp_path: Path) -> None:
    """The plan's usual factor of 2 is in the record already; the campaign's 5 is two and a half times it."""
    path = azure(tmp_path)
    for fitted in (False, True):
        usual, busy = of(path, tmp_path, fitted=fitted), of(path, tmp_path, fitted=fitted, scenario="campaign")
        assert busy.rate_per_s == pytest.approx(2.5 * usual.rate_per_s, rel=1e-6)
        assert any("campaign multiplies the record's rate by 2.5" in one for one in busy.assumed)


def test_a_share_of_it(tmp_path: Path) -> None:
    path = azure(tmp_path)
    for source in (None, path):
        whole, thin = of(source, tmp_path), of(source, tmp_path, thin=0.25)
        assert thin.rate_per_s == pytest.approx(0.25 * whole.rate_per_s)
        here, there = (sample(PLAN, one, 600, 3, duration_s=5.0 if source is None else FOREVER) for one in (whole, thin))
        assert 0.15 < len(there) / len(here) < 0.35
        assert source is None or set(there["at"].tolist()) <= set(here["at"].tolist())
    for share in (0.0, 1.5, float("nan")):
        with pytest.raises((SettingsError, InvariantError)):
            of(path, tmp_path, thin=share)


def test_a_run_is_named_and_looked_for_in_the_ledger(tmp_path: Path) -> None:
    assert run_named("sim-1") == "sim-1" and run_named("x.csv") is None and run_named(None) is None
    with pytest.raises(SettingsError, match="needs a data directory"):
        of("sim-1", tmp_path)
    (tmp_path / "plan.yaml").write_text(BUSY)
    (run,) = simulate(tmp_path / "plan.yaml", data=tmp_path, seeds=1, requests=400, journal=True).runs
    again, fitted = of(run, tmp_path, data=tmp_path), of(run, tmp_path, data=tmp_path, fitted=True)
    assert len(again.arrivals) == 400 and fitted.rate_per_s == pytest.approx(again.rate_per_s, rel=0.02)
    with pytest.raises(LedgerError, match=f"there are: {run}"):
        of("sim-other", tmp_path, data=tmp_path)
    with pytest.raises(RoteiroError):
        of(tmp_path / "nothing.csv", tmp_path)


def test_how_long_a_demand_is_where_nobody_says_and_where_somebody_does(tmp_path: Path) -> None:
    endless, recorded, fitted = of(None, tmp_path), of(azure(tmp_path), tmp_path), of(azure(tmp_path), tmp_path, fitted=True)
    assert bounded(endless, None, None)[1:] == (100_000, FOREVER)
    assert bounded(endless, None, 60.0)[1:] == (None, 60.0)
    assert bounded(recorded, None, None)[1:] == (None, FOREVER)
    assert bounded(recorded, 50, 60.0)[1:] == (50, 60.0)
    assert bounded(fitted, None, None)[1:] == (None, fitted.horizon_s)
    assert bounded(fitted, None, 10 * fitted.horizon_s)[1:] == (None, fitted.horizon_s)


def test_a_record_of_very_many_requests_is_cut_and_says_so(tmp_path: Path) -> None:
    long = of(servegen(tmp_path, windows=2000), tmp_path)
    cut, requests, _ = bounded(long, None, None)
    assert long.rate_per_s * long.horizon_s > MOST_REQUESTS == requests
    assert [one.code for one in cut.problems[len(long.problems) :]] == ["W922"]
    assert bounded(long, 1000, None)[1] == 1000 and bounded(long, 1000, None)[0] is long


def test_servegen_s_clients_come_out_with_their_rates_and_processes(tmp_path: Path) -> None:
    demand = of(servegen(tmp_path), tmp_path)
    a, b, others = demand.streams
    assert (a.name, b.name, others.name) == ("client a", "client b", "others")
    assert set(a.slices["process"]) == {GAMMA} and set(a.slices["gap_shape"]) == {0.25}
    assert set(b.slices["process"]) == {WEIBULL} and set(b.slices["gap_shape"]) == {0.5}
    assert set(others.slices["process"]) == {POISSON} and others.slices["rate"] == pytest.approx(0.2)
    assert (a.mean_rate(demand.horizon_s), b.mean_rate(demand.horizon_s)) == (pytest.approx(3.0, rel=1e-3), pytest.approx(1.0, rel=1e-3))
    assert any("20 small clients" in one for one in demand.assumed)


def test_what_is_drawn_of_servegen_s_form_follows_its_hours(tmp_path: Path) -> None:
    demand = of(servegen(tmp_path), tmp_path)
    rows = sample(PLAN, demand, 800_000, 1, duration_s=demand.horizon_s)
    by_hour = np.bincount((rows["at"] % DAY_S // 3600.0).astype(int), minlength=24) / (2 * 3600.0)
    hours = np.arange(24) + 0.5
    assert by_hour == pytest.approx(0.2 + 4.0 * (1.0 + 0.5 * np.cos((hours / 24 - 0.5) * 2 * np.pi)), rel=0.08)


def test_the_shape_of_the_day_is_found_in_a_record_of_rates(tmp_path: Path) -> None:
    """It is told beside the fit; what is drawn follows the record's own windows."""
    record, _ = read_record(servegen(tmp_path))
    _, report = fit_demand(PLAN, record)
    hours = np.arange(24) + 0.5
    expected = 0.2 + 4.0 * (1.0 + 0.5 * np.cos((hours / 24 - 0.5) * 2 * np.pi))
    assert report.seasons.daily == pytest.approx((expected / expected.mean()).tolist(), rel=0.03)
    assert report.seasons.explained > 0.95 and report.seasons.weekly == ()
