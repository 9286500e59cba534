"""Columns of an Arrow table as NumPy arrays and counts.

What must not live here: what the columns mean.
"""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["counts", "integers", "is_word", "numbers", "sum_of", "words"]


def words(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A coded column as plain strings, null where it is missing."""
    return pc.cast(table.column(name), pa.string())


def is_word(table: pa.Table, name: str, *among: str | None) -> npt.NDArray[np.bool_]:
    """Where the column is one of those words; None stands for null."""
    column = words(table, name)
    found = pc.is_in(column, value_set=pa.array([word for word in among if word is not None], pa.string()))
    if None in among:
        found = pc.or_(found, pc.is_null(column))
    mask: npt.NDArray[np.bool_] = found.to_numpy()
    return mask


def numbers(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    """A column as floats, NaN where it is null."""
    values: npt.NDArray[Any] = pc.cast(table.column(name), pa.float64()).to_numpy()
    return values.astype(np.float64, copy=False)


def integers(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """An integer column, exact; null is 0."""
    values: npt.NDArray[np.int64] = table.column(name).cast(pa.int64()).fill_null(0).to_numpy()
    return values


def counts(table: pa.Table, name: str) -> dict[str, int]:
    """How often each word occurs, the most frequent first, equals by name; nulls left out."""
    column = words(table, name)
    found: Counter[str] = Counter({row["values"]: row["counts"] for row in column.drop_null().value_counts().to_pylist()})
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def sum_of(table: pa.Table, name: str) -> int:
    """The exact sum of an integer column."""
    return int(pc.sum(table.column(name)).as_py() or 0)
