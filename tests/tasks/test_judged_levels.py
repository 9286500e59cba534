"""What a judge decides is told without the judge's own errors, where these were measured."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.analysis.build import EPOCH_S, ledger_of, many

from roteiro.analysis.objective import Objective, Scope, Sli
from roteiro.analysis.sla import Dimension, Verdict, judge
from roteiro.gateway.quality_store import FILE, Measured, QualityStore
from roteiro.quality.judge_rate import Counts, corrected_rate
from roteiro.tasks.judged_levels import corrected
from roteiro.tasks.objective_counts import count_objectives

BEGIN = datetime.fromtimestamp(EPOCH_S, UTC)
END = BEGIN + timedelta(hours=1)
GOOD = Objective("g", Sli.QUALITY, 0.9, 0.5, scope=Scope(tier="enterprise"), kinds=("judge", "canary"))
HOLDS = Objective("h", Sli.HALLUCINATION, 0.95, 0.5)
SHARP, FIRST_OF_ALL = Measured(0, "judge", 1.0, Counts(90, 100), Counts(95, 100), 0), 0


def verdicts(good: int, bad: int, **fields: Any) -> list[dict[str, Any]]:
    row = {"kind": "JUDGE", "tier": "enterprise", "version": FIRST_OF_ALL, **fields}
    return [*many(good, **row, value=1.0), *many(bad, **row, value=0.0)]


def told(tmp_path: Path, objective: Objective, signals: list[dict[str, Any]], *measures: Measured) -> Dimension:
    if measures:
        with QualityStore(tmp_path / FILE) as store:
            for one in measures:
                store.keep_measured(one)
    ledger = ledger_of((), signals=signals)
    counts = count_objectives(ledger, [objective], BEGIN, END)[objective.name].counts(objective.name)
    (found,) = corrected([judge(objective, counts)], ledger, tmp_path, BEGIN, END)
    return found


def test_the_judges_part_is_corrected_and_a_canarys_stands(tmp_path: Path) -> None:
    signals = [*verdicts(180, 20), *many(50, kind="CANARY", value=1.0, tenant=None, tier=None)]
    found = told(tmp_path, GOOD, signals, SHARP)
    rate = corrected_rate(20, 200, SHARP.sensitivity, SHARP.specificity)
    assert rate is not None and found.corrected is not None and found.corrected.share is not None
    assert found.corrected.share == pytest.approx(1.0 - rate.rate * 200 / 250) and found.corrected.judged == 200
    assert found.counts.total == 250 and found.counts.bad == 20, "the counts stay those of the verdicts"
    assert found.attained.share == found.corrected.share and found.attained.verdict is Verdict.MET
    interval = found.corrected.interval
    assert interval is not None and interval.low < found.corrected.share < interval.high


def test_a_correction_can_turn_a_verdict(tmp_path: Path) -> None:
    harsh = Measured(0, "judge", 1.0, Counts(99, 100), Counts(880, 1000), 0)  # calls 12 % of what is good bad
    found = told(tmp_path, GOOD, verdicts(860, 140), harsh)
    assert judge(GOOD, found.counts).attained.verdict is Verdict.MISSED
    assert found.attained.verdict is Verdict.MET


def test_of_facts_the_verdicts_on_facts_count(tmp_path: Path) -> None:
    facts = Measured(0, "factual", 1.0, Counts(95, 100), Counts(98, 100), 0)
    found = told(tmp_path, HOLDS, verdicts(97, 3, kind="FACTUAL"), facts)
    rate = corrected_rate(3, 100, facts.sensitivity, facts.specificity)
    assert rate is not None and found.corrected is not None and found.corrected.share == pytest.approx(1.0 - rate.rate)


def test_a_judge_who_tells_nothing_leaves_it_unverified(tmp_path: Path) -> None:
    found = told(tmp_path, GOOD, verdicts(99, 1), Measured(0, "judge", 1.0, Counts(50, 100), Counts(50, 100), 0))
    assert found.corrected is not None and found.corrected.share is None and found.attained.verdict is Verdict.UNVERIFIED


@pytest.mark.parametrize(
    "signals",
    [
        verdicts(9, 1, version=7),  # a version that nobody measured
        [*verdicts(9, 1), *verdicts(9, 1, version=7)],
        many(10, kind="CANARY", value=1.0, tenant=None, tier=None),  # no judge at all
        [],
    ],
)
def test_without_a_measured_judge_verdicts_count_as_they_were_given(tmp_path: Path, signals: list[dict[str, Any]]) -> None:
    found = told(tmp_path, GOOD, signals, SHARP)
    assert found.corrected is None and found == judge(GOOD, found.counts)


def test_without_a_store_nothing_is_corrected(tmp_path: Path) -> None:
    assert told(tmp_path, GOOD, verdicts(9, 1)).corrected is None
