"""How each objective stands at this moment, read from the block: counts, budget, burn, alerts that fire, steps in force, and the freeze.

The kernel counts and judges (`policy.objective`); here its columns get their names, and the shares that follow from them are computed by
the same formulas. What must not live here: history, telling anyone, and promises that are only reported.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from msgspec import Struct

from roteiro.plan.compile import Compiled
from roteiro.plan.compile_objectives import Alert, alert_rows, step_rows, watched
from roteiro.plan.objectives import BurnStep
from roteiro.plan.promised import Promised
from roteiro.policy.state import HOUR_SLOTS, MINUTE_SLOTS, State
from roteiro.terms.units import format_duration, format_money, format_share

__all__ = ["AlertState", "Levels", "ObjectiveState", "ServiceLevels", "StepState", "promise_of"]

SEVERITIES: Final = {1: "page", 2: "ticket"}
MINUTE_S, HOUR_S = 60.0, 3600.0
TIMED: Final = ("latency", "ttft")


class AlertState(Struct, frozen=True, kw_only=True):
    """A burn alert. Rates are in times of what would spend the budget exactly by the window's end; None where nothing was counted."""

    alert: str
    severity: str
    burn: float
    long_window: str
    short_window: str
    long_s: float
    short_s: float
    bound: float
    """Share of the window's budget at which it fires."""
    lately: float
    """Share of it that was spent within the long window."""
    long_rate: float | None
    short_rate: float | None
    firing: bool
    since_unix_s: float | None
    fired: int
    """Times that it began to, in this run."""


class StepState(Struct, frozen=True, kw_only=True):
    """A step of burn: at what share, what is done, and whether it is in force."""

    step: str
    spent: float
    do: str
    to: tuple[str, ...]
    active: bool
    since_unix_s: float | None


class ObjectiveState(Struct, frozen=True, kw_only=True):
    """One objective. `spent` and `left` are shares of the window's error budget; None where nothing may fail at all."""

    name: str
    sli: str
    promise: str
    tier: str | None
    least: float
    window: str
    ends_unix_s: float | None
    """End of the calendar period; None for a rolling window."""
    length_s: float
    good: int
    bad: int
    run_good: int
    run_bad: int
    spent: float | None
    left: float | None
    exhausted_unix_s: float | None
    """When nothing is left, at the rate of the fastest of the alerts' long windows; None where that is past the window's end."""
    alerts: tuple[AlertState, ...]
    steps: tuple[StepState, ...]


class ServiceLevels(Struct, frozen=True, kw_only=True):
    """All objectives, and whether a step of burn refuses changed plans."""

    objectives: tuple[ObjectiveState, ...] = ()
    frozen: bool = False


