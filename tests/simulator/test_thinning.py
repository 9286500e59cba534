"""Thinning: a share of the demand against a share of the capacities, with its measured error."""

import math

import pytest
from tests.simulator.build import BUSY, SIZES, compiled, troubled

from roteiro.plan.thin import thin_plan
from roteiro.policy.kernel import JIT
from roteiro.simulator.demand import of_plan
from roteiro.simulator.job import Job, simulate_one
from roteiro.simulator.outages import with_outage
from roteiro.simulator.result import estimate
from roteiro.simulator.service import of_plan as service_of
from roteiro.simulator.thinning import main_figures, stretch_job, thin_job, thinning_error
from roteiro.simulator.world import EPOCH_UNIX_S

LARGE = BUSY.replace("rate: 60/s, cv: 2", "rate: 600/s, cv: 1.5").replace("concurrency: 40,", "concurrency: 800,").replace(
    "requests: 6000/min", "requests: 60000/min").replace("{concurrency: 20}", "{concurrency: 600}").replace("{concurrency: 10}", "{concurrency: 600}").replace(
    "requests: 900/min, tokens: 3M/min", "requests: 90000/min").replace("requests: 3000/min", "requests: 30000/min").replace("$0.3/hour", "$500/hour").replace(
    "concurrency: 50", "concurrency: 2000").replace("concurrency: 30,", "concurrency: 2000,")  # fmt: skip


def test_every_capacity_shrinks_and_nothing_else() -> None:
    plan = compiled(BUSY).plan
    thin, notes = thin_plan(plan, 0.1)
    primary = thin.providers["primary"]
    assert primary.limits.concurrency == 4 and primary.limits.requests is not None
    assert primary.limits.requests.per_second == pytest.approx(10.0)
    assert thin.tenants["acme"].limits.requests is not None and thin.tenants["acme"].limits.requests.per_second == pytest.approx(1.5)
    assert thin.tenants["acme"].budgets["daily"].amount_nusd == plan.tenants["acme"].budgets["daily"].amount_nusd // 10
    assert (thin.workloads["chat"].concurrency, thin.workloads["bulk"].concurrency) == (5, 3)
    assert thin.queue.size == plan.queue.size // 10
    assert thin.providers["primary"].timeouts == plan.providers["primary"].timeouts and thin.sla_tiers == plan.sla_tiers
    assert thin_plan(plan, 1.0) == (plan, ())
    assert notes == ()


def test_what_cannot_be_rounded_well_is_said() -> None:
    _, notes = thin_plan(compiled(BUSY).plan, 0.01)
    assert any(note.startswith("providers.spare.limits.concurrency: 10 × 0.01 is 0.1, taken as 1") for note in notes)
    _, compared = thin_plan(compiled(BUSY.replace("primary.latency > 3000ms", "primary.in_flight > 30")).plan, 0.5)
    assert any("in_flight is compared" in note for note in compared)


def test_the_error_of_thinning_is_measured() -> None:
    plan = compiled(LARGE, SIZES)
    job = Job(plan, of_plan(plan), service_of(plan))
    found = thinning_error(job, 0.25, seeds=(1, 2, 3), requests=8000 if JIT else 200)
    assert found.start_s == 0.0  # a steady rate is as full at first as ever
    assert found.stretch_s == pytest.approx((8000 if JIT else 200) / 600.0)
    assert {"answered", "p95_ms", "cost_a_request_usd", "attainment:gold"} <= set(found.figures)
    for figure in found.figures.values():
        assert figure.difference.mean == pytest.approx(figure.thinned.mean - figure.whole.mean, nan_ok=True)
        assert math.isnan(figure.difference.mean) or figure.difference.low <= figure.difference.mean <= figure.difference.high
    if JIT:
        assert abs(found.figures["p50_ms"].relative) < 0.05
        assert abs(found.figures["cost_a_request_usd"].relative) < 0.05


NOON = LARGE.replace("cv: 1.5}", "cv: 1.5}\n  shape: {daily: {peak_at: '12:00', trough: 20%}}")


def test_the_error_is_measured_where_the_day_is_fullest() -> None:
    plan = compiled(NOON, SIZES)
    job = Job(plan, of_plan(plan), service_of(plan), requests=None, duration_s=86_400.0)
    found = thinning_error(job, 0.25, seeds=(1, 2, 3), requests=6000 if JIT else 60)
    assert 11.5 * 3600.0 < found.start_s < 12.5 * 3600.0
    # The whole day is compared at 600 a second; at noon a thousand come.
    assert found.stretch_s == pytest.approx((6000 if JIT else 60) / 1000.0, rel=0.02)


@pytest.mark.skipif(not JIT, reason="a million requests")
def test_a_thinned_day_is_the_whole_day_but_for_the_shown_error() -> None:
    """Limits of concurrency that bind at noon, scaled: what a thinned run tells differs from the whole by no more than is shown.

    Minutes around the peak, under other seeds than the error was measured with: both differences have their intervals, and these overlap.
    """
    plan = compiled(NOON.replace("concurrency: 2000, queue: {size: 30", "concurrency: 600, queue: {size: 40"), SIZES)
    job = Job(plan, of_plan(plan), service_of(plan), requests=None, duration_s=86_400.0)
    shown = thinning_error(job, 0.25, requests=12_000)
    peak = stretch_job(job, 12 * 3600.0 - 60.0, 120.0, 1)
    thin, notes = thin_job(peak, 0.25)
    assert thin.compiled.plan.workloads["chat"].concurrency == 150
    assert not any("concurrency" in note or "queue" in note for note in notes)
    seeds = (11, 12, 13)
    for name, figure in shown.figures.items():
        whole, thinned = ([main_figures(simulate_one(one, seed, batches=False))[name] for seed in seeds] for one in (peak, thin))
        if math.isnan(whole[0]):
            continue
        difference = estimate([b - a for a, b in zip(whole, thinned, strict=True)])
        assert difference.low <= figure.difference.high and figure.difference.low <= difference.high, (name, difference, figure)
    assert shown.figures["refused"].whole.mean > 0.01  # the limits bind


def test_a_stretch_has_the_weather_and_the_outages_of_its_time() -> None:
    plan = compiled(NOON, SIZES)
    world = with_outage(troubled(plan), ["spare"], 100.0, 50.0)
    job = stretch_job(Job(plan, of_plan(plan), world), 30.0, 90.0, 1)
    assert [one.start_s for one in job.service.targets[0].weather] == [0.0, 10.0]
    assert job.service.targets[0].weather[0].slow_ttft == 2.0
    assert (job.service.outages[0].start_s, job.service.outages[0].end_s) == (70.0, 120.0)
    assert (job.demand.shape, job.duration_s, job.epoch_unix_s) == (None, 90.0, EPOCH_UNIX_S + 30.0)


def test_a_thinned_job_is_a_smaller_one() -> None:
    plan = compiled(BUSY, SIZES)
    job, _ = thin_job(Job(plan, of_plan(plan), service_of(plan), requests=1000), 0.1)
    assert job.requests == 100
    assert job.demand.rate_per_s == pytest.approx(6.0)
    assert job.service.targets[0].quota.requests_per_s == pytest.approx(10.0)
