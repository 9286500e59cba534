"""Attainment of a vendor's SLA as contracts count it, and what is owed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.vendor_sla import Bracket, Buckets, SlaTerms, attain_vendor, credit_due

BRACKETS = (Bracket(0.999, 0.10), Bracket(0.99, 0.25), Bracket(0.95, 0.50))


def buckets(*rows: tuple[int, int, int]) -> Buckets:
    """(slice, requests, failures)."""
    return Buckets(*(np.array(column, np.int64) for column in zip(*rows, strict=True))) if rows else Buckets(*(np.zeros(0, np.int64),) * 3)


def terms(measured: str = "slices", least: int = 1) -> SlaTerms:
    return SlaTerms(0.999, measured, 300.0, 0.05, least, BRACKETS)  # type: ignore[arg-type]


def test_by_requests() -> None:
    found = attain_vendor(buckets((0, 9_000, 20), (7, 1_000, 0)), 8_640, terms("requests"))
    assert (found.requests, found.failures, found.share, found.met, found.credit) == (10_000, 20, 0.998, False, 0.10)
    assert attain_vendor(buckets((0, 1_000, 1)), 8_640, terms("requests")).met, "exactly the target keeps it"


def test_by_slices_of_time() -> None:
    # One slice is down, one has exactly 5 % failures, which is not above; the silent ones are up.
    found = attain_vendor(buckets((0, 100, 6), (1, 100, 5), (2, 100, 0)), 1_000, terms())
    assert (found.slices, found.down, found.seen, found.share, found.met, found.credit) == (1_000, 1, 3, 0.999, True, 0.0)
    worse = attain_vendor(buckets((0, 100, 6), (1, 4, 4), (2, 100, 0)), 100, terms())
    assert (worse.down, worse.share, worse.credit) == (2, 0.98, 0.25)
    assert attain_vendor(buckets((0, 100, 6), (1, 4, 4)), 100, terms(least=5)).down == 1, "a slice with fewer requests counts as up"


def test_nothing_asked_is_nothing_attained() -> None:
    for measured in ("requests", "slices"):
        found = attain_vendor(buckets(), 8_640, terms(measured))
        assert (found.share, found.met, found.credit) == (None, None, 0.0)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_the_less_is_attained_the_more_is_owed(one: float, other: float) -> None:
    assert credit_due(min(one, other), BRACKETS) >= credit_due(max(one, other), BRACKETS)


@pytest.mark.parametrize(
    ("share", "credit"), [(1.0, 0.0), (0.999, 0.0), (0.99899, 0.10), (0.99, 0.10), (0.98, 0.25), (0.5, 0.50), (None, 0.0)]
)
def test_brackets(share: float | None, credit: float) -> None:
    assert credit_due(share, BRACKETS) == credit
