"""Service level objectives: good and bad events counted as they come, burn alerts judged, and steps of burn.

Records: OBJECTIVE, its alerts (BURN_ALERT) and steps (BURN_STEP), and the stretches of maintenance that nobody counts (PAUSE). Counts are
integers in a ring of minutes, which reaches six hours back, and in a ring of hours, which reaches 93 days back; both are numbered from the
Unix epoch, so that a later run takes up what an earlier one counted. A window of up to six hours is counted to the minute, a longer one to
the hour.

Time slices are judged by reports alone: here each event counts. What must not live here: what a step does to a request.
"""

from enum import IntEnum
from typing import Any

from roteiro.policy import budget as budgets
from roteiro.policy.burn import burn_fires
from roteiro.policy.kernel import inlined, kernel
from roteiro.policy.state import (
    HOUR_SLOTS,
    MINUTE_SLOTS,
    NONE,
    burn_alert_at,
    burn_step_at,
    header_of,
    objective_at,
    pause_at,
    target_at,
    tenant_at,
)
from roteiro.terms.codes import Outcome, Reason, Signal

__all__ = [
    "Sli",
    "StepAction",
    "act",
    "count_answer",
    "count_signal",
    "judge_alert",
    "judge_step",
    "recall",
    "spent_share",
    "turn",
    "window_counts",
]


class Sli(IntEnum):
    """What makes an event good."""

    AVAILABILITY = 1
    """Answered, of all requests but those that the client spoilt itself."""
    LATENCY = 2
    """Answers within `bound` milliseconds."""
    TTFT = 3
    """Streamed answers whose first token came within `bound` milliseconds."""
    THROUGHPUT = 4
    """Streamed answers with at least `bound` output tokens a second after the first."""
    COST = 5
    """Answers that cost at most `bound` nano-dollars."""
    QUALITY = 6
    """Verdicts of those who make the score, at least a half of them good."""
    CONFIDENCE = 7
    """Answers whose confidence is at least `bound`."""
    HALLUCINATION = 8
    """Answers to factual questions that were found to hold."""
    LEAKS = 9
    """Answers without personal data."""


class StepAction(IntEnum):
    NOTIFY = 1
    DEGRADE = 2
    FREEZE = 3
    SHED = 4
    """argument: the most important priority that is refused."""


AVAILABILITY, LATENCY, TTFT, THROUGHPUT, COST, QUALITY, CONFIDENCE, HALLUCINATION, LEAKS = (int(sli) for sli in Sli)
DEGRADE, FREEZE, SHED = int(StepAction.DEGRADE), int(StepAction.FREEZE), int(StepAction.SHED)
SUCCESS, SHED_FOR_SLO = int(Outcome.SUCCESS), int(Reason.SHED_FOR_SLO)
LIMITED, BUDGET, CANCELLED, INVALID = int(Outcome.LIMITED), int(Outcome.BUDGET), int(Outcome.CANCELLED), int(Outcome.INVALID)
S_CONFIDENCE, S_CANARY, S_LEAKS, S_FACTUAL = int(Signal.CONFIDENCE), int(Signal.CANARY), int(Signal.LEAKS), int(Signal.FACTUAL)
MINUTE_S, HOUR_S = 60.0, 3600.0
QUARTER_S = -3.0  # in place of a period's seconds: three calendar months
HALF = 0.5
NOBODY = 127  # a priority below all
fires = kernel(burn_fires)


@inlined
def within(it: Any, tier: int, tenant: int, workload: int, route: int, target: int, region: int) -> bool:
    """Whether a request is of the scope of an objective or of a pause."""
    return (
        (it.tier == NONE or it.tier == tier)
        and (it.tenant == NONE or it.tenant == tenant)
        and (it.workload == NONE or it.workload == workload)
        and (it.route == NONE or it.route == route)
        and (it.target == NONE or it.target == target)
        and (it.region == NONE or it.region == region)
    )


