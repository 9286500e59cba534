"""How soon a changed model is noticed behind its name, and how seldom one that stayed the same is accused; against a naive test.

    python benchmarks/drift.py [--worlds 40] [--quiet-rounds 1000] [--json FILE]

Models are the sandbox's personalities (`testing.personality`) answering the suite of canaries that ships; each answer goes through the
round's own grading, comparison and test. The naive test looks after each round whether a Kolmogorov-Smirnov test (lengths, distances) or a
chi-square test (right, refused, formed) between the last two rounds of the suite and the first six falls below 5 %.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scipy import stats

from roteiro.plan.suite import read_suites
from roteiro.quality.drift import REFERENCES, Detector
from roteiro.quality.grading import grade, normalised
from roteiro.quality.refusals import declines
from roteiro.quality.text_distance import distance, trigrams
from roteiro.terms.probe import Probe
from roteiro.testing.personality import Personality

PROBES = list(read_suites([])[0])
PER_ROUND = 10
BEFORE = Personality(accuracy=0.92, refusals=0.01, words=4.0, logprob=-0.125)
STRONG = Personality(accuracy=0.60, refusals=0.10, words=12.0, style=1, logprob=-0.25)
SUBTLE = Personality(accuracy=0.85, refusals=0.02, words=6.0, logprob=-0.14)
SWITCHES = {
    "strong": (STRONG, True),
    "strong, no log-probabilities": (STRONG, False),
    "subtle": (SUBTLE, True),
    "subtle, no log-probabilities": (SUBTLE, False),
}
"""Name → (the model from then on, whether the target tells log-probabilities)."""


class World:
    """One target that is asked; its values as the detector gets them."""

    def __init__(self, seed: int) -> None:
        self.seed, self.asked = seed, dict.fromkeys(range(len(PROBES)), 0)
        self.references: dict[int, list[str]] = {n: [] for n in self.asked}
        self.vectors: dict[int, list[Any]] = {n: [] for n in self.asked}

    def values(self, n: int, personality: Personality) -> dict[str, float]:
        """What the next answer to probe `n` is like."""
        probe: Probe = PROBES[n]
        self.asked[n] += 1
        manner = personality.answer(str(probe.example), str(probe.wrong), random.Random(f"{self.seed} {probe.id} {self.asked[n]}"))
        right, formed = grade(probe, manner.text)
        values = {
            "length": float(len(manner.text.split())), "refused": float(bool(declines(manner.text))), "correct": float(right),
            "confidence": round(manner.logprob, 6),
        }  # fmt: skip
        if formed is not None:
            values["format"] = float(formed)
        known = self.references[n]
        if len(known) < REFERENCES:
            known.append(manner.text)
            self.vectors[n].append(trigrams(manner.text))
        else:
            values["agreement"] = sum(normalised(one) == normalised(manner.text) for one in known) / REFERENCES
            values["distance"] = round(distance(trigrams(manner.text), self.vectors[n]), 6)
        return values

    def round(self, personality: Personality) -> Iterator[tuple[int, dict[str, float]]]:
        """Those probes that were asked least, as a round takes them."""
        for n in sorted(self.asked, key=lambda n: (self.asked[n], n))[:PER_ROUND]:
            yield n, self.values(n, personality)


def delay(seed: int, after: Personality, told: bool, quiet_rounds: int, rate: float, most: int) -> int | None:
    """Answers from the change to the alarm; None where there was none in `most` of them, or one before."""
    world, detector, since = World(seed), Detector(rate=rate, seed=str(seed)), 0
    for round_ in range(quiet_rounds + most // PER_ROUND):
        detector.begin_round()
        changed = round_ >= quiet_rounds
        for n, values in world.round(after if changed else BEFORE):
            since += changed
            if not told:
                del values["confidence"]
            if detector.see(n, values):
                return since or None
    return None


def quiet(seed: int, rounds: int, rate: float) -> tuple[int | None, int | None]:
    """(round of the first false alarm of the detector, and of the naive test)."""
    world, detector, naive = World(seed), Detector(rate=rate, seed=str(seed)), Naive()
    first: int | None = None
    for round_ in range(rounds):
        detector.begin_round()
        for n, values in world.round(BEFORE):
            if detector.see(n, values) and first is None:
                first = round_
            naive.see(values)
        naive.look(round_)
    return first, naive.first


class Naive:
    """What one would do at first: a test at 5 % of the last hundred answers against the first three hundred, after each round."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.first: int | None = None

    def see(self, values: dict[str, float]) -> None:
        self.rows.append(values)

    def look(self, round_: int) -> None:
        """Looks until it has raised its first alarm."""
        if self.first is not None or len(self.rows) < 400:
            return
        if any(self._p(name) < 0.05 for name in ("length", "distance", "correct", "refused", "format")):
            self.first = round_

    def _p(self, name: str) -> float:
        old, new = ([row[name] for row in rows if name in row] for rows in (self.rows[:300], self.rows[-100:]))
        if not old or not new:
            return 1.0
        if name in ("length", "distance"):
            return float(stats.ks_2samp(old, new).pvalue)
        table = [[sum(rows), len(rows) - sum(rows)] for rows in (old, new)]
        if not sum(row[0] for row in table) or not sum(row[1] for row in table):
            return 1.0
        return float(stats.chi2_contingency(table, correction=False).pvalue)


def told_of(answers: int) -> int | None:
    """None where there was no alarm in time."""
    return None if answers == sys.maxsize else answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=40, help="changes of each kind")
    parser.add_argument("--quiet-worlds", type=int, default=5)
    parser.add_argument("--quiet-rounds", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    began = time.process_time()
    result: dict[str, Any] = {"rate": options.rate, "per_round": PER_ROUND, "probes": len(PROBES), "switches": {}}
    for name, (after, told) in SWITCHES.items():
        found = [delay(seed, after, told, 50, options.rate, 3000) for seed in range(options.worlds)]
        known = sorted(one if one is not None else sys.maxsize for one in found)
        result["switches"][name] = {
            "worlds": len(found), "detected": sum(one is not None for one in found),
            "median_answers": told_of(statistics.median_high(known)),
            "p95_answers": told_of(known[min(len(known) - 1, int(0.95 * len(known)))]),
        }  # fmt: skip
    alarms = [quiet(10_000 + seed, options.quiet_rounds, options.rate) for seed in range(options.quiet_worlds)]
    naive = [one for _, one in alarms if one is not None]
    result["quiet"] = {
        "worlds": len(alarms), "rounds": options.quiet_rounds, "false_alarms": sum(one is not None for one, _ in alarms),
        "naive_false_alarms": len(naive), "naive_median_round": statistics.median(naive) if naive else None,
    }  # fmt: skip
    result["cpu_s"] = round(time.process_time() - began, 1)
    text = json.dumps(result, indent=1)
    print(text)
    if options.json:
        Path(options.json).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
