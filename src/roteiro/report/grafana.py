"""A dashboard for Grafana on the gateway's metrics: promises, their budgets and burn, latency, providers, money.

One JSON text that Grafana imports as it stands; the data source is chosen there. Nothing in it needs the recording rules.
What must not live here: files.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from roteiro.analysis.objective import Objective, Sli
from roteiro.plan.model import Plan
from roteiro.report.kubernetes import dns_name
from roteiro.report.prometheus import BAD, GOOD

__all__ = ["dashboard"]

Panel = dict[str, Any]
SCHEMA: Final = 39
"""Of Grafana 10 and 11; later ones bring it up to theirs."""
SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
WIDE: Final = 24
CHOSEN: Final = '{objective=~"$objective"}'
EVENTS: Final = f"(sum by (objective) (increase({GOOD}{CHOSEN}[$__range])) + sum by (objective) (increase({BAD}{CHOSEN}[$__range])))"
RED, YELLOW, GREEN = "red", "yellow", "green"


def dashboard(plan: Plan, objectives: Sequence[Objective]) -> str:
    """The JSON text."""
    name = plan.name or "Roteiro"
    page = {
        "title": f"{name}: service levels", "uid": dns_name(f"roteiro-{name}")[:40], "tags": ["roteiro", "slo"], "schemaVersion": SCHEMA,
        "editable": True, "refresh": "30s", "time": {"from": "now-6h", "to": "now"}, "timezone": "browser",
        "templating": {"list": variables()}, "annotations": {"list": [firing_marks()]}, "panels": list(placed(objectives)),
    }  # fmt: skip
    return json.dumps(page, indent=2, ensure_ascii=False) + "\n"


def variables() -> list[dict[str, Any]]:
    return [
        {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {
            "name": "objective", "type": "query", "datasource": SOURCE, "refresh": 2, "includeAll": True, "multi": True,
            "query": {"query": f"label_values({GOOD}, objective)", "refId": "objective"}, "current": {"text": "All", "value": "$__all"},
        },
    ]  # fmt: skip


def firing_marks() -> dict[str, Any]:
    return {
        "name": "Burn alerts", "datasource": SOURCE, "enable": True, "iconColor": RED, "titleFormat": "{{objective}}",
        "textFormat": "{{severity}}: {{alert}}", "expr": f"roteiro_slo_alert_firing{CHOSEN} == 1",
    }  # fmt: skip


def placed(objectives: Sequence[Objective]) -> Iterator[Panel]:
    """Panels in rows from left to right, with their places and numbers."""
    x = y = high = 0
    for number, panel in enumerate(panels(objectives), start=1):
        wide, tall = panel.pop("size")
        if x + wide > WIDE:
            x, y = 0, y + high
        high = tall if x == 0 else max(high, tall)
        yield panel | {"id": number, "gridPos": {"x": x, "y": y, "w": wide, "h": tall}}
        x += wide


def panels(objectives: Sequence[Objective]) -> Iterator[Panel]:
    yield row("Promises")
    yield gauges(
        "Error budget left in its window", f"roteiro_slo_budget_remaining_ratio{CHOSEN}", "{{objective}}",
        [(None, RED), (0.0, YELLOW), (0.25, GREEN)], 12,
    )  # fmt: skip
    yield gauges(
        "Share of good events in the range", f"sum by (objective) (increase({GOOD}{CHOSEN}[$__range])) / ({EVENTS} > 0)", "{{objective}}",
        [(None, GREEN)], 12,
    )  # fmt: skip
    yield lines(
        "Burn: times as fast as spends the budget by the window's end",
        [(f"roteiro_slo_burn_rate{CHOSEN}", "{{objective}} over {{window}}")], "none", [(None, GREEN), (1.0, YELLOW), (6.0, RED)], 12,
    )  # fmt: skip
    bad = f"sum by (objective) (increase({BAD}{CHOSEN}[$__rate_interval]))"
    yield lines("Bad events", [(bad, "{{objective}}")], "short", wide=6)
    yield lines("Alerts that fire", [(f"roteiro_slo_alert_firing{CHOSEN} == 1", "{{objective}} {{severity}}")], "short", wide=6)
    yield row("Latency against the promise")
    for sli, metric, title in (
        (Sli.LATENCY, "roteiro_request_duration_seconds", "Answers"), (Sli.TTFT, "roteiro_time_to_first_token_seconds", "First token"),
    ):  # fmt: skip
        yield latency(title, metric, [one for one in objectives if one.sli is sli and one.bound is not None])
    yield row("Providers")
    by_target = "sum by (target) (rate(roteiro_attempts_total[$__rate_interval]))"
    yield lines("Attempts a second", [(by_target, "{{target}}")], "reqps", wide=8)
    failures = "sum by (target, error_class) (rate(roteiro_attempt_failures_total[$__rate_interval]))"
    yield lines("Failures a second, by what went wrong", [(failures, "{{target}} {{error_class}}")], "reqps", wide=8)
    yield lines("Open breakers", [('roteiro_breaker_state{state="open"}', "{{target}}")], "short", wide=8)
    slowest = "histogram_quantile(0.95, sum by (le, target) (rate(roteiro_request_duration_seconds_bucket[$__rate_interval])))"
    yield lines("p95 by provider, to a histogram's bucket", [(slowest, "{{target}}")], "s", wide=12)
    yield lines("In flight", [("roteiro_target_in_flight", "{{target}}"), ("roteiro_waiting", "waiting")], "short", wide=12)
    yield row("Money")
    per_hour = "sum by (tenant) (rate(roteiro_cost_dollars_total[$__rate_interval])) * 3600"
    yield lines("Dollars an hour by tenant", [(per_hour, "{{tenant}}")], "currencyUSD", wide=8)
    answers = 'sum(rate(roteiro_requests_total{outcome="success"}[$__rate_interval]))'
    each = f"sum(rate(roteiro_cost_dollars_total[$__rate_interval])) / ({answers} > 0)"
    yield lines("Cost of an answer", [(each, "mean")], "currencyUSD", wide=8)
    yield gauges("Budgets used", "roteiro_budget_used_ratio", "{{budget}}", [(None, GREEN), (0.8, YELLOW), (1.0, RED)], 8)


def latency(title: str, metric: str, promises: Sequence[Objective]) -> Panel:
    """p50, p95 and p99 over all, with each promised bound as a line. A percentile of a histogram is good to a bucket; the promise is
    judged by the counts above."""
    queries = [
        (f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket[$__rate_interval])))", f"p{round(100 * share)}")
        for share in (0.5, 0.95, 0.99)
    ]
    bounds = {one.bound: one.name for one in promises}
    queries += [(f"vector({bound:.12g})", name) for bound, name in sorted(bounds.items(), key=lambda item: item[0] or 0.0)]
    return lines(f"{title}: percentiles to a histogram's bucket, and what is promised", queries, "s", wide=12)


def row(title: str) -> Panel:
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "size": (WIDE, 1)}


def lines(
    title: str, queries: Sequence[tuple[str, str]], unit: str, steps: Sequence[tuple[float | None, str]] = (), wide: int = 12
) -> Panel:
    """Over time. `queries`: PromQL and what its lines are called."""
    style = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 8, "showPoints": "never"}
    custom = style | ({"thresholdsStyle": {"mode": "dashed"}} if steps else {})
    return {
        "type": "timeseries", "title": title, "datasource": SOURCE, "targets": targets(queries), "size": (wide, 8),
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": custom} | thresholds(steps), "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    }  # fmt: skip


def gauges(title: str, query: str, legend: str, steps: Sequence[tuple[float | None, str]], wide: int) -> Panel:
    """Shares as they are now, a bar each."""
    return {
        "type": "bargauge", "title": title, "datasource": SOURCE, "targets": targets([(query, legend)], instant=True), "size": (wide, 8),
        "fieldConfig": {"defaults": {"unit": "percentunit", "max": 1, "decimals": 3} | thresholds(steps), "overrides": []},
        "options": {"displayMode": "basic", "orientation": "horizontal", "reduceOptions": {"calcs": ["lastNotNull"]}},
    }  # fmt: skip


def targets(queries: Sequence[tuple[str, str]], *, instant: bool = False) -> list[dict[str, Any]]:
    return [
        {
            "refId": chr(ord("A") + n), "datasource": SOURCE, "expr": query, "legendFormat": legend, "instant": instant,
            "range": not instant,
        }
        for n, (query, legend) in enumerate(queries)
    ]  # fmt: skip


def thresholds(steps: Sequence[tuple[float | None, str]]) -> dict[str, Any]:
    if not steps:
        return {}
    told = [{"value": value, "color": colour} for value, colour in steps]
    return {"color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": told}}
