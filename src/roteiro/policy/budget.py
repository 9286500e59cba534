"""Budgets in integer nano-dollars by period: reserved on an estimate before the call, settled to the truth after it.

Record: BUDGET. `spent + reserved` is what a decision looks at, so requests in flight cannot pass a budget together.
It is passed by at most what the requests in flight cost above their reservations.
"""

from typing import Any

from roteiro.policy.kernel import kernel

__all__ = ["month_end", "period_end", "roll", "share_used"]

DAY_S = 86_400.0


@kernel
def month_end(local_unix_s: float) -> float:
    """First second of the next calendar month, on the same clock as the argument.

    Days to year and month as in H. Hinnant, "chrono-compatible low-level date algorithms" (era of 400 years from 1 March).
    """
    days = int(local_unix_s // DAY_S) + 719_468
    era = days // 146_097
    of_era = days - era * 146_097
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * of_year + 2) // 153
    year = year_of_era + era * 400
    month_from_march += 1
    if month_from_march == 12:
        month_from_march = 0
        year += 1
    era = year // 400
    year_of_era = year - era * 400
    of_year = (153 * month_from_march + 2) // 5
    of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + of_year
    return (era * 146_097 + of_era - 719_468) * DAY_S


@kernel
def period_end(period_s: float, offset_s: float, epoch_unix_s: float, now: float) -> float:
    """End of the period that holds `now`, in seconds since the epoch of the run; `period_s` 0 means calendar months."""
    local = epoch_unix_s + now + offset_s
    end = month_end(local) if period_s == 0.0 else (local // period_s + 1.0) * period_s
    return end - offset_s - epoch_unix_s


@kernel
def roll(budget: Any, epoch_unix_s: float, now: float) -> bool:
    """Begin a new period where the old one is over; what is reserved stays reserved. Whether it did."""
    if now < budget.ends_s:
        return False
    budget.spent_nusd = 0
    budget.ends_s = period_end(budget.period_s, budget.offset_s, epoch_unix_s, now)
    return True


@kernel
def share_used(budget: Any, more_nusd: int) -> float:
    """(spent + reserved + more) / amount."""
    if budget.amount_nusd <= 0:
        return 0.0 if budget.spent_nusd + budget.reserved_nusd + more_nusd == 0 else 1e18
    return (budget.spent_nusd + budget.reserved_nusd + more_nusd) / budget.amount_nusd