@kernel
def paused(block: int, at: float, tier: int, tenant: int, workload: int, route: int, target: int, region: int) -> bool:
    """Whether a request that arrived at `at` falls into announced maintenance."""
    for p in range(header_of(block).pause_count):
        pause = pause_at(block, p)
        if pause.from_s <= at < pause.to_s and within(pause, tier, tenant, workload, route, target, region):
            return True
    return False


@kernel
def period_end(objective: Any, epoch_unix_s: float, now: float) -> float:
    if objective.period_s != QUARTER_S:
        return budgets.period_end(objective.period_s, objective.offset_s, epoch_unix_s, now)
    end = now
    for _ in range(3):  # it begins with a quarter, so the third month's end is its own
        end = budgets.period_end(0.0, objective.offset_s, epoch_unix_s, end)
    return end


@kernel
def turn(objective: Any, epoch_unix_s: float, now: float) -> None:
    """Empty the slots that time has reached again, and let go of what has left the window."""
    if now < objective.turns_s:
        return
    unix_s = epoch_unix_s + now
    minute, hour = int(unix_s // MINUTE_S), int((unix_s + objective.phase_s) // HOUR_S)
    if objective.hour == 0:  # the first time that it is looked at
        objective.minute, objective.hour, objective.since_s = minute, hour, now
    if minute > objective.minute:
        for m in range(max(objective.minute + 1, minute - MINUTE_SLOTS + 1), minute + 1):
            objective.minute_good[m % MINUTE_SLOTS], objective.minute_bad[m % MINUTE_SLOTS] = 0, 0
        objective.minute = minute
    objective.turns_s = (minute + 1) * MINUTE_S - epoch_unix_s  # hours and days of a zone begin with a minute
    if hour > objective.hour:
        if objective.window_s > 0.0:
            hours = int(objective.window_s / HOUR_S)
            for h in range(objective.hour + 1, min(hour, objective.hour + HOUR_SLOTS) + 1):
                objective.good -= objective.hour_good[(h - hours) % HOUR_SLOTS]
                objective.bad -= objective.hour_bad[(h - hours) % HOUR_SLOTS]
                # The ring is longer than any window, so what is emptied had left before.
                objective.hour_good[h % HOUR_SLOTS], objective.hour_bad[h % HOUR_SLOTS] = 0, 0
        else:
            for h in range(max(objective.hour + 1, hour - HOUR_SLOTS + 1), hour + 1):
                objective.hour_good[h % HOUR_SLOTS], objective.hour_bad[h % HOUR_SLOTS] = 0, 0
        objective.hour = hour
    if objective.window_s <= 0.0 and now >= objective.ends_s:
        objective.starts_s = objective.ends_s
        objective.ends_s = period_end(objective, epoch_unix_s, now)
        objective.good, objective.bad = 0, 0
        first = int((epoch_unix_s + objective.starts_s + objective.phase_s) // HOUR_S)
        for h in range(max(first, objective.hour - HOUR_SLOTS + 1), objective.hour + 1):
            objective.good += objective.hour_good[h % HOUR_SLOTS]
            objective.bad += objective.hour_bad[h % HOUR_SLOTS]


@kernel
def add(objective: Any, good: bool, epoch_unix_s: float, now: float) -> None:
    turn(objective, epoch_unix_s, now)
    m, h = objective.minute % MINUTE_SLOTS, objective.hour % HOUR_SLOTS
    if good:
        objective.good += 1
        objective.run_good += 1
        objective.minute_good[m] += 1
        objective.hour_good[h] += 1
    else:
        objective.bad += 1
        objective.run_bad += 1
        objective.minute_bad[m] += 1
        objective.hour_bad[h] += 1
        objective.news = 1


@inlined
def count_answer(block: int, event: Any) -> None:
    """Count a request that ended in every objective that it is of."""
    outcome = event.outcome
    n = header_of(block).objective_count
    if n == 0 or outcome == LIMITED or outcome == BUDGET or outcome == CANCELLED or outcome == INVALID or event.reason == SHED_FOR_SLO:
        return
    if tenant_at(block, event.tenant).internal != 0:  # its owner's own probes are nobody's service
        return
    if header_of(block).pause_count > 0 and paused(
        block, event.arrival_s, event.tier, event.tenant, event.workload, event.model, event.target, event.region
    ):
        return
    epoch, now = header_of(block).epoch_unix_s, event.ended_s
    for o in range(n):
        objective = objective_at(block, o)
        if objective.sli == 0 or objective.sli > COST:
            continue
        if not within(objective, event.tier, event.tenant, event.workload, event.model, event.target, event.region):
            continue
        if objective.sli == AVAILABILITY:
            add(objective, outcome == SUCCESS, epoch, now)
            continue
        if outcome != SUCCESS:
            continue
        if objective.sli == LATENCY:
            add(objective, event.total_ms <= objective.bound, epoch, now)
        elif objective.sli == COST:
            add(objective, event.cost_nusd <= objective.bound, epoch, now)
        elif event.stream != 0 and event.ttft_ms == event.ttft_ms:
            if objective.sli == TTFT:
                add(objective, event.ttft_ms <= objective.bound, epoch, now)
            elif event.output_tokens > 1:
                took_s = (event.total_ms - event.ttft_ms) / 1e3
                add(objective, event.output_tokens - 1 >= objective.bound * took_s, epoch, now)


@kernel
def count_signal(block: int, kind: int, value: float, tier: int, tenant: int, workload: int, route: int, target: int, now: float) -> None:
    """Count a signal of quality in every objective that it is of. A canary's counts for all whom its provider serves."""
    header = header_of(block)
    region = target_at(block, target).region if target != NONE else NONE
    epoch = header_of(block).epoch_unix_s
    scored = (header.score_kinds >> kind) & 1 != 0
    for o in range(header_of(block).objective_count):
        objective = objective_at(block, o)
        if objective.sli < QUALITY:
            continue
        if kind == S_CANARY:
            mine = (objective.target == NONE or objective.target == target) and (objective.region == NONE or objective.region == region)
        else:
            mine = within(objective, tier, tenant, workload, route, target, region)
        if not mine:
            continue
        if objective.sli == QUALITY and scored:
            add(objective, value >= HALF, epoch, now)
        elif objective.sli == CONFIDENCE and kind == S_CONFIDENCE:
            add(objective, value >= objective.bound, epoch, now)
        elif objective.sli == HALLUCINATION and kind == S_FACTUAL:
            add(objective, value >= HALF, epoch, now)
        elif objective.sli == LEAKS and kind == S_LEAKS:
            add(objective, value == 0.0, epoch, now)


@kernel
def window_counts(objective: Any, length_s: float) -> tuple[int, int]:
    """(good, bad) events of the last `length_s`, the slot that runs being the last of them."""
    good, bad = 0, 0
    if length_s <= MINUTE_SLOTS * MINUTE_S:
        n = max(int(length_s / MINUTE_S), 1)
        for m in range(objective.minute - n + 1, objective.minute + 1):
            good += objective.minute_good[m % MINUTE_SLOTS]
            bad += objective.minute_bad[m % MINUTE_SLOTS]
        return good, bad
    n = min(int(length_s / HOUR_S), HOUR_SLOTS)
    for h in range(objective.hour - n + 1, objective.hour + 1):
        good += objective.hour_good[h % HOUR_SLOTS]
        bad += objective.hour_bad[h % HOUR_SLOTS]
    return good, bad


@kernel
def expected(objective: Any, now: float) -> float:
    """Events that the whole window is expected to have: what it has had so far, at the pace at which they came."""
    so_far = float(objective.good + objective.bad)
    if objective.window_s > 0.0:
        length_s, lived_s = objective.window_s, min(now - objective.since_s, objective.window_s)
    else:
        length_s, lived_s = objective.ends_s - objective.starts_s, now - max(objective.since_s, objective.starts_s)
    return so_far * length_s / min(max(lived_s, HOUR_S), length_s)


@kernel
def spent_share(objective: Any, now: float) -> float:
    """Share of the window's error budget that is spent, the budget being that of the events which the whole window is expected to have."""
    if objective.bad == 0:
        return 0.0
    return objective.bad / max((1.0 - objective.least) * expected(objective, now), 1e-12)


@kernel
def judge_alert(block: int, a: int, now: float) -> tuple[int, float]:
    """(1 where alert `a` begins to fire, -1 where it ceases, else 0; share of the window's budget spent within its long window)."""
    alert = burn_alert_at(block, a)
    objective = objective_at(block, alert.objective)
    long_good, long_bad = window_counts(objective, alert.long_s)
    short_good, short_bad = window_counts(objective, alert.short_s)
    whole = expected(objective, now)
    now_firing = fires(
        alert.firing != 0,
        long_bad,
        long_good + long_bad,
        short_bad,
        short_good + short_bad,
        whole,
        objective.least,
        alert.burn,
        alert.share,
    )
    share = long_bad / max((1.0 - objective.least) * whole, 1e-12)
    if now_firing and alert.firing == 0:
        alert.firing, alert.since_s = 1, now
        alert.fired += 1
        return 1, share
    if not now_firing and alert.firing != 0:
        alert.firing = 0
        alert.fired_s += now - alert.since_s
        return -1, share
    return 0, share


@kernel
def judge_step(block: int, s: int, now: float) -> int:
    """1 where step `s` begins, -1 where it ends, else 0. It ends where the budget is below it again: events leave a rolling window, and a
    calendar period ends."""
    step = burn_step_at(block, s)
    passed = spent_share(objective_at(block, step.objective), now) >= step.spent
    if passed == (step.active != 0):
        return 0
    if passed:
        step.active, step.since_s = 1, now
        step.begun += 1
        return 1
    step.active = 0
    step.active_s += now - step.since_s
    return -1


@kernel
def act(block: int) -> None:
    """Write what the steps that hold do to requests, after the rules have written theirs."""
    header = header_of(block)
    header.frozen, header.step_shed_from = 0, NOBODY
    for s in range(header_of(block).step_count):
        step = burn_step_at(block, s)
        if step.active == 0:
            continue
        if step.action == DEGRADE:
            header.degrading = 1
        elif step.action == SHED:
            header.step_shed_from = min(header.step_shed_from, step.argument)
        elif step.action == FREEZE:
            header.frozen = 1


@kernel
def recall(block: int, o: int, slot: int, good: int, bad: int, now: float) -> None:
    """Take up what was counted in an hour, or in a minute where bit 62 of `slot` is set, before this run. Later slots than now are not."""
    if o < 0 or o >= header_of(block).objective_count:
        return
    objective, epoch = objective_at(block, o), header_of(block).epoch_unix_s
    turn(objective, epoch, now)
    if slot >> 62 != 0:
        minute = slot & ((1 << 62) - 1)
        if objective.minute - MINUTE_SLOTS < minute <= objective.minute:
            objective.minute_good[minute % MINUTE_SLOTS], objective.minute_bad[minute % MINUTE_SLOTS] = good, bad
        return
    if not objective.hour - HOUR_SLOTS < slot <= objective.hour:
        return
    h, begins_s = slot % HOUR_SLOTS, slot * HOUR_S - objective.phase_s - epoch
    if objective.window_s > 0.0:
        counts = slot > objective.hour - int(objective.window_s / HOUR_S)
    else:
        counts = begins_s + HOUR_S > objective.starts_s
    if counts:
        objective.good += good - objective.hour_good[h]
        objective.bad += bad - objective.hour_bad[h]
    objective.hour_good[h], objective.hour_bad[h] = good, bad
    objective.since_s = min(objective.since_s, begins_s)
    objective.news = 1
