"""A plan's objectives as rules for Prometheus: counts and burn rates to record, and alerts.

The gateway counts good and bad events of every objective itself, at the plan's own threshold (`roteiro_slo_good_total`,
`roteiro_slo_bad_total`). So no bound has to lie on a bucket of a histogram, and what a rule sees is what a report counts.

An alert decides as `policy.burn` does: both windows burn at least so fast; the long one's failures have really spent that share of the
period's budget; there are two of them at least; and more than chance would bring, by Chernoff's bound, which needs `ln` alone. Where
nothing may be bad, one bad event is told. What is told once goes on while it holds; Prometheus knows no other rule for the end.

What must not live here: files, and what the metrics are made from.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ruamel.yaml.scalarstring import LiteralScalarString

from roteiro.analysis.objective import BurnAlert, Measure, Objective, Severity, Sli
from roteiro.policy.burn import ALMOST, LEAST_BAD, LOG_CHANCE
from roteiro.report.kubernetes import metadata
from roteiro.terms.units import NUSD, format_duration

__all__ = ["BAD", "GOOD", "RECORDED", "prometheus_duration", "prometheus_rule_object", "prometheus_rules", "select"]

Rule = dict[str, Any]
BAD, GOOD = "roteiro_slo_bad_total", "roteiro_slo_good_total"
RECORDED: Final = ("roteiro_slo:bad:increase", "roteiro_slo:events:increase", "roteiro_slo:burn_rate:", "roteiro_slo:objective:ratio")
"""What the rules record; all but the last with a window at the end."""
EVAL_S: Final = 30
PERIOD_EVAL_S: Final = 600
LEAK_WINDOW_S: Final = 3600.0
COST_WINDOW_S: Final = 86_400.0
LEAST_ANSWERS: Final = 100
"""A mean of fewer answers alerts nobody."""
NOT_SEEN_S: Final = 300.0
UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def prometheus_rules(objectives: Sequence[Objective], tenants: dict[str, tuple[str, ...]]) -> Rule:
    """The rule file. `tenants`: of each tier, for the mean cost of a request."""
    counted = [one for one in objectives if one.measure is Measure.SHARE]
    windows = sorted({length_s for one in counted for alert in one.alerts for length_s in (alert.long_s, alert.short_s)} | {LEAK_WINDOW_S})
    periods = sorted({one.window.length_s for one in counted if one.alerts} - set(windows))
    rules = [rule for window_s in windows for rule in counts(window_s)]
    rules += [{"record": RECORDED[3], "expr": f"vector({number(one.least)})", "labels": labels(one)} for one in counted if one.has_budget]
    rules += [burn_rate(window_s) for window_s in windows]
    rules += [rule for one in objectives for rule in alerts(one, tenants)]
    rules.append(not_seen())
    groups = [{"name": "roteiro-slo-periods", "interval": f"{PERIOD_EVAL_S}s", "rules": [events(period_s) for period_s in periods]}]
    return {"groups": [*(groups if periods else []), {"name": "roteiro-slo", "interval": f"{EVAL_S}s", "rules": rules}]}


def prometheus_rule_object(rules: Rule, namespace: str) -> Rule:
    """The same for Prometheus' operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": metadata("service-levels", namespace),
        "spec": rules,
    }  # fmt: skip


def counts(window_s: float) -> Iterator[Rule]:
    window = prometheus_duration(window_s)
    yield {"record": f"{RECORDED[0]}{window}", "expr": f"sum by (objective) (increase({BAD}[{window}]))"}
    yield events(window_s)


def events(window_s: float) -> Rule:
    window = prometheus_duration(window_s)
    both = " + ".join(f"sum by (objective) (increase({name}[{window}]))" for name in (GOOD, BAD))
    return {"record": f"{RECORDED[1]}{window}", "expr": both}


def burn_rate(window_s: float) -> Rule:
    """Times as fast as spends the budget by the window's end."""
    window = prometheus_duration(window_s)
    share = f"{RECORDED[0]}{window} / ({RECORDED[1]}{window} > 0)"
    return {"record": f"{RECORDED[2]}{window}", "expr": f"{share} / on (objective) group_left () (1 - {RECORDED[3]})"}


def alerts(one: Objective, tenants: dict[str, tuple[str, ...]]) -> Iterator[Rule]:
    """Those of one objective."""
    if one.measure is Measure.MEAN:
        if whose := tenants.get(one.tier or "", ()):
            yield dear(one, whose)
    elif not one.has_budget:
        yield leaked(one)
    for alert in one.alerts if one.has_budget else ():
        yield burning(one, alert)


