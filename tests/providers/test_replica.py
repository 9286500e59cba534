"""Several servers behind one target: the least busy one is asked, one that refuses is passed over, one that goes ends its calls first."""

import asyncio
from contextlib import AsyncExitStack

import msgspec
from tests.gateway.harness import Upstream, gateway, reply, run, until, upstream
from tests.gateway.world import PLAN

from roteiro.terms.codes import Outcome
from roteiro.terms.edge import EdgeReplica


def replicas(*servers: Upstream | str) -> list[EdgeReplica]:
    return [EdgeReplica(slot=n, base_url=one if isinstance(one, str) else one.url) for n, one in enumerate(servers)]


def behind(gate, *servers: Upstream | str, only: tuple[int, ...] = ()) -> None:  # type: ignore[no-untyped-def]
    """Put servers behind the first target."""
    edge = gate.dispatch.edge
    chosen = [one for one in replicas(*servers) if not only or one.slot in only]
    first = msgspec.structs.replace(edge.targets[0], replicas=chosen, base_url=chosen[0].base_url)
    gate.dispatch.adopt(msgspec.structs.replace(edge, targets=[first, *edge.targets[1:]], serial=edge.serial + 1))


def test_a_call_goes_to_the_server_with_the_fewest() -> None:
    async def story() -> None:
        release = asyncio.Event()

        async def held(request, writer) -> None:  # type: ignore[no-untyped-def]
            await release.wait()
            await reply()(request, writer)

        async with upstream(held) as one, upstream(held) as two, upstream(held) as three, gateway(one) as gate:
            behind(gate, one, two, three)
            asking = [asyncio.create_task(gate.ask(user=str(n))) for n in range(7)]
            await until(lambda: len(one.requests) + len(two.requests) + len(three.requests) == 7)
            assert [len(each.requests) for each in (one, two, three)] == [3, 2, 2]
            release.set()
            assert {answer.status for answer in await asyncio.gather(*asking)} == {200}
            calls = gate.dispatch.targets[0]._calls
            assert [calls.total(slot) for slot in range(3)] == [0, 0, 0]

    run(story())


def test_a_server_that_refuses_is_passed_over_and_the_journey_hears_nothing() -> None:
    async def story() -> None:
        async with upstream(reply()) as one, gateway(one, plan=PLAN) as gate:
            behind(gate, "http://127.0.0.1:9/v1", one)
            for n in range(4):
                assert (await gate.ask(user=str(n))).status == 200
            events = gate.world.events()
            assert [event["outcome"] for event in events] == [Outcome.SUCCESS] * 4
            assert [event["attempts"] for event in events] == [1] * 4

    run(story())


def test_a_server_that_goes_ends_the_calls_it_has_and_those_that_wait_for_it() -> None:
    async def story() -> None:
        release = asyncio.Event()

        async def held(request, writer) -> None:  # type: ignore[no-untyped-def]
            await release.wait()
            await reply()(request, writer)

        async with AsyncExitStack() as stack:
            one, two = await stack.enter_async_context(upstream(held)), await stack.enter_async_context(upstream(reply()))
            gate = await stack.enter_async_context(gateway(one))
            behind(gate, one, two, only=(0,))
            target = gate.dispatch.targets[0]
            target.replicas[0].pool._most = 1
            asking = [asyncio.create_task(gate.ask(user=str(n))) for n in range(2)]
            await until(lambda: one.requests and target._calls.total(0) == 2)
            behind(gate, one, two, only=(1,))
            assert gate.dispatch.targets[0] is target
            assert (await gate.ask(user="new")).status == 200 and len(two.requests) == 1
            assert target._calls.total(0) == 2
            release.set()
            assert {answer.status for answer in await asyncio.gather(*asking)} == {200}
            assert len(one.requests) == 2 and target._calls.total(0) == 0
            await until(lambda: one.open == 0)

    run(story())
