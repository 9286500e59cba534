"""Pictures of how a simulation goes in time: latency, requests, breakers, replicas.

What must not live here: the simulation, and the pages that these pictures stand on.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from roteiro.report.chart import Axis, Chart, Lane, Lanes, Line, Rule, Span
from roteiro.report.estimates import Estimated
from roteiro.report.speech import Speech

__all__ = ["Course", "breakers", "latency", "lines_of", "replicas", "time_axis", "traffic"]

DAY_S: Final = 86_400.0
CLOCK_FROM_S: Final = 6 * 3600.0
"""From such a length on, the time of day is told; below it, the time since the start."""


class Course(Protocol):
    """A timeline over seeds, as `simulator.result` has it."""

    @property
    def bucket_s(self) -> float: ...
    @property
    def at_s(self) -> Sequence[float]: ...
    @property
    def series(self) -> Mapping[str, Sequence[Estimated]]: ...


def time_axis(course: Course, starts_at_s: float) -> Axis:
    """The time of day where the run begins at `starts_at_s` seconds after midnight and is long; else the time since its start."""
    if not course.at_s:
        return Axis("", "seconds")
    length = course.at_s[-1] + course.bucket_s
    return Axis("", "clock", starts_at_s, starts_at_s + length) if length >= CLOCK_FROM_S else Axis("", "seconds", 0.0, length)


def shift(axis: Axis, starts_at_s: float) -> float:
    return starts_at_s if axis.quantity == "clock" else 0.0


def line_of(course: Course, name: str, said: str, offset: float, *, stepped: bool = False) -> Line:
    """One series with its band, in the middle of its buckets."""
    values = course.series[name]
    half = 0.0 if stepped else course.bucket_s / 2
    x = tuple(at + offset + half for at in course.at_s)
    low = tuple(max(one.low, 0.0) for one in values)  # in this order: Python's max keeps its first argument where that is NaN
    high = tuple(max(one.high, 0.0) for one in values)
    banded = any(b > a for a, b in zip(low, high, strict=True))
    return Line(said, x, tuple(one.mean for one in values), low if banded else (), high if banded else (), stepped)


def lines_of(course: Course, names: Sequence[tuple[str, str]], offset: float) -> tuple[Line, ...]:
    return tuple(line_of(course, name, said, offset) for name, said in names if name in course.series)


def latency(course: Course, starts_at_s: float, speech: Speech, spans: Sequence[Span] = (), bounds: Sequence[Rule] = ()) -> Chart:
    """p95 and p50 of answers; promised bounds where they are within sight."""
    axis = time_axis(course, starts_at_s)
    lines = lines_of(course, (("p95_ms", "p95"), ("p50_ms", "p50")), shift(axis, starts_at_s))
    top = max((y for line in lines for _, y in line.points()), default=0.0)
    rules = tuple(rule for rule in bounds if rule.y <= 1.5 * top)
    return Chart(speech.say("sim.latency"), axis, Axis("", "ms", 0.0), speech.language, lines, spans=tuple(spans), rules=rules)


def traffic(course: Course, starts_at_s: float, speech: Speech, spans: Sequence[Span] = ()) -> Chart:
    """What arrives, what is answered within every promise, and what is refused."""
    axis, say = time_axis(course, starts_at_s), speech.say
    names = [("arrivals_per_s", say("sim.arrivals")), ("good_per_s", say("sim.good"))]
    if any(one.mean > 0.0 for one in course.series.get("refused_per_s", ())):
        names.append(("refused_per_s", say("sim.refused_line")))
    lines = lines_of(course, names, shift(axis, starts_at_s))
    return Chart(say("sim.traffic"), axis, Axis("", "per_s", 0.0), speech.language, lines, spans=tuple(spans), rows=8)


def breakers(course: Course, starts_at_s: float, speech: Speech, spans: Sequence[Span] = (), axis: Axis | None = None) -> Lanes | None:
    """Which breakers were open when; None where none ever was."""
    lanes = [
        Lane(name.removeprefix("open:"), tuple(0.0 if math.isnan(one.mean) else min(1.0, max(0.0, one.mean)) for one in values))
        for name, values in course.series.items()
        if name.startswith("open:")
    ]
    if not any(level > 0.0 for lane in lanes for level in lane.levels):
        return None
    axis = axis or time_axis(course, starts_at_s)
    offset = shift(axis, starts_at_s)
    starts = tuple(at + offset for at in course.at_s)
    said = "; ".join(f"{lane.name}: {speech.share(math.fsum(lane.levels) / len(lane.levels))}" for lane in lanes if any(lane.levels))
    return Lanes(
        speech.say("sim.breakers"), axis, starts, starts[-1] + course.bucket_s, tuple(lanes), speech.language, speech.say("sim.open"),
        tuple(spans), said,
    )  # fmt: skip


def replicas(course: Course, starts_at_s: float, speech: Speech) -> Chart | None:
    """How many replicas of one's own servers were ready; None where the plan has none."""
    names = [name for name in course.series if name.startswith("replicas:")]
    if not names:
        return None
    axis = time_axis(course, starts_at_s)
    offset = shift(axis, starts_at_s)
    lines = tuple(line_of(course, name, name.removeprefix("replicas:"), offset, stepped=True) for name in names)
    return Chart(speech.say("sim.replicas"), axis, Axis("", "count", 0.0), speech.language, lines, rows=6)
