"""The plan's local models: a group of servers for each provider that has one, kept in step with the plan.

What must not live here: a group's servers (`model_group`), a process and its watching (the adapter's).
"""

import asyncio
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Any

from roteiro.gateway.model_group import ModelGroup, Slots, StartsModels
from roteiro.plan.model import Plan
from roteiro.plan.provider import Provider
from roteiro.terms.edge import EdgeReplica
from roteiro.terms.error import SettingsError

__all__ = ["Brought", "LocalModels"]


@dataclass(frozen=True, slots=True)
class Brought:
    """What a plan's local models need: where each is served, and the groups that were started for it."""

    addresses: dict[str, list[EdgeReplica]]
    fresh: dict[str, ModelGroup]


class LocalModels:
    """`moved(provider, replicas)` is told when other servers of a provider serve than before, of which there is at least one.

    `left(slot)` says whether a server that leaves has no calls any more, and will get none.
    """

    def __init__(
        self, make: StartsModels, moved: Callable[[str, list[EdgeReplica]], None], left: Callable[[int], bool] = lambda _: True
    ) -> None:
        self._make, self._moved, self._left = make, moved, left
        self._slots = Slots()
        self._running: dict[str, ModelGroup] = {}
        self._retired: list[ModelGroup] = []

    async def bring(self, plan: Plan, elsewhere: Container[str]) -> Brought:
        """Start what a plan has and does not run yet; `keep` or `discard` comes next. Providers `elsewhere` have another address.

        Raises SettingsError, and then none was started.
        """
        wanted = {name: one for name, one in plan.providers.items() if one.local is not None and name not in elsewhere}
        fresh = {
            name: self._group(name, one)
            for name, one in wanted.items()
            if name not in self._running or self._running[name].local != one.local
        }
        starting = (group.start(self._count(name, wanted[name])) for name, group in fresh.items())
        started = await asyncio.gather(*starting, return_exceptions=True)
        failed = [(name, answer) for name, answer in zip(fresh, started, strict=True) if isinstance(answer, BaseException)]
        if failed:
            await stop_all(fresh.values())
            if all(isinstance(error, SettingsError | OSError) for _, error in failed):
                raise SettingsError("; ".join(f"provider {name}: {error}" for name, error in failed))
            raise failed[0][1]
        groups = {**self._running, **fresh}
        return Brought({name: groups[name].serving() for name in wanted}, fresh)

    def keep(self, brought: Brought) -> None:
        """The plan is in force, and the workers know: the servers that it has no use for end once their calls are over."""
        idle = [group for name, group in self._running.items() if name in brought.fresh or name not in brought.addresses]
        self._running = {**{name: self._running[name] for name in brought.addresses if name in self._running}, **brought.fresh}
        for group in idle:
            group.retire()
        self._retired = [group for group in (*self._retired, *idle) if not group.gone]

    async def discard(self, brought: Brought) -> None:
        """The plan was refused."""
        await stop_all(brought.fresh.values())

    async def stop(self) -> None:
        """Stop all."""
        await stop_all((*self._running.values(), *self._retired))
        self._running.clear()

    def group(self, provider: str) -> ModelGroup | None:
        """The servers of a provider; None where the gateway runs none."""
        return self._running.get(provider)

    def addresses(self) -> dict[str, list[EdgeReplica]]:
        """Provider → where it is served, of those that are up."""
        return {name: serving for name, group in self._running.items() if (serving := group.serving())}

    def look(self) -> list[dict[str, Any]]:
        """How they are, for the administration."""
        return [row for group in (*self._running.values(), *self._retired) for row in group.look()]

    def _count(self, name: str, provider: Provider) -> int:
        """How many to start: as many as the plan begins with, or as its predecessor has come to want."""
        if provider.servers is None:
            return 1
        before = self._running[name].wanted if name in self._running else provider.servers.replicas
        return min(max(before, provider.servers.fewest), provider.servers.highest)

    def _group(self, name: str, provider: Provider) -> ModelGroup:
        assert provider.local is not None
        group = ModelGroup(name, provider.local, self._make, self._slots, lambda: self._tell(name, group), self._left)
        return group

    def _tell(self, name: str, group: ModelGroup) -> None:
        # While none serves, calls go on to where they went: they are refused there, and the breaker opens.
        serving = group.serving()
        if serving and self._running.get(name) is group:
            self._moved(name, serving)


async def stop_all(groups: Iterable[ModelGroup]) -> None:
    await asyncio.gather(*(group.stop() for group in groups), return_exceptions=True)
