"""A drill of faults: every scenario against one's own plan, with a real server and a sandbox in the place of each provider.

What must not live here: scenarios (`testing`), the plan that is served (`drill_plan`), and how it looks.
"""

import asyncio
import contextlib
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from roteiro.ledger import Ledger
from roteiro.plan.model import Plan
from roteiro.plan.read import read
from roteiro.tasks.check import checked
from roteiro.tasks.demo import client_keys
from roteiro.tasks.drill_plan import TENANT, LeftOut, cases_of, drill_plan
from roteiro.tasks.drill_result import DrillResult, DrillRow, Verdict, row_of
from roteiro.tasks.server_process import ServerProcess
from roteiro.terms.error import RoteiroError, SettingsError
from roteiro.testing.fault import Stall, Trickle
from roteiro.testing.scenario import Seen
from roteiro.testing.stage import Case, Played, Stage

__all__ = ["Drill", "Estimate", "drill"]

UNASKED: Final = "auto"
"""The model that is drilled where the plan writes none."""
AT_ONCE: Final = 24
"""Cases that are played at once."""
QUICK_S: Final = 1.5
"""What a case takes that waits for no timeout, about."""
START_S: Final = 6.0
SETTLE_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What to drill. `only`: names of scenarios, or their beginnings; all where there are none. `models`: without any, those that the plan
    writes.

    `seconds`, from when the server serves: cases that have not begun by then are left out, and so are those that wait for longer timeouts.
    """

    plan: Path
    environment: str | None = None
    only: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    seconds: float | None = None
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is about to be played: how many cases, how many are nothing for the plan, and about how long it takes."""

    cases: int
    left_out: int
    seconds: float


def drill(
    wanted: Drill,
    tell: Callable[[Estimate], None] = lambda _: None,
    on_row: Callable[[DrillRow, Played], None] = lambda _row, _played: None,
) -> DrillResult:
    """Play it. `tell` is told first what is to come, `on_row` each case as its client's part is over (without the ledger's say).

    Raises PlanError and SettingsError where it cannot begin.
    """
    reading = checked(wanted.plan, wanted.environment)
    plan = reading.plan
    assert plan is not None
    written = reading.marks.names("models")
    models = wanted.models or tuple(name for name in plan.models if name in written) or (UNASKED,)
    variables = {name for provider in plan.providers.values() for name in provider.key_envs}
    keys = {name: f"key-of-the-drill-{secrets.token_urlsafe(12)}" for name in sorted(variables)}
    cases, left = cases_of(plan, models, wanted.only, keys)
    if wanted.seconds is not None:
        long = [case for case in cases if estimate_of(case) > wanted.seconds]
        left += [LeftOut(case.scenario, case.promise.model, case.stream, "no_time") for case in long]
        cases = [case for case in cases if case not in long]
    if not cases:
        raise SettingsError("nothing of this can be drilled: " + ", ".join(sorted({one.why for one in left})))
    slow = [estimate_of(case) for case in cases]
    tell(Estimate(len(cases), len(left), START_S + max(max(slow), sum(slow) / AT_ONCE)))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="roteiro-drill-") as folder:
        rows, digest = asyncio.run(_Theatre(plan, cases, keys, Path(folder), wanted).perform(on_row))
    order = {name: place for place, name in enumerate(plan.models)}
    rows += [absent(one) for one in left]
    rows.sort(key=lambda row: order[row.model])
    return DrillResult(plan_digest=digest, seconds=time.monotonic() - began, rows=in_order(rows))


def in_order(rows: Sequence[DrillRow]) -> list[DrillRow]:
    """By model, then by scenario as they are listed, then whole before streamed."""
    from roteiro.testing.scenarios import SCENARIOS

    places = {name: place for place, name in enumerate(SCENARIOS)}
    models = list(dict.fromkeys(row.model for row in rows))
    return sorted(rows, key=lambda row: (models.index(row.model), places[row.scenario], row.stream))


def estimate_of(case: Case) -> float:
    """About how long a case takes: its timeouts, where something stays silent in it."""
    faults = [fault for script in case.scenario.scripts for phase in script.phases for fault in phase.faults]
    waits = any(isinstance(fault, Stall | Trickle) for fault in faults)
    return case.scenario.lasts(case.promise) if waits else QUICK_S


