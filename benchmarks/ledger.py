"""How fast rows become durable, how large they are on disk, and how fast a million of them answer. Prints one JSON object.

Method: two million rows a table, appended and synced to a temporary folder through the writer that server and simulator use; three
rounds, medians and all rounds printed. Then a GROUP BY over them, as segments and as Parquet, and groups of ten rows, which is what a
quiet server syncs.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from roteiro.ledger import Head, Ledger, SegmentWriter, compact_segments
from roteiro.terms.edge import Names
from roteiro.terms.event import DECISION, EVENT

ROWS, ROUNDS, GROUPS = 2_000_000, 3, 200
NAMES = Names(
    targets=["primary", "secondary", "fallback"], routes=["auto"], tenants=["acme", "beta"], workloads=["chat"], keys=["k"],
    tiers=["basic"],
    regions=["default"], limits=[], budgets=[], rules=[], plans=["digest"],
)  # fmt: skip


def rows_of(table: str) -> npt.NDArray[np.void]:
    rng, k = np.random.default_rng(1), np.arange(ROWS)
    rows = np.zeros(ROWS, EVENT if table == "events" else DECISION)
    rows["seq"], rows["request"], rows["target"] = k, k, k % 3
    if table == "events":
        rows["arrival_s"] = np.cumsum(rng.exponential(1e-3, ROWS))
        rows["ended_s"] = rows["arrival_s"] + rng.lognormal(-0.5, 0.5, ROWS)
        rows["total_ms"] = (rows["ended_s"] - rows["arrival_s"]) * 1e3
        rows["input_tokens"], rows["output_tokens"] = rng.integers(10, 4000, ROWS), rng.integers(1, 800, ROWS)
        rows["cost_nusd"], rows["quality"], rows["outcome"] = rows["output_tokens"] * 60_000, np.nan, k % 50 == 0
    else:
        rows["now_s"], rows["u"], rows["step"] = np.cumsum(rng.exponential(1e-3, ROWS)), rng.random(ROWS), k % 9 + 1
    return rows


def bytes_in(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def measure(table: str) -> dict[str, object]:
    rows, rates, figures = rows_of(table), [], {}
    query = f"SELECT target, count(*), sum(seq), quantile_cont({'total_ms' if table == 'events' else 'u'}, 0.95) FROM {table} GROUP BY 1"
    for last in [*(False,) * (ROUNDS - 1), True]:
        with tempfile.TemporaryDirectory() as folder:
            directory = Path(folder)
            writer, start = SegmentWriter(directory, Head(table, "run", 1.77e9, NAMES)), time.perf_counter()
            writer.append(rows)
            writer.seal()
            rates.append(ROWS / (time.perf_counter() - start))
            if last:
                figures["segment_bytes_a_row"] = round(bytes_in(directory) / ROWS, 1)
                start = time.perf_counter()
                Ledger(directory).sql(query)
                figures["group_by_over_segments_s"] = round(time.perf_counter() - start, 3)
                start = time.perf_counter()
                compact_segments(directory, table)
                figures["compacted_rows_a_s"] = round(ROWS / (time.perf_counter() - start))
                figures["parquet_bytes_a_row"] = round(bytes_in(directory) / ROWS, 1)
                start = time.perf_counter()
                Ledger(directory).sql(query)
                figures["group_by_over_parquet_s"] = round(time.perf_counter() - start, 3)
    with tempfile.TemporaryDirectory() as folder:
        writer, times = SegmentWriter(Path(folder), Head(table, "run", 1.77e9, NAMES)), []
        for i in range(GROUPS):
            start = time.perf_counter()
            writer.append(rows[10 * i : 10 * i + 10])
            times.append((time.perf_counter() - start) * 1e3)
    return {
        "durable_rows_a_s": round(statistics.median(rates)),
        "rounds": [round(rate) for rate in rates],
        "group_of_10_rows_ms": round(statistics.median(times), 2),
        **figures,
    }


if __name__ == "__main__":
    print(json.dumps({table: measure(table) for table in ("events", "decisions")}))
