"""All that a server does about its error budgets beside counting them: who is told, what changed, and whether its plan may be changed.

What must not live here: how each of these is done (a file each).
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from roteiro.gateway.block import Block
from roteiro.gateway.changes import Changes, providers_now
from roteiro.gateway.follower import Follower
from roteiro.gateway.freeze import LONGEST_REASON, refuse_while_frozen
from roteiro.gateway.internal import Secrets
from roteiro.gateway.notice import Adopted, Changed, VersionTurn
from roteiro.gateway.notifying import Notifying
from roteiro.gateway.quality_store import FILE as QUALITY
from roteiro.gateway.quality_store import changes_of
from roteiro.gateway.recalling import Recalling
from roteiro.gateway.recent import Recent
from roteiro.gateway.service_levels import Levels, ServiceLevels
from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import Keyring
from roteiro.gateway.vault_thread import VaultThread
from roteiro.plan.compile import Compiled
from roteiro.terms.error import SettingsError

__all__ = ["FILE", "Alerting"]

log = logging.getLogger("roteiro.gateway")

FILE: Final = "notices.sqlite"
"""Beside the vault, in its form, and apart from it: nothing that waits for a receiver holds up what clients wait for."""


class Alerting:
    """Of one run. `compiled` is the plan in force; `recent` the last minute; `clock` tells seconds since the run's epoch."""

    def __init__(
        self,
        known: Secrets,
        block: Block,
        compiled: Callable[[], Compiled],
        recent: Recent,
        clock: Callable[[], float],
        recalling: Recalling,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._block, self._compiled, self._recent, self._clock, self._recalling = block, compiled, recent, clock, recalling
        path = Path(known.vault).with_name(FILE)
        versions = partial(versions_since, path.with_name(QUALITY))
        self._changes = Changes(Follower(block.ring("decisions"), cursor=0), lambda: compiled().names, block.epoch_unix_s, versions)
        self._levels = Levels(compiled, block.state)
        thread = VaultThread(asyncio.get_running_loop(), lambda: Vault(path, Keyring(known.vault_keys)), "notices")
        self._notifying = Notifying(thread, self.levels, lambda: compiled().plan, self._changed, environ, glance=self._levels.glance)

    async def start(self) -> None:
        """Begin to look, and note that this run began."""
        self._changes.adopted = await self._notifying.start()
        await self.adopted("", "start")

    async def stop(self) -> None:
        """End; what was not delivered is delivered after the next start."""
        await self._recalling.stop()
        await self._notifying.stop()

    def levels(self) -> ServiceLevels:
        """How each objective stands."""
        return self._levels(self._clock())

    def look(self) -> dict[str, Any]:
        """`slo` and `notices`, for the administration."""
        return {"slo": msgspec.to_builtins(self.levels()), "notices": self._notifying.look()}

    async def admit(self, digest: str, by: str, override: str = "") -> None:
        """Raises PlanError where the plan with this digest may not be adopted now."""
        if digest == self._compiled().edge.digest:
            return
        await self._recalling.done()  # what was spent before this run may freeze it
        levels = self.levels()
        refuse_while_frozen(levels, override)
        if levels.frozen:
            log.warning("audit: plan %s is to be adopted against the freeze by %s: %s", digest[:12], by, override.strip()[:LONGEST_REASON])

    async def adopted(self, before: str, by: str, override: str = "") -> None:
        """The plan in force was adopted in place of another, whose digest is `before`; of none at a start."""
        self._recalling.begin()
        edge = self._compiled().edge
        if before == edge.digest:
            return  # its keys changed
        adopted = Adopted(
            at_s=time.time(), digest=edge.digest, version=edge.version, by=by, before=before, override=override.strip()[:LONGEST_REASON]
        )
        self._changes.adopted.insert(0, adopted)
        await self._notifying.keep(adopted)

    def _changed(self) -> Changed:
        compiled = self._compiled()
        providers = providers_now(compiled.names, self._block.state, self._recent, self._clock())
        return self._changes.lately(compiled.edge.digest, compiled.edge.version, providers, time.time())


def versions_since(store: Path, since_s: float) -> list[VersionTurn]:
    """Models that became others, the latest first; none where nobody watches them."""
    try:
        found = changes_of(store, since_s)
    except SettingsError as error:
        log.error("whether models changed is not known: %s", error)
        return []
    turns = [
        VersionTurn(
            at_s=one.at_s, target=one.target, kind=one.kind, before=one.before,
            after=one.after if one.kind == "version" else f"{one.feature} {'↑' if one.up else '↓'}",
        )
        for one in found
    ]  # fmt: skip
    return sorted(turns, key=lambda one: -one.at_s)
