"""Whether answers to the same questions still come from the same law: conformal test martingales, one for each feature of an answer.

Null hypothesis: the same model answers, so that the answers to one probe are exchangeable draws from a law of the probe's own, and answers
to different probes are independent. Nothing else is assumed of any law: a probe may be answered word for word the same each time, or not.

* Each value is ranked among the earlier values of the same probe; ties are broken by a number between 0 and 1. Under the null these
  conformal p-values are independent and uniform (Vovk, Gammerman and Shafer 2022, Algorithmic Learning in a Random World, part III).
* A bet k * p**(k - 1) against uniformity, or against that of 1 - p, multiplies a capital by 1 on average. A mixture of such bets begins
  anew with each round, with capital from a prior over rounds that sums to 1, so that a long quiet past does not make it deaf.
* The sum of all capitals is a nonnegative martingale that begins at 1: by Ville's inequality it ever reaches 1/a with probability of at
  most a, however long one looks. With n features each may have a / n (union bound: they need not be independent).

So the rate of false alarms that is stated holds *for ever* for one model version, at any number of looks. (Tests with stated mean time
between false alarms: Shin, Ramdas and Rinaldo 2024, E-detectors, New England Journal of Statistics in Data Science 2.)

What must not live here: where values come from, and what an alarm does.
"""

import math
from bisect import bisect_left, bisect_right, insort
from hashlib import blake2b
from typing import Final

from msgspec import Struct, field

__all__ = ["BETS", "FEATURES", "REFERENCES", "Alarm", "Detector", "Feature", "tie_break"]

FEATURES: Final = ("length", "refused", "format", "correct", "agreement", "distance", "confidence")
"""What is watched of an answer; a value that there is not is passed over."""

REFERENCES: Final = 5
"""So many first answers to a probe are what later ones are compared with (`agreement`, `distance`); they are not tested in those two."""

_EXPONENTS: Final = (0.1, 0.3, 0.5, 0.7, 0.9)
BETS: Final = tuple((exponent, side) for exponent in _EXPONENTS for side in (0, 1))
"""(k, 0) bets on small p-values, (k, 1) on large ones; near 0 on strong changes, near 1 on subtle ones."""

_LEAST_P: Final = 1e-9


class Alarm(Struct, frozen=True):
    """A feature whose law has changed. `evidence` is the capital against the null: it is reached with probability of at most 1/evidence."""

    feature: str
    evidence: float
    since_round: int
    """The round from which on the change explains what was seen best."""
    up: bool
    """Whether values became larger."""


class Feature(Struct):
    """One feature's past and capitals. Values by probe are sorted."""

    values: dict[int, list[float]] = field(default_factory=dict)
    capitals: list[float] = field(default_factory=lambda: [0.0] * len(BETS))
    """Of each bet, over all the rounds that it began in."""
    logs: list[float] = field(default_factory=lambda: [0.0] * len(BETS))
    """Log capital of one bet since its best beginning (as of CUSUM), which dates the change."""
    began: list[int] = field(default_factory=lambda: [1] * len(BETS))

    def invest(self, share: float) -> None:
        """Capital that begins to bet now."""
        self.capitals = [capital + share / len(BETS) for capital in self.capitals]

    def see(self, probe: int, value: float, u: float, round_: int, idle: float) -> float:
        """Rank a value among the probe's earlier ones and bet → the capital, with what has not begun to bet (`idle`)."""
        past = self.values.setdefault(probe, [])
        low, high = bisect_left(past, value), bisect_right(past, value)
        greater, equal = len(past) - high, high - low + 1
        p = (greater + u * equal) / (len(past) + 1)
        insort(past, value)
        for b, (exponent, side) in enumerate(BETS):
            x = max(1.0 - p if side else p, _LEAST_P)
            factor = exponent * x ** (exponent - 1.0)
            self.capitals[b] *= factor
            if self.logs[b] <= 0.0:
                self.logs[b], self.began[b] = 0.0, round_
            self.logs[b] += math.log(factor)
        return sum(self.capitals) + idle

    def best(self) -> int:
        """Index of the bet that won most since it began."""
        return max(range(len(BETS)), key=self.logs.__getitem__)


class Detector(Struct):
    """One target and model version. `rate` bounds the probability that it ever raises a false alarm.

    Rounds begin with `begin_round`; within one, `see` is told each probe's values.
    """

    rate: float
    seed: str = ""
    """Makes the numbers that break ties its own."""
    rounds: int = 0
    seen: int = 0
    """Answers that were looked at."""
    features: dict[str, Feature] = field(default_factory=lambda: {name: Feature() for name in FEATURES})
    alarmed: list[str] = field(default_factory=list)
    """Features that have raised their alarm."""
    began_s: list[float] = field(default_factory=list)
    """When each round began."""

    @property
    def threshold(self) -> float:
        """Capital that raises an alarm."""
        return len(FEATURES) / self.rate

    def begin_round(self, at_s: float = 0.0) -> None:
        """Another round of probes begins. `at_s` is told back by `began_at` and means nothing else."""
        self.rounds += 1
        self.began_s.append(at_s)
        share = _idle(self.rounds) - _idle(self.rounds + 1)
        for feature in self.features.values():
            feature.invest(share)

    def began_at(self, round_: int) -> float:
        """When a round began, counted from 1."""
        return self.began_s[round_ - 1]

    def evidence(self, feature: str) -> float:
        """The capital against a feature's null as it is now."""
        return sum(self.features[feature].capitals) + _idle(self.rounds + 1)

    def see(self, probe: int, values: dict[str, float]) -> list[Alarm]:
        """What one answer was like → the alarms that it raises; each feature raises one at most."""
        idle = _idle(self.rounds + 1)
        alarms = []
        self.seen += 1
        for name, value in values.items():
            feature = self.features[name]
            u = tie_break(self.seed, name, probe, self.seen)
            capital = feature.see(probe, value, u, self.rounds, idle)
            if capital >= self.threshold and name not in self.alarmed:
                self.alarmed.append(name)
                best = feature.best()
                alarms.append(Alarm(name, capital, feature.began[best], BETS[best][1] == 0))
        return alarms


def tie_break(seed: str, feature: str, probe: int, n: int) -> float:
    """A number between 0 and 1 that depends on its arguments alone, so that a replayed past gives the same verdict."""
    digest = blake2b(f"{seed}\0{feature}\0{probe}\0{n}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) + 0.5) / 2.0**64


def _idle(round_: int) -> float:
    """Share of the capital that begins to bet in this round or later: 1 at the first, and falling so slowly that it never ends."""
    return 1.0 / (1.0 + math.log(round_))
