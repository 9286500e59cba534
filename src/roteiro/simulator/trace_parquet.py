"""Parquet: the ledger's events, or anybody's record of token use with columns whose names tell what they are.

A file, or a folder with all that is below it. What must not live here: what the ledger's columns mean beside arrivals.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from roteiro.simulator.trace_azure import seconds_of
from roteiro.simulator.trace_form import MOST_TOKENS, UNTOLD, Findings, Integers, Trace, parties_of, put_in_order, trouble

__all__ = ["read_parquet"]

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "time": ("time", "timestamp", "arrived_at", "created_at", "start_time", "ts", "timestamp_ms", "arrival_ms", "timestamp_s", "arrival_s",
             "t_s"),
    "input": ("input_tokens", "prompt_tokens", "contexttokens", "input_length", "gen_ai.usage.input_tokens"),
    "output": ("output_tokens", "completion_tokens", "generatedtokens", "output_length", "gen_ai.usage.output_tokens"),
    "cached": ("cached_tokens", "cache_read_input_tokens", "cached_input_tokens", "gen_ai.usage.cache_read.input_tokens"),
    "reasoning": ("reasoning_tokens", "gen_ai.usage.reasoning.output_tokens"),
    "stream": ("stream", "streamed", "gen_ai.request.stream"),
    "tenant": ("tenant", "customer", "organization", "team"),
    "workload": ("workload", "application", "use_case"),
    "model": ("model", "model_name", "gen_ai.request.model"),
    "region": ("region", "client_region"),
    "outcome": ("outcome",),
}  # fmt: skip
"""What is looked for → the names it goes by, the first that is there taken, whatever their case."""
WORDS: Final = ("tenant", "workload", "model", "region")
OF_THE_LEDGER: Final = ("run", "time", "arrival_s", "outcome", "input_tokens")
UNITS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
MOST_TOLD_ROWS: Final = 200


def read_parquet(path: Path, findings: Findings) -> Trace:
    """The rows that can be read, of all files below a folder. Raises PlanError where there is none."""
    files = [path] if not path.is_dir() else sorted(one for one in path.rglob("*.parquet") if one.is_file())
    if not files:
        raise trouble("E911", findings.file, "has no Parquet file below it", "name a .parquet file or a folder that has some")
    tables, passed, lacking = [], [], ""
    for file in files:
        try:
            schema = pq.read_schema(file)
            chosen = columns_of(schema.names)
            if "time" in chosen and "input" in chosen and "output" in chosen:
                columns = list(chosen.values()) + (["run"] if set(OF_THE_LEDGER) <= set(schema.names) else [])
                tables.append((file, chosen, pq.ParquetFile(file).read(columns=columns)))
            else:
                passed.append(file)
                lacking = lacking or f"{', '.join(schema.names)[:200] or 'no column'}"
        except (OSError, pa.ArrowException) as error:
            if not path.is_dir():
                message = f"cannot be read: {str(error).splitlines()[0][:200]}"
                raise trouble("E911", findings.file, message, "name a Parquet file that can be read") from error
            findings.bad(1, f"{file.name} cannot be read: {str(error).splitlines()[0][:120]}", "the file is left out")
    if not tables:
        wanted = "; ".join(f"{what}: {', '.join(NAMES[what][:3])} …" for what in ("time", "input", "output"))
        raise trouble("E912", findings.file, f"has the columns {lacking}", f"name them so that they can be found ({wanted})")
    if passed:
        findings.warn(
            "W921", f"has {len(passed)} Parquet files without a time or without tokens, such as {passed[0].name}", "they are left out"
        )
    return joined([trace_of(file, chosen, table, findings) for file, chosen, table in tables], findings)


def columns_of(names: Sequence[str]) -> dict[str, str]:
    """What is looked for → the column that has it."""
    by_lower = {name.lower(): name for name in reversed(names)}
    found = {what: next((by_lower[name] for name in known if name in by_lower), None) for what, known in NAMES.items()}
    return {what: name for what, name in found.items() if name is not None}


Columns = tuple[npt.NDArray[np.float64], dict[str, Integers], list[tuple[str | None, ...]], str, set[str]]


def trace_of(file: Path, chosen: dict[str, str], table: pa.Table, findings: Findings) -> Columns:
    """(Unix seconds, numbers, words, what was assumed, runs) of the rows of one file that can be read."""
    at_s, assumed = times_of(chosen["time"], table[chosen["time"]])
    answered = np.ones(len(table), np.bool_)
    of_ledger = "run" in table.column_names
    if of_ledger:
        answered = np.array(pc.equal(table[chosen["outcome"]].cast(pa.string()), "success").fill_null(False))
    numbers: dict[str, Integers] = {}
    good = np.isfinite(at_s)
    tell(file, findings, ~good, "has no time that can be read")
    for what in ("input", "output", "cached", "reasoning"):
        if what not in chosen:
            continue
        values = tokens(table[chosen[what]])
        optional = what in ("cached", "reasoning")
        values = np.where(answered, np.where(np.isnan(values) & optional, 0.0, values), float(UNTOLD))
        wrong = good & ~((values >= UNTOLD) & (values <= MOST_TOKENS) & ((values >= 0.0) | ~answered))
        tell(file, findings, wrong, f"has {chosen[what]} that is not a number of tokens")
        good &= ~wrong
        numbers[what] = np.where(good, values, 0.0).astype(np.int64)
    if "stream" in chosen:
        numbers["stream"] = np.nan_to_num(tokens(table[chosen["stream"]]), nan=float(UNTOLD)).clip(-1, 1).astype(np.int64)
    words = [
        texts(table[chosen[what]]) if what in chosen and not (of_ledger and what == "region") else [None] * len(table) for what in WORDS
    ]
    kept = np.flatnonzero(good)
    rows = list(zip(*words, strict=True))
    runs = {str(run) for run in texts(table["run"])} if of_ledger else set()
    return at_s[kept], {what: values[kept] for what, values in numbers.items()}, [rows[k] for k in kept.tolist()], assumed, runs


def tell(file: Path, findings: Findings, wrong: npt.NDArray[np.bool_], message: str) -> None:
    """Each row at fault, counted from 1 in its file."""
    rows = np.flatnonzero(wrong)
    prefix = "" if str(file) == findings.file else f"{file.name}: "
    for row in rows[:MOST_TOLD_ROWS].tolist():
        findings.bad(row + 1, f"{prefix}row {row + 1} {message}")
    findings.left_out += max(len(rows) - MOST_TOLD_ROWS, 0)


def times_of(name: str, column: pa.ChunkedArray) -> tuple[npt.NDArray[np.float64], str]:
    """(Unix seconds, NaN where there is none; what was assumed)."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_timestamp(kind):
        values = column.cast(pa.int64()).to_numpy().astype(np.float64) * UNITS[kind.unit]
        values[np.array(column.is_null())] = np.nan
        return values, "" if kind.tz else f"times of column {name} have no zone and are taken as UTC"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        stamps = [None if text is None else seconds_of(text.strip()) for text in column.to_pylist()]
        return np.array([np.nan if stamp is None else stamp[0] for stamp in stamps]), ""
    values = tokens(column)
    values[np.abs(values) > 1e19] = np.nan
    unit = next((unit for unit in ("ms", "us", "ns", "s") if name.lower().endswith(f"_{unit}")), None)
    if unit is not None:
        return values * UNITS[unit], ""
    largest = float(np.nanmax(np.abs(values), initial=0.0)) if len(values) else 0.0
    unit = "ns" if largest > 1e17 else "us" if largest > 1e14 else "ms" if largest > 1e11 else "s"
    return values * UNITS[unit], f"numbers of column {name} are taken as {unit}"


