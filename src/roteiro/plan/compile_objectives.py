"""Objectives, their alerts and steps, and maintenance → rows of the kernel.

An objective that is judged by reports alone is not watched: means, audits, and what nothing may spoil has no budget but is counted.
What must not live here: counting and judging (`policy.objective`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from roteiro.plan.model import Plan
from roteiro.plan.objectives import BurnStep, ObjectiveScope
from roteiro.plan.promised import Promised, promised
from roteiro.policy.burn import scaled_rules
from roteiro.policy.objective import Sli, StepAction
from roteiro.policy.state import NONE, State
from roteiro.terms.codes import Priority, Signal
from roteiro.terms.edge import Names

__all__ = ["alert_rows", "fill_objectives", "step_rows", "watched", "window_length_s"]

PERIOD_S: Final = {"day": 86_400.0, "week": 604_800.0, "month": 0.0, "quarter": -3.0}
"""As the kernel has them; the two last have no fixed length."""
LENGTH_S: Final = {"day": 86_400.0, "week": 604_800.0, "month": 30 * 86_400.0, "quarter": 91 * 86_400.0}
"""What alerts are scaled with."""
MONDAY_S: Final = 4 * 86_400.0
SEVERITY: Final = {"page": 1, "ticket": 2}
IN_MS: Final = ("latency", "ttft")
UNIT: Final = 1e3
HOUR_S: Final = 3600.0
SCORERS: Final = {"judge": Signal.JUDGE, "canary": Signal.CANARY, "feedback": Signal.FEEDBACK}

Alert = tuple[str, float, float, float, float, int]
"""(objective, burn, long window, short window, share of the budget, severity); seconds."""


def watched(plan: Plan) -> tuple[Promised, ...]:
    """The objectives that are counted as events come."""
    return tuple(one for one in promised(plan) if not one.mean and one.sli != "auditable")


def window_length_s(window: str | float) -> float:
    """Length of a window; of a calendar period about."""
    return LENGTH_S[window] if isinstance(window, str) else window


def alert_rows(plan: Plan) -> list[Alert]:
    """The burn alerts of all objectives that are watched, in order."""
    rows: list[Alert] = []
    for one in watched(plan):
        length_s, burn = window_length_s(one.of.window), one.of.alerts.burn
        if one.least >= 1.0 or burn == "none":
            continue
        if burn == "auto":
            rules = [(times, long_s, short_s, 1 if pages else 2) for times, long_s, short_s, pages in scaled_rules(length_s, one.least)]
        else:
            rules = [(rule.burn, rule.long_s, rule.short_s, SEVERITY[rule.severity]) for rule in burn]
        rows += [(one.name, times, long_s, short_s, times * long_s / length_s, severity) for times, long_s, short_s, severity in rules]
    return rows


def step_rows(plan: Plan) -> list[tuple[str, BurnStep]]:
    """The steps of burn of all objectives that are watched, in order."""
    return [(one.name, step) for one in watched(plan) if one.least < 1.0 for step in one.of.steps]


def fill_objectives(plan: Plan, names: Names, state: State) -> None:
    """Write them. An objective that means what it meant before keeps what it has counted; an alert or a step whether it holds."""
    header, by_name = state.header[0], {one.name: one for one in watched(plan)}
    epoch_unix_s = float(header["epoch_unix_s"])
    header["score_kinds"] = sum(1 << int(SCORERS[scorer]) for scorer in plan.quality.score)
    for i, name in enumerate(names.objectives):
        fill_one(state.objectives[i], by_name.get(name), plan, names, epoch_unix_s + float(header["last_now"]), epoch_unix_s)
    header["objective_count"] = len(names.objectives)

    index = names.objectives.index
    alerts = [
        {"objective": index(name), "burn": burn, "long_s": long_s, "short_s": short_s, "share": share, "severity": severity}
        for name, burn, long_s, short_s, share, severity in alert_rows(plan)
    ]
    refill(state.burn_alerts, alerts, ("objective", "burn", "long_s", "short_s"))
    steps = [
        {"objective": index(name), "spent": step.spent, "action": int(StepAction[step.do.upper()]), "argument": below(step)}
        for name, step in step_rows(plan)
    ]
    refill(state.burn_steps, steps, ("objective", "spent", "action", "argument"))
    header["alert_count"], header["step_count"] = len(alerts), len(steps)

    for p, pause in enumerate(plan.maintenance):
        row = state.pauses[p]
        row["from_s"], row["to_s"] = pause.from_unix_s - epoch_unix_s, pause.to_unix_s - epoch_unix_s
        fill_scope(row, pause.of, names)
    header["pause_count"] = len(plan.maintenance)


def refill(table: Any, rows: Sequence[dict[str, float]], identity: Sequence[str]) -> None:
    """Write rows; what has the same identity as before stays as it stood in all else."""
    before = {tuple(float(row[column]) for column in identity): row.copy() for row in table}
    for i, row in enumerate(rows):
        kept = before.get(tuple(float(row[column]) for column in identity))
        table[i : i + 1] = np.zeros(1, table.dtype) if kept is None else kept
        for column, value in row.items():
            table[i][column] = value
    table[len(rows) :] = np.zeros(1, table.dtype)


def below(step: BurnStep) -> int:
    """The most important priority that a step sheds; what is less important than `interactive` unless it says otherwise."""
    if step.do != "shed":
        return NONE
    return int(Priority[step.below.name] if step.below is not None else Priority.INTERACTIVE) + 1


def fill_one(row: Any, one: Promised | None, plan: Plan, names: Names, unix_s: float, epoch_unix_s: float) -> None:
    if one is None:
        row["sli"] = 0
        return
    window = one.of.window
    calendar = isinstance(window, str)
    bound = (one.bound or 0.0) * (UNIT if one.sli in IN_MS else 1.0)
    meant = (int(Sli[one.sli.upper()]), bound, 0.0 if calendar else window, PERIOD_S[window] if isinstance(window, str) else 0.0)
    scope = row[["tier", "tenant", "workload", "route", "target", "region"]].copy()
    old = (int(row["sli"]), float(row["bound"]), float(row["window_s"]), float(row["period_s"]))
    fill_scope(row, one.scope, names)
    if old != meant or scope != row[["tier", "tenant", "workload", "route", "target", "region"]]:
        for column in ("good", "bad", "minute", "hour", "minute_good", "minute_bad", "hour_good", "hour_bad", "news", "holds", "due"):
            row[column] = 0
        row["looked_s"] = row["since_s"] = 0.0
    row["sli"], row["bound"], row["window_s"], row["period_s"] = meant
    row["turns_s"] = 0.0
    row["least"] = one.least
    offset_s = zone_offset_s(plan.timezone, unix_s)
    row["phase_s"] = offset_s % HOUR_S
    row["offset_s"] = offset_s - (MONDAY_S if window == "week" else 0.0)
    if isinstance(window, str):
        begins, ends = period_around(window, plan.timezone, unix_s)
        row["starts_s"], row["ends_s"] = begins - epoch_unix_s, ends - epoch_unix_s


def fill_scope(row: Any, scope: ObjectiveScope, names: Names) -> None:
    """What is named; NONE where anything is meant."""
    named: tuple[tuple[str, str | None, Sequence[str]], ...] = (
        ("tier", scope.tier, names.tiers), ("tenant", scope.tenant, names.tenants), ("workload", scope.workload, names.workloads),
        ("route", scope.model, names.routes), ("target", scope.provider, names.targets), ("region", scope.region, names.regions),
    )  # fmt: skip
    for column, name, known in named:
        row[column] = NONE if name is None else known.index(name) if name in known else NONE - 1


def zone_offset_s(timezone: str, unix_s: float) -> float:
    offset = datetime.fromtimestamp(unix_s, UTC).astimezone(ZoneInfo(timezone)).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def period_around(period: str, timezone: str, unix_s: float) -> tuple[float, float]:
    """Unix seconds at which the calendar period around a moment begins and ends, at midnights of a zone."""
    zone = ZoneInfo(timezone)
    day = datetime.fromtimestamp(unix_s, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if period == "day":
        begins, ends = day, day + timedelta(days=1)
    elif period == "week":
        begins = day - timedelta(days=day.weekday())
        ends = begins + timedelta(days=7)
    else:
        months = 3 if period == "quarter" else 1
        first = (day.month - 1) // months * months
        begins = day.replace(month=first + 1, day=1)
        ends = begins.replace(year=begins.year + (first + months) // 12, month=(first + months) % 12 + 1)
    return begins.replace(tzinfo=zone).timestamp(), ends.replace(tzinfo=zone).timestamp()
