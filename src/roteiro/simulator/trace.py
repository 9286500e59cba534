"""Traces of arrivals: the CSV form of the Azure traces of language-model inference (TIMESTAMP, ContextTokens, GeneratedTokens).

A row that cannot be read is a problem with its line, and the others count. What must not live here: who asked, which a trace does not tell.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem, Severity, Where

__all__ = ["Trace", "read_trace"]

COLUMNS: Final = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(\.\d{1,12})?(Z|[+-]\d\d:\d\d)?")
MOST_TOKENS: Final = 100_000_000
MOST_TOLD: Final = 50
"""Bad rows that are told one by one; of the rest only the number."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Arrivals in the order of time: seconds since the first, and tokens."""

    file: str
    at_s: npt.NDArray[np.float64]
    input_tokens: npt.NDArray[np.int64]
    output_tokens: npt.NDArray[np.int64]

    @property
    def rate_per_s(self) -> float:
        """Mean rate; infinite where all came at once."""
        span = float(self.at_s[-1])
        return (len(self.at_s) - 1) / span if span > 0.0 else math.inf


def read_trace(path: Path) -> tuple[Trace, tuple[Problem, ...]]:
    """The readable rows of a file, and a warning for each other one. Raises PlanError where there is no trace to read at all."""
    name = str(path)
    try:
        lines = path.read_bytes().decode("utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise PlanError(
            [Problem("E911", Where(name), "", f"cannot be read: {error.strerror}", "name a CSV file that can be read")]
        ) from error
    reader = csv.reader(line.replace("\0", "\ufffd") for line in lines)
    header = [column.strip() for column in next(rows_of(reader), [])]
    if not set(COLUMNS) <= set(header):
        message = f"has the columns {', '.join(header)[:200] or 'none'}; a trace has {', '.join(COLUMNS)}"
        raise PlanError([Problem("E912", Where(name), "", message, "write them in the first line")])
    problems: list[Problem] = []
    rows: list[tuple[float, int, int]] = []
    places = [header.index(column) for column in COLUMNS]
    for cells in rows_of(reader):
        row = row_of(cells, places)
        if isinstance(row, str):
            problems.append(Problem("W913", Where(name, reader.line_num), "", row, "the row is left out", Severity.WARNING))
        else:
            rows.append(row)
    if not rows:
        raise PlanError([Problem("E914", Where(name), "", "has no row that can be read", "see the warnings"), *problems[:MOST_TOLD]])
    return trace_of(name, rows, problems), told(name, problems)


def rows_of(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Rows that are not empty; a row that breaks the CSV's own rules reads as one nonsensical cell."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            row = [str(error)]
        if any(cell.strip() for cell in row):
            yield row


def row_of(cells: list[str], places: list[int]) -> tuple[float, int, int] | str:
    """(Unix seconds, input tokens, output tokens), or what is wrong."""
    if len(cells) <= max(places):
        return f"has {len(cells)} cells, too few"
    stamp, context, generated = (cells[place].strip() for place in places)
    match = STAMP.fullmatch(stamp)
    try:
        if match is None:
            raise ValueError
        when = datetime.fromisoformat(match[1] + ("+00:00" if match[3] in (None, "Z") else match[3])).astimezone(UTC)
    except (ValueError, OverflowError):
        return f"has the time {stamp[:60]!r}, not one like 2023-11-16 18:17:03.9799600"
    tokens = []
    for column, text in zip(COLUMNS[1:], (context, generated), strict=True):
        if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) > MOST_TOKENS:
            return f"has {text[:60]!r} {column}, not a number of tokens"
        tokens.append(int(text))
    return when.timestamp() + float(match[2] or 0.0), tokens[0], tokens[1]


def trace_of(name: str, rows: list[tuple[float, int, int]], problems: list[Problem]) -> Trace:
    at_s = np.array([row[0] for row in rows])
    tokens = np.array([row[1:] for row in rows], np.int64)
    order = np.argsort(at_s, kind="stable")
    late = int(np.sum(np.diff(at_s) < 0.0))
    if late:
        message = f"has {late} rows earlier than the row before them"
        problems.append(Problem("W915", Where(name), "", message, "they are put in order", Severity.WARNING))
    at_s, tokens = at_s[order], tokens[order]
    return Trace(name, at_s - at_s[0], tokens[:, 0], tokens[:, 1])


def told(name: str, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    all_of_them = tuple(problems)
    if len(all_of_them) <= MOST_TOLD:
        return all_of_them
    more = Problem("W913", Where(name), "", f"has {len(all_of_them) - MOST_TOLD} more such rows", "they are left out", Severity.WARNING)
    return (*all_of_them[:MOST_TOLD], more)
