"""How an answer's times depend on its tokens and on the load: regressions that a few slow answers cannot bend.

What must not live here: where the numbers come from (`fit`).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Line", "Slope", "gaps_are_independent", "tokens_and_load"]

Values = npt.NDArray[np.float64]
ENOUGH: Final = 40
"""Answers that a slope wants."""
SURE: Final = 3.5
"""Standard errors by which a slope must differ from zero: there are two a target and time, and each is tried."""
WORTH: Final = 0.02
"""A slope that moves the usual time by less than this between its 10th and 90th percentile is left out."""
NEAR: Final = 25
"""Answers that come so near to one another that what slows a target for a while slows all of them."""
CONTRADICTS: Final = 2.0
"""Standard errors of a difference from which on it is none of chance's."""
HUBER: Final = 1.5
STEPS: Final = 30


@dataclass(frozen=True, slots=True)
class Slope:
    """One number of a line: what is used of it (0: nothing), what was found at first, and its standard error, NaN where it was not looked
    for."""

    value: float
    tried: float
    error: float


@dataclass(frozen=True, slots=True)
class Line:
    """y = way + (draw + per_token × tokens) × (1 + load × in flight). `draws`: what is left of each y, shape as y; never below zero.

    `relative`: how many times the usual draw each y is expected to take for its tokens and its load; y by it is free of both slopes.
    """

    draws: Values
    relative: Values
    per_token: Slope
    load: Slope
    way: Slope


def tokens_and_load(y: Values, tokens: Values, in_flight: Values) -> Line:
    """Fit by Gauss and Newton's method on Huber's loss (P. Huber, "Robust estimation of a location parameter", 1964).

    `y` in seconds, all of it known, in the order in which it was asked for. Slopes that are not above zero beyond chance are left out, the
    less sure one first. A way that does not grow with the load is told from the draw only where both slopes are there: the tokens'
    own growth with the load then says how much of the rest grows with it.

    What slows a target for a while also fills it, so that slow answers and many in flight come together though neither load nor tokens
    are the cause. So the load's slope is found a second time within stretches of `NEAR` answers, in which such a while is the same for
    all; where the two differ by more than chance (J. Hausman, "Specification tests in econometrics", 1978), the second one counts.
    """
    tried, errors = np.zeros(4), np.full(4, np.nan)
    use = [True, len(y) >= ENOUGH and float(np.ptp(tokens)) > 0.0, len(y) >= ENOUGH and float(np.ptp(in_flight)) > 0.0, False]
    found = selected(y, tokens, in_flight, use, tried, errors)
    load = found[2]
    if load > 0.0:
        near, beside = within(y, in_flight)
        again, wrong = np.zeros(4), np.full(4, np.nan)
        steady = selected(near, tokens, beside, [True, use[1], True, False], again, wrong)
        if again[2] + CONTRADICTS * math.sqrt(max(wrong[2] ** 2 - errors[2] ** 2, 0.25 * wrong[2] ** 2)) < load:
            load, errors[2] = float(steady[2]), float(wrong[2])
            found = selected(y / (1.0 + load * in_flight), tokens, in_flight, [True, use[1], False, False], np.zeros(4), np.full(4, np.nan))
            found[2] = load
    if found[1] > 0.0 and found[2] > 0.0:
        whole, wrong = solve(y, tokens, in_flight, [True, True, True, True], found)
        tried[3], errors[3] = whole[3], wrong[3]
        if wrong[3] > 0.0 and min(whole) > 0.0 and whole[3] > SURE * wrong[3]:
            found = whole
    per_token, load, way = found[1:].tolist()
    slow = 1.0 + load * in_flight
    draws = np.maximum((y - way) / slow - per_token * tokens, 0.0)
    usual = float(np.median(draws)) if len(y) else 0.0
    relative = (way + (usual + per_token * tokens) * slow) / (way + usual) if way + usual > 0.0 else np.ones(len(y))
    return Line(draws, relative, *(Slope(float(found[i]), float(tried[i]), float(errors[i])) for i in (1, 2, 3)))


