"""Workers that share a block, adoption of a new edge, and what a driver must never do."""

import asyncio
import json
from contextlib import AsyncExitStack

import msgspec
import pytest

from roteiro.gateway import wake
from roteiro.gateway.dispatch import Dispatch
from roteiro.gateway.journey_port import Answer, FileLock, Journey
from roteiro.gateway.sweep import Sweep
from roteiro.policy.state import NONE
from roteiro.terms.codes import Command, Outcome
from roteiro.terms.error import InvariantError, SettingsError

from .harness import Message, gateway, reply, run, until, upstream
from .world import PLAN, World, compiled

NARROW = PLAN.replace("chat: {priority: interactive,", "chat: {concurrency: 1, queue: {size: 50, max_wait: 20s}, priority: interactive,")


def test_workers_share_limits_and_wake_each_other(tmp_path) -> None:  # type: ignore[no-untyped-def]
    async def story() -> None:
        loop = asyncio.get_running_loop()
        bells = [wake.create(), wake.create()]

        async def brief(request: Message, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.001)
            await reply()(request, writer)

        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(upstream(brief))
            first = await stack.enter_async_context(
                gateway(one, plan=NARROW, journey=lambda w: Journey(w.state, 0, FileLock(tmp_path / "lock")))
            )
            second = await stack.enter_async_context(
                gateway(one, plan=NARROW, journey=lambda _: Journey(first.world.state, 1, FileLock(tmp_path / "lock")))
            )
            rung = [0, 0]

            def ring(worker: int) -> None:
                rung[worker] += 1
                wake.ring(bells[worker])

            for number, gate in enumerate((first, second)):
                gate.dispatch._notify = ring
                wake.listen(loop, bells[number], gate.dispatch.wake)
            answers = await asyncio.gather(*((first, second)[n % 2].ask(user=str(n)) for n in range(30)))
            assert {answer.status for answer in answers} == {200}
            events = first.world.events()
            assert len(events) == 30
            assert {event["worker"] for event in events} == {0, 1}
            assert sum(rung) > 0  # each worker granted places to the other
            assert int(first.world.state.workloads["in_flight"].max()) == 0
            assert first.world.in_flight() == 0
            assert one.connections <= 2  # one place, one connection a worker
            for bell in bells:
                loop.remove_reader(bell)

    run(story())


def test_a_new_edge_serves_at_once_and_a_bad_one_changes_nothing() -> None:
    async def story() -> None:
        async with upstream(reply()) as one, upstream(reply(b'{"choices":[2]}')) as other, gateway(one) as gate, gate.client() as peer:
            peer.post()
            assert (await peer.read()).headers["x-roteiro-target"] == "one"
            edge, kept = gate.dispatch.edge, gate.dispatch.targets[1]
            moved = msgspec.structs.replace(edge.targets[0], base_url=other.url)
            for bad in (
                msgspec.structs.replace(edge, targets=[msgspec.structs.replace(moved, base_url="nowhere"), edge.targets[1]]),
                msgspec.structs.replace(edge, targets=[msgspec.structs.replace(moved, key_env="NOT_SET"), edge.targets[1]]),
            ):
                with pytest.raises(SettingsError):
                    gate.dispatch.adopt(bad)
            with pytest.raises(InvariantError):
                gate.dispatch.adopt(msgspec.structs.replace(edge, targets=edge.targets[:1]))
            assert gate.dispatch.edge is edge
            gate.dispatch.adopt(msgspec.structs.replace(edge, targets=[moved, edge.targets[1]]))
            assert gate.dispatch.targets[1] is kept
            peer.post()
            assert (await peer.read()).json == {"choices": [2]}
            await until(lambda: one.open == 0)  # idle connections to the old place are gone

    run(story())


def test_a_request_in_flight_stays_with_the_target_it_is_on() -> None:
    async def story() -> None:
        release = asyncio.Event()

        async def held(request: Message, writer: asyncio.StreamWriter) -> None:
            await release.wait()
            await reply()(request, writer)

        async with upstream(held) as one, upstream(reply()) as other, gateway(one) as gate:
            asking = asyncio.create_task(gate.ask())
            await until(lambda: one.requests)
            edge = gate.dispatch.edge
            gate.dispatch.adopt(
                msgspec.structs.replace(edge, targets=[msgspec.structs.replace(edge.targets[0], base_url=other.url), edge.targets[1]])
            )
            release.set()
            assert (await asking).status == 200
            assert not other.requests
            await until(lambda: one.open == 0)

    run(story())


def test_a_key_that_is_no_longer_there_opens_nothing() -> None:
    async def story() -> None:
        async with upstream(reply()) as one, gateway(one) as gate:
            assert (await gate.ask()).status == 200
            gate.dispatch.adopt(msgspec.structs.replace(gate.dispatch.edge, keys={}))
            assert (await gate.ask()).status == 401

    run(story())


