"""The supervisor's notices: it looks at what burns, writes what is to be told into the outbox, and has it delivered until it is taken.

Nothing here waits on a request's way: the block is looked at once a second, the outbox has a thread, and receivers are asked on threads of
their own, one at a time each. A notice is on the disk before it is sent. Where the disk refuses, it is kept in memory and sent without: an
outage that fills a disk is the last that should be silent.

What must not live here: what burns (`burning`, `episodes`), the tables (`notice_outbox`) and one attempt (`notice_sender`).
"""

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from roteiro.gateway.burning import Broken, burning, channels_of, notice_of
from roteiro.gateway.changes import LATELY_S, AdoptionLog
from roteiro.gateway.episodes import HOLD_S, Episode, Episodes
from roteiro.gateway.notice import Adopted, Changed, Notice, Stage
from roteiro.gateway.notice_outbox import EXPIRE_S, Delivery, Outbox, blank
from roteiro.gateway.notice_sender import Sent, missing, send
from roteiro.gateway.notice_text import headline
from roteiro.gateway.service_levels import ServiceLevels
from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import VaultError
from roteiro.gateway.vault_thread import VaultThread
from roteiro.plan.model import Plan
from roteiro.plan.notify import Channel
from roteiro.report.speech import speech

__all__ = ["LOOK_S", "Notifying", "pause_s"]

log = logging.getLogger("roteiro.gateway")

LOOK_S: Final = 1.0
FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 900.0
LONGEST_ASKED_S: Final = 3600.0
"""A receiver's Retry-After is heeded up to this."""
ATTEMPT_S: Final = 60.0
"""Longest that one attempt holds its channel, however slowly the receiver speaks."""
MOST_UNSAVED: Final = 200
AFTER_TROUBLE_S: Final = 10.0
IDLE_S: Final = 60.0


class Unsaved(NamedTuple):
    """Notices for a channel that are not on the disk yet."""

    channel: str
    notices: tuple[Notice, ...]
    apart: bool


