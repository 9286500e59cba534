"""The time of a model server's iteration, fitted to measured points by non-negative least squares.

time = alpha + beta × (answers) + prefill × (prompt tokens read) + gamma × (tokens in memory). With so few columns the constrained optimum
is found by solving every subset of them and keeping the best that has no negative coefficient.
What must not live here: measuring, files.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

__all__ = ["Iteration", "fit_iteration", "non_negative"]

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Iteration:
    """Seconds: of an iteration, for each answer in it, each prompt token read, each token in memory; and their standard errors.

    `median_error` and `p95_error`: relative errors of the fitted points. A coefficient of 0 is at its bound, and has no error (NaN).
    """

    alpha_s: float
    beta_s: float
    prefill_s: float
    gamma_s: float
    errors_s: tuple[float, float, float, float]
    median_error: float
    p95_error: float
    points: int


def fit_iteration(points: npt.ArrayLike) -> Iteration:
    """Fit to rows of (answers, prompt tokens, tokens in memory, seconds), weighing relative errors. ValueError on fewer than 5 rows."""
    rows = np.asarray(points, np.float64)
    if rows.ndim != 2 or rows.shape[1] != 4 or len(rows) < 5 or not (rows[:, 3] > 0.0).all():
        raise ValueError("wants at least 5 rows of answers, prompt tokens, tokens in memory and seconds above 0")
    columns = np.column_stack([np.ones(len(rows)), rows[:, :3]])
    best, errors, relative = non_negative(columns, rows[:, 3])
    alpha, beta, prefill, gamma = (float(one) for one in best)
    own = tuple(float(one) for one in errors)
    return Iteration(
        alpha, beta, prefill, gamma, (own[0], own[1], own[2], own[3]),
        float(np.quantile(relative, 0.5)), float(np.quantile(relative, 0.95)), len(rows),
    )  # fmt: skip


def non_negative(columns: Values, seconds: Values) -> tuple[Values, Values, Values]:
    """(coefficients, their standard errors, sizes of the rows' relative errors) of `columns` (rows, k) fitted to `seconds` above 0.

    Relative errors are weighed, no coefficient is below 0; one that is 0 is at its bound and has no error (NaN).
    """
    scaled = columns / seconds[:, None]  # relative errors: every row should come to 1
    width = scaled.shape[1]
    kept: tuple[int, ...] = (0,)
    best, least = np.zeros(width), np.inf
    for count in range(1, width + 1):
        for chosen in combinations(range(width), count):
            part = scaled[:, chosen]
            found, *_ = np.linalg.lstsq(part, np.ones(len(scaled)), rcond=None)
            loss = float(((part @ found - 1.0) ** 2).sum())
            if (found >= 0.0).all() and loss < least:
                best, kept, least = np.zeros(width), chosen, loss
                best[list(chosen)] = found
    errors = np.full(width, np.nan)
    part = scaled[:, kept]
    spread = least / max(len(scaled) - len(kept), 1)
    errors[list(kept)] = np.sqrt(np.maximum(np.diag(np.linalg.pinv(part.T @ part)) * spread, 0.0))
    return best, errors, np.abs(scaled @ best - 1.0)
