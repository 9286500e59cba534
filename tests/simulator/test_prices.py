"""Prices by date: what a request costs is its tokens at the prices of the moment of its end; a replay and plain Python find the same."""

import csv
import os
import subprocess
import sys
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.journey.world import World
from tests.simulator.build import compiled, fingerprint, run
from tests.simulator.test_replay import ledger_of

from roteiro.journey.step import step
from roteiro.plan.compile import RingSizes, compile_plan, fresh_block
from roteiro.plan.moment import format_moment, parse_moment
from roteiro.plan.version import save_version
from roteiro.policy.kernel import JIT
from roteiro.simulator import demand as demands
from roteiro.simulator import service as services
from roteiro.simulator.replay import replay
from roteiro.simulator.world import EPOCH_UNIX_S, Simulation
from roteiro.terms.codes import Outcome, Step

ROOT = Path(__file__).resolve().parents[2]
HISTORY = Path(os.environ.get("ROTEIRO_TRACES", "traces")) / "prices" / "price_history_from_git.csv"
"""A public history of prices. It is not part of the project; name its folder's parent in ROTEIRO_TRACES."""
REQUESTS = 400 if JIT else 60
Change = tuple[float, tuple[int, int, int, int]]
"""(seconds since the epoch, thousandths of a dollar per million tokens: input, output, cached input, reasoning)."""
FIRST = ((1000, 2000, 500, 4000), (3000, 1000, 3000, 1000))


def prices(row: tuple[int, int, int, int]) -> str:
    names = ("input", "output", "cached_input", "reasoning")
    return ", ".join(f"{name}: ${value / 1000:.3f}/M" for name, value in zip(names, row, strict=True))


def plan_of(first: list[Change], second: list[Change], epoch: float = EPOCH_UNIX_S) -> str:
    def provider(name: str, begin: tuple[int, int, int, int], changes: list[Change]) -> str:
        rows = ", ".join(f'{{from: "{moment(epoch + at)}", {prices(row)}}}' for at, row in changes)
        return (
            f'  {name}: {{name: sandbox, model: {name}, base_url: "http://127.0.0.1:9", on_premises: false,'
            f" price: {{{prices(begin)}, changes: [{rows}]}}}}"
        )

    return "\n".join([
        "roteiro: 1", "providers:", provider("a", FIRST[0], first), provider("b", FIRST[1], second),
        "models: {chat: {targets: {a: 1, b: 1}}}", "workloads: {chat: {model: chat}}",
        "tenants: {t: {workloads: [chat], budgets: {daily: $1000/day}}}",
        "demand: {arrivals: {process: poisson, rate: 10/s}, input_tokens: {median: 3000, p95: 9000}, output_tokens: {median: 60, p95: 300}}",
    ])  # fmt: skip


def moment(unix_s: float) -> str:
    text = format_moment(unix_s)
    return text if "T" in text else f"{text}T00:00Z"


def simulated(text: str, *, journal: bool = False, epoch: float = EPOCH_UNIX_S) -> Simulation:
    plan = compiled(text)
    return Simulation(plan, demands.of_plan(plan), services.of_plan(plan), 1, journal=journal, epoch_unix_s=epoch)


def due(row: Any, changes: list[Change], first: tuple[int, int, int, int]) -> int:
    """Nano-dollars of an event's tokens at the prices that hold at its end."""
    known = bisect_right([at for at, _ in changes], row["ended_s"])
    told, given, cached, reasoning = (value * 1_000_000 for value in (changes[known - 1][1] if known else first))
    read, thought = int(row["cached_tokens"]), int(row["reasoning_tokens"])
    total = (int(row["input_tokens"]) - read) * told + read * cached + (int(row["output_tokens"]) - thought) * given + thought * reasoning
    return (total + 500_000) // 1_000_000


def hold(events: Any, changes: tuple[list[Change], list[Change]], first: tuple[Any, Any] = FIRST) -> None:
    served = events[(events["outcome"] == Outcome.SUCCESS) & (events["rescues"] == 0)]
    assert len(served) > 0.9 * len(events)
    for row in served:
        assert row["cost_nusd"] == due(row, changes[row["target"]], first[row["target"]]), row


price = st.tuples(*[st.integers(0, 90_000)] * 4)
history = st.dictionaries(st.integers(-20, 45), price, max_size=4).map(lambda rows: sorted((float(at), row) for at, row in rows.items()))


@settings(max_examples=25 if JIT else 4)
@given(first=history, second=history)
def test_a_request_costs_its_tokens_at_the_prices_of_its_end(first: list[Change], second: list[Change]) -> None:
    simulation = simulated(plan_of(first, second))
    events, _ = run(simulation, REQUESTS)
    hold(events, (first, second))
    last = [(changes[-1][1] if changes else begin) for changes, begin in zip((first, second), FIRST, strict=True)]
    if events["ended_s"].max() > 45:  # all changes are over: what a reservation assumes is the dearest of what is left
        route = simulation.state.routes[simulation.compiled.names.routes.index("chat")]
        assert route["price_input"] == 1_000_000 * max(row[0] for row in last)
        assert route["price_output"] == 1_000_000 * max(max(row[1], row[3]) for row in last)


CHANGES: tuple[list[Change], list[Change]] = (
    [(5.0, (9000, 100, 0, 100)), (20.0, (0, 0, 0, 0)), (26.0, (5, 7, 3, 11))],
    [(5.0, (10, 20, 30, 40))],
)


