"""The standard plan that faults are tested on, and its drill: played once for all tests that look at it."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from roteiro.plan.model import Plan
from roteiro.plan.read import read_text
from roteiro.tasks.drill import Drill, drill
from roteiro.tasks.drill_result import DrillResult, DrillRow
from roteiro.testing.promise import promise_of
from roteiro.testing.scenarios import SCENARIOS
from roteiro.testing.stage import Played

TIMES = "timeouts: {connect: 1s, first_token: 1s, idle: 1s, attempt: 3s}"
PRICE = "on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}"
PLAN = f"""
roteiro: 1
providers:
  one:    {{name: sandbox, model: m-one, base_url: "http://127.0.0.1:9/v1", weight: 1, key_env: [ONE_A, ONE_B], {PRICE}, {TIMES}}}
  two:    {{name: sandbox, model: m-two, base_url: "http://127.0.0.1:9/v1", weight: 0, key_env: TWO, {PRICE}, {TIMES}}}
  three:  {{name: sandbox, model: m-three, base_url: "http://127.0.0.1:9/v1", weight: 0, {PRICE}, {TIMES}}}
  claude: {{name: sandbox, model: m-claude, dialect: anthropic, base_url: "http://127.0.0.1:9/v1", weight: 0, key_env: CLAUDE, {PRICE}, {TIMES}}}
  gemini: {{name: sandbox, model: m-gemini, dialect: gemini, base_url: "http://127.0.0.1:9/v1beta", weight: 0, key_env: GEMINI, {PRICE}, {TIMES}}}
  modern: {{name: sandbox, model: m-modern, base_url: "http://127.0.0.1:9/v1", weight: 0, assistant_prefix: false, {PRICE}, {TIMES}}}
models:
  chat:   {{targets: {{one: 1}}, fallbacks: [two, three], timeouts: {{total: 8s}}}}
  abroad: {{targets: {{claude: 1}}, fallbacks: [gemini, two], timeouts: {{total: 8s}}}}
  south:  {{targets: {{gemini: 1}}, fallbacks: [claude], timeouts: {{total: 8s}}}}
  alone:  {{targets: {{three: 1}}, retry: {{attempts: 2}}, timeouts: {{total: 8s}}}}
  plain:  {{targets: {{one: 1}}, fallbacks: [two], rescue: false, on_exhausted: least_bad, timeouts: {{total: 8s}}}}
  large:  {{targets: {{three: 1}}, timeouts: {{total: 8s}}}}
  modern: {{targets: {{one: 1}}, fallbacks: [modern], larger_context: large, on_disconnect: drain, timeouts: {{total: 8s}}}}
retry: {{attempts: 4, same_target: 1, backoff: 20ms, max_backoff: 50ms}}
tenants: {{acme: {{}}}}
"""
WHOLE_LIST = ("chat", "abroad")
"""Models that meet every scenario."""
SHORT_LIST = ("south", "alone", "plain", "modern")
"""Models that meet those in which they differ."""
DIFFERENT = (
    "503-lasting", "400", "429-seconds", "429-gemini", "429-for-long", "401", "context-too-long", "content-refused", "hang-stream", "huge",
    "empty", "all-down", "frames-stop", "cut", "reset", "no-finish", "error-frame", "no-done", "one-bad-frame", "prefix-refused",
    "broken-twice", "all-cut", "client-leaves", "no-target-left",
)  # fmt: skip


class Name(NamedTuple):
    """A case by its name."""

    scenario: str
    model: str
    stream: bool

    def __str__(self) -> str:
        return f"{self.scenario}-{self.model}-{'stream' if self.stream else 'whole'}"


def plan() -> Plan:
    """The plan."""
    reading = read_text(PLAN)
    assert reading.plan is not None, reading.problems
    return reading.plan


def names() -> list[Name]:
    """Every case that applies."""
    read, found = plan(), []
    for model in (*WHOLE_LIST, *SHORT_LIST):
        promise = promise_of(read, model)
        for name, scenario in SCENARIOS.items():
            if (model in WHOLE_LIST or name in DIFFERENT) and not scenario.applies(promise):
                found += [Name(name, model, stream) for stream in scenario.streams]
    return found


@dataclass
class Drilled:
    """What came of it."""

    rows: dict[Name, DrillRow]
    played: dict[Name, Played]


def drilled(folder: Path) -> Drilled:
    """Play all of it, in two parts."""
    file = folder / "plan.yaml"
    file.write_text(PLAN)
    played: dict[Name, Played] = {}

    def keep(row: DrillRow, one: Played) -> None:
        played[Name(row.scenario, row.model, row.stream)] = one

    results: list[DrillResult] = [
        drill(Drill(plan=file, models=WHOLE_LIST), on_row=keep),
        drill(Drill(plan=file, models=SHORT_LIST, only=DIFFERENT), on_row=keep),
    ]
    rows = {Name(row.scenario, row.model, row.stream): row for result in results for row in result.rows}
    return Drilled(rows, played)
