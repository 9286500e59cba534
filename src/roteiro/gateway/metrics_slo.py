"""Metric families about service levels and notices, as rows: every objective and channel is there from the start, at nothing.

What must not live here: the exposition's form (`metrics`), and counting.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

__all__ = ["OUTCOMES", "SLO", "Family", "slo_families"]

SLO: Final = (
    # metric, counter?, labels, help
    ("slo_good", True, ("objective",), "Events of an objective that were good, since the run began"),
    ("slo_bad", True, ("objective",), "Events of an objective that were bad, since the run began"),
    ("slo_target_ratio", False, ("objective",), "Least share of good events that is promised"),
    ("slo_window_events", False, ("objective", "good"), "Events of an objective in its current window, earlier runs included"),
    ("slo_budget_remaining_ratio", False, ("objective",), "Share of the window's error budget that is left; below 0 it is overspent"),
    ("slo_burn_rate", False, ("objective", "window"), "Times as fast as would spend the budget exactly by the window's end"),
    ("slo_alert_firing", False, ("objective", "alert", "severity"), "1 while the burn alert fires"),
    ("slo_step_active", False, ("objective", "step"), "1 while the step of burn is in force"),
    ("slo_frozen", False, (), "1 while a step of burn refuses changed plans"),
    ("notices", True, ("channel", "outcome"), "Notices by what became of them; failed are attempts that are tried again"),
    ("notices_waiting", False, ("channel",), "Messages that wait to be delivered"),
)
OUTCOMES: Final = ("sent", "failed", "refused", "expired", "dropped")


class Family(NamedTuple):
    """`samples`: (values of the labels, value)."""

    name: str
    is_counter: bool
    labels: tuple[str, ...]
    samples: list[tuple[tuple[str, ...], float]]


def slo_families(state: Mapping[str, Any]) -> Iterator[Family]:
    """Of the supervisor's state: `slo` and `notices`."""
    samples: dict[str, list[tuple[tuple[str, ...], float]]] = {name: [] for name, *_ in SLO}
    slo = state.get("slo") or {"objectives": [], "frozen": False}
    for row in slo["objectives"]:
        of_objective(row, samples)
    samples["slo_frozen"].append(((), float(slo["frozen"])))
    for channel, look in (state.get("notices") or {}).items():
        samples["notices"] += [((channel, outcome), look["outcomes"].get(outcome, 0)) for outcome in OUTCOMES]
        samples["notices_waiting"].append(((channel,), look["waiting"]))
    for name, is_counter, labels, _ in SLO:
        yield Family(name, is_counter, labels, samples[name])


def of_objective(row: Mapping[str, Any], samples: Mapping[str, list[tuple[tuple[str, ...], float]]]) -> None:
    name = row["name"]
    samples["slo_good"].append(((name,), row["run_good"]))
    samples["slo_bad"].append(((name,), row["run_bad"]))
    samples["slo_target_ratio"].append(((name,), row["least"]))
    samples["slo_window_events"] += [((name, "true"), row["good"]), ((name, "false"), row["bad"])]
    if row["left"] is not None:
        samples["slo_budget_remaining_ratio"].append(((name,), row["left"]))
    burns = {alert[f"{which}_window"]: alert[f"{which}_rate"] for alert in row["alerts"] for which in ("long", "short")}
    samples["slo_burn_rate"] += [((name, window), rate) for window, rate in burns.items() if rate is not None]
    samples["slo_alert_firing"] += [((name, alert["alert"], alert["severity"]), float(alert["firing"])) for alert in row["alerts"]]
    samples["slo_step_active"] += [((name, step["step"]), float(step["active"])) for step in row["steps"]]