class Notifying:
    """`levels` and `plan` are those of this moment, `changed` what changed lately; two `glance`s tell whether anything did."""

    def __init__(
        self,
        thread: VaultThread,
        levels: Callable[[], ServiceLevels],
        plan: Callable[[], Plan],
        changed: Callable[[], Changed],
        environ: Mapping[str, str],
        *,
        glance: Callable[[], object] = object,
        clock: Callable[[], float] = time.time,
        sender: Callable[[Channel, str, Sequence[Notice], Mapping[str, str], float], Sent] = send,
        hold_s: float = HOLD_S,
    ) -> None:
        self.seen: dict[str, dict[str, Any]] = {}
        """Channel → what its messages came to, as of the last time that something moved (`Outbox.look`)."""
        self._thread, self._levels, self._plan, self._changed = thread, levels, plan, changed
        self._environ, self._glance, self._clock, self._sender, self._hold_s = environ, glance, clock, sender, hold_s
        self._episodes, self._broken = Episodes(hold_s=hold_s), Broken()
        self._glanced: object = None
        self._unsaved: list[Unsaved] = []
        self._save_after_s = 0.0
        self._taken: set[str] = set()
        """Messages that were taken and could not be marked so: they are not sent again."""
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._working: list[asyncio.Task[None]] = []

    @property
    def keeps(self) -> bool:
        """Whether the plan has channels; without any, notices go to the log alone and nothing is kept."""
        return bool(self._plan().notify)

    async def start(self) -> list[Adopted]:
        """Take up what an earlier run left open → the plans adopted lately. Then begin to look and to deliver."""
        adopted: list[Adopted] = []
        if self.keeps:
            for name, channel in self._plan().notify.items():
                if unset := missing(channel, self._environ):
                    log.error("channel %s tells nobody until the environment variable %s is set", name, " and ".join(unset))
            since_s = self._clock() - LATELY_S
            try:
                kept, adopted = await self._thread.run(lambda vault: (Outbox(vault).episodes(), AdoptionLog(vault).since(since_s)))
                self._episodes = Episodes(kept, self._clock(), self._hold_s)
            except VaultError as error:
                log.error("notices of earlier runs are not known: %s", error)
        self._working = [
            asyncio.create_task(self._look_along(), name="look at what burns"),
            asyncio.create_task(self._deliver(), name="deliver notices"),
        ]
        return adopted

    async def stop(self) -> None:
        """End. What waits is on the disk, and the next start goes on with it."""
        tasks = [*self._working, *self._busy.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._thread.close)

    async def keep(self, adopted: Adopted) -> None:
        """Remember an adoption. Where the disk refuses, that is told, and the plan is adopted all the same."""
        if self.keeps:
            try:
                await self._thread.run(lambda vault: AdoptionLog(vault).note(adopted))
            except VaultError as error:
                log.error("the adoption of plan %s cannot be kept: %s", adopted.digest[:12], error)

    def look(self) -> dict[str, dict[str, Any]]:
        """Every channel of the plan, for the administration."""
        plan = self._plan()
        return {name: {"kind": channel.kind, **blank(), **self.seen.get(name, {})} for name, channel in plan.notify.items()}

    # --- what is to be told -----------------------------------------------------------------------------------------------------------

    async def _look_along(self) -> None:
        while True:
            try:
                self.turn()
                await self._save()
            except Exception:  # whatever is wrong with it, requests are served
                log.exception("what burns could not be looked at")
                await asyncio.sleep(AFTER_TROUBLE_S)
            await asyncio.sleep(LOOK_S)

    def turn(self) -> None:
        """Look once, and note what is to be told."""
        now, glance = self._clock(), self._glance()
        if glance == self._glanced and not self._episodes.any_held and not self._broken.any_fresh(now):
            return
        levels = self._levels()
        begun, over = self._episodes.look([*burning(levels), *self._broken.look(levels, now)], now)
        if begun or over:
            changed = self._changed()
            self._note(begun, "firing", levels, changed, now)
            self._note(over, "resolved", levels, changed, now)
        self._glanced = glance

    def _note(self, episodes: Sequence[Episode], stage: Stage, levels: ServiceLevels, changed: Changed, now: float) -> None:
        plan = self._plan()
        whom = channels_of(plan, [one.what for one in episodes])
        by_channel: dict[str, list[Notice]] = {}
        for one in episodes:
            notice = notice_of(one, stage, levels, changed, plan.timezone, now)
            to = whom[one.what]
            log.warning("%s (%s)", headline(notice, speech("en")), f"told to {', '.join(to)}" if to else "no channel is told")
            for channel in to:
                by_channel.setdefault(channel, []).append(notice)
        self._unsaved += [
            Unsaved(channel, tuple(notices), apart=plan.notify[channel].pagerduty is not None) for channel, notices in by_channel.items()
        ]
        self._save_after_s = 0.0

    async def _save(self) -> None:
        """Have what is noted on the disk; where that fails, send it without."""
        if not self._unsaved or self._clock() < self._save_after_s:
            return
        unsaved, episodes = list(self._unsaved), self._episodes.open()

        def work(vault: Vault) -> None:
            outbox = Outbox(vault)
            for one in unsaved:
                outbox.put(one.channel, one.notices, apart=one.apart)
            outbox.keep_episodes(episodes)

        try:
            await self._thread.run(work)
        except VaultError as error:
            log.error("notices cannot be kept, and are sent without: %s", error)
            self._save_after_s = self._clock() + AFTER_TROUBLE_S
            await self._send_unsaved(unsaved)
        else:
            del self._unsaved[: len(unsaved)]
            self._wake.set()

    async def _send_unsaved(self, unsaved: Sequence[Unsaved]) -> None:
        for one in unsaved:
            if (await self._send(one.channel, one.notices[0].key, list(one.notices))).outcome != "again":
                self._unsaved.remove(one)
        for lost in self._unsaved[:-MOST_UNSAVED]:
            log.error("%d notices to %s are lost: the disk refuses them, and so does the channel", len(lost.notices), lost.channel)
        del self._unsaved[:-MOST_UNSAVED]

    # --- delivery ---------------------------------------------------------------------------------------------------------------------

    async def _deliver(self) -> None:
        while True:
            self._wake.clear()
            try:
                wait_s = await self._hand_out() if self.keeps else IDLE_S
            except VaultError:  # told by the thread
                wait_s = AFTER_TROUBLE_S
            except Exception:
                log.exception("notices could not be delivered")
                wait_s = AFTER_TROUBLE_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _hand_out(self) -> float:
        """Begin what is due, one message a channel → seconds until something is due again."""
        for delivery in await self._thread.run(lambda vault: Outbox(vault).due()):
            if delivery.channel not in self._busy:
                task = asyncio.create_task(self._try(delivery), name=f"a notice to {delivery.channel}")
                self._busy[delivery.channel] = task
                task.add_done_callback(lambda _, channel=delivery.channel: self._left(channel))  # type: ignore[misc]
        self.seen = await self._thread.run(look)
        at = await self._thread.run(lambda vault: Outbox(vault).next_due())
        return IDLE_S if at is None else min(max(at - self._clock(), LOOK_S), IDLE_S)

    def _left(self, channel: str) -> None:
        del self._busy[channel]
        self._wake.set()

    async def _try(self, delivery: Delivery) -> None:
        try:
            await self._attempt(delivery)
        except VaultError:  # told by the thread; what is in the outbox is tried again
            await asyncio.sleep(AFTER_TROUBLE_S)
        except Exception:
            log.exception("a notice to %s could not be sent", delivery.channel)
            await asyncio.sleep(AFTER_TROUBLE_S)

    async def _attempt(self, delivery: Delivery) -> None:
        """One message, once."""
        if delivery.ref in self._taken:
            sent = Sent("sent", "")
        elif self._clock() - delivery.created_s > EXPIRE_S:
            await self._end(delivery, "expired", f"not taken within {EXPIRE_S / 3600:g} h")
            return
        elif delivery.channel not in self._plan().notify:
            await self._end(delivery, "refused", "the plan in force has no such channel")
            return
        else:
            sent = await self._send(delivery.channel, delivery.ref, delivery.notices)
        if sent.outcome == "again":
            after_s = pause_s(delivery.attempts, sent.after_s, random.random())  # noqa: S311
            log.warning("a notice to %s was not taken, and is sent again in %.0f s: %s", delivery.channel, after_s, sent.said)
            await self._thread.run(lambda vault: Outbox(vault).again(delivery, sent.said, after_s))
            return
        if sent.outcome == "sent":
            self._taken.add(delivery.ref)
        await self._end(delivery, sent.outcome, sent.said)
        self._taken.discard(delivery.ref)

    async def _send(self, channel: str, ref: str, notices: Sequence[Notice]) -> Sent:
        known = self._plan().notify.get(channel)
        if known is None:
            return Sent("refused", "the plan in force has no such channel")
        now = self._clock()
        try:
            async with asyncio.timeout(ATTEMPT_S):
                return await on_a_thread(lambda: self._sender(known, ref, notices, self._environ, now), f"notice to {channel}")
        except TimeoutError:
            return Sent("again", f"no end within {ATTEMPT_S:g} s")

    async def _end(self, delivery: Delivery, outcome: str, said: str) -> None:
        if outcome != "sent":
            log.error("%d notices to %s are %s: %s", len(delivery.notices), delivery.channel, outcome, said)
        await self._thread.run(lambda vault: Outbox(vault).end(delivery, outcome, said))


