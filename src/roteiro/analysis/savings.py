"""Money that need not have been spent, each with what proves it in the ledger. What no column proves is not claimed.

* `smaller_model`: simple tasks, told anew at the prices of the cheapest target that has itself answered at least 20 simple tasks, and no
  smaller a share of them than the one that answered these. That it answers them *well* nobody has measured. A target whose tokens are free
  is not proposed: its machines cost by the hour, and the ledger has no hours.
* `off_peak`: requests of batch priority, at which nobody waits, that a target with off-peak hours answered outside them: its discount.
* `batch`: requests of batch priority that a target answered whose tokens cost less in batches: that discount.
* `reserved`: what the cheapest number of provisioned units would have saved a target's requests (`savings_units`).
* `hedges`, `rescues`, `retries`: estimated cost of attempts that were given up, by what gave them up. Not all of it can be saved: it bought
  latency, or answers.
* `undelivered`: what requests cost that ended without a whole answer, by outcome.

* `cache`: input tokens that a target with a cheaper price for cached ones would have had in its cache, as far as prompts begin alike. The
  ledger has no prompts, so how far they do comes from a trace that names its prefixes, where one is given.
* `trimming`: input tokens beyond what nine in ten prompts of a workload have, where those long prompts got answers no longer than the
  others: most of what they say is then not asked for. Which words those are the ledger cannot tell: it has none.

What must not live here: the plan (prices come as `TargetPrice`), and words for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from roteiro.analysis.column import counts, integers, is_word
from roteiro.analysis.savings_units import UnitOffer, reserved_units

__all__ = ["COLUMNS", "Kind", "OffPeakHours", "Prefixes", "Saving", "TargetPrice", "savings"]

COLUMNS: Final = (
    "time", "target", "outcome", "priority", "complexity", "cost_nusd", "lost_nusd", "input_tokens", "cached_tokens", "output_tokens",
    "reasoning_tokens", "hedged", "rescues", "workload",
)  # fmt: skip
"""The columns of `events` that are read."""

Kind = Literal["smaller_model", "off_peak", "batch", "reserved", "cache", "trimming", "hedges", "rescues", "retries", "undelivered"]
FEWEST_ANSWERS: Final = 20
FEWEST_PROMPTS: Final = 100
LONG: Final = 0.9
"""Quantile of a workload's prompts beyond which one is long."""
PER_MILLION: Final = 1_000_000
HOUR_MICROS: Final = 3_600_000_000
DAY_S: Final = 86_400
IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class OffPeakHours:
    """A window of the local day, in its seconds; one that ends before it begins runs past midnight."""

    from_s: float
    to_s: float
    discount: float
    timezone: str


@dataclass(frozen=True, slots=True)
class TargetPrice:
    """Nano-dollars per million tokens. `fixed`: no other prices came into force on a later day."""

    input: int
    cached: int
    output: int
    reasoning: int
    off_peak: OffPeakHours | None = None
    fixed: bool = True
    batch_discount: float | None = None
    units: UnitOffer | None = None

    @property
    def comparable(self) -> bool:
        """Whether old requests can be told anew at it. What asks nothing for tokens costs machine hours, which the ledger does not have."""
        return self.fixed and self.input + self.output > 0


@dataclass(frozen=True, slots=True)
class Saving:
    """`requests` of `subject` (a target, or an outcome) cost `cost_nusd`; of that `saving_nusd` need not have been.

    `instead`: the target that would have been cheaper. `proof`: how many simple tasks it was asked and how many it answered; of reserved
    units, how many and the hours of the record; of a cache, input tokens that came from it, and that could have. Of a cache, `instead` is
    the trace that knows the prefixes. Of trimming: tokens that nine in ten prompts have at most, and that half of them have.
    """

    kind: Kind
    subject: str | None
    instead: str | None
    requests: int
    cost_nusd: int
    saving_nusd: int
    proof: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Prefixes:
    """How far the prompts of a trace begin alike: the share of their prefixes that an earlier one had."""

    source: str
    requests: int
    shared: float


