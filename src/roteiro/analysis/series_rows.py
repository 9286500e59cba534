"""Rows of a record → series: which column tells what, times in whatever form, and every slip told.

Two kinds of record. *Arrivals*: a row is a request, as in the ledger. *Windows*: a row is a period with what was counted in it, or with its
rate. What must not live here: opening files.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from roteiro.analysis.clock import comes_twice, to_clock, to_unix
from roteiro.analysis.series import STEPS_S, Series, SeriesSet, remark
from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem, Severity

__all__ = ["series_of_rows"]

Floats = npt.NDArray[np.float64]

TIMES: Final = ("t_s", "time", "timestamp", "arrived_at", "created_at", "start_time", "datetime", "date", "ds", "ts", "timestamp_ms",
                "arrival_ms", "timestamp_s", "arrival_s", "period", "hour", "day")  # fmt: skip
COUNTS: Final[dict[str, tuple[str, ...]]] = {
    "requests": ("requests", "request_count", "calls", "count"),
    "input_tokens": ("input_tokens", "prompt_tokens", "contexttokens", "input_length", "gen_ai.usage.input_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens", "generatedtokens", "output_length", "gen_ai.usage.output_tokens"),
    "tokens": ("tokens", "total_tokens", "token_count"),
    "cost_usd": ("cost_usd", "cost", "spend", "amount_usd"),
}  # fmt: skip
RATES: Final[dict[str, tuple[str, ...]]] = {
    "requests": ("rate_rps", "requests_per_s", "rps", "qps"),
    "input_tokens": ("input_tok_s", "input_tokens_per_s"),
    "output_tokens": ("output_tok_s", "output_tokens_per_s"),
    "tokens": ("tokens_per_s", "tok_s"),
}
"""Means over the window, a second; times its length they are counts."""
NAMED: Final[dict[str, tuple[str, ...]]] = {
    "tenant": ("tenant", "customer", "organization", "team", "client"),
    "workload": ("workload", "application", "use_case"),
    "model": ("model", "model_name", "gen_ai.request.model"),
}
MULTIPLES: Final = {"": 1.0, "k": 1e3, "m": 1e6, "mi": 1e6, "mil": 1e3, "b": 1e9, "g": 1e9}
UNIT_WORDS: Final = {"token": 1.0, "tokens": 1.0, "ktokens": 1e3, "ktok": 1e3, "1k tokens": 1e3, "mtokens": 1e6, "1m tokens": 1e6,
                     "request": 1.0, "requests": 1.0, "usd": 1.0, "$": 1.0, "cents": 0.01}  # fmt: skip
REGULAR: Final = 0.5
"""A record is one of windows where more than so many distances of times are the usual one."""
IDLE: Final = 0.25
"""From this share of all-zero windows on they are taken as idle hours, below it as gaps of the record."""
LARGE_MS, LARGE_US = 1e11, 1e14
"""Unix times from here on count milliseconds, and microseconds."""
UNSEEN: Final = 5.0
"""Of arrivals at random, so many are never missing by chance alone (e^-5, seven in a thousand)."""
LEAST_PERIODS: Final = 3
"""With fewer, an unfinished one is too much of what there is to be left out."""
MOST_PERIODS: Final = 2_000_000
MOST_NAMES: Final = 50


@dataclass(slots=True)
class Rows:
    """What was read: Unix seconds (NaN where none), numbers by measure, words by level."""

    at_s: Floats
    numbers: dict[str, Floats]
    words: dict[str, npt.NDArray[np.object_]]
    rates: bool
    dated: bool


def series_of_rows(
    table: pa.Table,
    where: str,
    *,
    step_s: int | None = None,
    arrivals: bool | None = None,
    zone: str | None = None,
    between: tuple[float, float] | None = None,
) -> SeriesSet:
    """The series of a record whose columns are named as people name them (`TIMES`, `COUNTS`, `RATES`, `NAMED`).

    `where` names the record in problems. `step_s`: the length of a period of arrivals; windows keep their own. `arrivals`: whether a row
    is one request; None finds out. `zone`: whose clock the series are laid out by, and times without a zone are of. `between`: Unix
    seconds of the first and the last arrival, where rows were counted by longer stretches before. Raises PlanError where
    there is no time, no number, or nothing that can be read.
    """
    told: list[Problem] = []
    rows = read(table, where, told, zone)
    good = np.isfinite(rows.at_s)
    if not good.all():
        told.append(remark("W931", where, f"has {int((~good).sum())} rows without a time that can be read", "they are left out"))
    if not good.any():
        raise PlanError([fault("E934", where, "has no row with a time that can be read", "write times as 2026-01-31T12:00Z"), *told])
    order = np.argsort(np.where(good, rows.at_s, np.inf), kind="stable")[: int(good.sum())]
    rows.at_s = rows.at_s[order]
    rows.numbers = {name: values[order] for name, values in rows.numbers.items()}
    rows.words = {name: values[order] for name, values in rows.words.items()}
    for name, values in rows.numbers.items():
        if (count := int((values < 0.0).sum())) and name != "value":
            told.append(remark("W932", where, f"has {count} negative {name}", "they are taken as not known"))
            rows.numbers[name] = np.where(values < 0.0, np.nan, values)
    width = usual_step(rows.at_s)
    if arrivals is None:
        arrivals = not rows.rates and not {"requests", "value"} & set(rows.numbers) and width is None
    if arrivals:
        step = step_s or step_for(float(rows.at_s[-1] - rows.at_s[0]))
        rows.numbers.setdefault("requests", np.ones(len(rows.at_s)))
    else:
        step = max(1, round(width if width is not None else step_s or 3600))
        rows = without_repeats(rows, where, told)
        if rows.rates:
            rows.numbers = {name: values * (1.0 if name == "value" else step) for name, values in rows.numbers.items()}
    if {"input_tokens", "output_tokens"} <= set(rows.numbers) and "tokens" not in rows.numbers:
        rows.numbers["tokens"] = np.nan_to_num(rows.numbers["input_tokens"]) + np.nan_to_num(rows.numbers["output_tokens"])
    if arrivals:
        rows = whole_periods(rows, step, between or (float(rows.at_s[0]), float(rows.at_s[-1])), where, told)
    if zone and rows.dated:
        rows = by_clock(rows, zone, where, told)
    return binned(rows, step, arrivals, where, told, zone if zone and rows.dated else "")


def whole_periods(rows: Rows, step: int, between: tuple[float, float], where: str, told: list[Problem]) -> Rows:
    """The same arrivals without those of a first and a last period that the record has only a part of: by the pace of the period beside it,
    more than UNSEEN of them would have come in the rest of it. A half-counted hour would teach a fall."""
    period = np.floor(rows.at_s / step).astype(np.int64)
    ends = period[0], period[-1]
    if ends[1] - ends[0] < LEAST_PERIODS:
        return rows
    counts = np.nan_to_num(rows.numbers["requests"])
    first = (between[0] - ends[0] * step) / step * counts[period == ends[0] + 1].sum() > UNSEEN
    last = ((ends[1] + 1) * step - between[1]) / step * counts[period == ends[1] - 1].sum() > UNSEEN
    if not (first or last):
        return rows
    which = "first and last periods are" if first and last else f"{'first' if first else 'last'} period is"
    told.append(remark("W947", where, f"{which} not whole", f"left out; a period of {step} s has to be told from beginning to end"))
    kept = ~((period == ends[0]) & first) & ~((period == ends[1]) & last)
    words = {level: said[kept] for level, said in rows.words.items()}
    return Rows(rows.at_s[kept], {name: values[kept] for name, values in rows.numbers.items()}, words, rows.rates, rows.dated)


def by_clock(rows: Rows, zone: str, where: str, told: list[Problem]) -> Rows:
    """The same rows by the zone's clock; what is in an hour that comes twice counts half, so that it is the mean of both."""
    at_s = to_clock(rows.at_s, zone)
    twice = comes_twice(at_s, zone)
    if np.ptp(at_s - rows.at_s) > 0.0:
        remedy = "an hour that comes twice counts as the mean of both, one that is left out is not known; so every day has 24 hours"
        told.append(remark("W946", where, f"has changes of the clock in {zone}", remedy))
    numbers = {name: values if name == "value" else np.where(twice, 0.5 * values, values) for name, values in rows.numbers.items()}
    order = np.argsort(at_s, kind="stable")
    words = {level: said[order] for level, said in rows.words.items()}
    return Rows(at_s[order], {name: values[order] for name, values in numbers.items()}, words, rows.rates, rows.dated)


