"""From how the objectives stand to what burns now, and from an episode to the notice of it and to whom it goes.

What must not live here: episodes, and delivery.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from roteiro.gateway.episodes import Episode, What
from roteiro.gateway.notice import Changed, Notice, Numbers, Severity, Stage
from roteiro.gateway.service_levels import AlertState, ObjectiveState, ServiceLevels
from roteiro.plan.model import Plan
from roteiro.plan.promised import promised

__all__ = ["Broken", "burning", "channels_of", "notice_of"]

BROKEN_FOR_S: Final = 60.0
"""Where nothing may fail at all, a failure is the case for so long."""


class Broken:
    """Objectives of which not one event may be bad: they have no budget that could burn, so each bad event is told."""

    def __init__(self) -> None:
        self._bad: dict[str, int] = {}
        self._until: dict[str, float] = {}

    def any_fresh(self, now_s: float) -> bool:
        """Whether one is, or was a moment ago."""
        return any(now_s < until_s + BROKEN_FOR_S for until_s in self._until.values())

    def look(self, levels: ServiceLevels, now_s: float) -> Iterator[What]:
        """Those that were broken just now. What an earlier run counted is no news."""
        for one in levels.objectives:
            if one.least < 1.0:
                continue
            if one.run_bad > self._bad.get(one.name, 0):
                self._until[one.name] = now_s + BROKEN_FOR_S
            self._bad[one.name] = one.run_bad
            if now_s < self._until.get(one.name, 0.0):
                yield What(one.name, "alert", "page")


def burning(levels: ServiceLevels) -> Iterator[What]:
    """Alerts that fire, one a severity, and steps that are in force."""
    for one in levels.objectives:
        for alert in one.alerts:
            if alert.firing:
                yield What(one.name, "alert", severity_of(alert))
        for step in one.steps:
            if step.active:
                yield What(one.name, "step", "ticket", step.do, step.spent)


def severity_of(alert: AlertState) -> Severity:
    return "page" if alert.severity == "page" else "ticket"


def notice_of(episode: Episode, stage: Stage, levels: ServiceLevels, changed: Changed, timezone: str, now_s: float) -> Notice:
    """What is told of an episode's begin or end, with the numbers of this moment."""
    what = episode.what
    one = next((one for one in levels.objectives if one.name == what.objective), None)
    return Notice(
        key=episode.key, kind=what.kind, stage=stage, severity=what.severity, objective=what.objective, at_s=now_s, since_s=episode.since_s,
        promise="" if one is None else one.promise, numbers=Numbers() if one is None else numbers_of(one, what), do=what.do,
        threshold=what.threshold or None, timezone=timezone, changed=changed,
    )  # fmt: skip


def numbers_of(one: ObjectiveState, what: What) -> Numbers:
    """Of an alert, those of the one that burns fastest against its bound."""
    alerts = [alert for alert in one.alerts if alert.firing and severity_of(alert) == what.severity]
    if what.kind != "alert" or not alerts:
        return Numbers(spent=one.spent, exhausted_at_s=one.exhausted_unix_s)
    worst = max(alerts, key=lambda alert: (alert.long_rate or 0.0) / alert.burn)
    return Numbers(
        spent=one.spent, lately=worst.lately, bound=worst.bound, burn=worst.long_rate, long_s=worst.long_s, short_s=worst.short_s,
        exhausted_at_s=one.exhausted_unix_s,
    )  # fmt: skip


def channels_of(plan: Plan, whats: Iterable[What]) -> Mapping[What, tuple[str, ...]]:
    """Whom each goes to: an alert by its severity, a page that nobody waits for to those of tickets; a step to those that it names, else
    to those of tickets, else of pages."""
    parts = {one.name: one.of for one in promised(plan)}
    found: dict[What, tuple[str, ...]] = {}
    for what in whats:
        part = parts.get(what.objective)
        if part is None:
            found[what] = ()
            continue
        named = next((step.to for step in part.steps if (step.do, step.spent) == (what.do, what.threshold)), ())
        page, ticket = part.alerts.page, part.alerts.ticket
        asked = (named or ticket or page) if what.kind == "step" else (page or ticket) if what.severity == "page" else ticket
        found[what] = tuple(dict.fromkeys(name for name in asked if name in plan.notify))
    return found