def burning(one: Objective, alert: BurnAlert) -> Rule:
    """Both windows, the loss, and more than chance."""
    long, short, period = (prometheus_duration(length_s) for length_s in (alert.long_s, alert.short_s, one.window.length_s))
    bad_long, total_long = (f"{name}{long}{select(one)}" for name in RECORDED[:2])
    bad_short, total_short = (f"{name}{short}{select(one)}" for name in RECORDED[:2])
    allowed = 1.0 - one.least
    bound = number(alert.burn * allowed * ALMOST)
    spent = number(alert.share(one.window.length_s) * allowed * ALMOST)
    surprise = (
        f"{bad_long} * ln({bad_long} / {total_long} / {number(allowed)})"
        f" + ({total_long} - {bad_long}) * ln(clamp_min(({total_long} - {bad_long}) / {total_long}, 1e-9) / {number(one.least)})"
    )
    conditions = (
        f"{bad_long} >= {LEAST_BAD}", f"{bad_long} >= {bound} * {total_long}", f"{bad_short} > 0",
        f"{bad_short} >= {bound} * {total_short}", f"{bad_long} >= {spent} * {RECORDED[1]}{period}{select(one)}",
        f"{surprise} >= {number(LOG_CHANCE)}",
    )  # fmt: skip
    whose = labels(one) | {"severity": str(alert.severity), "burn": number(alert.burn), "window": long}
    over = one.window.period or format_duration(one.window.length_s)
    return {
        "alert": "RoteiroErrorBudgetBurn", "expr": LiteralScalarString("\nand ".join(f"({condition})" for condition in conditions)),
        "labels": whose | channels(one, alert.severity),
        "annotations": {
            "summary": f"{one.name} burns its error budget {number(alert.burn)} times too fast",
            "description": f'About {{{{ printf "%.0f" $value }}}} bad events in {long}; {number(100 * one.least)}% are to be good over '
            f"{over}. That spends {alert.share(one.window.length_s):.0%} of the budget.",
        },
    }  # fmt: skip


def leaked(one: Objective) -> Rule:
    """Nothing may be bad: one event is told."""
    window = prometheus_duration(LEAK_WINDOW_S)
    return {
        "alert": "RoteiroPromiseBroken", "expr": f"{RECORDED[0]}{window}{select(one)} > 0",
        "labels": labels(one) | {"severity": str(Severity.PAGE)} | channels(one, Severity.PAGE),
        "annotations": {"summary": f"{one.name} is broken: nothing of it may be bad, and something was within {window}"},
    }  # fmt: skip


def dear(one: Objective, tenants: tuple[str, ...]) -> Rule:
    """The mean cost of an answer over a day."""
    window, whose = prometheus_duration(COST_WINDOW_S), "|".join(tenants)
    answers = f'sum(increase(roteiro_requests_total{{tenant=~"{whose}",outcome="success"}}[{window}]))'
    spent = f'sum(increase(roteiro_cost_dollars_total{{tenant=~"{whose}"}}[{window}]))'
    bound = number((one.bound or 0.0) / NUSD)
    condition = f"({spent} / {answers} > {bound})\nand ({answers} >= {LEAST_ANSWERS})"
    return {
        "alert": "RoteiroCostOverPromise", "expr": LiteralScalarString(condition),
        "labels": labels(one) | {"severity": str(Severity.TICKET)} | channels(one, Severity.TICKET),
        "annotations": {"summary": f"An answer of {one.tier} costs more than ${bound} on the mean of {window}"},
    }  # fmt: skip


def not_seen() -> Rule:
    """What is not measured is not kept: silence would look like health."""
    return {
        "alert": "RoteiroNotSeen", "expr": "absent(roteiro_up == 1)", "for": prometheus_duration(NOT_SEEN_S),
        "labels": {"severity": str(Severity.PAGE)},
        "annotations": {"summary": "No gateway of Roteiro is seen to serve, so that no promise of it is verified"},
    }  # fmt: skip


def labels(one: Objective) -> dict[str, str]:
    return {"objective": one.name, "sli": str(Sli(one.sli))} | ({"tier": one.tier} if one.tier else {})


def channels(one: Objective, severity: Severity) -> dict[str, str]:
    told = one.page if severity is Severity.PAGE else one.ticket
    return {"channels": ",".join(told)} if told else {}


def select(one: Objective) -> str:
    quoted = one.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'{{objective="{quoted}"}}'


def prometheus_duration(seconds: float) -> str:
    """In the largest unit that tells it whole: `5m`, `6h`, `30d`."""
    whole = max(1, round(seconds))
    size, unit = next((size, unit) for size, unit in UNITS if whole % size == 0)
    return f"{whole // size}{unit}"


def number(value: float) -> str:
    return f"{value:.12g}"
