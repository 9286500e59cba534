"""What a record of demand tells, whatever its format: arrivals one by one (`Trace`), or rates by window (`Rates`).

Every reader fills one of the two and keeps what it found amiss in `Findings`: a row that cannot be read is a problem with its line, and the
others count. What must not live here: formats, and what is fitted to a record.
"""

import gzip
import math
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem, Severity, Where

__all__ = [
    "BLOCK_TOKENS",
    "Chains",
    "ClientRates",
    "Findings",
    "Party",
    "Rates",
    "Trace",
    "contents",
    "put_in_order",
    "tokens_of",
    "trouble",
]

MOST_TOKENS: Final = 100_000_000
MOST_TOLD: Final = 50
"""Bad rows that are told one by one; of the rest only the number."""
BLOCK_TOKENS: Final = 512
LONE: Final = 0.9
"""A single pause that takes up so much of a record is told: it is a slip of one time more often than a night."""
UNTOLD: Final = -1
MOST_BYTES: Final = 4 << 30

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Party:
    """Who asked for what, in the record's own words; None where it does not tell."""

    tenant: str | None = None
    workload: str | None = None
    model: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Chains:
    """Prefixes as chains of blocks: arrival i begins with the tokens of `blocks[first[i] : first[i] + count[i]]`.

    Two arrivals share as many blocks as their chains have in common from the start. Ids are dense, from 0.
    """

    first: Integers
    count: Integers
    blocks: Integers
    block_tokens: int = BLOCK_TOKENS


@dataclass(frozen=True, slots=True)
class Trace:
    """Arrivals in the order of time: seconds since the first, and tokens. -1 tokens: the record does not tell (a failed request).

    `who` counts in `parties`; `stream` is 0, 1 or -1. `start_unix_s` is NaN where times have no date. `step_s`: times were
    rounded to steps of about so long, and how arrivals lie within one is not known; 0 where they are fine enough.
    """

    file: str
    at_s: Floats
    input_tokens: Integers
    output_tokens: Integers
    cached_tokens: Integers | None = None
    reasoning_tokens: Integers | None = None
    stream: npt.NDArray[np.int8] | None = None
    who: Integers | None = None
    parties: tuple[Party, ...] = ()
    chains: Chains | None = None
    start_unix_s: float = math.nan
    step_s: float = 0.0
    assumed: tuple[str, ...] = ()

    @property
    def rate_per_s(self) -> float:
        """Mean rate; infinite where all came at once."""
        span = float(self.at_s[-1])
        return (len(self.at_s) - 1) / span if span > 0.0 else math.inf


@dataclass(frozen=True, slots=True)
class ClientRates:
    """One client by window: rate, process (codes of `records`) and shape of its gaps. A rate of 0: it sent nothing; NaN: not known."""

    name: str
    rate_per_s: Floats
    process: Integers
    shape: Floats


@dataclass(frozen=True, slots=True)
class Rates:
    """Demand as rates by window of `window_s`; NaN in a window that is missing, which is not the same as idle.

    `input_tokens` and `output_tokens` are means a request. `clients` may be empty: then only the sum is known. `start_s`: the file's own
    time of the first window.
    """

    file: str
    window_s: float
    rate_per_s: Floats
    input_tokens: Floats
    output_tokens: Floats
    clients: tuple[ClientRates, ...] = ()
    start_s: float = 0.0
    assumed: tuple[str, ...] = ()

    @property
    def span_s(self) -> float:
        return len(self.rate_per_s) * self.window_s

    @property
    def mean_rate_per_s(self) -> float:
        """Of the windows that are not missing."""
        return float(np.nanmean(self.rate_per_s))

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        return np.isnan(self.rate_per_s)


@dataclass(slots=True)
class Findings:
    """What a reader found amiss in one file, so far."""

    file: str
    rows: list[Problem] = field(default_factory=list)
    told_of: list[Problem] = field(default_factory=list)
    left_out: int = 0

    def bad(self, line: int, message: str, remedy: str = "the row is left out") -> None:
        self.left_out += 1
        if len(self.rows) < MOST_TOLD:
            self.rows.append(Problem("W913", Where(self.file, line), "", message, remedy, Severity.WARNING))

    def warn(self, code: str, message: str, remedy: str, line: int = 1) -> None:
        self.told_of.append(Problem(code, Where(self.file, line), "", message, remedy, Severity.WARNING))

    def told(self) -> tuple[Problem, ...]:
        """All of it, bad rows first, in few words where there are many."""
        more = self.left_out - len(self.rows)
        rest = [Problem("W913", Where(self.file), "", f"has {more} more such rows", "they are left out", Severity.WARNING)] if more else []
        return (*self.rows, *rest, *self.told_of)

    def nothing(self, what: str = "row") -> PlanError:
        """The error of a file in which nothing can be read."""
        remedy = "see the warnings" if self.rows else f"it needs one {what} at least"
        return PlanError([Problem("E914", Where(self.file), "", f"has no {what} that can be read", remedy), *self.told()])


