"""Which requests count, and how a promise is judged."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.build import events, many

from roteiro.analysis.sla import COLUMNS, TierTarget, Verdict, attain, sla
from roteiro.terms.codes import Outcome

GOLD = TierTarget(availability=0.99, latency_p95_s=1.0, ttft_p95_s=0.3, quality_score=0.9)


def test_what_says_nothing_about_the_service_leaves_the_denominator_and_is_counted() -> None:
    rows = [{"outcome": outcome.name, "tier": "enterprise"} for outcome in Outcome]
    (tier,) = sla(events(*rows), {"enterprise": GOLD}).tiers
    assert tier.requests == len(Outcome)
    assert tier.excluded == {"cancelled": 1, "invalid": 1, "limited": 1, "budget": 1}
    assert (tier.availability.good, tier.availability.total) == (1, 5)  # against failed, shed, unavailable and abandoned
    assert tier.availability.verdict is Verdict.MISSED


def test_a_p95_is_judged_by_the_share_in_time_and_not_by_a_mean_of_percentiles() -> None:
    """19 of 20 within the bound keep it; 18 of 20 do not, however fast the 18 are."""
    fast, slow = {"tier": "enterprise", "total_ms": 10.0}, {"tier": "enterprise", "total_ms": 60_000.0}
    kept = sla(events(*many(19, **fast), slow), {"enterprise": GOLD}).tiers[0]
    missed = sla(events(*many(18, **fast), slow, slow), {"enterprise": GOLD}).tiers[0]
    assert (kept.latency.share, kept.latency.verdict) == (0.95, Verdict.MET)
    assert (missed.latency.share, missed.latency.verdict) == (0.9, Verdict.MISSED)
    assert kept.total.p95_ms == 10.0 and missed.total.p95_ms == 60_000.0


def test_exactly_the_bound_is_in_time() -> None:
    tier = sla(events({"tier": "enterprise", "total_ms": 1000.0}), {"enterprise": GOLD}).tiers[0]
    assert tier.latency.good == 1


def test_only_answers_are_timed_and_only_streams_have_a_first_token() -> None:
    rows = [
        {"tier": "enterprise", "total_ms": 100.0, "stream": 1, "ttft_ms": 40.0},
        {"tier": "enterprise", "total_ms": 200.0, "stream": 0},
        {"tier": "enterprise", "total_ms": 9e6, "outcome": "failed"},
    ]
    tier = sla(events(*rows), {"enterprise": GOLD}).tiers[0]
    assert (tier.total.count, tier.total.p99_ms) == (2, 200.0)
    assert (tier.first_token.count, tier.first_token.p50_ms, tier.ttft.verdict) == (1, 40.0, Verdict.MET)


def test_without_requests_there_is_no_data_and_without_a_promise_no_target() -> None:
    report = sla(events({"tier": "basic"}), {"enterprise": GOLD, "basic": TierTarget()})
    enterprise, basic = report.tiers
    assert enterprise.availability.verdict is enterprise.latency.verdict is Verdict.NO_DATA
    assert enterprise.availability.share is None and enterprise.total.p95_ms is None
    assert basic.availability.verdict is basic.latency.verdict is Verdict.NO_TARGET
    assert sla(events(), {}).tiers == ()


def test_quality_is_unverified_also_where_it_is_promised() -> None:
    tier = sla(events({"tier": "enterprise"}), {"enterprise": GOLD}).tiers[0]
    assert (tier.quality.verdict, tier.quality.target, tier.quality.measured) == (Verdict.UNVERIFIED, 0.9, 0)


def test_tenants_of_no_tier_are_told_apart() -> None:
    report = sla(events({"tier": None}, {"tier": "basic"}), {})
    assert [(tier.tier, tier.requests) for tier in report.tiers] == [("basic", 1), (None, 1)]
    assert report.requests == 2


@given(st.integers(0, 400), st.integers(1, 400), st.floats(0.01, 1.0))
def test_a_verdict_follows_the_share_and_is_sure_only_where_the_interval_agrees(good: int, total: int, target: float) -> None:
    good = min(good, total)
    judged = attain(good, total, target)
    assert judged.interval is not None
    assert judged.verdict is (Verdict.MET if good / total >= target else Verdict.MISSED)
    assert judged.sure == (target not in judged.interval or (judged.verdict is Verdict.MET and judged.interval.low == target))


@given(st.permutations([*many(3, outcome="shed"), *many(5, total_ms=5.0), *many(2, outcome="budget")]))
def test_the_order_of_rows_means_nothing(rows: list[dict[str, object]]) -> None:
    report = sla(events(*rows), {"enterprise": GOLD})
    assert report.tiers[0].availability == attain(5, 8, 0.99)


def test_only_the_columns_named_are_read() -> None:
    table = events({"tier": "enterprise", "total_ms": 3.0})
    assert sla(table.select(list(COLUMNS)), {"enterprise": GOLD}) == sla(table, {"enterprise": GOLD})
    assert np.isfinite(sla(table, {}).overall.total.p50_ms or np.nan)