def absent(one: LeftOut) -> DrillRow:
    return DrillRow(
        scenario=one.scenario.name, model=one.model, stream=one.stream, must=one.scenario.must, verdict=Verdict.NOT_APPLICABLE, why=one.why
    )


class _Theatre:
    """The server, the sandboxes, and the cases as they are played."""

    def __init__(self, plan: Plan, cases: Sequence[Case], keys: Mapping[str, str], folder: Path, wanted: Drill) -> None:
        self._plan, self._cases, self._keys, self._folder, self._wanted = plan, cases, keys, folder, wanted
        self._until = float("inf")
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def perform(self, on_row: Callable[[DrillRow, Played], None]) -> tuple[list[DrillRow], str]:
        """All rows, and the digest of the plan that was served."""
        async with AsyncExitStack() as started:
            stages = [await started.enter_async_context(Stage(case)) for case in self._cases]
            addresses = {name: url for stage in stages for name, url in stage.addresses.items()}
            file, data = drill_plan(self._plan, self._cases, addresses, self._folder), self._folder / "data"
            reading = read(file)
            served = reading.plan
            if served is None:
                problems = "; ".join(str(problem) for problem in reading.errors[:3])
                raise SettingsError(f"the copies of the plan's models do not make a plan: {problems}")
            with contextlib.ExitStack() as running:
                keys = running.enter_context(client_keys(served, data))
                # Not from another thread: the system ends the server when the thread that started it is gone.
                server = running.enter_context(ServerProcess(file, data, {}, self._keys, workers=self._wanted.workers))
                if self._wanted.seconds is not None:  # from here on: a first start may compile the kernel, which is no part of the drill
                    self._until = time.monotonic() + self._wanted.seconds
                playing = [asyncio.create_task(self._one(stage, server.base_url, keys[TENANT], on_row)) for stage in stages]
                played = await asyncio.gather(*playing)
                state = await asyncio.to_thread(settled, server)
                code = await asyncio.to_thread(server.stop)
            if code:
                raise SettingsError(f"the server ended with exit code {code}:\n{server.last_words}")
        return self._judged(played, state, events_of(data, server.run)), str(server.ready["digest"])

    async def _one(self, stage: Stage, base_url: str, key: str, on_row: Callable[[DrillRow, Played], None]) -> Played | LeftOut:
        case = stage.case
        async with self._at_once:
            if time.monotonic() > self._until:
                return LeftOut(case.scenario, case.promise.model, case.stream, "no_time")
            played = await stage.play(base_url, key)
            on_row(judged(played, None, {}), played)
            return played

    def _judged(self, played: Sequence[Played | LeftOut], state: Mapping[str, Any], events: Mapping[int, Any]) -> list[DrillRow]:
        failures = {row["name"]: int(row["failures"]) for row in state["targets"]}
        return [
            absent(one) if isinstance(one, LeftOut) else judged(one, events.get(one.request if one.request is not None else -1), failures)
            for one in played
        ]


def judged(played: Played, event: Mapping[str, Any] | None, failures: Mapping[str, int]) -> DrillRow:
    """What came of a case, with all that is known by now."""
    case = played.case
    seen = Seen(
        promise=case.promise,
        told=played.told,
        acted=played.acted,
        more=played.more,
        late=played.late,
        event=event,
        failures={name: failures[name] for name in case.names.values() if name in failures},
    )
    plain = {copy: name for name, copy in case.names.items()} | {copy: target.name for copy, target in case.larger.items()}
    return row_of(case.scenario.name, case.scenario.must, case.promise.model, case.stream, seen, case.scenario.complaints(seen), plain)


def settled(server: ServerProcess) -> dict[str, Any]:
    """The server's state once nothing is in flight, or after a while."""
    until = time.monotonic() + SETTLE_S
    while True:
        with contextlib.suppress(RoteiroError):
            state = server.administration.state()
            ring = state["rings"]["events"]
            if not state["in_flight"] and ring["written"] == ring["durable"]:
                return state
        if time.monotonic() > until:
            raise SettingsError(f"the server does not come to rest within {SETTLE_S:g} s:\n{server.last_words}")
        time.sleep(0.05)


def events_of(data: Path, run: str) -> dict[int, Any]:
    """Rows of the ledger by request."""
    return {row["request"]: row for row in Ledger(data).events(run=run).to_pylist()}
