"""Notices from what burns to their receivers: told once, through crashes, refusals, a full disk; never in the way of the loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.levels import levels
from tests.gateway.vaults import Safe

from roteiro.gateway import notifying
from roteiro.gateway.episodes import HOLD_S
from roteiro.gateway.notice import Adopted, Changed, Notice
from roteiro.gateway.notice_outbox import EXPIRE_S, Outbox
from roteiro.gateway.notice_sender import Sent
from roteiro.gateway.notifying import LONGEST_ASKED_S, LONGEST_PAUSE_S, Notifying, pause_s
from roteiro.gateway.service_levels import ServiceLevels
from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import VaultError
from roteiro.gateway.vault_thread import VaultThread
from roteiro.plan.model import Plan
from roteiro.plan.notify import Channel
from roteiro.plan.read import read_text

PLAN = """
roteiro: 1
notify: {ops: {webhook: {url_env: OPS}}, pager: {pagerduty: {key_env: KEY}}, chat: {slack: {url_env: CHAT}}}
sla_tiers:
  gold:
    availability: 99.9%
    pii_leaks: 0
    alerts: {page: [ops, pager], ticket: chat}
    steps: [{spent: 90%, do: freeze, to: chat}]
"""
ENVIRON = {"OPS": "http://127.0.0.1:9", "KEY": "k", "CHAT": "http://127.0.0.1:9"}


def plan(text: str = PLAN) -> Plan:
    reading = read_text(text)
    assert reading.plan is not None, reading.problems
    return reading.plan


class World:
    """A supervisor's notices with a clock by hand and receivers that are told what to answer."""

    def __init__(self, safe: Safe) -> None:
        self.safe, self.plan, self.now = safe, plan(), ServiceLevels()
        self.sent: list[tuple[str, str, list[Notice]]] = []
        self.answers: dict[str, list[Sent]] = {}
        self.disk: VaultError | None = None
        self.looks = 0

    def send(self, channel: Channel, ref: str, notices: Sequence[Notice], _: Mapping[str, str], at_s: float) -> Sent:
        answers = self.answers.get(channel.kind, [])
        answer = answers.pop(0) if answers else Sent("sent", "202")
        self.sent.append((channel.kind, ref, list(notices)))
        return answer

    def levels(self) -> ServiceLevels:
        self.looks += 1
        return self.now

    def open(self) -> Vault:
        if self.disk is not None:
            raise self.disk
        return self.safe.open()

    @asynccontextmanager
    async def notifying(self) -> AsyncIterator[Notifying]:
        thread = VaultThread(asyncio.get_running_loop(), self.open, "notices")
        it = Notifying(thread, self.levels, lambda: self.plan, Changed, ENVIRON, clock=self.safe.clock, sender=self.send)
        await it.start()
        try:
            yield it
        finally:
            await it.stop()

    def stages(self, kind: str) -> list[tuple[str, str]]:
        return [(notice.objective, notice.stage) for to, _, notices in self.sent if to == kind for notice in notices]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(notifying, "LOOK_S", 0.005)
    return World(Safe(tmp_path / "notices.sqlite"))


async def until(what: Callable[[], Any]) -> None:
    async with asyncio.timeout(20.0):
        while not what():
            await asyncio.sleep(0.01)


async def settled(world: World) -> None:
    """What burns now was looked at, and all that came of it was noted."""
    looked = world.looks
    await until(lambda: world.looks >= looked + 3)


async def test_a_page_goes_to_its_channels_and_is_resolved(world: World) -> None:
    async with world.notifying() as it:
        world.now = levels(page=True)
        await settled(world)
        await until(lambda: len(world.sent) == 2)
        world.now = levels()
        await settled(world)
        world.safe.clock.now += HOLD_S
        await settled(world)
        await until(lambda: len(world.sent) == 4)
        await until(lambda: it.look()["pager"]["outcomes"] == {"sent": 2})
    assert world.stages("webhook") == world.stages("pagerduty") == [("gold.availability", "firing"), ("gold.availability", "resolved")]
    assert world.stages("slack") == []
    keys = {notice.key for _, _, notices in world.sent for notice in notices}
    assert len(keys) == 1, "one key from begin to end"
    numbers = world.sent[0][2][0].numbers
    assert (numbers.spent, numbers.lately, numbers.burn) == (0.31, 0.062, 44.6)


async def test_a_step_goes_to_those_it_names_and_what_never_may_happen_pages(world: World) -> None:
    async with world.notifying():
        world.now = levels(freeze=True, leaks=1)
        await settled(world)
        await until(lambda: len(world.sent) == 3)
    assert world.stages("slack") == [("gold.availability", "firing")] and world.sent
    assert world.stages("pagerduty") == [("gold.leaks", "firing")]


