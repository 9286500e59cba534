"""A request that waited for its turn: once it is let go, nothing is left of its wait."""

import asyncio

from roteiro.gateway.exchange import Exchange

from .harness import gateway, reply, run, until, upstream
from .world import PLAN

ONE_PLACE = (
    PLAN.replace("weight: 1,", "weight: 1, limits: {concurrency: 1},")
    .replace("chat: {targets: {one: 1}, fallbacks: [two],", "chat: {targets: {one: 1}, on_exhausted: queue,")
    .replace("model: chat}", "model: chat, queue: {size: 8, max_wait: 30s}}", 1)
)


def test_a_request_that_was_let_go_has_no_patience_to_lose() -> None:
    """Its timer, left behind, would knock for a flow that is over, or that is another request's by then."""

    async def work() -> None:
        go = asyncio.Event()
        answer = reply()

        async def held(request, writer) -> None:  # type: ignore[no-untyped-def]
            await go.wait()
            await answer(request, writer)

        async with upstream(held) as provider, gateway(provider, plan=ONE_PLACE) as it:
            first = asyncio.create_task(it.ask())
            await until(lambda: len(provider.requests) == 1)
            second = asyncio.create_task(it.ask())
            await until(lambda: it.dispatch.queued)
            assert [thing for thing in it.dispatch.sweep._things if isinstance(thing, Exchange)]
            go.set()
            assert [(await one).status for one in (first, second)] == [200, 200]
            assert [thing for thing in it.dispatch.sweep._things if isinstance(thing, Exchange)] == []

    run(work())
