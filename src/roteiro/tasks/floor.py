"""`roteiro export floor`: what a ledger says of when how many servers were wanted, as an overlay of a plan; and how long a start takes.

What must not live here: reckoning (`analysis.busyness`), and what a floor does (`policy.scaling`).
"""

import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from roteiro.analysis.busyness import FloorProfile, floor_profile
from roteiro.analysis.column import is_word, numbers
from roteiro.tasks.check import checked
from roteiro.tasks.report import Question
from roteiro.terms.error import SettingsError
from roteiro.terms.units import format_duration

__all__ = ["Floor", "StartUp", "export_floor", "overlay"]

COLUMNS: Final = ("time", "target", "total_ms", "queue_ms")
CAPACITY: Final = "capacity"


@dataclass(frozen=True, slots=True)
class StartUp:
    """So many starts of servers were measured; seconds."""

    starts: int
    median_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Floor:
    """Of one provider: its floor, within `most`, and how long its servers took to start; None where the ledger has no start."""

    provider: str
    profile: FloorProfile
    most: int
    start_up: StartUp | None

    @property
    def replicas(self) -> tuple[int, ...]:
        return tuple(min(count, self.most) for count in self.profile.replicas)


def export_floor(
    plan_path: str | Path,
    data: str | Path,
    since: datetime | None = None,
    run: str | None = None,
    quantile: float = 0.9,
    environment: str | None = None,
) -> tuple[Floor, ...]:
    """A floor for each provider of the plan whose servers may be more or fewer, from the ledger's requests to it.

    Raises PlanError, LedgerError, and SettingsError where no provider has such servers, or the record is too short.
    """
    plan = checked(plan_path, environment).plan
    assert plan is not None
    pooled = {
        name: one.servers for name, one in plan.providers.items() if one.servers is not None and one.servers.fewest < one.servers.highest
    }
    if not pooled:
        raise SettingsError("no provider has servers of which there may be more or fewer; write for example servers: {least: 1, most: 4}")
    if not 0.0 < quantile <= 1.0:
        raise SettingsError(f"a quantile is above 0 % and at most 100 %; this is {100 * quantile:g} %")
    question = Question(Path(data), since, run)
    events, starts = question.ask("events", COLUMNS), measured_starts(question)
    found = []
    for name, servers in pooled.items():
        mine = is_word(events, "target", name)
        if not mine.any():
            raise SettingsError(f"the ledger has no request that {name} answered; a floor is made of those")
        begun, ended = intervals(events.filter(pa.array(mine)))
        try:
            profile = floor_profile(begun, ended, servers.batch, plan.timezone, quantile)
        except ValueError as error:
            raise SettingsError(f"provider {name}: {error}") from None
        found.append(Floor(name, profile, servers.highest, start_up_of(starts.get(name, []))))
    return tuple(found)


def intervals(events: pa.Table) -> tuple[Any, Any]:
    """When requests came out of the queue, and when they ended: Unix seconds."""
    arrived = events.column("time").cast(pa.int64()).to_numpy() / 1e6
    return arrived + numbers(events, "queue_ms") / 1e3, arrived + numbers(events, "total_ms") / 1e3


def measured_starts(question: Question) -> dict[str, list[float]]:
    """Provider → seconds that its servers took to start, as the rows of CAPACITY keep them, which name it by its number in the run."""
    rows = question.ask("decisions", ("run", "step", "a", "d"))
    rows = rows.filter(pa.array(is_word(rows, "step", CAPACITY) & (numbers(rows, "d") > 0.0)))
    found: dict[str, list[float]] = {}
    names: dict[str, list[str]] = {}
    for row in rows.select(["run", "a", "d"]).to_pylist():
        run = str(row["run"])
        if run not in names:
            names[run] = question.ledger.head(run).names.targets
        found.setdefault(names[run][row["a"]], []).append(row["d"] / 1e3)
    return found


def start_up_of(took_s: list[float]) -> StartUp | None:
    return StartUp(len(took_s), float(np.median(took_s)), max(took_s)) if took_s else None


def overlay(floors: tuple[Floor, ...]) -> str:
    """The plan's overlay as YAML, with a word on where each number is from."""
    tree, providers, curves = CommentedMap(), CommentedMap(), CommentedMap()
    for one in floors:
        if one.start_up is not None:
            servers = CommentedMap(start_up=format_duration(round(one.start_up.median_s, 3)))
            longest = format_duration(round(one.start_up.longest_s, 3))
            servers.fa.set_block_style()
            servers.yaml_add_eol_comment(f"median of {one.start_up.starts} measured starts, the longest {longest}", "start_up")
            providers[one.provider] = CommentedMap(servers=servers)
        profile = one.profile
        curve = CommentedMap(step="1h", replicas=list(one.replicas))
        curve.fa.set_block_style()
        held = "" if profile.held is None else (
            f"; one of what was known {profile.tested_days:g} days before would have been enough in {100 * profile.held:.1f}% of their time"
        )  # fmt: skip
        curves[one.provider] = curve
        curves.yaml_set_comment_before_after_key(
            one.provider, f"from {profile.days:.1f} days, at most {profile.most_at_once:.1f} requests at once{held}", indent=4
        )
    if providers:
        tree["providers"] = providers
    tree["scaling_policies"] = CommentedMap(floor=curves)
    writer = YAML()
    writer.width = 120
    writer.default_flow_style = None
    out = io.StringIO()
    writer.dump(tree, out)
    return out.getvalue()