def savings(events: pa.Table, prices: Mapping[str, TargetPrice], prefixes: Prefixes | None = None) -> tuple[Saving, ...]:
    """What could be saved of `events`, which holds at least COLUMNS, the largest first. `prices` by target, as far as they are known.

    `prefixes`: of a trace of the same traffic.
    """
    found = [*smaller_models(events, prices), *off_peak_hours(events, prices), *batches(events, prices), *units(events, prices)]
    found += [*long_prompts(events, prices), *given_up(events), *undelivered(events)]
    found += [*(caches(events, prices, prefixes) if prefixes is not None else ())]
    return tuple(sorted((one for one in found if one.saving_nusd > 0), key=lambda one: (-one.saving_nusd, one.kind, one.subject or "")))


def smaller_models(events: pa.Table, prices: Mapping[str, TargetPrice]) -> list[Saving]:
    simple, answered, cost = is_word(events, "complexity", "simple"), is_word(events, "outcome", "success"), integers(events, "cost_nusd")
    tried: dict[str, tuple[int, int]] = {}
    for target in counts(events, "target"):
        mine = simple & is_word(events, "target", target)
        tried[target] = int(mine.sum()), int((mine & answered).sum())
    found = []
    for target, (asked, answers) in tried.items():
        mine = simple & answered & is_word(events, "target", target)
        best: Saving | None = None
        for other, (its_asked, its_answers) in tried.items():
            proven = its_answers >= FEWEST_ANSWERS and its_answers * asked >= answers * its_asked
            if other == target or not proven or other not in prices or not prices[other].comparable:
                continue
            saved = int(cost[mine].sum()) - int(priced(events, prices[other])[mine].sum())
            if best is None or saved > best.saving_nusd:
                best = Saving("smaller_model", target, other, int(mine.sum()), int(cost[mine].sum()), saved, (its_asked, its_answers))
        found += [] if best is None else [best]
    return found


