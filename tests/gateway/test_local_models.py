"""Local models follow the plan: started before it is in force, stopped when none has a use for them, as many as are wanted."""

import asyncio
from collections.abc import Callable

import pytest

from roteiro.gateway.local_models import LocalModels
from roteiro.plan.model import LocalModel, Plan
from roteiro.plan.read import read_text
from roteiro.terms.edge import EdgeReplica
from roteiro.terms.error import SettingsError


class FakeProcess:
    """A model's process that is none."""

    def __init__(self, port: int, on_change: Callable[[str | None], None], fails: bool) -> None:
        self.restarts, self.last_error, self.pid = 0, None, None
        self._port, self._on_change, self._fails = port, on_change, fails
        self.base_url: str | None = None
        self.running = False

    async def start(self) -> str:
        if self._fails:
            raise SettingsError("there is no file of weights")
        self.running = True
        self.move(self._port)
        assert self.base_url is not None
        return self.base_url

    def move(self, port: int | None) -> None:
        self.base_url = None if port is None else f"http://127.0.0.1:{port}/v1"
        self._on_change(self.base_url)

    async def stop(self) -> None:
        self.running = False
        self.move(None)


class World:
    def __init__(self) -> None:
        self.made: list[FakeProcess] = []
        self.moves: list[tuple[str, list[int]]] = []
        self.fails = False
        self.busy: set[int] = set()
        """Slots of servers with calls."""
        self.models = LocalModels(self.make, self.moved, lambda slot: slot not in self.busy)

    def moved(self, provider: str, replicas: list[EdgeReplica]) -> None:
        self.moves.append((provider, [int(one.base_url[17:21]) for one in replicas]))

    def make(self, local: LocalModel, on_change: Callable[[str | None], None]) -> FakeProcess:
        self.made.append(FakeProcess(9000 + len(self.made), on_change, fails=self.fails or "missing" in local.gguf))
        return self.made[-1]

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    @property
    def running(self) -> list[bool]:
        return [process.running for process in self.made]


def url(port: int, slot: int) -> list[EdgeReplica]:
    return [EdgeReplica(slot=slot, base_url=f"http://127.0.0.1:{port}/v1")]


def plan(**providers: str) -> Plan:
    rows = "".join(f"  {name}: {{name: local, model: m, weight: 1, local: {{{local}}}}}\n" for name, local in providers.items())
    reading = read_text(
        f"providers:\n{rows}  far: {{name: sandbox, model: m, weight: 1, base_url: 'http://127.0.0.1:9/v1', on_premises: true}}\n"
    )
    assert reading.plan is not None, reading.problems
    return reading.plan


async def test_models_come_and_go_with_the_plan() -> None:
    world = World()
    first = await world.models.bring(plan(a="slots: 1", b="slots: 1"), {})
    assert first.addresses == {"a": url(9000, 0), "b": url(9001, 1)}
    world.models.keep(first)
    second = await world.models.bring(plan(a="slots: 1", b="slots: 2"), {})
    assert second.addresses == {"a": url(9000, 0), "b": url(9002, 2)}
    assert world.running == [True, True, True], "the old one serves until the new plan is in force"
    world.busy.add(1)
    world.models.keep(second)
    await world.settle()
    assert world.running == [True, True, True], "and until its calls are over"
    assert [(row["provider"], row["standing"]) for row in world.models.look()][-1] == ("b", "leaving")
    world.busy.clear()
    await asyncio.sleep(0.1)
    assert world.running == [True, False, True]
    world.models.keep(await world.models.bring(plan(b="slots: 2"), {}))
    await world.settle()
    assert world.running == [False, False, True] and [row["provider"] for row in world.models.look()] == ["b"]
    await world.models.stop()
    assert world.running == [False, False, False] and world.moves == []


