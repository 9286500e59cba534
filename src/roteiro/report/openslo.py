"""A plan's objectives as OpenSLO documents (openslo/v1), for tools that read that specification.

One Service for each tier, and one for the plan's own objectives; an SLO with its indicator for each objective; an AlertPolicy for each of
its burn alerts. The indicator is the gateway's own count at the plan's own threshold. OpenSLO has no words for an objective of 100 %, for a
bound on a mean, and for two windows of one alert: the first two are left out and named, of the last the short window is how long the
condition must hold.
What must not live here: files.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from roteiro.analysis.objective import BurnAlert, Objective, Severity
from roteiro.plan.model import Plan
from roteiro.report.kubernetes import dns_name
from roteiro.report.prometheus import BAD, GOOD, prometheus_duration, select

__all__ = ["openslo", "unspeakable"]

Document = dict[str, Any]
VERSION: Final = "openslo/v1"
SOURCE: Final = "prometheus"
OWN: Final = "roteiro"
"""The service of objectives that are of no tier."""
CALENDAR: Final = {"day": "1d", "week": "1w", "month": "1M", "quarter": "1Q"}
ANCHOR: Final = "2024-01-01 00:00:00"
"""A Monday on which a month and a quarter begin: every calendar window may be counted from it."""
KINDS: Final = {"smtp": "email"}
"""What the specification's examples call a channel, where that is another word."""
UNITS: Final = ((604_800.0, "w"), (86_400.0, "d"), (3600.0, "h"), (60.0, "m"))


def openslo(plan: Plan, objectives: Sequence[Objective], prometheus: str) -> list[Document]:
    """The documents. `prometheus`: the server's address."""
    told = [one for one in objectives if one.has_budget]
    services = {service(one): plan.sla_tiers[one.tier].support if one.tier in plan.sla_tiers else None for one in told}
    found: list[Document] = [
        thing("DataSource", SOURCE, {"type": "Prometheus", "connectionDetails": {"url": prometheus}}),
        *(thing("Service", name, {"description": f"Support: {support}"} if support else {}) for name, support in services.items()),
        *(
            thing("AlertNotificationTarget", dns_name(name), {"target": KINDS.get(channel.kind, channel.kind)})
            for name, channel in plan.notify.items()
        ),
    ]  # fmt: skip
    for one in told:
        policies = list(alert_policies(one))
        found += [*policies, slo(one, [policy["metadata"]["name"] for policy in policies])]
    return found


def unspeakable(objectives: Sequence[Objective]) -> list[str]:
    """A line for each objective that OpenSLO has no words for."""
    return [
        f"{one.name} is left out: OpenSLO's targets are below 100 %, and it has none for a mean" for one in objectives if not one.has_budget
    ]


def slo(one: Objective, policies: list[str]) -> Document:
    target: Document = {"displayName": one.name, "target": one.least}
    if one.slices is not None:
        target |= {"timeSliceTarget": one.slices.objective, "timeSliceWindow": shorthand(one.slices.length_s)}
    good, bad = (f"sum({name}{select(one)})" for name in (GOOD, BAD))
    indicator = {
        "metadata": {"name": dns_name(one.name), "displayName": f"{one.sli} of {one.name}"},
        "spec": {"ratioMetric": {"counter": True, "good": metric(good), "total": metric(f"{good} + {bad}")}},
    }
    return thing("SLO", dns_name(one.name), {
        "description": described(one), "service": service(one), "indicator": indicator, "timeWindow": [window(one)],
        "budgetingMethod": "Occurrences" if one.slices is None else "Timeslices", "objectives": [target],
        "alertPolicies": [{"alertPolicyRef": name} for name in policies],
    }, one.name)  # fmt: skip


def alert_policies(one: Objective) -> Iterator[Document]:
    for alert in one.alerts:
        name = dns_name(f"{one.name}-{prometheus_duration(alert.long_s)}")
        told = one.page if alert.severity is Severity.PAGE else one.ticket
        yield thing("AlertPolicy", name, {
            "description": f"The budget of {one.name} burns {alert.burn:g} times too fast.",
            "alertWhenBreaching": True, "alertWhenResolved": True, "alertWhenNoData": False,
            "conditions": [condition(name, alert)], "notificationTargets": [{"targetRef": dns_name(channel)} for channel in told],
        })  # fmt: skip


def condition(name: str, alert: BurnAlert) -> Document:
    return {
        "kind": "AlertCondition", "metadata": {"name": name},
        "spec": {
            "severity": str(alert.severity),
            "condition": {
                "kind": "burnrate", "op": "gte", "threshold": alert.burn, "lookbackWindow": shorthand(alert.long_s),
                "alertAfter": shorthand(alert.short_s),
            },
        },
    }  # fmt: skip


def thing(kind: str, name: str, spec: Document, display: str = "") -> Document:
    metadata = {"name": name} | ({"displayName": display} if display else {})
    return {"apiVersion": VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def metric(query: str) -> Document:
    return {"metricSource": {"metricSourceRef": SOURCE, "type": "Prometheus", "spec": {"query": query}}}


def window(one: Objective) -> Document:
    if one.window.period is None:
        return {"duration": shorthand(one.window.length_s), "isRolling": True}
    calendar = {"startTime": ANCHOR, "timeZone": one.window.timezone}
    return {"duration": CALENDAR[one.window.period], "isRolling": False, "calendar": calendar}


def service(one: Objective) -> str:
    return OWN if one.tier is None else dns_name(one.tier)


def described(one: Objective) -> str:
    scope = ", ".join(f"{column} {word}" for column, word in one.scope.named().items())
    return f"Share of good events by {one.sli}{f' of {scope}' if scope else ''}, counted by the gateway at the plan's own threshold."


def shorthand(seconds: float) -> str:
    """OpenSLO's durations: whole minutes at least, in the largest unit that tells it."""
    for size, unit in UNITS:
        if seconds % size == 0:
            return f"{round(seconds / size)}{unit}"
    return f"{max(1, round(seconds / 60.0))}m"