def fault(code: str, where: str, message: str, remedy: str) -> Problem:
    return remark(code, where, message, remedy, severity=Severity.ERROR)


def read(table: pa.Table, where: str, told: list[Problem], zone: str | None) -> Rows:
    """The columns that are known by their names; where none counts, the only number there is."""
    by_lower = {name.lower().strip(): name for name in reversed(table.column_names)}

    def found(among: tuple[str, ...]) -> str | None:
        return next((by_lower[name] for name in among if name in by_lower), None)

    time = found(TIMES)
    if time is None:
        raise PlanError([fault("E932", where, f"has no column of times; it has {', '.join(table.column_names)[:200]}", f"name one of them {', '.join(TIMES[:4])} …")])  # fmt: skip # noqa: E501
    at_s, dated = seconds(table.column(time), time, where, told, zone)
    counts = {measure: name for measure, among in COUNTS.items() if (name := found(among))}
    rates = {measure: name for measure, among in RATES.items() if (name := found(among))} if not counts else {}
    chosen = counts or rates
    scale: dict[str, float] = {}
    if "cost_usd" not in chosen and (name := found(("cost_nusd",))):
        chosen, scale = {**chosen, "cost_usd": name}, {"cost_usd": 1e-9}
    words = {level: name for level, among in NAMED.items() if (name := found(among))}
    if not chosen:
        rest = [name for name in table.column_names if name != time and name not in words.values() and is_number(table.column(name))]
        if len(rest) != 1:
            what = f"has {len(rest)} columns of numbers, none of which is known" if rest else "has no column of numbers"
            raise PlanError([fault("E932", where, what, "name it requests, input_tokens, output_tokens, tokens or cost_usd")])
        chosen = {"value": rest[0]}
    numbers = {measure: amounts(table.column(name), name, where, told) * scale.get(measure, 1.0) for measure, name in chosen.items()}
    if (unit := found(("unit", "units"))) is not None:
        numbers = in_one_unit(numbers, table.column(unit), where, told)
    said = {level: np.array([word or "" for word in pc.cast(table.column(name), pa.string()).to_pylist()], object) for level, name in words.items()}  # fmt: skip # noqa: E501
    return Rows(at_s, numbers, said, bool(rates) and not counts, dated)


