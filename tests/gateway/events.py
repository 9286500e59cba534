"""Event rows as the kernel would write them, for tests of what reads them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roteiro.terms.event import DECISION, EVENT


def events(count: int, first: int = 0, **columns: Any) -> NDArray[Any]:
    """So many answered requests with consecutive numbers; `columns` are set."""
    rows = np.zeros(count, EVENT)
    rows["seq"] = rows["request"] = np.arange(first, first + count)
    rows["attempts"], rows["status"], rows["total_ms"], rows["ttft_ms"] = 1, 200, 100.0, np.nan
    rows["ended_s"] = 1.0
    for name, values in columns.items():
        rows[name] = values
    return rows


def decisions(count: int, first: int = 0, **columns: Any) -> NDArray[Any]:
    """So many steps with consecutive numbers; `columns` are set."""
    rows = np.zeros(count, DECISION)
    rows["seq"] = np.arange(first, first + count)
    for name, values in columns.items():
        rows[name] = values
    return rows
