"""The CSV form of the Azure traces of language-model inference: TIMESTAMP, ContextTokens, GeneratedTokens.

What must not live here: other forms, and who asked, which this one does not tell.
"""

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import numpy as np

from roteiro.simulator.trace_form import Findings, Trace, put_in_order, tokens_of

__all__ = ["COLUMNS", "read_azure", "rows_of", "seconds_of"]

COLUMNS: Final = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(\.\d{1,12})?(Z|[+-]\d\d:\d\d)?")


def read_azure(rows: Iterator[tuple[int, list[str]]], header: list[str], findings: Findings) -> Trace:
    """The rows that can be read. A time without a zone is UTC. Raises PlanError where there is none."""
    places = [header.index(column) for column in COLUMNS]
    read: list[tuple[float, int, int]] = []
    zoned = 0
    for line, cells in rows:
        row = row_of(cells, places)
        if isinstance(row, str):
            findings.bad(line, row)
        else:
            read.append(row[:3])
            zoned += row[3]
    if not read:
        raise findings.nothing()
    if 0 < zoned < len(read):
        findings.warn("W917", f"has {zoned} times with a time zone and {len(read) - zoned} without", "those without are taken as UTC")
    at_s = np.array([row[0] for row in read])
    tokens = np.array([row[1:] for row in read], np.int64)
    return put_in_order(Trace(findings.file, at_s, tokens[:, 0], tokens[:, 1], start_unix_s=float(at_s.min())), findings)


def rows_of(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of rows that are not empty; a row that breaks the CSV's own rules reads as one nonsensical cell."""
    reader = csv.reader(line.replace("\0", "\ufffd") for line in lines)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            row = [str(error)]
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def seconds_of(stamp: str) -> tuple[float, bool] | None:
    """(Unix seconds, whether a zone other than UTC was told) of a time like 2023-11-16 18:17:03.9799600; None where it is none."""
    match = STAMP.fullmatch(stamp)
    if match is None:
        return None
    try:
        when = datetime.fromisoformat(match[1] + ("+00:00" if match[3] in (None, "Z") else match[3])).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return when.timestamp() + float(match[2] or 0.0), match[3] not in (None, "Z")


def row_of(cells: list[str], places: list[int]) -> tuple[float, int, int, bool] | str:
    """(Unix seconds, input tokens, output tokens, whether the zone was told), or what is wrong."""
    if len(cells) <= max(places):
        return f"has {len(cells)} cells, too few"
    stamp, context, generated = (cells[place].strip() for place in places)
    when = seconds_of(stamp)
    if when is None:
        return f"has the time {stamp[:60]!r}, not one like 2023-11-16 18:17:03.9799600"
    tokens = []
    for column, text in zip(COLUMNS[1:], (context, generated), strict=True):
        number = tokens_of(text)
        if number is None:
            return f"has {text[:60]!r} {column}, not a number of tokens"
        tokens.append(number)
    return when[0], tokens[0], tokens[1], when[1]