def selected(y: Values, tokens: Values, in_flight: Values, use: list[bool], tried: Values, errors: Values) -> Values:
    """(base, per token, load, way) with what is not sure and worth it left out. Fills what was found at first, and its errors."""
    use = list(use)
    while True:
        found, wrong = solve(y, tokens, in_flight, use)
        tried[:] = np.where(np.isnan(errors), found, tried)
        errors[:] = np.where(np.isnan(errors), wrong, errors)
        moves = {1: spread(tokens) * found[1] / max(float(np.median(y)) if len(y) else 0.0, 1e-9), 2: spread(in_flight) * found[2]}
        sure = {i: found[i] / wrong[i] if wrong[i] > 0.0 else 0.0 for i in moves}
        weak = [i for i in moves if use[i] and (sure[i] < SURE or moves[i] < WORTH)]
        if not weak:
            errors[:] = np.where(use, wrong, errors)
            return found
        use[min(weak, key=lambda i: sure[i])] = False


def within(y: Values, in_flight: Values) -> tuple[Values, Values]:
    """Times and load against those of their neighbours: stretches of `NEAR` answers have the median and the mean of all."""
    near, beside = y.copy(), in_flight.copy()
    pieces = max(len(y) // NEAR, 1)
    for part in np.array_split(np.arange(len(y)), pieces):
        near[part] *= float(np.median(y)) / max(float(np.median(y[part])), 1e-9)
        beside[part] += float(in_flight.mean()) - float(in_flight[part].mean())
    return near, beside


def spread(values: Values) -> float:
    return float(np.quantile(values, 0.9) - np.quantile(values, 0.1)) if len(values) else 0.0


def solve(y: Values, tokens: Values, in_flight: Values, use: list[bool], start: Values | None = None) -> tuple[Values, Values]:
    """((base, per token, load, way), their standard errors); what is not used is 0, and its error NaN.

    Each time is weighted by what the load makes of it, so that what is left is spread alike at any load: draws lean to one side, and where
    the loss looks at them on different scales that would pass for a way. Errors by the sandwich of Huber's weights: they hold where the
    spread is not the same everywhere.
    """
    found, wrong = np.array([float(np.median(y)) if len(y) else 0.0, 0.0, 0.0, 0.0]), np.full(4, np.nan)
    if start is not None:
        found = start.copy()
    columns = [i for i in range(4) if use[i]]
    if len(columns) == 1:
        return found, wrong
    for _ in range(STEPS):
        base, slow = found[0] + found[1] * tokens, 1.0 + found[2] * in_flight
        left = (y - found[3]) / slow - base
        scale = max(1.4826 * float(np.median(np.abs(left - np.median(left)))), 1e-9)
        weight = np.minimum(1.0, HUBER * scale / np.maximum(np.abs(left), 1e-12))
        jacobian = np.stack([np.ones(len(y)), tokens, base * in_flight / slow, 1.0 / slow], axis=1)[:, columns]
        normal = (jacobian * weight[:, None]).T @ jacobian
        size = np.sqrt(np.maximum(np.diag(normal), 1e-300))  # tokens and seconds differ by orders of magnitude
        step = np.linalg.lstsq(normal / np.outer(size, size), (jacobian * weight[:, None]).T @ left / size, rcond=None)[0] / size
        found[columns] += step
        found[2] = max(found[2], -0.5 / max(float(in_flight.max()), 1.0))
        if np.all(np.abs(step) <= 1e-9 * (np.abs(found[columns]) + 1e-9)):
            break
    inner = np.linalg.pinv(normal / np.outer(size, size)) / np.outer(size, size)
    scores = jacobian * (weight * left)[:, None]
    covariance = inner @ (scores.T @ scores) @ inner
    wrong[columns] = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return found, wrong


def gaps_are_independent(itl: Values, gaps: Values) -> bool:
    """Whether answers' mean times between tokens differ as means of so many independent gaps do, rather than by answer.

    The likelier of two normal laws of the same mean: one of variance v / gaps, one of variance v. Where each gap is drawn by itself, long
    answers are alike and short ones are not; where an answer has a pace of its own, both differ as much.
    """
    if len(itl) < ENOUGH or float(np.ptp(gaps)) == 0.0:
        return False
    square = (itl - float(np.median(itl))) ** 2
    apart = len(itl) * np.log(max(float((square * gaps).mean()), 1e-18)) - float(np.log(gaps).sum())
    alike = len(itl) * np.log(max(float(square.mean()), 1e-18))
    return bool(apart < alike)
