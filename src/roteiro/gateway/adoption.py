"""The plan in force, and how another takes its place: one way for a new plan and for a key made or revoked.

A plan is read and compiled to its end, the files that tell of it are written beside the old ones, and only then, between two steps of the
journey, the block takes it up. Names are renamed into place before that step, so that the ledger can decode what follows; the edge after
it, so that no worker sees an index that the block has not. A plan that is refused anywhere before leaves nothing changed.

What must not live here: reading plans, and what is in the tables.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from roteiro.gateway.block import Block
from roteiro.gateway.data_directory import DataDirectory, RunDirectory, replace_file
from roteiro.gateway.keys import Key, Keys
from roteiro.gateway.local_models import Brought, LocalModels
from roteiro.gateway.spending import ask_ledger, spent_in_ring, starts, sums
from roteiro.gateway.spent import Cut
from roteiro.gateway.tending import Tending
from roteiro.plan.compile import Compiled, Grant, compile_plan
from roteiro.plan.digest import canonical_json
from roteiro.plan.model import Plan
from roteiro.plan.own import with_own
from roteiro.plan.read import Reading
from roteiro.plan.version import save_version
from roteiro.policy.state import block_size, build
from roteiro.providers.address import Address
from roteiro.terms.codes import Step
from roteiro.terms.edge import Edge, EdgeReplica, Names
from roteiro.terms.error import PlanError, SettingsError
from roteiro.terms.problem import Problem, Where

__all__ = ["Adoption", "Surroundings", "compile_checked"]

log = logging.getLogger("roteiro.gateway")

MOST_VERSIONS: Final = 32_767
"""The event's field has 16 bits."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the machine adds to a plan: addresses of some providers by the settings, and the environment with the providers' keys."""

    base_urls: Mapping[str, str]
    environment: Mapping[str, str]

    def edge(self, edge: Edge, local: Mapping[str, list[EdgeReplica]]) -> Edge:
        """The edge with the addresses filled in. Raises SettingsError, on all that is missing at once.

        Where the settings give the address of a provider, its keys may be missing: it is a sandbox, or has its own ways. A name
        in `key_envs` is then empty, and the others keep their places.
        """
        targets, missing = [], []
        for target in edge.targets:
            replicas = [] if target.name in self.base_urls else local.get(target.name, [])
            base_url = self.base_urls.get(target.name) or (replicas[0].base_url if replicas else target.base_url)
            unset = [key_env for key_env in target.key_envs if not self.environment.get(key_env, "").strip()]
            if target.name not in self.base_urls:
                missing += [f"provider {target.name} needs its key in the environment variable {name}, which is not set" for name in unset]
            key_envs = ["" if key_env in unset else key_env for key_env in target.key_envs]  # the kernel counts them by their places
            key_env = key_envs[0] or None if key_envs else None
            try:
                if base_url:
                    Address(base_url, self.environment)
            except SettingsError as error:
                missing.append(f"provider {target.name}: {error}")
            targets.append(msgspec.structs.replace(target, base_url=base_url, key_env=key_env, key_envs=key_envs, replicas=replicas))
        if missing:
            raise SettingsError("\n".join(missing))
        return msgspec.structs.replace(edge, targets=targets)


def compile_checked(plan: Plan, digest: str, grants: Sequence[Grant], before: Names | None = None) -> Compiled:
    """Compile a plan and try it on a block of no consequence. Raises PlanError where its tables cannot be filled."""
    compiled = compile_plan(with_own(plan), digest, grants, before=before)
    if compiled.edge.version > MOST_VERSIONS:
        message = f"would be version {compiled.edge.version} of this run; at most {MOST_VERSIONS}"
        raise PlanError([Problem("E903", Where("plan"), "", message, "restart the server")])
    capacities = {**compiled.capacities, "flows": 1, "events": 1, "decisions": 1, "signals": 1}
    compiled.fill(build(np.zeros(block_size(capacities), np.uint8), capacities))
    return compiled


@dataclass(frozen=True, slots=True)
class Staged:
    """A plan that only needs to be taken up."""

    compiled: Compiled
    edge: Edge
    budgets: dict[str, int]
    """Budgets that begin to count → what was spent in their periods before `cut`."""
    starts_s: dict[str, float]
    cut: int


class Adoption:
    """One run's plan. `tell` tells the workers to read the edge again."""

    def __init__(
        self,
        data: DataDirectory,
        run: RunDirectory,
        block: Block,
        keys: Keys,
        models: LocalModels,
        tending: Tending,
        surroundings: Surroundings,
        tell: Callable[[], None],
    ) -> None:
        self.compiled: Compiled
        self.edge: Edge
        self._data, self._run, self._block, self._keys, self._models, self._tending = data, run, block, keys, models, tending
        self._surroundings, self._tell = surroundings, tell
        self._one_at_a_time = asyncio.Lock()

    @property
    def plan(self) -> Plan:
        return self.compiled.plan

    def begin(self, compiled: Compiled, edge: Edge) -> None:
        """The run's first plan, which the block was made for. Raises OSError."""
        self._write(compiled, edge)
        for path in (self._run.names, self._run.edge):
            staged(path).replace(path)
        self.compiled, self.edge = compiled, edge

    def restore(self, spent_nusd: Mapping[str, int], step: Callable[[Step, int, int], object]) -> None:
        """Budgets take up what was spent in their periods before this run."""
        for budget, nusd in spent_nusd.items():
            step(Step.RESTORE, self.compiled.names.budgets.index(budget), nusd)

    async def adopt(self, reading: Reading) -> bool:
        """Take up another plan. Whether it differs from the old one. Raises PlanError with all problems, SettingsError or LedgerError."""
        if reading.plan is None:
            raise PlanError(reading.problems)
        async with self._one_at_a_time:
            grants = await asyncio.to_thread(self._keys.grants, reading.plan)
            if reading.digest == self.edge.digest and set(grants) == set(self.compiled.grants):
                return False
            await self._take_up(reading.plan, reading.digest, grants)
            log.info("plan %s is adopted as version %d", reading.digest[:12], self.edge.version)
            return True

    async def add_key(self, tenant: str, workload: str | None, name: str | None, expires: str | None = None) -> tuple[Key, str]:
        """Make a key and open it → (what is kept of it, the key). Raises RequestError, PlanError, SettingsError."""
        async with self._one_at_a_time:
            kept, key = await asyncio.to_thread(self._keys.draft, tenant, workload, name, self.plan, expires)
            grants = [*await asyncio.to_thread(self._keys.grants, self.plan), *kept.grants]
            await self._take_up(self.plan, self.edge.digest, grants, before=lambda: self._keys.add(kept))
            log.info("key %s of tenant %s is made", kept.name, kept.tenant)
            return kept, key

    async def rotate_key(self, name: str, overlap_s: float) -> tuple[Key, str]:
        """Give a key another secret; the old one opens for `overlap_s` more. Raises RequestError, PlanError, SettingsError."""
        async with self._one_at_a_time:
            kept, key = await asyncio.to_thread(self._keys.redraft, name, overlap_s, self.plan)
            others = [grant for grant in await asyncio.to_thread(self._keys.grants, self.plan) if grant.name != kept.name]
            await self._take_up(self.plan, self.edge.digest, [*others, *kept.grants], before=lambda: self._keys.rotate(kept))
            log.info("key %s has another secret", kept.name)
            return kept, key

    async def refresh_keys(self) -> None:
        """Close what expired, and secrets whose overlap is over. Raises PlanError, SettingsError, LedgerError."""
        async with self._one_at_a_time:
            grants = await asyncio.to_thread(self._keys.grants, self.plan)
            if set(grants) != set(self.compiled.grants):
                await self._take_up(self.plan, self.edge.digest, grants)
                log.info("keys whose time is over are closed")

    async def revoke_key(self, name: str) -> Key:
        """Close a key, on all workers. Raises RequestError, PlanError, SettingsError."""
        async with self._one_at_a_time:
            key = await asyncio.to_thread(self._keys.revoke, name)
            await self._take_up(self.plan, self.edge.digest, await asyncio.to_thread(self._keys.grants, self.plan))
            log.info("key %s is revoked", key.name)
            return key

    async def keys(self) -> list[Key]:
        """All keys there ever were."""
        return await asyncio.to_thread(self._keys.all)

    def move(self, provider: str, replicas: list[EdgeReplica]) -> None:
        """Other servers of a provider serve than before: tell the workers."""
        base_url = replicas[0].base_url
        targets = [msgspec.structs.replace(t, base_url=base_url, replicas=replicas) if t.name == provider else t for t in self.edge.targets]
        if targets == self.edge.targets:
            return
        self.edge = msgspec.structs.replace(self.edge, targets=targets, serial=self.edge.serial + 1)
        try:
            replace_file(self._run.edge, msgspec.json.encode(self.edge))
        except OSError as error:
            log.error("the servers of %s could not be written: %s", provider, error)
        else:
            self._tell()

    async def _take_up(self, plan: Plan, digest: str, grants: Sequence[Grant], before: Callable[[], None] = lambda: None) -> None:
        """`before` is done last of all that may fail."""
        brought = await self._models.bring(plan, self._surroundings.base_urls)
        try:
            ready = await self._stage(plan, digest, grants, brought)
            await asyncio.to_thread(before)
        except BaseException:
            await self._models.discard(brought)
            raise
        self._commit(ready)
        self._models.keep(brought)
        for provider, replicas in self._models.addresses().items():
            self.move(provider, replicas)  # they may have changed while the plan was prepared

    async def _stage(self, plan: Plan, digest: str, grants: Sequence[Grant], brought: Brought) -> Staged:
        compiled = await asyncio.to_thread(compile_checked, plan, digest, grants, self.compiled.names)
        problems = list(compiled.fits(self._block.state))
        if problems:
            raise PlanError(problems)
        edge = msgspec.structs.replace(self._surroundings.edge(compiled.edge, brought.addresses), serial=self.edge.serial + 1)
        epoch_s = self._block.epoch_unix_s
        starts_s = starts(compiled, new_budgets(self.compiled, compiled), epoch_s, epoch_s + self._block.now_s)
        cut = self._block.ring("events").tail
        spent = await ask_ledger(self._data, starts_s.values(), Cut(self._run.name, cut)) if starts_s else []
        try:
            await asyncio.to_thread(self._write, compiled, edge)
        except OSError as error:
            raise SettingsError(f"the plan cannot be written to {self._run.path}: {error.strerror}") from None
        return Staged(compiled, edge, sums(compiled, starts_s, spent), starts_s, cut)

    def _commit(self, ready: Staged) -> None:
        compiled, state = ready.compiled, self._block.state
        staged(self._run.names).replace(self._run.names)
        with self._block.held() as step:
            compiled.fill(state)
            step(Step.ADOPT, compiled.edge.version, 0)
            # The ring cannot have gone round since the cut, a second ago; if it did, what is missing is missing until the next start.
            since = spent_in_ring(compiled, state, ready.cut, ready.starts_s.values())
            for budget, nusd in sums(compiled, ready.starts_s, since or []).items():
                step(Step.RESTORE, compiled.names.budgets.index(budget), ready.budgets[budget] + nusd)
        staged(self._run.edge).replace(self._run.edge)
        self.compiled, self.edge = compiled, ready.edge
        self._tell()
        self._tending.wake()  # there may be room now for those who wait

    def _write(self, compiled: Compiled, edge: Edge) -> None:
        """Everything that is to be written of a plan, beside what is in force."""
        plan = self._data.plans / f"{compiled.edge.digest}.json"
        if not plan.exists():
            replace_file(plan, canonical_json(compiled.plan).encode())
        save_version(self._run.path, compiled, self._block.epoch_unix_s)
        staged(self._run.names).write_bytes(msgspec.json.encode(compiled.names))
        staged(self._run.edge).write_bytes(msgspec.json.encode(edge))


def staged(path: Path) -> Path:
    """Where a file waits to be renamed into place."""
    return path.with_name(path.name + ".next")


def new_budgets(old: Compiled, new: Compiled) -> Iterable[str]:
    """Budgets that begin to count, or count another period than before."""
    for name, budget in new.budgets.items():
        before = old.budgets.get(name)
        if before is None or before.period != budget.period:
            yield name
