"""An outage is not multiplied: with every provider down, retries stay under the plan's ratio, counted where they arrive."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import msgspec
from tests.gateway.server import Server

from roteiro.testing.client import HttpClient
from roteiro.testing.fault import AnyFault, CutStream, Reset, Stall, Status
from roteiro.testing.sandbox import SandboxServer
from roteiro.testing.scenario import lasting

RATIO = 0.2
AT_ONCE = 20
TIMES = "timeouts: {connect: 1s, first_token: 200ms, idle: 1s, attempt: 200ms}"
TARGET = f"{{name: sandbox, model: m, on_premises: true, price: {{input: $1/1M tokens, output: $2/1M tokens}}, breaker: {{minimum_calls: 1000000}}, {TIMES}}}"
PLAN = f"""
roteiro: 1
providers: {{one: {TARGET}, two: {TARGET}}}
models:
  chat: {{targets: {{one: 1, two: 1}}, timeouts: {{total: 10s}}}}
retry: {{attempts: 5, same_target: 1, backoff: 1ms, max_backoff: 2ms, ratio: {RATIO:.0%}, min_per_second: 0}}
tenants: {{acme: {{}}}}
"""
PARTS: list[tuple[AnyFault, bool, int]] = [
    (Status(status=503), False, 400),
    (Reset(), True, 400),
    (Stall(), True, 100),
    (CutStream(after=2), True, 200),
]


@dataclass
class Outage:
    """Both providers down, and a server between them and the clients."""

    one: SandboxServer
    two: SandboxServer
    server: Server
    key: str

    async def ask(self, requests: int, stream: bool) -> list[int]:
        """The statuses of so many requests, some at once."""
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> int:
            body = {"model": "chat", "stream": stream, "messages": [{"role": "user", "content": f"{number}"}]}
            async with (
                at_once,
                HttpClient(f"http://127.0.0.1:{self.server.ready['port']}") as client,
                client.send("POST", "/v1/chat/completions", msgspec.json.encode(body), {"authorization": f"Bearer {self.key}"}) as answer,
            ):
                await answer.read()
                return answer.status

        return await asyncio.gather(*(one(number) for number in range(requests)))

    def play(self, fault: AnyFault) -> None:
        for sandbox in (self.one, self.two):
            sandbox.play(lasting(fault))

    def arrived(self) -> int:
        return int(self.one.stats()["requests"] + self.two.stats()["requests"])

    async def balance(self) -> float:
        return float((await asyncio.to_thread(self.server.state))["retry_balance"])


def test_retries_in_an_outage_stay_under_the_ratio(tmp_path: Path) -> None:
    async def outage() -> None:
        async with SandboxServer() as one, SandboxServer() as two:
            (tmp_path / "plan.yaml").write_text(PLAN)
            with Server(tmp_path / "plan.yaml", tmp_path / "data", {"one": one.base_url, "two": two.base_url}, workers=1) as server:
                at = Outage(one, two, server, await asyncio.to_thread(server.key, "acme"))
                saved_up = await at.balance()
                at.play(Status(status=503))
                statuses = await at.ask(200, stream=False)  # spends what a quiet server has saved up
                assert min(statuses) >= 500
                assert at.arrived() <= 200 * (1.0 + RATIO) + saved_up
                for fault, stream, requests in PARTS:
                    at.play(fault)
                    before, saved_up = at.arrived(), await at.balance()
                    await at.ask(requests, stream)
                    arrived = at.arrived() - before
                    assert saved_up < 1.0 + RATIO
                    assert requests <= arrived <= requests * (1.0 + RATIO) + saved_up, (
                        f"{fault.name}: {arrived} arrived for {requests} requests"
                    )
                    assert arrived > requests * (1.0 + RATIO / 2.0), "the ratio was not used, so that this proves nothing"

    asyncio.run(outage())
