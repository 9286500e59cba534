"""The JSONL form of the Mooncake traces: one object a line, with timestamp (ms), input_length, output_length and hash_ids.

`hash_ids` name the blocks of 512 tokens that a request begins with; equal ids mean equal text from the start up to there. What must not
live here: how long a target keeps a block.
"""

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np

from roteiro.simulator.trace_form import BLOCK_TOKENS, MOST_TOKENS, Chains, Findings, Trace, put_in_order

__all__ = ["read_mooncake"]

FIELDS: Final = ("timestamp", "input_length", "output_length")
MOST_MS: Final = 1e15
LONGEST: Final = 1 << 18
"""Blocks of one request; a longer chain is a slip."""

Row = tuple[float, int, int, list[int]]


def read_mooncake(lines: Iterator[bytes], findings: Findings) -> Trace:
    """The lines that can be read. Raises PlanError where there is none."""
    read: list[Row] = []
    shortened = 0
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        row = row_of(text)
        if isinstance(row, str):
            findings.bad(line, row)
            continue
        most = -(-row[1] // BLOCK_TOKENS)
        if len(row[3]) > most:
            shortened += 1
            row = (*row[:3], row[3][:most])
        read.append(row)
    if not read:
        raise findings.nothing("line")
    if shortened:
        message = f"has {shortened} requests with more blocks of {BLOCK_TOKENS} tokens than their input has"
        findings.warn("W919", message, "the blocks beyond the input are left out")
    return put_in_order(trace_of(read, findings), findings)


def row_of(text: bytes) -> Row | str:
    """(ms, input tokens, output tokens, blocks), or what is wrong."""
    try:
        told: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return f"is not JSON: {str(error)[:120]}"
    if not isinstance(told, dict):
        return "is not a JSON object"
    missing = [name for name in FIELDS if name not in told]
    if missing:
        return f"has no {', '.join(missing)}"
    stamp, *lengths = (told[name] for name in FIELDS)
    if isinstance(stamp, bool) or not isinstance(stamp, int | float) or not math.isfinite(stamp) or abs(stamp) > MOST_MS:
        return f"has the timestamp {str(stamp)[:60]!r}, not milliseconds"
    for name, length in zip(FIELDS[1:], lengths, strict=True):
        if isinstance(length, bool) or not isinstance(length, int) or not 0 <= length <= MOST_TOKENS:
            return f"has {str(length)[:60]!r} {name}, not a number of tokens"
    blocks = told.get("hash_ids")
    blocks = [] if blocks is None else blocks
    if not isinstance(blocks, list) or len(blocks) > LONGEST or any(isinstance(one, bool) or not isinstance(one, int) for one in blocks):
        return "has hash_ids that are not a list of whole numbers"
    return float(stamp), lengths[0], lengths[1], blocks


def trace_of(read: list[Row], findings: Findings) -> Trace:
    at_s = np.array([row[0] for row in read]) / 1e3
    tokens = np.array([row[1:3] for row in read], np.int64)
    count = np.array([len(row[3]) for row in read], np.int64)
    dense: dict[int, int] = {}  # ids may be of any size
    blocks = np.fromiter((dense.setdefault(one, len(dense)) for one in chain.from_iterable(row[3] for row in read)), np.int64)
    chains = Chains(np.cumsum(count) - count, count, blocks) if len(blocks) else None
    return Trace(findings.file, at_s, tokens[:, 0], tokens[:, 1], chains=chains)
