"""Scenarios: what a forecast becomes where more users come, each asks for more, models need less, or a crowd arrives at once.

A scenario is a supposition, and no past can test it. So what it supposes has an uncertainty of its own, drawn for each of the forecast's
joint paths. What must not live here: where scenarios are written down (`plan.demand`), and forecasting.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from roteiro.analysis.chance import Chance
from roteiro.analysis.forecast import Forecast
from roteiro.analysis.series import DAY_S, remark
from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem, Severity

__all__ = ["CHAPTER", "KINDS", "MONTH_S", "Event", "Factor", "Kind", "Scenario", "apply", "begun", "projected"]

Floats = npt.NDArray[np.float64]
Kind = Literal["monthly", "swing", "level"]

MONTH_S: Final = 365.25 / 12 * DAY_S
KINDS: Final[dict[str, Kind]] = {"seasonality": "swing", "surge": "level"}
"""Of factors by these names; all others are `monthly`."""
OF_TOKENS: Final = frozenset(["model_efficiency"])
"""Factors that change what a request takes, and not how many come."""
SPREAD: Final = 1 / 3
"""The usual uncertainty of an effect, as a share of it: 15 % of growth are 10 to 20 % in two cases of three."""
HALVES: Final = math.log(2.0)


@dataclass(frozen=True, slots=True)
class Factor:
    """What demand is multiplied by. `monthly` compounds: after m months it is `value ** m`. A `swing` grows in that way for one month and
    then stays, as a season's does; a `level` is there at once.

    `spread`: the standard deviation of its logarithm; None takes SPREAD of the logarithm itself. It is one draw a path: whoever is wrong
    about growth is wrong in every month.
    """

    name: str
    value: float
    spread: float | None = None
    kind: Kind = "monthly"

    @property
    def deviation(self) -> float:
        if self.spread is not None:
            return self.spread
        return SPREAD * abs(math.log(self.value)) if self.value > 0.0 else 0.0

    def exponents(self, months: Floats) -> Floats:
        """How many times it counts after so many months."""
        if self.kind == "monthly":
            return months
        return np.minimum(months, 1.0) if self.kind == "swing" else np.ones(len(months))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens once: a launch, a campaign, a viral surge. Demand climbs in a line over `ramp_s` to `peak` times the usual,
    stays for `plateau_s`, and then what is above the usual halves every `decay_s` down to the share of it that is `lasting`.

    It begins at the Unix time `begins_s`, or `after_s` after the forecast does; with neither, so that its plateau begins with the
    forecast's own highest period, which is the worst that it can do. `spread`: standard deviation of the logarithm of what is above the
    usual.
    """

    name: str
    peak: float
    begins_s: float | None = None
    after_s: float | None = None
    ramp_s: float = 0.0
    plateau_s: float = 0.0
    decay_s: float = 0.0
    spread: float = SPREAD
    lasting: float = 0.0

    def brought(self, since_s: Floats) -> Floats:
        """The integral from its beginning to `since_s` after it, of what it adds at a height of 1, in seconds."""
        t = np.maximum(since_s, 0.0)
        climbing = np.minimum(t, self.ramp_s)
        total: Floats = climbing**2 / (2 * self.ramp_s) if self.ramp_s > 0.0 else np.zeros(len(t))
        total = total + np.clip(t - self.ramp_s, 0.0, self.plateau_s)
        after = np.maximum(t - self.ramp_s - self.plateau_s, 0.0)
        fading = self.decay_s / HALVES * -np.expm1(-after * HALVES / self.decay_s) if self.decay_s > 0.0 else np.zeros(len(t))
        return total + self.lasting * after + (1.0 - self.lasting) * fading

    def heights(self, at_s: Floats, step_s: float, begins_s: float) -> Floats:
        """Its mean height, 0 to 1, over each of the periods that begin at `at_s`; what is shorter than a period keeps its weight."""
        result: Floats = (self.brought(at_s + step_s - begins_s) - self.brought(at_s - begins_s)) / step_s
        return result


