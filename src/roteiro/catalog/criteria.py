"""What vendors are judged by: six criteria, the measures of each, and the scale that turns a measure into a score from 0 to 1.

A scale is absolute: it does not depend on who else is compared, so that adding a vendor never turns the order of two others round.
What must not live here: weights (the plan's `vendors`), and measuring (`analysis`).
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["CRITERIA", "MEASURES", "MEASURE_NAMES", "CriterionName", "Curve", "Measure", "Unit", "score"]

CriterionName = Literal["performance", "quality", "security", "cost", "support", "ecosystem"]
Curve = Literal["linear", "log", "nines"]
"""How a measure runs from its worst to its best: evenly; by its logarithm; or by the logarithm of what is missing to 1, so that each nine
counts alike."""
Unit = Literal["share", "seconds", "per_s", "usd_per_mtok"]

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Measure:
    """`worst` scores 0 and what is worse too, `best` 1. `measured`: from one's own ledger; else declared in the plan."""

    name: str
    criterion: CriterionName
    unit: Unit
    worst: float
    best: float
    curve: Curve
    measured: bool


def score(value: float, worst: float, best: float, curve: Curve) -> float:
    """The value's place between worst (0) and best (1); NaN stays. `worst` and `best` differ, and are fit for the curve."""

    def height(x: float) -> float:
        match curve:
            case "log":
                return math.log(x) if x > 0.0 else -math.inf
            case "nines":
                return -math.log(1.0 - x) if x < 1.0 else math.inf
        return x

    if math.isnan(value):
        return value
    low, high = height(worst), height(best)
    at = height(value)
    if math.isinf(at):
        return 1.0 if (at > 0.0) == (high > low) else 0.0
    return min(1.0, max(0.0, (at - low) / (high - low)))


MEASURES: Final[dict[str, Measure]] = {
    row.name: row
    for row in (
        Measure("availability", "performance", "share", 0.90, 0.9999, "nines", True),
        Measure("refused_for_load", "performance", "share", 0.10, 0.0001, "log", True),
        Measure("latency_p95", "performance", "seconds", 20.0, 1.0, "log", True),
        Measure("ttft_p95", "performance", "seconds", 5.0, 0.2, "log", True),
        Measure("throughput", "performance", "per_s", 10.0, 100.0, "log", True),
        Measure("canaries", "quality", "share", 0.5, 1.0, "linear", True),
        Measure("judged", "quality", "share", 0.5, 1.0, "linear", True),
        Measure("well_formed", "quality", "share", 0.9, 0.9999, "nines", True),
        Measure("benchmarks", "quality", "share", 0.0, 1.0, "linear", False),
        Measure("fine_tuning", "quality", "share", 0.0, 1.0, "linear", False),
        Measure("certifications", "security", "share", 0.0, 1.0, "linear", False),
        Measure("agreements", "security", "share", 0.0, 1.0, "linear", False),
        Measure("data_retention", "security", "seconds", 365 * DAY_S, DAY_S, "log", False),
        Measure("no_training", "security", "share", 0.0, 1.0, "linear", False),
        Measure("residency", "security", "share", 0.0, 1.0, "linear", False),
        Measure("price", "cost", "usd_per_mtok", 30.0, 0.3, "log", True),
        Measure("price_rise", "cost", "share", 0.5, 0.0, "linear", True),
        Measure("recovery", "support", "seconds", 4 * HOUR_S, 5 * MINUTE_S, "log", True),
        Measure("first_response", "support", "seconds", DAY_S, 15 * MINUTE_S, "log", False),
        Measure("documentation", "support", "share", 0.0, 1.0, "linear", False),
        Measure("sdks", "ecosystem", "share", 0.0, 1.0, "linear", False),
        Measure("integrations", "ecosystem", "share", 0.0, 1.0, "linear", False),
        Measure("community", "ecosystem", "share", 0.0, 1.0, "linear", False),
    )
}
"""In the order of the criteria. `price` is measured where there is traffic, else the price list's."""

CRITERIA: Final[tuple[CriterionName, ...]] = ("performance", "quality", "security", "cost", "support", "ecosystem")
MEASURE_NAMES: Final[dict[CriterionName, tuple[str, ...]]] = {
    criterion: tuple(row.name for row in MEASURES.values() if row.criterion == criterion) for criterion in CRITERIA
}
