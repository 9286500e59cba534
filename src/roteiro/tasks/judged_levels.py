"""Objectives that a judge's verdicts decide, without the judge's own errors: Rogan and Gladen's correction of what was counted.

A share of the verdicts is a canary's or a user's, which stand as they are; the judge's part is corrected version by version of the judge,
each by what labelled items showed of it, and the parts are joined again (G. Zou and A. Donner, "Construction of confidence limits about
effect measures", Statistics in Medicine 27, 2008: distances to the limits add by squares).

What must not live here: the correction (`quality.judge_rate`), and the measuring of a judge (`gateway.judge_measuring`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from math import hypot
from pathlib import Path
from typing import Final

from roteiro.analysis.error_budget import Counts
from roteiro.analysis.objective import Objective, Sli
from roteiro.analysis.sla import Corrected, Dimension, with_correction
from roteiro.analysis.sli import Absence, count_query
from roteiro.analysis.spread import Interval, wilson
from roteiro.gateway.quality_store import FILE, Measured, QualityStore
from roteiro.ledger import Queries
from roteiro.quality.judge_rate import corrected_rate
from roteiro.tasks.objective_counts import answer, rows_of

__all__ = ["corrected"]

KIND: Final = {Sli.QUALITY: "judge", Sli.HALLUCINATION: "factual"}
"""Which of a judge's verdicts decide an objective."""


def corrected(
    dimensions: Sequence[Dimension],
    ledger: Queries,
    data: Path,
    since: datetime,
    until: datetime,
    run: str | None = None,
    absences: Sequence[Absence] = (),
) -> tuple[Dimension, ...]:
    """The same, those that a measured judge decides being told by corrected shares. Raises LedgerError."""
    store = QualityStore.there(data / FILE)
    if store is None:
        return tuple(dimensions)
    with store:
        measures = store.measured()

    def counted(objective: Objective, version: int | None = None) -> Counts:
        rows = rows_of(run) if version is None else f"({rows_of(run)}) AND version = {version:d}"
        return answer(ledger, count_query(objective, since, until, rows=rows, absences=absences)).counts(objective.name)

    return tuple(one if (told := of(one, measures, counted)) is None else with_correction(one, told) for one in dimensions)


def of(dimension: Dimension, measures: Iterable[Measured], counted: Callable[..., Counts]) -> Corrected | None:
    """The corrected share of good events; None where no judge decides it, or one that was never measured did."""
    objective, kind = dimension.objective, KIND.get(dimension.objective.sli)
    if kind is None or objective.slices is not None or not dimension.counts.total:
        return None
    if objective.sli is Sli.QUALITY and kind not in objective.kinds:
        return None
    alone = replace(objective, kinds=(kind,)) if objective.sli is Sli.QUALITY else objective
    by_judge = counted(alone)
    parts = [(counted(alone, one.version), one) for one in measures if one.kind == kind]
    if not by_judge.total or sum(counts.total for counts, _ in parts) != by_judge.total:
        return None
    total, bad, below, above = dimension.counts.total, 0.0, 0.0, 0.0
    for counts, judge in parts:
        if not counts.total:
            continue
        rate = corrected_rate(counts.bad, counts.total, judge.sensitivity, judge.specificity)
        if rate is None:
            return Corrected(None, by_judge.total)
        weight = counts.total / total
        bad += weight * rate.rate
        below, above = hypot(below, weight * (rate.rate - rate.low)), hypot(above, weight * (rate.high - rate.rate))
    others = dimension.counts.total - by_judge.total
    if others:
        failed = dimension.counts.bad - by_judge.bad
        interval = wilson(failed, others) or Interval(0.0, 1.0)
        weight, share = others / total, failed / others
        bad += weight * share
        below, above = hypot(below, weight * (share - interval.low)), hypot(above, weight * (interval.high - share))
    low, high = max(0.0, bad - below), min(1.0, bad + above)
    return Corrected(1.0 - bad, by_judge.total, Interval(1.0 - high, 1.0 - low))