def is_number(column: pa.ChunkedArray) -> bool:
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return True
    if not pa.types.is_string(column.type):
        return False
    sample = [text for text in column.slice(0, 200).to_pylist() if text]
    return bool(sample) and sum(amount(text)[0] is not None for text in sample) > len(sample) / 2


def amounts(column: pa.ChunkedArray, name: str, where: str, told: list[Problem]) -> Floats:
    """Numbers, however they are written: `1.2k` and `3M` too; where some rows are written so and others are not, that is told."""
    if not pa.types.is_string(column.type):
        values: Floats = pc.cast(column, pa.float64(), safe=False).to_numpy().astype(np.float64)
        return np.where(np.isfinite(values), values, np.nan)
    read_as = [amount(text) for text in column.to_pylist()]
    multiples = {multiple for value, multiple in read_as if value is not None}
    if len(multiples) > 1:
        signs = ", ".join(sorted(multiple or "none" for multiple in multiples))
        told.append(
            remark("W933", where, f"writes {name} in several units ({signs})", "each is read as written; see that they are meant so")
        )
    lost = sum(value is None for (value, _), text in zip(read_as, column.to_pylist(), strict=True) if text not in (None, ""))
    if lost:
        told.append(remark("W931", where, f"has {lost} values of {name} that are no numbers", "they are taken as not known"))
    return np.array([np.nan if value is None else value for value, _ in read_as], np.float64)


def amount(text: str | None) -> tuple[float | None, str]:
    """(number, its multiple) of a text; None where it is none."""
    plain = (text or "").strip().lower().lstrip("$").replace(" ", "").replace("_", "")
    digits = plain.rstrip("kmbgil")
    multiple = plain[len(digits) :]
    try:
        value = float(digits) * MULTIPLES[multiple]
    except (ValueError, KeyError):
        return None, ""
    return (value if np.isfinite(value) else None), multiple


