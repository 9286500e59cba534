"""The last ten seconds and the last minute of a server as plain data, for the live view and for scripts.

What must not live here: counting, and drawing.
"""

from collections.abc import Mapping
from typing import Any, Final

from roteiro.gateway.recent import Recent, Window
from roteiro.terms.edge import Names

__all__ = ["WINDOWS_S", "overview"]

WINDOWS_S: Final = (10, 60)
SECONDS_AN_HOUR: Final = 3600.0


def overview(state: Mapping[str, Any], recent: Recent, names: Names, now_s: float) -> dict[str, Any]:
    """The state of the supervisor, and under `recent` each window's figures; `now_s` on the run's clock."""
    lists = {"model": names.routes, "target": names.targets, "tenant": names.tenants}
    windows = {}
    for seconds in WINDOWS_S:
        whole = recent.windows("all", seconds, now_s).get(0)
        windows[f"{seconds}s"] = {
            "all": None if whole is None else figures(whole),
            **{
                f"{dimension}s": {
                    named(listed, number): figures(window) for number, window in recent.windows(dimension, seconds, now_s).items()
                }
                for dimension, listed in lists.items()
            },
        }
    return {**state, "clock_s": now_s, "recent": windows, "rates": recent.rates(now_s)}


def named(names: list[str], number: int) -> str:
    return names[number] if 0 <= number < len(names) else "none" if number < 0 else "(others)"


def figures(window: Window) -> dict[str, Any]:
    """One name's figures: rates a second, shares, percentiles in milliseconds (null where nothing was measured)."""
    sums, seconds = window.sums, window.seconds
    return {
        "requests": int(sums["requests"]),
        "requests_per_s": sums["requests"] / seconds,
        "failed_share": sums["failed"] / sums["requests"],
        "refused_share": sums["refused"] / sums["requests"],
        "cache_share": sums["cache_hits"] / sums["requests"],
        "input_tokens_per_s": sums["input_tokens"] / seconds,
        "output_tokens_per_s": sums["output_tokens"] / seconds,
        "cost_dollars_per_h": sums["cost_nusd"] / 1e9 * SECONDS_AN_HOUR / seconds,
        "retries_per_s": sums["again"] / seconds,
        "latency_ms": percentiles(window.total_s),
        "ttft_ms": percentiles(window.first_s),
    }


def percentiles(found_s: tuple[float | None, ...]) -> dict[str, float | None]:
    return {name: None if value is None else round(value * 1e3, 3) for name, value in zip(("p50", "p95", "p99"), found_s, strict=True)}
