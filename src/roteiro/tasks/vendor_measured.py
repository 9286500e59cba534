"""What one's own ledger measured of vendors, as facts for their scores: availability, times, throughput, prices paid, recovery.

What must not live here: how an interval is found (`analysis.vendor_measures`), and what is declared (`vendor_facts`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from roteiro.analysis.chance import Chance
from roteiro.analysis.column import numbers, words
from roteiro.analysis.vendor_incidents import Incident, incidents
from roteiro.analysis.vendor_measures import Matching, Rows, durations, match, percentile, ratio, share
from roteiro.analysis.vendor_score import Fact
from roteiro.tasks.vendor_ledger import VendorLedger

__all__ = ["OURS", "Compared", "Found", "measure_vendors"]

OURS: Final = ("auth", "bad_request", "context", "unfit", "content")
"""Classes of failures that say nothing of a vendor's health: our keys, our requests, its filter."""
LOAD: Final = "rate_limit"
MEDIAN, P95 = 0.5, 0.95
HOUR_S, LEAST_BLOCK_S, BLOCKS = 3600.0, 60.0, 48.0


@dataclass(frozen=True, slots=True)
class Compared:
    """How one vendor's attempts were compared: all of them, by class of failure, and the share that lies in what all were asked."""

    attempts: int
    failures: dict[str, int]
    compared: float
    latency_p50_s: float | None
    incidents: tuple[Incident, ...]
    told_by_events: int


@dataclass(frozen=True, slots=True)
class Found:
    """`strata` of `of_strata` kinds of request that all vendors have; `matched` False where there is none, so that vendors are told as they
    are. `input_share`: of tokens, among answers. `first_s`, `last_s`: Unix seconds of the first and last attempt."""

    facts: Mapping[str, tuple[Fact, ...]]
    compared: Mapping[str, Compared]
    strata: int
    of_strata: int
    matched: bool
    block_s: float
    first_s: float | None
    last_s: float | None
    input_share: float | None


STRATUM: Final = (
    "concat_ws(' · ', e.model, e.workload, CASE e.stream WHEN 1 THEN 'stream' ELSE 'whole' END, "
    "CAST(greatest(0, floor(log2(greatest(1, e.input_tokens)) / 2) - 3) AS INT))"
)
"""Kind of request: model and workload asked for, streamed or not, and its input in bands of a factor of four from 256 tokens on."""

SELECT_ATTEMPTS: Final = f"""SELECT vendor, epoch(ended) AS ended_s, {STRATUM} AS stratum, failure, attempts.ended_s - sent_s AS total_s,
  CASE WHEN e.stream = 1 THEN heard_s - sent_s END AS ttft_s, told_by,
  CASE WHEN e.stream = 1 AND attempts.output_tokens > 1 AND attempts.ended_s > heard_s
    THEN (attempts.output_tokens - 1) / (attempts.ended_s - heard_s) END AS speed
FROM attempts JOIN seats ON provider = target LEFT JOIN events e ON e.run = attempts.run AND e.request = attempts.request"""  # noqa: S608

SELECT_PAID: Final = """SELECT vendor, epoch(e.time) AS ended_s, {stratum} AS stratum, e.cost_nusd,
  e.input_tokens + e.output_tokens AS tokens, e.input_tokens
FROM events e JOIN seats ON provider = e.target WHERE e.outcome = 'success' AND e.cache = 'none' AND {condition}"""


def measure_vendors(ledger: VendorLedger, vendors: Sequence[str], own: frozenset[str], chance: Chance) -> Found:
    """What the ledger tells of these vendors. Prices of those in `own` are not told: their machines are not in them."""
    tried = ledger.ask(ledger.with_attempts(SELECT_ATTEMPTS))
    paid = ledger.ask(ledger.with_attempts(SELECT_PAID.format(stratum=STRATUM, condition=ledger.condition("events"))))
    ended = numbers(tried, "ended_s")
    span = float(ended.max() - ended.min()) if len(ended) else 0.0
    block_s = min(HOUR_S, max(LEAST_BLOCK_S, span / BLOCKS))
    who, kinds = codes(words(tried, "vendor"), vendors), codes(words(tried, "stratum"))
    matching = match(who, kinds, len(vendors))
    block = np.floor(ended / block_s).astype(np.int64)
    failure = np.array(words(tried, "failure").to_pylist(), dtype=object)
    columns = {name: numbers(tried, name) for name in ("total_s", "ttft_s", "speed")}
    by_event = np.array([one == "events" for one in words(tried, "told_by").to_pylist()], np.bool_)
    facts: dict[str, list[Fact]] = {name: [] for name in vendors}
    compared = {}
    for v, name in enumerate(vendors):
        mine = who == v
        rows = Rows(block[mine], matching.weight[mine])
        known = Tried(failure[mine], {key: values[mine] for key, values in columns.items()})
        facts[name] += attempt_facts(known, rows, chance)
        blamed = ~np.isin(known.failure, ("none", LOAD, *OURS))
        seen = incidents(ended[mine], blamed)
        facts[name] += recovery_fact(seen, float(ended.max()) if len(ended) else 0.0, chance)
        whole = known.columns["total_s"][(known.failure == "none") & ~np.isnan(known.columns["total_s"])]
        classes, counts = np.unique(known.failure[known.failure != "none"].astype(str), return_counts=True)
        compared[name] = Compared(
            int(mine.sum()), {str(one): int(count) for one, count in zip(classes, counts, strict=True)}, matching.kept[v],
            float(np.median(whole)) if len(whole) else None, seen, int(by_event[mine].sum()),
        )  # fmt: skip
    for name, fact in price_facts(paid, vendors, block_s, own, chance):
        facts[name].append(fact)
    for name, fact in quality_facts(ledger, vendors, block_s, chance):
        facts[name].append(fact)
    tokens, inputs = (float(numbers(paid, key).sum()) for key in ("tokens", "input_tokens"))
    return Found(
        {name: tuple(rows) for name, rows in facts.items()}, compared, matching.strata, matching.of_strata, matching.matched, block_s,
        float(ended.min()) if len(ended) else None, float(ended.max()) if len(ended) else None, inputs / tokens if tokens else None,
    )  # fmt: skip


