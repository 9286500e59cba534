"""Parameters of iterations come back from points that were made of them, and measured servers are met."""

import os
from pathlib import Path

import numpy as np
import pytest

from roteiro.analysis.iteration import fit_iteration

MEASURED = Path(os.environ.get("ROTEIRO_TRACES", "traces")) / "perf_models" / "splitwise_perf_model.csv"
"""Public measurements are not part of the project; name their folder in ROTEIRO_TRACES."""


def test_points_give_back_what_made_them() -> None:
    draw = np.random.default_rng(1)
    rows = np.column_stack([draw.integers(1, 64, 200), draw.integers(0, 512, 200), draw.integers(0, 50_000, 200)]).astype(float)
    seconds = 0.012 + 0.0005 * rows[:, 0] + 0.0002 * rows[:, 1] + 5e-7 * rows[:, 2]
    found = fit_iteration(np.column_stack([rows, seconds * draw.normal(1.0, 0.01, 200)]))
    assert (found.alpha_s, found.beta_s) == (pytest.approx(0.012, rel=0.05), pytest.approx(0.0005, rel=0.05))
    assert (found.prefill_s, found.gamma_s) == (pytest.approx(0.0002, rel=0.05), pytest.approx(5e-7, rel=0.05))
    assert found.median_error < 0.02


def test_no_coefficient_is_negative() -> None:
    rows = [(n, 0.0, 100.0 * n, 0.02 - 0.0001 * n) for n in range(1, 40)]
    found = fit_iteration(rows)
    assert min(found.alpha_s, found.beta_s, found.prefill_s, found.gamma_s) >= 0.0


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 5"):
        fit_iteration([(1, 0, 0, 0.1)])


@pytest.mark.skipif(not MEASURED.is_file(), reason="the measured points are not on this machine")
def test_measured_servers_are_met() -> None:
    """Decoding of llama2-70b and bloom-176b on A100 and H100: one fit for each model and hardware."""
    table = np.genfromtxt(MEASURED, delimiter=",", names=True, dtype=None, encoding="utf-8")
    for kind in sorted({(str(row["model"]), str(row["hardware"]), int(row["tensor_parallel"])) for row in table}):
        rows = [row for row in table if (row["model"], row["hardware"], row["tensor_parallel"]) == kind]
        points = [
            (row["batch_size"], 0.0, row["batch_size"] * (row["prompt_size"] + row["token_size"] / 2), row["token_time"] / 1e3)
            for row in rows
        ]
        assert fit_iteration(points).median_error < 0.1, kind
