"""Sketches: parts merge into the whole to the bit, and a quantile is within the stated error of a time that a request really took."""

import math
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulator.build import busy, run

from roteiro.policy.kernel import JIT
from roteiro.simulator import tally, timeline, world

TIMES = st.lists(st.floats(2.0**-9, 1e8), min_size=1, max_size=60)
SKETCHES = [(tally, tally.BINS), (timeline, timeline.MOMENT_BINS)]


def binned(sketch: Any, bins: int, times: list[float]) -> Any:
    place = sketch.place.py_func if JIT else sketch.place
    found = np.zeros(bins, np.int64)
    for ms in times:
        found[place(ms)] += 1
    return found


@pytest.mark.parametrize(("sketch", "bins"), SKETCHES, ids=["tally", "timeline"])
@given(times=TIMES, share=st.floats(0.0, 1.0))
@settings(max_examples=150, deadline=None)
def test_a_quantile_is_within_the_stated_error(sketch: Any, bins: int, times: list[float], share: float) -> None:
    found = timeline.quantile(binned(sketch, bins, times), share, sketch.edge)
    exact = sorted(times)[max(math.ceil(share * len(times)), 1) - 1]
    assert abs(found - exact) <= sketch.ERROR * exact * (1.0 + 1e-5)


@pytest.mark.parametrize(("sketch", "bins"), SKETCHES, ids=["tally", "timeline"])
@given(parts=st.lists(TIMES, min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_parts_merge_into_the_whole(sketch: Any, bins: int, parts: list[list[float]]) -> None:
    merged = sum(binned(sketch, bins, part) for part in parts)
    assert (merged == binned(sketch, bins, [ms for part in parts for ms in part])).all()


def test_the_bins_know_their_edges() -> None:
    for sketch, bins in SKETCHES:
        place = sketch.place.py_func if JIT else sketch.place
        for k in (1, 2, 700, bins - 2):
            assert place(sketch.edge(k)) == k
            assert place(np.nextafter(np.float32(sketch.edge(k)), np.float32(0.0))) == k - 1
        assert (place(0.0), place(1e30)) == (0, bins - 1)


def test_a_run_counted_in_parts_is_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = busy(3)
    run(cut, 3000)
    monkeypatch.setattr(world, "FIRST_PART", 1 << 20)
    whole = busy(3)
    run(whole, 3000)
    assert len(cut.parts) > 8 and len(whole.parts) == 1
    assert {part.requests for part in cut.batches} == {cut.part_requests}
    assert sum(part.requests for part in cut.parts) == 3000
    one, other = cut.tally, whole.tally
    for field in fields(one):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        if ours.dtype.kind == "f":
            assert np.allclose(ours, theirs, rtol=1e-12, equal_nan=True), field.name
        else:
            assert (ours == theirs).all(), field.name


def test_parts_are_never_too_many() -> None:
    simulation = busy(1)
    run(simulation, 12_000)
    assert len(simulation.parts) <= world.MOST_PARTS
    assert simulation.tally.requests == 12_000