def codes(column: pa.ChunkedArray, known: Sequence[str] | None = None) -> npt.NDArray[np.int64]:
    """Words as numbers: their places in `known`, else in the order of their first coming."""
    numbered: dict[Any, int] = {word: i for i, word in enumerate(known or ())}
    return np.array([numbered.setdefault(word, len(numbered)) for word in column.to_pylist()], np.int64)


SELECT_SIGNALS: Final = """SELECT vendor, epoch(time) AS ended_s, kind, probe, value FROM signals JOIN seats ON provider = target
WHERE kind IN ('canary', 'judge', 'format') AND {condition}"""
SIGNALS: Final = {"canaries": "canary", "judged": "judge", "well_formed": "format"}
"""Measures of quality, and the signal that tells each: 1 is good."""
GOOD: Final = 0.5


@dataclass(frozen=True, slots=True)
class Tried:
    """One vendor's attempts."""

    failure: npt.NDArray[Any]
    columns: Mapping[str, npt.NDArray[np.float64]]


def attempt_facts(mine: Tried, rows: Rows, chance: Chance) -> list[Fact]:
    """Availability, refusals for load, and times of answers."""
    failure, answered = mine.failure, mine.failure == "none"
    judged = ~np.isin(failure, (*OURS, LOAD))
    limits = ~np.isin(failure, OURS)
    answers = rows.only(answered)
    found = [
        ("availability", share(answered[judged], rows.only(judged), chance)),
        ("refused_for_load", share((failure == LOAD)[limits], rows.only(limits), chance)),
        ("latency_p95", percentile(mine.columns["total_s"][answered], P95, answers, chance)),
        ("ttft_p95", percentile(mine.columns["ttft_s"][answered], P95, answers, chance)),
        ("throughput", percentile(mine.columns["speed"][answered], MEDIAN, answers, chance)),
    ]
    return [Fact(name, known, "measured") for name, known in found if known is not None]


def recovery_fact(seen: Sequence[Incident], last_s: float, chance: Chance) -> list[Fact]:
    """The mean time from our first failure to the vendor's recovery; nothing where it had no incident."""
    going_on = [last_s - one.start_s for one in seen if one.end_s is None]
    known = durations([one.lasted_s for one in seen if one.lasted_s is not None], chance, going_on)
    return [] if known is None else [Fact("recovery", known, "measured", note=str(len(seen)))]


def price_facts(paid: pa.Table, vendors: Sequence[str], block_s: float, own: frozenset[str], chance: Chance) -> list[tuple[str, Fact]]:
    """Dollars paid for a million tokens, over the same kinds of request of every vendor that has a price."""
    priced = [name for name in vendors if name not in own]
    who = codes(words(paid, "vendor"), priced)
    matching: Matching = match(who[who < len(priced)], codes(words(paid, "stratum"))[who < len(priced)], len(priced))
    weight = np.zeros(len(who))
    weight[who < len(priced)] = matching.weight
    block = np.floor(numbers(paid, "ended_s") / block_s).astype(np.int64)
    dollars, tokens = (
        numbers(paid, "cost_nusd") / 1e3,
        numbers(paid, "tokens"),
    )  # nano-dollars a token are thousandths of a dollar a million
    found = []
    for v, name in enumerate(priced):
        mine = who == v
        known = ratio(dollars[mine], tokens[mine], Rows(block[mine], weight[mine]), chance)
        if known is not None:
            found.append((name, Fact("price", known, "measured")))
    return found


def quality_facts(ledger: VendorLedger, vendors: Sequence[str], block_s: float, chance: Chance) -> list[tuple[str, Fact]]:
    """What was observed of answers' quality: of canary questions those that every vendor was asked, of the others all."""
    seen = ledger.ask(ledger.with_attempts(SELECT_SIGNALS.format(condition=ledger.condition("signals"))))
    kinds, who, probe = words(seen, "kind").to_pylist(), codes(words(seen, "vendor"), vendors), codes(words(seen, "probe"))
    block, good = np.floor(numbers(seen, "ended_s") / block_s).astype(np.int64), numbers(seen, "value") >= GOOD
    found = []
    for measure, kind in SIGNALS.items():
        mine = np.array([one == kind for one in kinds], np.bool_)
        stratum = probe[mine] if kind == "canary" else np.zeros(int(mine.sum()), np.int64)
        weight = match(who[mine], stratum, len(vendors), least=1).weight
        for v, name in enumerate(vendors):
            own = who[mine] == v
            known = share(good[mine][own], Rows(block[mine][own], weight[own]), chance)
            if known is not None:
                found.append((name, Fact(measure, known, "measured")))
    return found
