"""Service levels, as one JSON object: a month of 100 million events reported, false pages of burn alerts, and how soon they tell.

    python benchmarks/sla.py [--quick] [--only month|pages]

`month`: a ledger of Parquet files is made by DuckDB in a temporary directory (some 3 GB, deleted after), and `report sla` reads it by tier
and tenant in a process of its own; peak memory is that process's (`ru_maxrss`), the interpreter included. `pages`: months of a healthy
service that spends half of its budget, and services that begin to burn; alerts by the product's decision and by the usual rule. Each figure
stands beside its goal.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from roteiro.analysis.burn_alert import Decision, firings, usual_rule
from roteiro.analysis.error_budget import CountSeries
from roteiro.analysis.objective import Severity, Window, usual_alerts
from roteiro.ledger.place import partition
from roteiro.ledger.schema import columns_of
from roteiro.plan.digest import canonical_json, digest
from roteiro.plan.read import read_text
from roteiro.policy.burn import burn_fires

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
MINUTE_S, DAYS = 60.0, 31
PLAN = """
roteiro: 1
providers: {primary: {name: openai, model: gpt-4o}, secondary: {name: anthropic, model: claude-3, price: {input: $3/1M tokens, output: $15/1M tokens}}}
sla_tiers:
  enterprise: {availability: 99.99%, latency_p95: 1000ms, latency_p99: 4s, ttft_p95: 600ms, throughput: 20, cost_per_request: $0.01, support: 24/7}
  business: {availability: 99.9%, latency_p95: 2000ms, ttft_p95: 1s, cost_per_request: $0.01}
  basic: {availability: 99%, latency_p95: 5000ms}