def in_one_unit(numbers: dict[str, Floats], column: pa.ChunkedArray, where: str, told: list[Problem]) -> dict[str, Floats]:
    """Rows that name their unit, all in the same: known ones are converted, of others only the commonest counts."""
    units = np.array([(word or "").strip().lower() for word in pc.cast(column, pa.string()).to_pylist()], object)
    kinds, counts = np.unique(units, return_counts=True)
    if len(kinds) < 2:
        return numbers
    if all(kind in UNIT_WORDS for kind in kinds):
        told.append(remark("W933", where, f"has rows in several units ({', '.join(kinds)})", "they are converted to the smallest"))
        by = np.array([UNIT_WORDS[unit] for unit in units])
        return {name: values * by for name, values in numbers.items()}
    commonest = kinds[int(np.argmax(counts))]
    message = f"has rows in units that cannot be converted into each other ({', '.join(map(str, kinds[:5]))})"
    told.append(remark("W933", where, message, f"only the {int(counts.max())} in {commonest or 'none'!r} are used"))
    return {name: np.where(units == commonest, values, np.nan) for name, values in numbers.items()}


def seconds(column: pa.ChunkedArray, name: str, where: str, told: list[Problem], zone: str | None = None) -> tuple[Floats, bool]:
    """(Unix seconds, whether they are dates) of a column of times; NaN where a row has none. Times without a zone are of `zone`, or UTC."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        micros = pc.cast(pc.cast(column, pa.timestamp("us", tz=getattr(column.type, "tz", None)), safe=False), pa.int64())
        at_s = micros.to_numpy().astype(np.float64) / 1e6
        return (to_unix(at_s, zone) if zone and getattr(column.type, "tz", None) is None else at_s), True
    if is_number(column):
        values = amounts(column, name, where, told)
        largest = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0
        unit = 1e-6 if largest >= LARGE_US else 1e-3 if largest >= LARGE_MS or name.lower().endswith("_ms") else 1.0
        return values * unit, largest * unit >= 1e9
    found = np.full(len(column), np.nan)
    zones: set[str] = set()
    unsaid = np.zeros(len(column), np.bool_)
    for at, text in enumerate(column.to_pylist()):
        try:
            moment = datetime.fromisoformat((text or "").strip().removesuffix(" UTC"))
        except ValueError:
            continue
        unsaid[at] = moment.tzinfo is None
        zones.add("none" if moment.tzinfo is None else f"{moment:%z}")
        found[at] = moment.timestamp() if moment.tzinfo is not None else (moment - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001
    if zone:
        found[unsaid] = to_unix(found[unsaid], zone)
    if len(zones) > 1:
        remedy = f"all are told by the clock of {zone or 'UTC'}; those without a zone are taken as its"
        told.append(remark("W934", where, f"has times in several zones ({', '.join(sorted(zones))})", remedy))
    return found, True


def usual_step(at_s: Floats) -> float | None:
    """The usual distance of distinct times, where most have it; None where times are irregular."""
    distinct = np.unique(at_s)
    if len(distinct) < 2:
        return None
    gaps = np.round(np.diff(distinct), 3)
    kinds, counts = np.unique(gaps, return_counts=True)
    most = int(np.argmax(counts))
    return float(kinds[most]) if counts[most] > REGULAR * len(gaps) and kinds[most] >= 1.0 else None


def step_for(span_s: float) -> int:
    """A period for arrivals over such a span: the shortest that makes no more than some thousand of them."""
    return next((step for step in STEPS_S if span_s / step <= 1500), STEPS_S[-1])


def without_repeats(rows: Rows, where: str, told: list[Problem]) -> Rows:
    """Windows told twice: what is alike in all counts once."""
    names = list(rows.numbers)
    keys = list(zip(rows.at_s, *rows.words.values(), *(np.nan_to_num(rows.numbers[name], nan=-1.0) for name in names), strict=True))
    first = dict[Any, int]()
    for at, key in enumerate(keys):
        first.setdefault(key, at)
    kept = np.array(sorted(first.values()), np.int64)
    if len(kept) < len(keys):
        told.append(remark("W935", where, f"has {len(keys) - len(kept)} rows that repeat another in all", "they count once"))
    places = list(zip(rows.at_s[kept], *(values[kept] for values in rows.words.values()), strict=True))
    if (double := len(places) - len(set(places))) > 0:
        remedy = "their mean is taken" if "value" in names else "they are added, as parts of one window"
        told.append(remark("W936", where, f"has {double} rows at a time that another row has too, with other numbers", remedy))
    return Rows(
        rows.at_s[kept], {name: values[kept] for name, values in rows.numbers.items()},
        {name: values[kept] for name, values in rows.words.items()}, rows.rates, rows.dated,
    )  # fmt: skip


def binned(rows: Rows, step: int, arrivals: bool, where: str, told: list[Problem], zone: str) -> SeriesSet:
    """Sums by period, of everything and of each name at each level."""
    start = float(np.floor(rows.at_s[0] / step) * step) if arrivals or rows.at_s[0] % step == 0 else float(rows.at_s[0])
    at = np.floor((rows.at_s - start) / step + 1e-6).astype(np.int64)
    periods = int(at[-1]) + 1
    if periods > MOST_PERIODS:
        raise PlanError([fault("E934", where, f"spans {periods:,} periods of {step} s", f"at most {MOST_PERIODS:,}; see that no time is wrong")])  # fmt: skip # noqa: E501
    whole = np.ones(len(at), np.bool_)
    totals = {name: added(at, values, whole, periods, name) for name, values in rows.numbers.items()}
    missing = gaps_of(totals, arrivals, where, told)
    made = [Series("total", "total", start, step, np.where(missing, np.nan, values), name, dated=rows.dated, zone=zone) for name, values in totals.items()]  # noqa: E501 # fmt: skip
    parents: dict[tuple[str, str], tuple[str, str]] = {}
    for level, words in rows.words.items():
        names, counts = np.unique(words.astype(str), return_counts=True)
        ranked = [str(names[k]) for k in np.argsort(-counts, kind="stable")]
        if len(ranked) > MOST_NAMES:
            told.append(remark("W939", where, f"has {len(ranked)} names at level {level}", f"the commonest {MOST_NAMES - 1} stand alone, the others together"))  # noqa: E501 # fmt: skip
            rest = set(ranked[MOST_NAMES - 1 :])
            words = np.array(["(others)" if word in rest else word for word in words], object)
            ranked = [*ranked[: MOST_NAMES - 1], "(others)"]
        for one in ranked:
            parents[level, one or "(none)"] = ("total", "total")
            mine = words == one
            for name, values in rows.numbers.items():
                part = np.nan_to_num(added(at, values, mine, periods, name))
                made.append(Series(one or "(none)", level, start, step, np.where(missing, np.nan, part), name, dated=rows.dated, zone=zone))
    return SeriesSet(tuple(made), tuple(told), parents=parents)


def added(at: npt.NDArray[np.int64], values: Floats, mine: npt.NDArray[np.bool_], periods: int, name: str) -> Floats:
    """Sums (of a value of unknown kind, means) by period; NaN where no row tells."""
    known = np.isfinite(values) & mine
    count = np.bincount(at[known], minlength=periods)
    total = np.bincount(at[known], weights=values[known], minlength=periods)
    return np.where(count > 0, total / np.maximum(count, 1) if name == "value" else total, np.nan)


def gaps_of(totals: dict[str, Floats], arrivals: bool, where: str, told: list[Problem]) -> npt.NDArray[np.bool_]:
    """Periods that are not known: without a row, or with nothing but zeros. Where zeros are many, they are idle hours and known."""
    absent = np.all([~np.isfinite(values) for values in totals.values()], axis=0)
    zero = np.all([np.nan_to_num(values) == 0.0 for values in totals.values()], axis=0)
    if "value" in totals:
        zero = absent
    if zero.all():
        return np.asarray(absent if not arrivals else zero)
    empty = zero if arrivals else zero & ~absent
    if empty.any():
        share = float(empty.mean())
        if share > IDLE:
            told.append(remark("W937", where, f"has nothing in {share:.0%} of its periods", "so many are taken as idle, with zero demand"))
            for name, values in totals.items():
                totals[name] = np.where(empty, 0.0, values)
            return np.asarray(absent & ~empty)
        told.append(
            remark("W938", where, f"has {int(empty.sum())} periods with nothing but zeros", "they are taken as not known, not as idle")
        )
    return np.asarray(absent | empty)
