"""Meters: what routing conditions measure of a target or of the fleet, over a sliding time window.

Record: METER, one per distinct (subject, metric, statistic, window, threshold) that the plan asks for, so nothing else is measured.
A percentile is never estimated: "p95 > 2000 ms" holds exactly when more than 5 % of the calls took longer, and those are counted.
"""

from enum import IntEnum
from typing import Any

from roteiro.policy.kernel import inlined, kernel
from roteiro.policy.state import METER_SLOTS, NONE, header_of, meter_at, target_at
from roteiro.terms.codes import Signal

__all__ = ["Metric", "Statistic", "observe", "observe_attempt", "observe_signal", "read"]


class Metric(IntEnum):
    LATENCY_MS = 1
    """Attempt, from send to end."""
    TTFT_MS = 2
    ERROR = 3
    """1 for a failed attempt, 0 for a good one."""
    COST_NUSD = 4
    TOKENS = 5
    QUALITY = 6
    """1 for a good verdict of those who make the score, 0 for a bad one."""
    CONFIDENCE = 7


class Statistic(IntEnum):
    PERCENTILE = 1
    """Reads 1 where the percentile passes the threshold, else 0; the share above it is what is measured."""
    MEAN = 2
    PER_HOUR = 3
    """Sum over the window, scaled to an hour."""
    COUNT = 4


LATENCY_MS, TTFT_MS, ERROR, COST_NUSD, TOKENS, QUALITY, CONFIDENCE = (int(m) for m in Metric)
PERCENTILE, MEAN, PER_HOUR, COUNT = (int(s) for s in Statistic)
OF_CONFIDENCE = int(Signal.CONFIDENCE)
HOUR_S = 3600.0


@kernel
def turn(meter: Any, now: float) -> int:
    slot = int(now * METER_SLOTS / meter.window_s)
    for i in range(max(meter.slot + 1, slot - METER_SLOTS + 1), slot + 1):
        meter.count[i % METER_SLOTS] = 0.0
        meter.above[i % METER_SLOTS] = 0.0
        meter.total[i % METER_SLOTS] = 0.0
    if slot > meter.slot:
        meter.slot = slot
    return meter.slot % METER_SLOTS


@kernel
def observe(meter: Any, value: float, now: float) -> None:
    at = turn(meter, now)
    meter.count[at] += 1.0
    meter.total[at] += value
    if value > meter.threshold:
        meter.above[at] += 1.0


@kernel
def read(meter: Any, now: float) -> tuple[float, float, bool]:
    """(value, what was measured, whether there were enough calls). For a percentile the value is 1.0 where it passes its threshold."""
    turn(meter, now)
    count, above, total = 0.0, 0.0, 0.0
    for i in range(METER_SLOTS):
        count += meter.count[i]
        above += meter.above[i]
        total += meter.total[i]
    enough = count >= meter.minimum
    if meter.statistic == PERCENTILE:
        share = above / count if count > 0.0 else 0.0
        return (1.0 if share > 1.0 - meter.percentile + 1e-12 else 0.0), share, enough
    if meter.statistic == MEAN:
        mean = total / count if count > 0.0 else 0.0
        return mean, mean, enough
    if meter.statistic == PER_HOUR:
        return total * HOUR_S / meter.window_s, total * HOUR_S / meter.window_s, True
    return count, count, True


@kernel
def observe_one(meter: Any, failed: bool, latency_ms: float, ttft_ms: float, cost_nusd: float, tokens: float, now: float) -> None:
    if meter.metric == ERROR:
        observe(meter, 1.0 if failed else 0.0, now)
    elif meter.metric == LATENCY_MS:
        observe(meter, latency_ms, now)  # of failures too: a time-out is the slowest answer
    elif failed:
        return
    elif meter.metric == TTFT_MS:
        if ttft_ms == ttft_ms:
            observe(meter, ttft_ms, now)
    elif meter.metric == COST_NUSD:
        observe(meter, cost_nusd, now)
    elif meter.metric == TOKENS:
        observe(meter, tokens, now)


@inlined
def observe_attempt(
    block: int, target: int, failed: bool, latency_ms: float, ttft_ms: float, cost_nusd: float, tokens: float, now: float
) -> None:
    """Show one ended attempt to the meters of its target and of the fleet. `ttft_ms` is NaN where there was none."""
    first = target_at(block, target).meter_first
    for m in range(first, first + target_at(block, target).meter_count):
        observe_one(meter_at(block, m), failed, latency_ms, ttft_ms, cost_nusd, tokens, now)
    first = header_of(block).fleet_meter_first
    for m in range(first, first + header_of(block).fleet_meter_count):
        observe_one(meter_at(block, m), failed, latency_ms, ttft_ms, cost_nusd, tokens, now)


@kernel
def observe_signal(block: int, target: int, kind: int, value: float, now: float) -> None:
    """Show a signal of quality to the meters of its target and of the fleet."""
    metric = CONFIDENCE if kind == OF_CONFIDENCE else QUALITY if (header_of(block).score_kinds >> kind) & 1 != 0 else 0
    if metric == 0:
        return
    first = target_at(block, target).meter_first if target != NONE else 0
    last = first + target_at(block, target).meter_count if target != NONE else 0
    for m in range(first, last):
        if meter_at(block, m).metric == metric:
            observe(meter_at(block, m), value, now)
    first = header_of(block).fleet_meter_first
    for m in range(first, first + header_of(block).fleet_meter_count):
        if meter_at(block, m).metric == metric:
            observe(meter_at(block, m), value, now)
