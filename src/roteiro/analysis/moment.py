"""A living server at one moment: what its last seconds of events say, beside the state of its fleet.

What must not live here: asking the server (`tasks` do), and drawing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from roteiro.analysis.column import counts, is_word, numbers
from roteiro.analysis.spread import Times, times

__all__ = ["COLUMNS", "BudgetLeft", "Fleet", "Moment", "moment"]

COLUMNS: Final = ("arrival_s", "ended_s", "outcome", "target", "total_ms", "ttft_ms", "stream", "output_tokens", "cost_nusd")
"""The columns of `events` that are read."""


@dataclass(frozen=True, slots=True)
class BudgetLeft:
    """A budget of the running server; reserved money is for requests in flight."""

    name: str
    amount_nusd: int
    spent_nusd: int
    reserved_nusd: int

    @property
    def left_nusd(self) -> int:
        return self.amount_nusd - self.spent_nusd - self.reserved_nusd


@dataclass(frozen=True, slots=True)
class Fleet:
    """The state of the fleet: breakers by provider, rules that hold, requests in flight and waiting."""

    breakers: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    in_flight: int = 0
    waiting: int = 0
    budgets: tuple[BudgetLeft, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """`at_s` since the run's epoch. Counts and cost are of the whole run; rates, shares and times of the last `window_s` seconds."""

    at_s: float
    window_s: float
    requests: int
    outcomes: dict[str, int]
    cost_nusd: int
    rate_per_s: float
    output_tokens_per_s: float
    shares: dict[str, float]
    total: Times
    first_token: Times
    fleet: Fleet


def moment(events: pa.Table, at_s: float, fleet: Fleet, window_s: float = 5.0) -> Moment:
    """The moment `at_s` of a run whose events so far are `events` (at least COLUMNS)."""
    ended = numbers(events, "ended_s")
    window_s = max(min(window_s, at_s), 1.0)
    recent = ended > at_s - window_s
    answered = recent & is_word(events, "outcome", "success")
    served = counts(events.filter(pa.array(answered, pa.bool_())), "target")
    streamed = answered & (numbers(events, "stream") != 0)
    total = sum(served.values())
    return Moment(
        at_s=at_s,
        window_s=window_s,
        requests=len(events),
        outcomes=counts(events, "outcome"),
        cost_nusd=int(np.sum(events.column("cost_nusd").to_numpy(), dtype=np.int64)),
        rate_per_s=float((numbers(events, "arrival_s") > at_s - window_s).sum()) / window_s,
        output_tokens_per_s=float(numbers(events, "output_tokens")[answered].sum()) / window_s,
        shares={name: count / total for name, count in served.items()},
        total=times(numbers(events, "total_ms")[answered]),
        first_token=times(numbers(events, "ttft_ms")[streamed]),
        fleet=fleet,
    )