"""  # noqa: E501
NAMED = {
    "run": "'live-1'",
    "time": "make_timestamptz(begin_us + CAST(i * step_us AS BIGINT))",
    "digest": "'DIGEST'",
    "request": "i",
    "seq": "i",
    "world": "'live'",
    "tenant": "'tenant-' || (tenant_of % 200)",
    "tier": "CASE WHEN tenant_of % 10 = 0 THEN 'enterprise' WHEN tenant_of % 10 < 4 THEN 'business' ELSE 'basic' END",
    "target": "CASE WHEN u < 0.7 THEN 'primary' ELSE 'secondary' END",
    "workload": "'chat'",
    "model": "'chat'",
    "outcome": "CASE WHEN u < 0.997 THEN 'success' WHEN u < 0.998 THEN 'failed' WHEN u < 0.999 THEN 'cancelled' ELSE 'limited' END",
    "total_ms": "CAST(-700 * ln(v) + 120 AS FLOAT)",
    "ttft_ms": "CASE WHEN i % 2 = 0 THEN CAST(-120 * ln(v) + 60 AS FLOAT) END",
    "stream": "CAST(1 - i % 2 AS TINYINT)",
    "output_tokens": "CAST(20 + 200 * u AS INTEGER)",
    "cost_nusd": "CAST(2000000 * v AS BIGINT)",
}
"""What differs from row to row; the other columns are constant."""


def month(events: int) -> dict[str, Any]:
    """A month's report: seconds and peak memory."""
    plan = read_text(PLAN).plan
    assert plan is not None
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        (data / "plans").mkdir()
        (data / "plans" / f"{digest(plan)}.json").write_text(canonical_json(plan))
        made_s = time.monotonic()
        for day in range(DAYS):
            make_day(data, day, events // DAYS, digest(plan))
        made_s = time.monotonic() - made_s
        size = sum(path.stat().st_size for path in data.rglob("*.parquet"))
        done = subprocess.run([sys.executable, __file__, "--report", name], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    return {
        "events": events // DAYS * DAYS,
        "parquet_gb": round(size / 1e9, 2),
        "made_s": round(made_s, 1),
        **told,
        "cores": os.cpu_count(),
        "goal": {"seconds": 30, "peak_gb": 3},
    }


def make_day(data: Path, day: int, rows: int, of_plan: str) -> None:
    """One day's Parquet file, where the ledger would have put it."""
    folder = partition(data, "events", (BEGIN + timedelta(days=day)).date())
    folder.mkdir(parents=True)
    begin_us, step_us = round((BEGIN + timedelta(days=day)).timestamp() * 1e6), 86_400e6 / rows
    columns = ", ".join(f'{column_of(field)} AS "{field.name}"' for field in columns_of("events")).replace("DIGEST", of_plan)
    duckdb.sql(f"""COPY (
        SELECT {columns} FROM (
            SELECT i, random() AS u, random() AS v, CAST(floor(random() * 1000) AS BIGINT) AS tenant_of, {begin_us} AS begin_us, {step_us} AS step_us
            FROM range({rows}) AS t(i))
    ) TO '{folder / f"live-1-events-{day + 1:06d}.parquet"}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)""")  # noqa: E501


def column_of(field: pa.Field) -> str:
    """A column's expression, of the type that the ledger gives it."""
    if field.name in NAMED:
        return NAMED[field.name]
    if pa.types.is_dictionary(field.type):
        return "CAST(NULL AS VARCHAR)"
    kinds = {pa.int8(): "TINYINT", pa.int16(): "SMALLINT", pa.int32(): "INTEGER", pa.int64(): "BIGINT", pa.float32(): "FLOAT"}
    return f"CAST(0 AS {kinds.get(field.type, 'DOUBLE')})"


def report(data: str) -> dict[str, Any]:
    from roteiro.tasks.service_levels import report_sla

    began, cpu = time.monotonic(), time.process_time()
    answer = report_sla(data, month="2026-10", zone="America/Sao_Paulo", by="tenant")
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    groups = sum(len(one.groups) for tier in answer.sla.tiers for one in tier.dimensions)
    return {
        "seconds": round(took, 1),
        "cpu_s": round(cpu, 1),
        "peak_gb": round(peak / 1e9, 2),
        "requests": answer.sla.requests,
        "counts_by_tenant": groups,
    }


def pages(trials: int) -> list[dict[str, Any]]:
    """False pages in months at half the budget, and minutes until real burns are told, by both rules."""
    return [of_service(0.999, 60.0, trials, 19.8), of_service(0.99, 5.0, trials, 12.2), of_service(0.999, 6000.0, trials, None)]


def of_service(least: float, an_hour: float, trials: int, known: float | None) -> dict[str, Any]:
    rules: dict[str, Decision] = {"roteiro": burn_fires, "usual": usual_rule}
    healthy = {name: false_pages(least, an_hour, trials, rule) for name, rule in rules.items()}
    burns = {"outage": 1.0, "14.4x": 14.4 * (1.0 - least), "6x": 6.0 * (1.0 - least)}
    return {
        "objective": least,
        "requests_an_hour": an_hour,
        "months": trials,
        "false_pages_a_month": healthy,
        "goal": {"roteiro": 0.1, "usual, as known": known},
        "minutes_until_told": {
            burn: {name: minutes_until_told(least, an_hour, share, trials, rule) for name, rule in rules.items()}
            for burn, share in burns.items()
        },
    }


def series_of(draw: np.random.Generator, an_hour: float, minutes: int, bad: Any) -> CountSeries:
    events = draw.poisson(an_hour / 60.0, minutes)
    failed = draw.binomial(events, bad)
    return CountSeries(BEGIN, MINUTE_S, events - failed, failed)


def paged(series: CountSeries, least: float, rule: Decision) -> list[datetime]:
    window = Window.rolling(30 * 86_400.0)
    alerts = [alert for alert in usual_alerts(window, least) if alert.severity is Severity.PAGE]
    return [firing.since for firing in firings(series, alerts, least, window.length_s, decide=rule)]


def false_pages(least: float, an_hour: float, trials: int, rule: Decision) -> float:
    draws = (np.random.default_rng([7, trial]) for trial in range(trials))
    return round(sum(len(paged(series_of(draw, an_hour, 30 * 1440, (1.0 - least) / 2.0), least, rule)) for draw in draws) / trials, 3)


def minutes_until_told(least: float, an_hour: float, share: float, trials: int, rule: Decision) -> dict[str, Any]:
    """A week at half the budget, then two days at `share` failures. A page that stood already when it began is told at once."""
    week, days = 7 * 1440, 2 * 1440
    bad = np.concatenate([np.full(week, (1.0 - least) / 2.0), np.full(days, share)])
    waits, untold = [], 0
    for trial in range(trials):
        series = series_of(np.random.default_rng([8, trial]), an_hour, week + days, bad)
        begins = BEGIN + timedelta(minutes=week)
        found = min((at for at in paged(series, least, rule) if at >= begins), default=None)
        if found is None:
            untold += 1
        waits.append(float("inf") if found is None else (found - begins).total_seconds() / 60.0)
    half, most = (float(value) for value in np.quantile(waits, [0.5, 0.9], method="inverted_cdf"))
    return {
        "median": half if np.isfinite(half) else None,
        "p90": most if np.isfinite(most) else None,
        "untold_in_two_days": untold / trials,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the events, a tenth of the months")
    parser.add_argument("--only", choices=["month", "pages"])
    parser.add_argument("--report", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.report:
        print(json.dumps(report(asked.report)))
        return
    told: dict[str, Any] = {}
    if asked.only != "month":
        told["burn_alerts"] = pages(20 if asked.quick else 200)
    if asked.only != "pages":
        told["month"] = month(1_000_000 if asked.quick else 100_000_000)
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