def trouble(code: str, file: str, message: str, remedy: str) -> PlanError:
    return PlanError([Problem(code, Where(file), "", message, remedy)])


def contents(path: Path) -> bytes:
    """A file's bytes, unpacked where it is gzip. Raises PlanError where it cannot be read."""
    name = str(path)
    try:
        raw = path.read_bytes()
        if not raw.startswith(b"\x1f\x8b"):
            return raw
        with gzip.open(path) as file:
            unpacked = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise trouble("E911", name, f"cannot be read: {said}", "name a file that can be read") from error
    if len(unpacked) > MOST_BYTES:
        raise trouble("E911", name, f"unpacks to more than {MOST_BYTES >> 30} GiB", "cut it, or write it as Parquet")
    return unpacked


def tokens_of(text: str) -> int | None:
    """A number of tokens as ASCII digits; None where it is none."""
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) > MOST_TOKENS:
        return None
    return int(text)


def put_in_order(trace: Trace, findings: Findings, *, ordered: bool = True) -> Trace:
    """By time, from 0 on, and what looks like a slip told. `at_s` comes in any order, in seconds since any moment.

    `ordered`: the form promises an order, so that rows out of it are told.
    """
    at_s = trace.at_s
    late = int(np.sum(np.diff(at_s) < 0.0))
    if late and ordered:
        findings.warn("W915", f"has {late} rows earlier than the row before them", "they are put in order")
    order = np.argsort(at_s, kind="stable")
    at_s = at_s[order]
    same = repeated(trace, order)
    if same:
        findings.warn("W916", f"has {same} rows that repeat another, time and lengths alike", "they count; remove them if they are slips")
    gaps = np.diff(at_s)
    if len(gaps) > 2 and float(gaps.max()) > LONE * float(at_s[-1] - at_s[0]) > 0.0:
        k = int(np.argmax(gaps))
        message = f"has a pause of {gaps[k]:.0f} s in a record of {at_s[-1] - at_s[0]:.0f} s, after arrival {k + 1} of {len(at_s)}"
        findings.warn("W918", message, "it is kept; look whether a time is wrong")

    def taken(values: Any) -> Any:
        return None if values is None else values[order]

    chains = trace.chains
    if chains is not None:
        chains = replace(chains, first=chains.first[order], count=chains.count[order])
    return replace(
        trace, at_s=at_s - at_s[0], input_tokens=taken(trace.input_tokens), output_tokens=taken(trace.output_tokens),
        cached_tokens=taken(trace.cached_tokens), reasoning_tokens=taken(trace.reasoning_tokens), stream=taken(trace.stream),
        who=taken(trace.who), chains=chains, step_s=step_of(at_s),
    )  # fmt: skip


def repeated(trace: Trace, order: Integers) -> int:
    """Rows equal to another. Where times are rounded or prefixes are told, alike is not the same."""
    if trace.chains is not None or len(order) < 2:
        return 0
    told = trace.output_tokens >= 0
    columns = [trace.at_s[told], trace.input_tokens[told], trace.output_tokens[told]]
    ordered = np.lexsort(columns[::-1])
    same = np.ones(max(len(ordered) - 1, 0), np.bool_)
    for column in columns:
        same &= np.diff(column[ordered]) == 0
    return int(same.sum()) if step_of(trace.at_s[order]) == 0.0 else 0


def step_of(at_s: Floats) -> float:
    """The usual step of rounded times: where most arrivals share theirs with another, the median distance of distinct ones; else 0."""
    distinct = np.unique(at_s)
    if len(distinct) < 3 or len(distinct) > len(at_s) / 2:
        return 0.0
    return float(np.median(np.diff(distinct)))


def parties_of(columns: Iterable[tuple[str | None, str | None, str | None, str | None]]) -> tuple[Integers, tuple[Party, ...]]:
    """Codes of rows of words, the commonest party first."""
    rows = list(columns)
    ranked = {row: code for code, (row, _) in enumerate(Counter(rows).most_common())}
    return np.array([ranked[row] for row in rows], np.int64), tuple(Party(*row) for row in ranked)