def tokens(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Numbers of a column, NaN where there is none."""
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return np.full(len(column), np.nan)
    values: npt.NDArray[np.float64] = np.array(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)
    return values


def texts(column: pa.ChunkedArray) -> list[str | None]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return [None if word is None else str(word) for word in column.to_pylist()]


def joined(parts: list[Columns], findings: Findings) -> Trace:
    at_s = np.concatenate([part[0] for part in parts])
    if not len(at_s):
        raise findings.nothing()
    told = {what: [what in part[1] for part in parts] for what in (*NAMES,)}

    def column(what: str) -> Integers | None:
        if not any(told[what]):
            return None
        return np.concatenate([part[1].get(what, np.full(len(part[0]), UNTOLD, np.int64)) for part in parts])

    who, parties = parties_of(row for part in parts for row in part[2])  # type: ignore[misc]
    if all(party == type(party)() for party in parties):
        who, parties = None, ()  # type: ignore[assignment]
    runs: set[Any] = set().union(*(part[4] for part in parts))
    assumed = {part[3] for part in parts} - {""} | ({f"events of {len(runs)} runs are taken as one record"} if len(runs) > 1 else set())
    stream = column("stream")
    inputs, outputs = column("input"), column("output")
    assert inputs is not None and outputs is not None
    if (inputs < 0).all():
        raise findings.nothing("request that was answered")
    return put_in_order(
        Trace(
            findings.file, at_s, inputs, outputs, column("cached"), column("reasoning"), None if stream is None else stream.astype(np.int8),
            who, parties, start_unix_s=float(at_s.min()), assumed=tuple(sorted(assumed)),
        ),
        findings,
        ordered=False,
    )  # fmt: skip
