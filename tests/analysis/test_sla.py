"""How promises are judged, and one verdict is made of several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.error_budget import Counts
from roteiro.analysis.objective import Measure, Objective, Scope, Sli
from roteiro.analysis.sla import Service, Verdict, attain, judge, tier_report, worst

GOLD = Scope(tier="gold")
AVAILABLE = Objective("gold.availability", Sli.AVAILABILITY, 0.99, scope=GOLD, tier="gold")
FAST = Objective("gold.latency_p95", Sli.LATENCY, 0.95, 1.0, scope=GOLD, tier="gold")
GOOD = Objective("gold.quality", Sli.QUALITY, 0.9, 0.5, scope=GOLD, tier="gold", kinds=("judge",))
CHEAP = Objective("gold.cost", Sli.COST, 1.0, 100.0, scope=GOLD, tier="gold", measure=Measure.MEAN)


def test_a_p95_is_judged_by_the_share_in_time() -> None:
    """19 of 20 within the bound keep it; 18 of 20 do not, however fast the 18 are."""
    kept, missed = judge(FAST, Counts(19, 1)).attained, judge(FAST, Counts(18, 2)).attained
    assert (kept.share, kept.verdict, missed.share, missed.verdict) == (0.95, Verdict.MET, 0.9, Verdict.MISSED)


def test_what_nothing_measured_is_unverified_and_never_good() -> None:
    quality = judge(GOOD, Counts())
    assert quality.attained.verdict is Verdict.UNVERIFIED
    assert judge(AVAILABLE, Counts()).attained.verdict is Verdict.NO_DATA
    report = tier_report("gold", Service(), [judge(AVAILABLE, Counts(10_000, 0)), quality], "24/7")
    assert (report.verdict, report.support) == (Verdict.UNVERIFIED, "24/7")
    assert judge(GOOD, Counts(95, 5)).attained.verdict is Verdict.MET


def test_one_promise_missed_is_the_tiers_verdict() -> None:
    met, missed = judge(AVAILABLE, Counts(10_000, 1)), judge(FAST, Counts(10, 90))
    report = tier_report("gold", Service(), [met, missed, judge(GOOD, Counts())])
    assert (report.verdict, report.sure) == (Verdict.MISSED, True)
    assert report.attained("availability").verdict is Verdict.MET and report.bound("latency_p95") == 1.0
    assert report.attained("ttft_p95").verdict is Verdict.NO_TARGET
    assert worst([]) == (Verdict.NO_TARGET, False)


def test_a_mean_is_held_against_the_most_it_may_be() -> None:
    cheap = judge(CHEAP, Counts(3, 0), sums=(240, 20_000.0))
    assert cheap.mean is not None and cheap.mean.value == 80.0 and cheap.mean.interval is not None
    half = 1.959963984540054 * (800 / 3 / 2) ** 0.5  # the variance of the sample, 400, over its size
    assert cheap.mean.interval.high == pytest.approx(80.0 + half)
    assert (cheap.attained.verdict, cheap.attained.sure, cheap.budget) == (Verdict.MET, False, None)
    assert judge(CHEAP, Counts(1, 0), sums=(240, 57_600.0)).attained.verdict is Verdict.MISSED
    assert judge(CHEAP, Counts(), sums=(0, 0.0)).attained.verdict is Verdict.NO_DATA


@given(st.integers(0, 400), st.integers(1, 400), st.floats(0.01, 1.0))
def test_a_verdict_follows_the_share_and_is_sure_only_where_the_interval_agrees(good: int, total: int, target: float) -> None:
    good = min(good, total)
    judged = attain(good, total, target)
    assert judged.interval is not None
    assert judged.verdict is (Verdict.MET if good / total >= target else Verdict.MISSED)
    assert judged.sure == (target not in judged.interval or (judged.verdict is Verdict.MET and judged.interval.low == target))