def test_a_target_without_an_address_is_never_reached() -> None:
    plan = PLAN.replace('base_url: "URL0", ', "")

    async def story() -> None:
        async with upstream(reply()) as two, gateway(two, two, plan=plan) as gate:
            edge = gate.dispatch.edge
            gate.dispatch.adopt(
                msgspec.structs.replace(edge, targets=[msgspec.structs.replace(edge.targets[0], base_url=""), edge.targets[1]])
            )
            answer = await gate.ask()
            assert (answer.status, answer.headers["x-roteiro-target"]) == (200, "two")
            assert json.loads(two.requests[0].body)["model"] == "upstream-two"
            (event,) = gate.world.events()
            assert (event["outcome"], event["attempts"]) == (Outcome.SUCCESS, 2)

    run(story())


class Scripted:
    """A `JourneyPort` that answers by a list and remembers what it was told."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.told: list[tuple[int, ...]] = []

    def step(self, what: int, flow: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0) -> Answer:
        self.told.append((what, flow, a, b, c, d, e))
        assert all(type(value) is int for value in self.told[-1]), "machine code is compiled for plain integers"
        return self.answers.pop(0)

    def begin(self, key: int, route: int, input_tokens: int, output_tokens: int, flags: int) -> tuple[Answer, int, float, float]:
        return self.step(1, -1, key, route, input_tokens, output_tokens, flags), 7, 1e9, 0.0

    def workload_of_key(self, key: int) -> int:
        return 0

    def unwritten(self) -> tuple[int, bool]:
        return 0, True


def test_a_wake_for_a_flow_that_does_not_wait_here_is_an_error() -> None:
    async def story() -> None:
        sweep = Sweep(asyncio.get_running_loop(), 0.0)
        dispatch = Dispatch(compiled().edge, Scripted((Command.SEND, 0.0, 0, 5, 1)), sweep, {})
        with pytest.raises(InvariantError):
            dispatch.wake()
        dispatch.close()

    run(story())


@pytest.mark.parametrize(("region", "told"), [("default", "default"), ("elsewhere", None), (None, None)])
def test_a_gateway_tells_the_journey_where_it_is(region: str | None, told: str | None) -> None:
    """A region that the plan does not know, as an adopted one may not, is told as unknown."""

    async def story() -> None:
        async with upstream(reply()) as one, gateway(one, region=region) as gate:
            assert (await gate.ask()).status == 200
            (event,) = gate.world.events()
            assert event["client_region"] == (NONE if told is None else gate.world.edge.regions.index(told))

    run(story())


def test_only_plain_integers_reach_the_kernel() -> None:
    scripted = Scripted(
        (Command.SEND, 0.0, 1, 3, 0), (Command.WAIT, 0.0, 7, 3, 0), (Command.SEND, 0.0, 5, 3, 0), (Command.REJECT, 0.0, 22, 3, 0),
        (Command.SEND, 0.0, 1, 3, 0), (Command.NONE, 0.0, 0, 3, 0), (Command.DONE, 0.0, 0, 3, 0),
        (Command.SEND, 0.0, 1, 3, 0), (Command.DONE, 0.0, 0, 3, 0),
    )  # fmt: skip

    def port(_: World) -> Scripted:
        return scripted

    async def story() -> None:
        from .harness import DONE, FINISH, frame, stream

        bad, good = reply(b"{}", "503 No", retry_after="1"), stream(frame("a"), FINISH, DONE)
        async with upstream(bad, bad, good, reply()) as one, gateway(one, journey=port) as gate:
            assert (await gate.ask()).status == 502
            assert (await gate.ask(stream=True)).status == 200
            assert (await gate.ask()).status == 200

    run(story())
    assert [told[0] for told in scripted.told] == [1, 3, 4, 3, 1, 2, 5, 1, 5]
    assert scripted.told[1][2:6] == (3, 1000, 503, 0)


def test_the_sweep_ticks_only_while_something_is_due() -> None:
    class Thing:
        def __init__(self, due: float) -> None:
            self.due = due
            self.rung = 0

        def late(self) -> None:
            self.rung += 1
            sweep.forget(self)

    async def story() -> None:
        nonlocal sweep
        sweep = Sweep(asyncio.get_running_loop(), 0.0)
        soon, later = Thing(sweep.now()), Thing(sweep.now() + 1e6)
        sweep.watch(soon)
        sweep.watch(later)
        await until(lambda: soon.rung)
        later.due = 0.0  # a deadline may move
        await until(lambda: later.rung)
        await until(lambda: not sweep._ticking)
        again = Thing(0.0)
        sweep.watch(again)
        await until(lambda: again.rung)
        assert (soon.rung, later.rung) == (1, 1)

    sweep: Sweep
    run(story())