async def test_a_crash_between_outbox_and_receiver_loses_nothing(world: World) -> None:
    world.answers["pagerduty"] = [Sent("again", "refused", 3000.0)]
    async with world.notifying() as it:
        world.now = levels(page=True)
        await settled(world)
        await until(lambda: it.look()["pager"]["outcomes"] == {"failed": 1})
    first = world.sent[[kind for kind, _, _ in world.sent].index("pagerduty")]
    world.sent.clear()
    world.safe.clock.now += 3000.0  # the process is gone, and another starts
    async with world.notifying() as it:
        await settled(world)
        await until(lambda: it.look()["pager"]["outcomes"] == {"failed": 1, "sent": 1})
    assert world.sent == [first], "the same message under the same reference, and nothing is told twice"


async def test_a_dead_receiver_neither_stops_the_loop_nor_others(world: World) -> None:
    world.answers["webhook"] = [Sent("again", "500")] * 100
    async with world.notifying() as it:
        world.now = levels(page=True)
        await settled(world)
        await until(lambda: it.look()["pager"]["waiting"] == 0 and it.look()["ops"]["outcomes"].get("failed"))
        assert it.look()["ops"]["waiting"] == 1 and it.look()["ops"]["said"] == "500"
        world.safe.clock.now += EXPIRE_S + 1
        it._wake.set()
        await until(lambda: it.look()["ops"]["outcomes"].get("expired") == 1)


async def test_a_receiver_that_never_ends_holds_up_nobody(world: World) -> None:
    over, asked = threading.Event(), world.send

    def send(channel: Channel, *rest: Any) -> Sent:
        if channel.kind == "webhook":
            over.wait(60.0)
        return asked(channel, *rest)

    world.send = send  # type: ignore[method-assign]
    try:
        async with asyncio.timeout(20.0), world.notifying() as it:
            world.now = levels(page=True)
            await until(lambda: it.look()["pager"]["outcomes"] == {"sent": 1})
            assert it.look()["ops"]["waiting"] == 1
    finally:
        over.set()


async def test_a_full_disk_is_told_of_without_it(world: World) -> None:
    world.disk = VaultError("no space left on device")
    async with world.notifying() as it:
        world.now = levels(page=True)
        await settled(world)
        await until(lambda: len(world.sent) >= 2)
        assert world.stages("webhook") == world.stages("pagerduty") == [("gold.availability", "firing")]
        world.disk = None
        world.now, world.safe.clock.now = levels(), world.safe.clock.now + HOLD_S
        await settled(world)
        world.safe.clock.now += HOLD_S
        await settled(world)
        await until(lambda: it.look()["pager"]["outcomes"].get("sent") == 1)
    assert world.stages("pagerduty") == [("gold.availability", "firing"), ("gold.availability", "resolved")]


async def test_a_channel_that_the_plan_no_longer_has_is_given_up(world: World) -> None:
    world.answers["webhook"] = [Sent("again", "500")]
    async with world.notifying() as it:
        world.now = levels(page=True)
        await settled(world)
        await until(lambda: it.look()["ops"]["outcomes"] == {"failed": 1})
        world.plan = plan(PLAN.replace("ops: {webhook: {url_env: OPS}}, ", "").replace("[ops, pager]", "pager"))
        world.safe.clock.now += 60.0
        it._wake.set()
        await until(lambda: it.seen["ops"]["outcomes"].get("refused") == 1)


async def test_without_channels_nothing_is_kept(world: World) -> None:
    world.plan = plan("roteiro: 1\nsla_tiers: {gold: {availability: 99.9%}}\n")
    async with world.notifying() as it:
        world.now = levels(page=True)
        await settled(world)
        await it.keep(Adopted(at_s=1.0, digest="d", version=0, by="start"))
        assert it.look() == {}
    assert not world.safe.path.exists() and not world.sent


async def test_adoptions_outlive_the_run(world: World) -> None:
    async with world.notifying() as it:
        await it.keep(Adopted(at_s=world.safe.clock.now, digest="d", version=2, by="administration", before="c", override="an outage"))
    thread = VaultThread(asyncio.get_running_loop(), world.open, "notices")
    it = Notifying(thread, ServiceLevels, lambda: world.plan, Changed, ENVIRON, clock=world.safe.clock)
    (known,) = await it.start()
    await it.stop()
    assert (known.digest, known.override) == ("d", "an outage")
    with world.safe.vault() as vault:
        assert Outbox(vault).waiting() == []


@given(st.integers(0, 10_000), st.none() | st.floats(0, 1e6), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_and_are_bounded(attempts: int, asked_s: float | None, u: float) -> None:
    found = pause_s(attempts, asked_s, u)
    assert 2.5 <= found <= max(LONGEST_PAUSE_S, LONGEST_ASKED_S) and found >= min(asked_s or 0.0, LONGEST_ASKED_S)
    assert pause_s(attempts, None, u) <= pause_s(attempts + 1, None, u) <= LONGEST_PAUSE_S
