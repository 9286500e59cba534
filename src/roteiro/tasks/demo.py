"""The product in one minute: the example plan checked, served to three tenants through an outage, reported on, replayed, predicted.

Real all the way: a gateway in processes of its own, sandbox providers that are real servers on loopback, a real local model, the official
client beside plain HTTP. Nothing needs a key or a network, and all that is started is ended, whatever happens.
What must not live here: who plays (`demo_cast`), what came of it (`demo_result`), and how it looks.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from roteiro.analysis.moment import COLUMNS, BudgetLeft, Fleet, Moment, moment
from roteiro.gateway.keys import Keys
from roteiro.ledger import Ledger
from roteiro.plan.model import Plan
from roteiro.tasks.administer import Administration
from roteiro.tasks.check import checked
from roteiro.tasks.demo_cast import Casting, cast, has_openai, load_of, storm
from roteiro.tasks.demo_result import DemoResult, Played, conclude
from roteiro.tasks.example import example
from roteiro.tasks.server_process import ServerProcess
from roteiro.terms.error import RoteiroError, SettingsError
from roteiro.testing.load import Load
from roteiro.testing.sandbox_process import SandboxProcess

__all__ = ["Act", "Demo", "Phase", "Watch", "demo"]

LEAST_SECONDS: Final = 5.0
LOOK_EVERY_S: Final = 0.5
HIT_BY_STORM: Final = "primary"


class Act(StrEnum):
    """What the demonstration is at."""

    CHECK = "check"
    SANDBOXES = "sandboxes"
    NO_MODEL = "no_model"
    NO_OPENAI = "no_openai"
    SERVER = "server"
    SAID = "said"
    """A line that the server says while it starts."""
    SERVING = "serving"
    TRAFFIC = "traffic"
    STORM = "storm"
    CALM = "calm"
    DRAIN = "drain"
    REPORT = "report"
    REPLAY = "replay"
    PREDICT = "predict"


class Phase(StrEnum):
    """The thirds of the traffic."""

    BEFORE = "calm"
    STORM = "storm"
    AFTER = "after"


class Watch(Protocol):
    """Who is told what happens. Both are called from the thread that runs the demonstration."""

    def act(self, act: Act, **facts: object) -> None:
        """Something begins."""

    def moment(self, now: Moment, phase: Phase, elapsed_s: float, seconds: float) -> None:
        """How the server stands, twice a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What to show. `data` keeps the ledger; without it everything is in a temporary directory that goes at the end."""

    seconds: float = 60.0
    plan: Path | None = None
    data: Path | None = None
    seed: int = 7
    prediction_seeds: int = 5


def demo(wanted: Demo, watch: Watch) -> DemoResult:
    """Play it. Raises PlanError and SettingsError where it cannot begin, KeyboardInterrupt where it was stopped."""
    if not LEAST_SECONDS <= wanted.seconds <= 3600.0:
        raise SettingsError(f"--seconds is {wanted.seconds:g}; from {LEAST_SECONDS:g} to 3600")
    plan_path = wanted.plan or example()
    watch.act(Act.CHECK, plan=plan_path)
    reading = checked(plan_path)
    assert reading.plan is not None
    casting = cast(reading.plan, wanted.seed)
    if casting.why_not:
        watch.act(Act.NO_MODEL, why=casting.why_not)
    if not has_openai():
        watch.act(Act.NO_OPENAI)
    with ExitStack() as started:
        data = wanted.data or Path(started.enter_context(tempfile.TemporaryDirectory(prefix="roteiro-demo-")))
        played = play(wanted, plan_path, reading.plan, casting, data, watch)
        return conclude(played, wanted.prediction_seeds, lambda act: watch.act(Act(act)))


def play(wanted: Demo, plan_path: Path, plan: Plan, casting: Casting, data: Path, watch: Watch) -> Played:
    """Start all, send the traffic, end all; what is left is the ledger."""
    with ExitStack() as started:
        watch.act(Act.SANDBOXES, names=", ".join(casting.sandboxes))
        sandboxes = {name: started.enter_context(SandboxProcess(settings)) for name, settings in casting.sandboxes.items()}
        watch.act(Act.SERVER, local=casting.local)
        addresses = {name: process.base_url for name, process in sandboxes.items()}
        keys = started.enter_context(client_keys(plan, data))
        server = started.enter_context(
            ServerProcess(plan_path, data, addresses, casting.keys, say=lambda line: watch.act(Act.SAID, line=line))
        )
        watch.act(Act.SERVING, base_url=server.base_url, run=server.run)
        load = Load(load_of(plan, server.base_url, keys.__getitem__, wanted.seconds, wanted.seed))
        asyncio.run(perform(load, sandboxes.get(HIT_BY_STORM), server, data, wanted.seconds, watch))
        watch.act(Act.DRAIN)
        code = server.stop()
    if code != 0:
        raise SettingsError(f"the server ended with exit code {code}:\n{server.last_words}")
    return Played(
        plan_path, plan, str(server.ready["digest"]), data, server.run, casting.local, casting.why_not, wanted.seconds, load.records
    )


@contextlib.contextmanager
def client_keys(plan: Plan, data: Path) -> Iterator[Mapping[str, str]]:
    """A fresh key for each tenant, open while the demonstration lasts. Made before the server starts, so that its run begins with them."""
    data.mkdir(parents=True, exist_ok=True)
    keys = Keys(f"sqlite:///{data.resolve() / 'state.sqlite'}")
    names, opened = [], {}
    try:
        for tenant in plan.tenants:
            kept, opened[tenant] = keys.draft(tenant, None, None, plan)
            keys.add(kept)
            names.append(kept.name)
        yield opened
    finally:
        for name in names:
            keys.revoke(name)
        keys.close()


async def perform(load: Load, hit: SandboxProcess | None, server: ServerProcess, data: Path, seconds: float, watch: Watch) -> None:
    """The traffic, with the storm in its middle third, watched twice a second."""
    clock = asyncio.get_running_loop().time
    began = clock()
    watch.act(Act.TRAFFIC, seconds=seconds)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(load.run())
        if hit is not None:
            group.create_task(strike(hit, seconds, watch))
        look = Look(server.administration, Ledger(data), server.run)
        while not sending.done():
            elapsed = clock() - began
            if not server.alive:
                raise SettingsError(f"the server ended in the middle of the demonstration:\n{server.last_words}")
            with contextlib.suppress(RoteiroError):  # a look that fails is not worth ending for; the next one may succeed
                watch.moment(await asyncio.to_thread(look), phase_at(elapsed, seconds), elapsed, seconds)
            await asyncio.wait([sending], timeout=LOOK_EVERY_S)


async def strike(hit: SandboxProcess, seconds: float, watch: Watch) -> None:
    """The middle third."""
    third = seconds / 3.0
    await asyncio.sleep(third)
    watch.act(Act.STORM, provider=HIT_BY_STORM, seconds=third)
    await asyncio.to_thread(hit.play, storm(third))
    await asyncio.sleep(third)
    watch.act(Act.CALM, provider=HIT_BY_STORM)


def phase_at(elapsed_s: float, seconds: float) -> Phase:
    return Phase.BEFORE if elapsed_s < seconds / 3.0 else Phase.STORM if elapsed_s < seconds * 2.0 / 3.0 else Phase.AFTER


class Look:
    """One look at the server: its fleet by the administration port, its events by the ledger that is being written."""

    def __init__(self, administration: Administration, ledger: Ledger, run: str) -> None:
        self._administration, self._ledger, self._run = administration, ledger, run
        self._question = f"SELECT {', '.join(COLUMNS)} FROM events WHERE run = ?"  # noqa: S608 (names of ours)

    def __call__(self) -> Moment:
        state = self._administration.state()
        return moment(self._ledger.sql(self._question, [self._run]), float(state["now_s"]), fleet_of(state))


def fleet_of(state: Mapping[str, Any]) -> Fleet:
    """The fleet in what the administration port says."""
    return Fleet(
        breakers={target["name"]: target["breaker"] for target in state["targets"] if not target["retired"]},
        rules=tuple(rule["name"] for rule in state["rules"] if rule["active"]),
        in_flight=state["in_flight"],
        waiting=state["waiting"],
        budgets=tuple(
            BudgetLeft(budget["name"], budget["amount_nusd"], budget["spent_nusd"], budget["reserved_nusd"]) for budget in state["budgets"]
        ),
    )
