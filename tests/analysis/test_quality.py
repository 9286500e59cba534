"""Signals summed up: shares, means, coverage, and what nobody measured."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.quality import LOOKED, MEANS, quality_report
from roteiro.analysis.spread import wilson
from roteiro.quality.answers import OF_ANSWERS
from roteiro.terms.codes import Signal


def sums(kind: Signal, *values: float, **whose: str) -> dict[str, Any]:
    of = np.array(values)
    bound = 0.0 if kind in MEANS or kind is Signal.LEAKS else 0.5
    row = {"tenant": "acme", "workload": "chat", "model": "m", "target": "one", **whose, "kind": kind.name.lower()}
    return {**row, "count": len(of), "positive": int((of > bound).sum()), "total": float(of.sum()), "squares": float((of**2).sum())}


def count(number: int, **whose: str) -> dict[str, Any]:
    return {"tenant": "acme", "workload": "chat", "model": "m", "target": "one", **whose, "count": number}


def test_shares_means_and_counts() -> None:
    rows = [
        sums(Signal.REFUSED, *[1.0] * 2, *[0.0] * 8),
        sums(Signal.CONFIDENCE, 0.8, 0.9, 0.7),
        sums(Signal.LEAKS, 0, 3, 1),
        sums(Signal.LENGTH, 40),
    ]
    report = quality_report(rows, [count(10)], [count(40)])
    overall = report.overall
    assert (overall.answers, overall.looked_at, overall.coverage) == (40, 10, 0.25)
    refused, confidence, leaks, length = (overall.of(kind) for kind in (Signal.REFUSED, Signal.CONFIDENCE, Signal.LEAKS, Signal.LENGTH))
    assert refused is not None and (refused.value, refused.interval) == (0.2, wilson(2, 10))
    assert confidence is not None and confidence.value == pytest.approx(0.8)
    assert confidence.interval is not None and confidence.interval.low == pytest.approx(0.8 - 4.302653 * 0.1 / 3**0.5, abs=1e-5)
    assert leaks is not None and (leaks.value, leaks.total) == (pytest.approx(2 / 3), 4.0)
    assert length is not None and length.interval is None, "one value has no interval"
    assert overall.of(Signal.FORMAT) is None, "unverified"
    assert report.kinds == ("confidence", "refused", "leaks", "length")


def test_groups_are_by_whom_it_is_about() -> None:
    rows = [sums(Signal.REFUSED, 1, 1), sums(Signal.REFUSED, 0, 0, 0, model="n", target="two")]
    report = quality_report(rows, [], [count(5), count(7, model="n", target="two"), count(1, model="never", target="one")])
    found = {(group.by, group.name): group for group in report.groups}
    assert [name for by, name in found if by == "model"] == ["n", "m", "never"], "the busiest first"
    one = found["target", "two"].of(Signal.REFUSED)
    assert one is not None and (one.value, one.count, found["target", "two"].answers) == (0.0, 3, 7)
    assert found["model", "never"].signals == ()
    assert found["tenant", "acme"].answers == 13


def test_nothing_is_no_report() -> None:
    report = quality_report([], [], [])
    assert (report.kinds, report.groups, report.overall.coverage) == ((), (), None)


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=5), min_size=1, max_size=6))
def test_sums_of_parts_are_the_sum(parts: list[list[float]]) -> None:
    whole = quality_report([sums(Signal.FEEDBACK, *[v for part in parts for v in part])], [], []).overall.of(Signal.FEEDBACK)
    split = quality_report([sums(Signal.FEEDBACK, *part, tenant=str(i)) for i, part in enumerate(parts)], [], []).overall.of(
        Signal.FEEDBACK
    )
    assert whole is not None and split is not None
    assert split.value == pytest.approx(whole.value) and split.count == whole.count
    assert whole.interval is None or (whole.interval.low <= whole.value + 1e-9 and whole.value <= whole.interval.high + 1e-9)


def test_what_counts_as_looked_at_is_what_answers_give() -> None:
    assert set(LOOKED) == set(OF_ANSWERS)