def test_a_change_in_the_middle_comes_again_in_a_replay(tmp_path: Path) -> None:
    simulation = simulated(plan_of(*CHANGES), journal=True)
    events, decisions = run(simulation, REQUESTS)
    save_version(tmp_path / "run" / "r", simulation.compiled, simulation.epoch_unix_s)
    hold(events, CHANGES)
    found = replay(tmp_path, ledger_of(events, decisions, simulation.compiled.names), "r")
    assert found.identical, found.first_difference
    assert found.events == REQUESTS


@pytest.mark.skipif(not JIT, reason="compares with plain Python")
def test_plain_python_finds_the_same_prices() -> None:
    program = (
        "from tests.simulator.test_prices import *;"
        "print(*map(fingerprint, run(simulated(plan_of(*CHANGES), journal=True), 120)))"
    )  # fmt: skip
    plain = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "ROTEIRO_JIT": "0"},
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    assert plain.stdout.split() == [*map(fingerprint, run(simulated(plan_of(*CHANGES), journal=True), 120))]


def test_an_adopted_plan_has_the_prices_of_now_and_so_has_its_replay(tmp_path: Path) -> None:
    """The second change comes after the last step before the adoption: the adoption's own step takes it up."""
    sizes, first = RingSizes(64, 256, 4096), compiled(plan_of([], []), RingSizes(64, 256, 4096))
    block, state = fresh_block(first, EPOCH_UNIX_S)
    directory, draw = tmp_path / "run" / "r", np.random.default_rng(1)
    save_version(directory, first, EPOCH_UNIX_S)

    def take(what: Step, now: float, flow: int = -1, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0) -> int:
        return step(int(block.ctypes.data), int(what), flow, now, float(draw.random()), a, b, c, d, e, 0)[3]

    def one(begin: float, end: float) -> int:
        flow = take(Step.BEGIN, begin, a=first.names.keys.index("tenant:t"), b=first.names.routes.index("chat"), c=1000, d=0)
        take(Step.END, end, flow, 1000, 0, 0)
        return int(state.events[int(state.header["event_head"][0]) - 1]["cost_nusd"])

    assert one(1.0, 2.0) in (1_000_000, 3_000_000)
    changed = compiled(plan_of([(1.0, (7000, 0, 0, 0)), (3.0, (8000, 0, 0, 0)), (9.0, (9000, 0, 0, 0))], [(1.5, (8000, 0, 0, 0))]), sizes)
    newer = compile_plan(changed.plan, changed.edge.digest, before=first.names, sizes=sizes)
    save_version(directory, newer, EPOCH_UNIX_S)
    newer.fill(state)
    assert state.targets["price_input"][:2].tolist() == [7_000_000_000, 8_000_000_000], "as of the last step"
    take(Step.ADOPT, 4.0, a=1)
    assert one(4.0, 8.9) == 8_000_000
    take(Step.TEND, 9.0)
    assert state.targets["price_input"][:2].tolist() == [9_000_000_000, 8_000_000_000]
    assert state.routes[newer.names.routes.index("chat")]["price_input"] == 9_000_000_000
    one(9.0, 9.5)
    heads = [int(state.header[name][0]) for name in ("event_head", "decision_head")]
    found = replay(tmp_path, ledger_of(state.events[: heads[0]], state.decisions[: heads[1]], newer.names), "r")
    assert found.identical, found.first_difference


def test_budgets_reserve_at_the_dearest_price_of_now() -> None:
    world = World(plan_of([(10.0, (90_000, 0, 0, 0))], [], epoch=1_769_904_000.0))
    world.begin("t", "chat", tokens=(1000, 0))
    assert world.budget("tenant/t/daily")["reserved_nusd"] == 3_000_000
    world.step(Step.TEND, now=9.99)
    world.begin("t", "chat", tokens=(1000, 0))
    world.step(Step.TEND, now=10.0)
    world.begin("t", "chat", tokens=(1000, 0))
    assert world.budget("tenant/t/daily")["reserved_nusd"] == 96_000_000


# --- a real history --------------------------------------------------------------------------------------------------------------------


def series() -> list[Change]:
    """Of the model that changed most often: Unix seconds and prices, without repetition."""
    found: dict[tuple[str, str], dict[str, tuple[int, int, int, int]]] = {}
    with HISTORY.open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["constraint"] or not row["input_mtok"] or not row["output_mtok"]:
                continue
            told, given = (round(float(row[name]) * 1000) for name in ("input_mtok", "output_mtok"))
            cached = round(float(row["cache_read_mtok"]) * 1000) if row["cache_read_mtok"] else told
            found.setdefault((row["provider"], row["model"]), {})[row["commit_date"]] = (told, given, cached, given)
    best: list[Change] = []
    for dates in found.values():
        rows = sorted((parse_moment(date) or 0.0, price) for date, price in dates.items())
        distinct = [rows[0], *(row for last, row in pairwise(rows) if last[1] != row[1])]
        best = max(best, distinct, key=len)
    return best


@pytest.mark.skipif(not HISTORY.is_file(), reason="no price history: name the folder of the public data in ROTEIRO_TRACES")
def test_the_changes_of_a_real_provider_are_charged_from_their_day_on() -> None:
    changes = series()
    assert len(changes) >= 3
    for at, _ in changes[1:]:
        epoch = at - 15.0
        relative = [(unix_s - epoch, price) for unix_s, price in changes]
        events, _ = run(simulated(plan_of(relative, [], epoch), epoch=epoch), REQUESTS)
        mine = events[events["target"] == 0]
        assert mine["ended_s"].min() < 15.0 < mine["ended_s"].max()
        hold(events, (relative, []))