async def test_a_refused_plan_leaves_the_old_one_s_models() -> None:
    world = World()
    world.models.keep(await world.models.bring(plan(a="slots: 1"), {}))
    await world.models.discard(await world.models.bring(plan(a="slots: 9", b="slots: 1"), {}))
    assert world.running == [True, False, False]
    with pytest.raises(SettingsError, match="provider b: there is no file of weights"):
        await world.models.bring(plan(a="slots: 1", b="gguf: missing.gguf", c="slots: 1"), {})
    assert world.running == [True, False, False, False, False]


async def test_a_model_that_comes_up_elsewhere_is_told() -> None:
    world = World()
    world.models.keep(await world.models.bring(plan(a="slots: 1"), {}))
    world.made[0].move(9777)
    assert world.moves == [("a", [9777])]


async def test_a_provider_whose_address_is_given_starts_no_model() -> None:
    world = World()
    assert (await world.models.bring(plan(a="slots: 1"), {"a": "http://x/v1"})).addresses == {}
    assert world.made == []


def pooled(replicas: int = 1, most: int = 3, slots: str = "slots: 1") -> Plan:
    reading = read_text(
        f"providers:\n  a: {{name: local, model: m, weight: 1, price: {{input: $0/M, output: $0/M}}, local: {{{slots}}}, "
        f"servers: {{replicas: {replicas}, least: 1, most: {most}, batch: 1}}}}\n"
    )
    assert reading.plan is not None, reading.problems
    return reading.plan


async def test_as_many_serve_as_are_wanted_and_who_leaves_ends_its_calls_first() -> None:
    world = World()
    world.models.keep(await world.models.bring(pooled(replicas=2), {}))
    group = world.models.group("a")
    assert group is not None and group.ready == 2
    group.resize(3)
    await world.settle()
    assert world.running == [True, True, True] and world.moves == [("a", [9000, 9001, 9002])]
    world.busy.add(2)
    group.resize(2)
    await world.settle()
    assert group.ready == 2 and world.running == [True, True, True] and world.moves[-1] == ("a", [9000, 9001])
    group.resize(3)
    assert group.ready == 3 and len(world.made) == 3, "the one that was leaving is taken back"
    world.busy.clear()
    group.resize(1)
    await world.settle()
    assert world.running == [True, False, False] and world.moves[-1] == ("a", [9000])
    group.resize(2)
    await world.settle()
    assert group.serving()[1].slot == 1, "the number of one that is gone is free again"
    await world.models.stop()
    assert not any(world.running)


async def test_one_that_dies_gets_no_calls_until_it_is_back() -> None:
    world = World()
    world.models.keep(await world.models.bring(pooled(replicas=2), {}))
    world.made[0].move(None)
    assert world.moves == [("a", [9001])]
    world.made[1].move(None)
    assert world.moves == [("a", [9001])], "the last place is kept: who goes there is refused"
    world.made[1].move(9001)
    world.made[0].move(9000)
    assert world.moves[1:] == [("a", [9001]), ("a", [9000, 9001])]


async def test_one_that_does_not_start_is_tried_again_and_not_at_once() -> None:
    world = World()
    world.models.keep(await world.models.bring(pooled(), {}))
    group = world.models.group("a")
    assert group is not None
    world.fails = True
    for _ in range(3):
        group.resize(2)
        await world.settle()
    assert len(world.made) == 2 and group.ready == 1
    assert [row["error"] for row in group.look()] == [None, "there is no file of weights"]


async def test_a_changed_model_takes_over_with_as_many_as_were_wanted() -> None:
    world = World()
    world.models.keep(await world.models.bring(pooled(), {}))
    group = world.models.group("a")
    assert group is not None
    group.resize(3)
    await world.settle()
    changed = await world.models.bring(pooled(most=2, slots="slots: 2"), {})
    assert len(changed.addresses["a"]) == 2, "three were wanted; the new plan allows two"
    await world.models.discard(changed)
    assert world.running == [True, True, True, False, False]