@dataclass(frozen=True, slots=True)
class Scenario:
    """Factors and events together; each multiplies what the others leave."""

    name: str
    factors: tuple[Factor, ...] = ()
    events: tuple[Event, ...] = ()
    description: str = ""

    def with_factor(self, name: str, value: float) -> "Scenario":
        """The same with another value for one factor."""
        return replace(self, factors=tuple(replace(one, value=value) if one.name == name else one for one in self.factors))


BASE: Final = Scenario(
    "base",
    (
        Factor("user_growth", 1.15),
        Factor("usage_per_user", 1.08),
        Factor("model_efficiency", 0.95),
        Factor("seasonality", 1.20, kind="swing"),
    ),
    description="organic growth",
)
CHAPTER: Final[dict[str, Scenario]] = {
    "base": BASE,
    "optimistic": replace(BASE.with_factor("user_growth", 1.30), name="optimistic", description="faster adoption"),
    "pessimistic": replace(BASE.with_factor("user_growth", 1.00), name="pessimistic", description="budget cuts"),
    "stress": replace(
        BASE,
        name="stress",
        events=(Event("viral", 4.0, ramp_s=2 * 3600.0, plateau_s=6 * 3600.0, decay_s=12 * 3600.0),),
        description="a viral event",
    ),
}
"""The four of the chapter, with its factors."""


def projected(baseline: float, factors: Iterable[Factor], months: float = 1.0) -> float:
    """Baseline × factor × factor … after so many months, in their order and without uncertainty: the chapter's own formula, which is that
    of one month."""
    for factor in factors:
        baseline *= factor.value ** float(factor.exponents(np.array([months]))[0])
    return baseline


def apply(forecast: Forecast, scenario: Scenario, chance: Chance) -> Forecast:
    """The forecast as it would be in a scenario: its paths, mean, median and bands multiplied, its coverage not known.

    Each path draws each factor once, so that levels of one record and scenarios of one forecast can be compared where they are given
    generators of the same seed. Bands widen by what the supposition is uncertain of, as independent deviations do. Factors that change
    the tokens of a request leave a series of requests as it is. Raises PlanError (E935, E936) for values that cannot be.
    """
    faults = [problem for problem in faults_of(scenario, forecast.series.dated) if problem.severity is Severity.ERROR]
    if faults:
        raise PlanError(faults)
    told: list[Problem] = []
    count, step_s = len(forecast.paths), float(forecast.series.step_s)
    months = (forecast.at_s + step_s / 2 - forecast.series.end_s) / MONTH_S
    middle, drawn = np.ones(len(forecast)), np.ones((count, len(forecast)))
    for factor in scenario.factors:
        normal = evenly(count, chance)
        if factor.name in OF_TOKENS and forecast.series.unit == "requests":
            continue
        exponents = factor.exponents(months)
        middle = middle * factor.value**exponents
        drawn *= factor.value**exponents * np.exp(factor.deviation * normal[:, None] * exponents[None, :])
    for event in scenario.events:
        normal = evenly(count, chance)
        begins_s = begun(event, forecast)
        heights = event.heights(forecast.at_s, step_s, begins_s)
        if not heights.any():
            told.append(outside(scenario, event, forecast, begins_s))
            continue
        size = (event.peak - 1.0) * np.exp(event.spread * normal)
        middle = middle * (1.0 + (event.peak - 1.0) * heights)
        drawn *= np.maximum(1.0 + size[:, None] * heights[None, :], 0.0)
    median, paths = forecast.median * middle, forecast.paths * drawn
    low, high = widened(forecast, middle, drawn)
    return replace(
        forecast, scenario=scenario.name, mean=paths.mean(axis=0), median=median, low=low, high=high, paths=paths,
        coverage=dict.fromkeys(forecast.levels, math.nan), problems=(*forecast.problems, *told),
    )  # fmt: skip


