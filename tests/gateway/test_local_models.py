"""Local models follow the plan: started before it is in force, stopped when none has a use for them."""

from collections.abc import Callable

import pytest

from roteiro.gateway.local_models import LocalModels
from roteiro.plan.model import LocalModel, Plan
from roteiro.plan.read import read_text
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

    def move(self, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self._on_change(self.base_url)

    async def stop(self) -> None:
        self.running = False
        self._on_change(None)


class World:
    def __init__(self) -> None:
        self.made: list[FakeProcess] = []
        self.moves: list[tuple[str, str]] = []
        self.models = LocalModels(self.make, lambda provider, url: self.moves.append((provider, url)))

    def make(self, local: LocalModel, on_change: Callable[[str | None], None]) -> FakeProcess:
        self.made.append(FakeProcess(9000 + len(self.made), on_change, fails="missing" in local.gguf))
        return self.made[-1]

    @property
    def running(self) -> list[bool]:
        return [process.running for process in self.made]


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
    assert first.addresses == {"a": "http://127.0.0.1:9000/v1", "b": "http://127.0.0.1:9001/v1"}
    await world.models.keep(first)
    second = await world.models.bring(plan(a="slots: 1", b="slots: 2"), {})
    assert second.addresses == {"a": "http://127.0.0.1:9000/v1", "b": "http://127.0.0.1:9002/v1"}
    assert world.running == [True, True, True], "the old one serves until the new plan is in force"
    await world.models.keep(second)
    assert world.running == [True, False, True]
    await world.models.keep(await world.models.bring(plan(b="slots: 2"), {}))
    assert world.running == [False, False, True] and [row["provider"] for row in world.models.look()] == ["b"]
    await world.models.stop()
    assert world.running == [False, False, False] and world.moves == []


async def test_a_refused_plan_leaves_the_old_one_s_models() -> None:
    world = World()
    await world.models.keep(await world.models.bring(plan(a="slots: 1"), {}))
    await world.models.discard(await world.models.bring(plan(a="slots: 9", b="slots: 1"), {}))
    assert world.running == [True, False, False]
    with pytest.raises(SettingsError, match="provider b: there is no file of weights"):
        await world.models.bring(plan(a="slots: 1", b="gguf: missing.gguf", c="slots: 1"), {})
    assert world.running == [True, False, False, False, False]


async def test_a_model_that_comes_up_elsewhere_is_told() -> None:
    world = World()
    await world.models.keep(await world.models.bring(plan(a="slots: 1"), {}))
    world.made[0].move(9777)
    assert world.moves == [("a", "http://127.0.0.1:9777/v1")]


async def test_a_provider_whose_address_is_given_starts_no_model() -> None:
    world = World()
    assert (await world.models.bring(plan(a="slots: 1"), {"a": "http://x/v1"})).addresses == {}
    assert world.made == []
