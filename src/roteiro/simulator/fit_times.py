"""How an answer's times depend on its tokens and on the load: regressions that a few slow answers cannot bend.

What must not live here: where the numbers come from (`fit`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Line", "gaps_are_independent", "tokens_and_load"]

Values = npt.NDArray[np.float64]
ENOUGH: Final = 40
"""Answers that a slope wants."""
SURE: Final = 3.5
"""Standard errors by which a slope must differ from zero: there are two a target and time, and each is tried."""
WORTH: Final = 0.02
"""A slope that moves the usual time by less than this between its 10th and 90th percentile is left out."""
HUBER: Final = 1.5
STEPS: Final = 30


@dataclass(frozen=True, slots=True)
class Line:
    """y = (draw + per_token × tokens) × (1 + load × in flight). `draws`: what is left of each y, shape as y.

    The errors are standard errors; a slope that is not used is 0 and `tried_…` what was found.
    """

    draws: Values
    per_token: float
    per_token_error: float
    load: float
    load_error: float
    tried_per_token: float
    tried_load: float


def tokens_and_load(y: Values, tokens: Values, in_flight: Values) -> Line:
    """Fit by Gauss and Newton's method on Huber's loss (P. Huber, "Robust estimation of a location parameter", 1964).

    `y` in seconds, all of it known. Slopes that are not above zero beyond chance are left out, the less sure one first.
    """
    use = [len(y) >= ENOUGH and float(np.ptp(tokens)) > 0.0, len(y) >= ENOUGH and float(np.ptp(in_flight)) > 0.0]
    tried, errors = np.zeros(2), np.full(2, np.nan)
    first = True
    while True:
        found, wrong = solve(y, tokens, in_flight, use)
        if first:
            tried[:] = [found[1] if use[0] else 0.0, found[2] if use[1] else 0.0]
            first = False
        moves = [spread(tokens) * found[1] / max(float(np.median(y)), 1e-9), spread(in_flight) * found[2]]
        sure = [found[i + 1] / wrong[i + 1] if wrong[i + 1] > 0.0 else 0.0 for i in range(2)]
        errors = np.where(np.isnan(errors), wrong[1:], errors)
        weak = [i for i in range(2) if use[i] and (sure[i] < SURE or moves[i] < WORTH)]
        if not weak:
            break
        use[min(weak, key=lambda i: sure[i])] = False
        if not any(use):
            found, wrong = np.array([np.median(y) if len(y) else 0.0, 0.0, 0.0]), np.zeros(3)
            break
    per_token, load = (float(found[1]) if use[0] else 0.0), (float(found[2]) if use[1] else 0.0)
    draws = np.maximum(y / (1.0 + load * in_flight) - per_token * tokens, 0.0)
    told = [float(wrong[i + 1]) if use[i] else float(errors[i]) for i in range(2)]
    return Line(draws, per_token, told[0], load, told[1], float(tried[0]), float(tried[1]))


def spread(values: Values) -> float:
    return float(np.quantile(values, 0.9) - np.quantile(values, 0.1)) if len(values) else 0.0


def solve(y: Values, tokens: Values, in_flight: Values, use: list[bool]) -> tuple[Values, Values]:
    """((base, per token, load), their standard errors); what is not used is 0.

    Errors by the sandwich of Huber's weights: they hold where the spread is not the same everywhere.
    """
    found, wrong = np.array([float(np.median(y)) if len(y) else 0.0, 0.0, 0.0]), np.full(3, np.nan)
    columns = [0, *(i + 1 for i in range(2) if use[i])]
    if len(columns) == 1:
        return found, wrong
    for _ in range(STEPS):
        base, slow = found[0] + found[1] * tokens, 1.0 + found[2] * in_flight
        left = y - base * slow
        scale = max(1.4826 * float(np.median(np.abs(left - np.median(left)))), 1e-9)
        weight = np.minimum(1.0, HUBER * scale / np.maximum(np.abs(left), 1e-12))
        jacobian = np.stack([slow, tokens * slow, base * in_flight], axis=1)[:, columns]
        normal = (jacobian * weight[:, None]).T @ jacobian
        step = np.linalg.lstsq(normal, (jacobian * weight[:, None]).T @ left, rcond=None)[0]
        found[columns] += step
        found[2] = max(found[2], -0.5 / max(float(in_flight.max()), 1.0))
        if np.all(np.abs(step) <= 1e-9 * (np.abs(found[columns]) + 1e-9)):
            break
    inner = np.linalg.pinv(normal)
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