class Levels:
    """Reads them, for one plan after another; what follows from the plan alone is worked out once. `now_s` on the run's clock.

    Read beside the workers' steps: two numbers may be a step apart.
    """

    def __init__(self, compiled: Callable[[], Compiled], state: State) -> None:
        self._compiled, self._state = compiled, state
        self._known: Compiled | None = None
        self._objectives: list[tuple[int, Promised]] = []
        self._alerts: list[Alert] = []
        self._steps: list[tuple[str, BurnStep]] = []
        self._epoch_s = float(state.header["epoch_unix_s"][0])

    def __call__(self, now_s: float) -> ServiceLevels:
        """All objectives, in the plan's order."""
        self._follow()
        found = [self._objective(index, one, now_s) for index, one in self._objectives]
        return ServiceLevels(objectives=tuple(found), frozen=bool(self._state.header["frozen"][0]))

    def glance(self) -> object:
        """What fires, is in force, or happened though it never may: two glances tell whether anything changed."""
        self._follow()
        state = self._state
        broken = tuple(int(state.objectives["run_bad"][index]) for index, one in self._objectives if one.least >= 1.0)
        return state.burn_alerts["firing"].tobytes(), state.burn_steps["active"].tobytes(), broken, id(self._known)

    def _follow(self) -> None:
        compiled = self._compiled()
        if compiled is self._known:
            return
        known, sli = {one.name: one for one in watched(compiled.plan)}, self._state.objectives["sli"]
        listed = enumerate(compiled.names.objectives)
        self._objectives = [(index, known[name]) for index, name in listed if name in known and sli[index]]
        self._alerts, self._steps = alert_rows(compiled.plan), step_rows(compiled.plan)
        self._known = compiled

    def _objective(self, index: int, one: Promised, now_s: float) -> ObjectiveState:
        row, epoch_s = self._state.objectives[index], self._epoch_s
        bad, whole, allowed = int(row["bad"]), expected(row, now_s), 1.0 - one.least
        spent = None if allowed <= 0.0 else bad / max(allowed * whole, 1e-12) if bad else 0.0
        rolling = float(row["window_s"]) > 0.0
        length_s = float(row["window_s"]) if rolling else float(row["ends_s"] - row["starts_s"])
        alerts = tuple(self._alert_states(one, row, whole))
        ends_s = None if rolling else epoch_s + float(row["ends_s"])
        out_s = None
        fastest = max((alert.long_rate or 0.0 for alert in alerts), default=0.0)
        if spent is not None and spent < 1.0 and fastest > 0.0:
            at_s = epoch_s + now_s + (1.0 - spent) * length_s / fastest
            out_s = at_s if at_s <= (epoch_s + now_s + length_s if ends_s is None else ends_s) else None
        return ObjectiveState(
            name=one.name, sli=one.sli, promise=promise_of(one), tier=one.tier, least=one.least, window=window_words(one),
            ends_unix_s=ends_s, length_s=length_s, good=int(row["good"]), bad=bad, run_good=int(row["run_good"]),
            run_bad=int(row["run_bad"]), spent=spent, left=None if spent is None else 1.0 - spent, exhausted_unix_s=out_s, alerts=alerts,
            steps=tuple(self._step_states(one)),
        )  # fmt: skip

    def _alert_states(self, one: Promised, row: Any, whole: float) -> Iterator[AlertState]:
        allowed = 1.0 - one.least
        for (name, burn, long_s, short_s, bound, severity), alert in zip(self._alerts, self._state.burn_alerts, strict=False):
            if name != one.name:
                continue
            long, short = window_counts(row, long_s), window_counts(row, short_s)
            firing = bool(alert["firing"])
            yield AlertState(
                alert=f"{burn:g}x{format_duration(long_s)}", severity=SEVERITIES[severity], burn=burn, long_window=format_duration(long_s),
                short_window=format_duration(short_s), long_s=long_s, short_s=short_s, bound=bound,
                lately=long[1] / max(allowed * whole, 1e-12) if long[1] else 0.0, long_rate=rate(*long, allowed),
                short_rate=rate(*short, allowed), firing=firing, since_unix_s=self._epoch_s + float(alert["since_s"]) if firing else None,
                fired=int(alert["fired"]),
            )  # fmt: skip

    def _step_states(self, one: Promised) -> Iterator[StepState]:
        for (name, step), row in zip(self._steps, self._state.burn_steps, strict=False):
            if name == one.name:
                active = bool(row["active"])
                since_s = self._epoch_s + float(row["since_s"]) if active else None
                words = f"{format_share(step.spent)} {step.do}"
                yield StepState(step=words, spent=step.spent, do=step.do, to=step.to, active=active, since_unix_s=since_s)


def rate(good: int, bad: int, allowed: float) -> float | None:
    """Times as fast as would spend the budget exactly."""
    return bad / (good + bad) / allowed if good + bad and allowed > 0.0 else None


def expected(row: Any, now_s: float) -> float:
    """Events that the whole window is expected to have, at the pace so far, as `policy.objective.expected` has it."""
    so_far = float(row["good"] + row["bad"])
    if row["window_s"] > 0.0:
        length_s, lived_s = float(row["window_s"]), min(now_s - float(row["since_s"]), float(row["window_s"]))
    else:
        length_s, lived_s = float(row["ends_s"] - row["starts_s"]), now_s - max(float(row["since_s"]), float(row["starts_s"]))
    return so_far * length_s / min(max(lived_s, HOUR_S), length_s)


def window_counts(row: Any, length_s: float) -> tuple[int, int]:
    """(good, bad) of the last `length_s`, as `policy.objective.window_counts` has it."""
    unit, slots, slot_s = ("minute", MINUTE_SLOTS, MINUTE_S) if length_s <= MINUTE_SLOTS * MINUTE_S else ("hour", HOUR_SLOTS, HOUR_S)
    count = min(max(int(length_s / slot_s), 1), slots)
    places = np.arange(int(row[unit]) - count + 1, int(row[unit]) + 1) % slots
    return int(row[f"{unit}_good"][places].sum()), int(row[f"{unit}_bad"][places].sum())


def promise_of(one: Promised) -> str:
    """In symbols, which every language reads: `95% latency ≤ 1s, month`."""
    share = format_share(one.least)
    if one.sli == "leaks":
        said = "leaks = 0"
    elif one.sli == "hallucination":
        said = f"hallucination ≤ {format_share(round(1.0 - one.least, 12))}"
    elif one.bound is None:
        said = f"{one.sli} ≥ {share}"
    elif one.sli in TIMED:
        said = f"{share} {one.sli} ≤ {format_duration(one.bound)}"
    elif one.sli == "cost":
        said = f"{share} cost ≤ {format_money(int(one.bound))}"
    elif one.sli == "confidence":
        said = f"{share} confidence ≥ {format_share(one.bound)}"
    else:
        said = f"{share} {one.sli} ≥ {one.bound:g}"
    return f"{said}, {window_words(one)}"


def window_words(one: Promised) -> str:
    window = one.of.window
    return window if isinstance(window, str) else format_duration(window)