def evenly(count: int, chance: Chance) -> Floats:
    """Standard normal draws, one from each of `count` equally likely parts in a random order (a Latin hypercube, McKay and others, 1979):
    their spread is right however few they are."""
    result: Floats = ndtri((np.asarray(chance.permutation(count)) + 0.5) / count)
    return result


def widened(forecast: Forecast, middle: Floats, drawn: Floats) -> tuple[Floats, Floats]:
    """(low, high), each (levels, h): what the forecast misses by and what the supposition misses by are independent, so that the squares
    of their distances from the median add up."""
    low, high = np.empty(forecast.low.shape), np.empty(forecast.high.shape)
    centre = forecast.median * middle
    for row, level in enumerate(forecast.levels):
        tails = np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2), axis=0)
        below = np.hypot(middle * (forecast.median - forecast.low[row]), forecast.median * np.maximum(middle - tails[0], 0.0))
        above = np.hypot(middle * (forecast.high[row] - forecast.median), forecast.median * np.maximum(tails[1] - middle, 0.0))
        low[row], high[row] = centre - below, centre + above
    return (np.maximum(low, 0.0) if forecast.paths.min() >= 0.0 else low), high


def begun(event: Event, forecast: Forecast) -> float:
    """When it begins, in the time of the series."""
    if event.begins_s is not None:
        return event.begins_s
    if event.after_s is not None:
        return float(forecast.at_s[0]) + event.after_s
    return float(forecast.at_s[int(np.argmax(forecast.median))]) - event.ramp_s


def outside(scenario: Scenario, event: Event, forecast: Forecast, begins_s: float) -> Problem:
    late = (begins_s - float(forecast.at_s[0])) / DAY_S
    spans = len(forecast) * forecast.series.step_s / DAY_S
    where = (
        f"begins {late:,.1f} days after the forecast does" if late >= 0.0 else f"is over; it began {-late:,.1f} days before the forecast"
    )
    message = f"{where}, and changes nothing in its {spans:,.1f} days"
    return remark("W945", f"scenario {scenario.name}, event {event.name}", message, "forecast further ahead, or move the event")


def faults_of(scenario: Scenario, dated: bool) -> Sequence[Problem]:
    """What a scenario says that cannot be."""
    found: list[Problem] = []

    def fault(what: str, value: float, bound: str, remedy: str) -> None:
        found.append(remark("E935", f"scenario {scenario.name}", f"{what} is {value:g}; {bound}", remedy, severity=Severity.ERROR))

    for factor in scenario.factors:
        if not 0.0 <= factor.value < math.inf:
            fault(f"factor {factor.name}", factor.value, "at least 0", "write 0.95 for 5 % less, 1.15 for 15 % more")
        if not 0.0 <= factor.deviation <= 3.0:
            fault(f"spread of factor {factor.name}", factor.deviation, "0 to 3", "write 0.05 for some 5 %")
    for event in scenario.events:
        if not 0.0 <= event.peak <= 1e4:
            fault(f"peak of event {event.name}", event.peak, "0 to 10,000", "write 4 for four times the usual")
        if not (0.0 <= event.spread <= 3.0 and 0.0 <= event.lasting <= 1.0):
            fault(f"spread or lasting share of event {event.name}", max(event.spread, event.lasting), "0 to 3, and 0 to 1", "write shares")
        shortest = min(event.ramp_s, event.plateau_s, event.decay_s)
        if shortest < 0.0 or event.ramp_s + event.plateau_s + event.decay_s + event.lasting <= 0.0:
            fault(f"length of event {event.name}", shortest, "at least 0, and not all of them 0", "give it a ramp, a plateau or a decay")
        if event.begins_s is not None and not dated:
            message = f"event {event.name} begins at a date, and the record has none"
            remedy = "say how long after the forecast's beginning it comes"
            found.append(remark("E936", f"scenario {scenario.name}", message, remedy, severity=Severity.ERROR))
    return found
