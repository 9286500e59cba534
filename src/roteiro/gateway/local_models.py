"""The plan's local models: a process for each provider that has one, kept in step with the plan.

What must not live here: the process and its watching (the adapter's).
"""

import asyncio
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Protocol

from roteiro.plan.model import LocalModel, Plan
from roteiro.terms.error import SettingsError

__all__ = ["Brought", "LocalModels", "ModelProcess", "StartsModels"]


class ModelProcess(Protocol):
    """A model's process, as `providers.local.LocalModel`."""

    restarts: int
    last_error: str | None

    @property
    def base_url(self) -> str | None:
        """Where it answers; None while it is down."""

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""

    async def start(self) -> str:
        """Load it → its base URL. Raises SettingsError."""

    async def stop(self) -> None:
        """End it."""


StartsModels = Callable[[LocalModel, Callable[[str | None], None]], ModelProcess]
"""(what the plan says, whom to tell of a new address) → a process, not started."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What a plan's local models need: where each answers, and the processes that were started for it."""

    addresses: dict[str, str]
    fresh: dict[str, tuple[LocalModel, ModelProcess]]


class LocalModels:
    """`moved(provider, base_url)` is told when a model came up again at another address."""

    def __init__(self, make: StartsModels, moved: Callable[[str, str], None]) -> None:
        self._make, self._moved = make, moved
        self._running: dict[str, tuple[LocalModel, ModelProcess]] = {}

    async def bring(self, plan: Plan, elsewhere: Container[str]) -> Brought:
        """Start what a plan has and does not run yet; `keep` or `discard` comes next. Providers `elsewhere` have another address.

        Raises SettingsError, and then none was started.
        """
        wanted = {
            name: local for name, provider in plan.providers.items() if (local := provider.local) is not None and name not in elsewhere
        }
        fresh = {
            name: (local, self._make(local, self._teller(name, local)))
            for name, local in wanted.items()
            if name not in self._running or self._running[name][0] != local
        }
        started = await asyncio.gather(*(process.start() for _, process in fresh.values()), return_exceptions=True)
        failed = [(name, answer) for name, answer in zip(fresh, started, strict=True) if isinstance(answer, BaseException)]
        if failed:
            await stop_all(process for _, process in fresh.values())
            if all(isinstance(error, SettingsError | OSError) for _, error in failed):
                raise SettingsError("; ".join(f"provider {name}: {error}" for name, error in failed))
            raise failed[0][1]
        processes = {**self._running, **fresh}
        return Brought({name: processes[name][1].base_url or "" for name in wanted}, fresh)

    async def keep(self, brought: Brought) -> None:
        """The plan is in force: stop the processes that it has no use for."""
        idle = [process for name, (_, process) in self._running.items() if name in brought.fresh or name not in brought.addresses]
        self._running = {**{name: self._running[name] for name in brought.addresses if name in self._running}, **brought.fresh}
        await stop_all(idle)

    async def discard(self, brought: Brought) -> None:
        """The plan was refused."""
        await stop_all(process for _, process in brought.fresh.values())

    async def stop(self) -> None:
        """Stop all."""
        await stop_all(process for _, process in self._running.values())
        self._running.clear()

    def addresses(self) -> dict[str, str]:
        """Provider → base URL, of those that are up."""
        return {name: process.base_url for name, (_, process) in self._running.items() if process.base_url is not None}

    def look(self) -> list[dict[str, object]]:
        """How they are, for the administration."""
        return [
            {"provider": name, "pid": p.pid, "base_url": p.base_url, "restarts": p.restarts, "error": p.last_error}
            for name, (_, p) in self._running.items()
        ]

    def _teller(self, provider: str, local: LocalModel) -> Callable[[str | None], None]:
        def tell(base_url: str | None) -> None:
            # While it is down, calls are refused there and the breaker opens; while it is first started, whoever starts it is answered.
            if base_url is not None and provider in self._running and self._running[provider][0] == local:
                self._moved(provider, base_url)

        return tell


async def stop_all(processes: Iterable[ModelProcess]) -> None:
    await asyncio.gather(*(process.stop() for process in processes), return_exceptions=True)