def priced(events: pa.Table, price: TargetPrice) -> IntArray:
    """What each request's tokens cost at a target's prices by day, rounded half up, as `policy.price` does."""
    input_tokens, output_tokens = integers(events, "input_tokens"), integers(events, "output_tokens")
    cached = np.minimum(integers(events, "cached_tokens"), input_tokens)
    reasoning = np.minimum(integers(events, "reasoning_tokens"), output_tokens)
    total = (input_tokens - cached) * price.input + cached * price.cached
    total = total + (output_tokens - reasoning) * price.output + reasoning * price.reasoning
    cost: IntArray = (total + PER_MILLION // 2) // PER_MILLION
    return cost


def off_peak_hours(events: pa.Table, prices: Mapping[str, TargetPrice]) -> list[Saving]:
    patient, cost = is_word(events, "priority", "batch"), integers(events, "cost_nusd")
    found = []
    for target, price in prices.items():
        if price.off_peak is None:
            continue
        dear = patient & is_word(events, "target", target) & ~within(events, price.off_peak) & (cost > 0)
        saved = int(cost[dear].sum()) * round(price.off_peak.discount * PER_MILLION) // PER_MILLION
        found.append(Saving("off_peak", target, None, int(dear.sum()), int(cost[dear].sum()), saved))
    return found


def batches(events: pa.Table, prices: Mapping[str, TargetPrice]) -> list[Saving]:
    patient, cost = is_word(events, "priority", "batch"), integers(events, "cost_nusd")
    found = []
    for target, price in prices.items():
        if price.batch_discount:
            mine = patient & is_word(events, "target", target) & (cost > 0)
            saved = int(cost[mine].sum()) * round(price.batch_discount * PER_MILLION) // PER_MILLION
            found.append(Saving("batch", target, None, int(mine.sum()), int(cost[mine].sum()), saved))
    return found


def units(events: pa.Table, prices: Mapping[str, TargetPrice]) -> list[Saving]:
    found = []
    names = ("input_tokens", "cached_tokens", "output_tokens", "cost_nusd")
    for target, price in prices.items():
        if price.units is None:
            continue
        mine = is_word(events, "target", target)
        came_s = (events.column("time").cast(pa.int64()).to_numpy() / 1e6)[mine]
        read, cached, written, paid = (integers(events, name)[mine].astype(np.float64) for name in names)
        if (best := reserved_units(came_s, read, cached, written, paid, price.units)) is not None:
            count, before, after = best
            hours = round(float(np.ptp(came_s)) / 3600.0)
            found.append(Saving("reserved", target, None, int(mine.sum()), before, before - after, (count, hours)))
    return found


def caches(events: pa.Table, prices: Mapping[str, TargetPrice], prefixes: Prefixes) -> list[Saving]:
    """Of what a cache that forgets nothing would have had, what did not come from it: an upper bound, as vendors' caches forget."""
    found = []
    for target, price in prices.items():
        mine = is_word(events, "target", target)
        read, cached = int(integers(events, "input_tokens")[mine].sum()), int(integers(events, "cached_tokens")[mine].sum())
        could = int(read * prefixes.shared)
        if price.fixed and price.cached < price.input and could > cached:
            saved = (could - cached) * (price.input - price.cached) // PER_MILLION
            spent = int(integers(events, "cost_nusd")[mine].sum())
            found.append(Saving("cache", target, prefixes.source, int(mine.sum()), spent, min(saved, spent), (cached, could)))
    return found


def long_prompts(events: pa.Table, prices: Mapping[str, TargetPrice]) -> list[Saving]:
    """By workload, at each target's price of tokens that are not cached."""
    answered = is_word(events, "outcome", "success")
    read, written, cost = (integers(events, name) for name in ("input_tokens", "output_tokens", "cost_nusd"))
    fresh = np.maximum(read - integers(events, "cached_tokens"), 0)
    found = []
    for workload in counts(events, "workload"):
        mine = answered & is_word(events, "workload", workload)
        if mine.sum() < FEWEST_PROMPTS:
            continue
        median, most = (int(np.quantile(read[mine], share, method="higher")) for share in (0.5, LONG))
        long = mine & (read > most)
        if not long.any() or np.median(written[long]) > np.median(written[mine & ~long]):
            continue
        saved = 0
        for target, price in prices.items():
            if price.fixed:
                there = long & is_word(events, "target", target)
                saved += int(np.minimum(read[there] - most, fresh[there]).sum()) * price.input // PER_MILLION
        spent = int(cost[long].sum())
        found.append(Saving("trimming", workload, None, int(long.sum()), spent, min(saved, spent), (most, median)))
    return found


def within(events: pa.Table, hours: OffPeakHours) -> Mask:
    """Which requests arrived in the window, by the clocks of its time zone."""
    micros = events.column("time").cast(pa.int64()).to_numpy()
    known, which = np.unique(micros // HOUR_MICROS, return_inverse=True)
    zone = ZoneInfo(hours.timezone)
    offsets = [datetime.fromtimestamp(int(hour) * 3600, zone).utcoffset() for hour in known]
    ahead = np.array([0.0 if offset is None else offset.total_seconds() for offset in offsets])
    second = (micros / 1e6 + ahead[which]) % DAY_S
    after, before = second >= hours.from_s, second < hours.to_s
    found: Mask = after & before if hours.from_s <= hours.to_s else after | before
    return found


def given_up(events: pa.Table) -> list[Saving]:
    """By what gave the attempts up; where a request had both, it counts as hedged."""
    lost, cost = integers(events, "lost_nusd"), integers(events, "cost_nusd")
    hedged, rescued = integers(events, "hedged") > 0, integers(events, "rescues") > 0
    causes: tuple[tuple[Kind, Mask], ...] = (("hedges", hedged), ("rescues", rescued & ~hedged), ("retries", ~hedged & ~rescued))
    found = []
    for kind, mine in causes:
        some = mine & (lost > 0)
        found.append(Saving(kind, None, None, int(some.sum()), int((cost + lost)[some].sum()), int(lost[some].sum())))
    return found


def undelivered(events: pa.Table) -> list[Saving]:
    charged = events.filter(pc.greater(events.column("cost_nusd"), 0))
    cost = integers(charged, "cost_nusd")
    found = []
    for outcome in counts(charged, "outcome"):
        spent = int(cost[is_word(charged, "outcome", outcome)].sum())
        if outcome != "success":
            found.append(Saving("undelivered", outcome, None, int(is_word(charged, "outcome", outcome).sum()), spent, spent))
    return found
