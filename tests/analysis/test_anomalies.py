"""Anomalies: found where they were put, not found in noise, habits and holes; and what is said of them."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.test_forecast import made, series_of

from roteiro.analysis.anomalies import anomalies, periods_of, scored
from roteiro.analysis.series import Series
from roteiro.report.anomalies import strange_said
from roteiro.report.speech import speech

MONDAY_S = 1_772_409_600.0
"""2026-03-02 00:00 UTC."""
NAB = Path(os.environ.get("ROTEIRO_TRACES", "traces")) / "nab"


def hourly(days: int = 28, noise: float = 0.1, seed: int = 1, step_s: int = 3600) -> Series:
    chance, per_day = np.random.default_rng(seed), 86_400 // step_s
    at = np.arange(days * per_day)
    week = np.where((at // per_day) % 7 >= 5, 0.4, 1.0)
    values = 1000.0 * (1.5 + np.sin(2 * np.pi * at / per_day)) * week * np.exp(noise * chance.normal(size=len(at)))
    return replace(series_of(values, step_s), start_s=MONDAY_S)


def with_values(series: Series, at: object, by: float) -> Series:
    values = series.values.copy()
    values[at] *= by
    return replace(series, values=values)


@pytest.mark.parametrize(("at", "length", "by"), [(24 * 15 + 9, 4, 4.2), (24 * 15 + 9, 6, 0.0), (24 * 12 + 20, 3, 5.0)])
def test_a_stretch_is_found_with_what_is_usual_then(at: int, length: int, by: float) -> None:
    series = hourly()
    (found,) = anomalies(with_values(series, slice(at, at + length), by))
    assert found.first >= at - 1 and found.last <= at + length and found.last - found.first >= length - 2
    assert found.expected == pytest.approx(series.values[found.at], rel=0.35)
    assert periods_of([found], len(series)).sum() == found.last - found.first + 1


def test_noise_alone_has_one_in_two_hundred_days() -> None:
    days = [anomalies(hourly(28, seed=seed, step_s=1800)) for seed in range(20)]
    assert sum(map(len, days)) <= 560 / 100


def test_what_happens_every_night_is_no_anomaly() -> None:
    series = hourly()
    nightly = with_values(series, np.arange(3, len(series), 24), 6.0)
    assert anomalies(nightly) == ()


def test_weekends_are_compared_with_weekends() -> None:
    assert anomalies(hourly(noise=0.02)) == ()
    found = anomalies(with_values(hourly(noise=0.02), slice(24 * 13 + 10, 24 * 13 + 13), 2.5))
    assert [one.weekday for one in found] == [6]


@given(st.lists(st.one_of(st.floats(0.0, 1e9), st.just(float("nan"))), max_size=120), st.sampled_from([300, 3600, 86_400]))
@settings(max_examples=60, deadline=None)
def test_whatever_the_past_what_is_not_known_is_no_anomaly(values: list[float], step_s: int) -> None:
    series = replace(series_of(values, step_s), start_s=MONDAY_S)
    found = anomalies(series)
    assert not (periods_of(found, len(series)) & ~series.known).any()
    assert all(one.first <= one.at <= one.last < len(series) for one in found)


def test_scaling_changes_no_score() -> None:
    series = with_values(hourly(), slice(300, 303), 3.0)
    larger = replace(series, values=series.values * 1e6)
    assert np.maximum(scored(larger).scores, -2.0) == pytest.approx(np.maximum(scored(series).scores, -2.0), abs=1e-6)


def test_days_are_scored_by_weeks() -> None:
    at = np.arange(70)
    values = np.where(at % 7 >= 5, 400.0, 1000.0) * (1 + 0.03 * np.random.default_rng(2).normal(size=70))
    values[45] *= 2.0
    found = anomalies(replace(series_of(values, 86_400), start_s=MONDAY_S))
    assert [one.at for one in found] == [45]


def test_it_is_said_in_words() -> None:
    series = with_values(hourly(noise=0.0), slice(24 * 15 + 9, 24 * 15 + 10), 4.2)
    forecast = made(series)
    (found,) = anomalies(series)
    assert strange_said(found, forecast, speech("en")) == "4.2 times what 9 h on a Tuesday usually is"
    assert strange_said(found, forecast, speech("pt-BR")) == "4,2 vezes o usual de 9 h em uma terça"
    assert strange_said(replace(found, hour=9.75), forecast, speech("en")).endswith("what 9:45 h on a Tuesday usually is")
    less = replace(found, value=found.expected / 4)
    assert strange_said(less, forecast, speech("en")) == "25% of what 9 h on a Tuesday usually is"


@pytest.mark.skipif(not NAB.is_dir(), reason="no labelled series: name their folder in ROTEIRO_TRACES")
def test_a_labelled_series_has_its_anomaly() -> None:
    path = NAB / "data" / "realAWSCloudwatch" / "ec2_cpu_utilization_ac20cd.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    values = np.array([float(row[-1]) for row in rows])
    found = anomalies(Series("value", "total", 1_396_448_940.0, 300, values, "value"))
    assert any(3000 < one.at < 4032 for one in found)