async def on_a_thread(attempt: Callable[[], Sent], name: str) -> Sent:
    """What an attempt comes to. The thread is one that nobody waits for: a receiver that never ends holds up no server that does."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Sent] = loop.create_future()

    def tell(sent: Sent) -> None:
        if not future.done():
            future.set_result(sent)

    def work() -> None:
        try:
            sent = attempt()
        except Exception as error:
            log.exception("an attempt to send a notice failed")
            sent = Sent("again", f"it cannot be sent: {type(error).__name__}")
        with contextlib.suppress(RuntimeError):  # the loop is closed: what was not taken is in the outbox
            loop.call_soon_threadsafe(tell, sent)

    threading.Thread(target=work, name=name, daemon=True).start()
    return await future


def look(vault: Vault) -> dict[str, dict[str, Any]]:
    outbox = Outbox(vault)
    outbox.sweep()
    return outbox.look()


def pause_s(attempts: int, asked_s: float | None, u: float) -> float:
    """Seconds until the next attempt: 5 s, doubled each time up to 15 min, its upper half drawn by `u` (0..1), so that many do not come
    back together; at least what the receiver asked for."""
    whole = min(FIRST_PAUSE_S * 2.0 ** min(attempts, 16), LONGEST_PAUSE_S)
    return max(whole * (0.5 + 0.5 * u), min(asked_s or 0.0, LONGEST_ASKED_S))
