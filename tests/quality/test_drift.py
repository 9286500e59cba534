"""Drift: false alarms as rare as stated, and changes found, on laws that are drawn with seeds."""

import random
from collections.abc import Callable

import msgspec
import pytest

from roteiro.quality.drift import FEATURES, Alarm, Detector, tie_break

Law = Callable[[random.Random, int], dict[str, float]]
PROBES = 10


def model(longer: float = 0.0, right: float = 0.9, refuses: float = 0.02, away: float = 0.1) -> Law:
    """Answers of a model, in features; each probe has a length of its own."""

    def law(draw: random.Random, probe: int) -> dict[str, float]:
        length = round(8 * (1 + probe) * draw.lognormvariate(longer, 0.3))
        return {
            "length": length, "refused": float(draw.random() < refuses), "correct": float(draw.random() < right),
            "distance": round(abs(draw.gauss(away, 0.05)), 3),
        }  # fmt: skip

    return law


def first_alarm(seed: int, rounds: int, before: Law, after: Law | None = None, at: int = 0, rate: float = 0.01) -> tuple[int, Alarm] | None:
    """(answers since the change, the alarm), or None."""
    draw, detector, since = random.Random(seed), Detector(rate=rate, seed=str(seed)), 0
    for round_ in range(rounds):
        detector.begin_round()
        for probe in range(PROBES):
            law = after if after is not None and round_ >= at else before
            since += law is after
            if alarms := detector.see(probe, law(draw, probe)):
                return since, alarms[0]
    return None


def test_no_alarm_in_a_thousand_quiet_rounds() -> None:
    draw, detector, law = random.Random(5), Detector(rate=0.01, seed="quiet"), model()
    for _ in range(1000):
        detector.begin_round()
        for probe in range(3):
            assert detector.see(probe, law(draw, probe)) == []


def test_false_alarms_are_as_rare_as_stated() -> None:
    # At most a tenth of the quiet pasts raise one, ever: of 120, more than 20 would be a wonder of one in 700.
    assert sum(first_alarm(seed, 12, model(), rate=0.1) is not None for seed in range(120)) <= 20


def test_the_capital_is_worth_what_it_was_on_average() -> None:
    """The law behind it: a fair game. Means of a heavy tail are seldom above 1; what must hold is that they are not beyond it."""
    totals = []
    for seed in range(200):
        draw, detector, law = random.Random(seed), Detector(rate=0.01, seed=str(seed)), model()
        for _ in range(3):
            detector.begin_round()
            for probe in range(2):
                detector.see(probe, law(draw, probe))
        feature = detector.features["length"]
        totals.append(sum(feature.capitals))
    assert 0.2 < sum(totals) / len(totals) < 1.3


@pytest.mark.parametrize("seed", range(4))
def test_another_model_is_noticed_within_two_rounds(seed: int) -> None:
    found = first_alarm(seed, 40, model(), model(longer=0.6, right=0.4, refuses=0.15, away=0.3), at=20)
    assert found is not None
    since, alarm = found
    assert 0 < since <= 2 * PROBES
    assert alarm.feature in ("distance", "length", "correct")
    assert abs(alarm.since_round - 21) <= 2
    assert alarm.up is (alarm.feature != "correct")
    assert alarm.evidence >= len(FEATURES) / 0.01


def test_a_subtle_change_takes_longer_and_is_noticed() -> None:
    found = first_alarm(1, 120, model(), model(longer=0.2, right=0.85, away=0.12), at=20)
    assert found is not None
    assert 0 < found[0] < 60 * PROBES


def test_an_answer_that_never_varies_raises_nothing_until_it_does() -> None:
    detector, alarms = Detector(rate=0.01, seed="same"), []
    for round_ in range(40):
        detector.begin_round()
        for probe in range(PROBES):
            alarms += detector.see(probe, {"length": 12.0 if round_ < 30 else 13.0, "correct": 1.0})
    assert [(alarm.feature, alarm.up, alarm.since_round) for alarm in alarms] == [("length", True, 31)]


def test_each_feature_raises_one_alarm_and_the_state_survives_writing() -> None:
    draw, detector = random.Random(3), Detector(rate=0.05, seed="kept")
    for _ in range(10):
        detector.begin_round()
        detector.see(0, model()(draw, 0))
    copy = msgspec.msgpack.decode(msgspec.msgpack.encode(detector), type=Detector)
    values = {"length": 400.0}
    for one in (detector, copy):
        one.begin_round()
    assert copy.see(0, values) == detector.see(0, values)
    assert copy == detector


def test_ties_are_broken_evenly_and_alike() -> None:
    numbers = [tie_break("a", "length", 1, n) for n in range(2000)]
    assert numbers == [tie_break("a", "length", 1, n) for n in range(2000)]
    assert all(0.0 < number < 1.0 for number in numbers)
    assert abs(sum(numbers) / len(numbers) - 0.5) < 0.03
