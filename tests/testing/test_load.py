"""The load generator sends what its plan says when it says, and calls nothing whole that is not."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from roteiro.terms.error import SettingsError
from roteiro.testing.exchange import Record
from roteiro.testing.fault import AnyFault, CutStream, HalfBody, Malformed, Nonsense, Reset, Stall, Status, Throttle
from roteiro.testing.load import Caller, Load, LoadPlan, summary
from roteiro.testing.quantiles import Quantiles
from roteiro.testing.sandbox import SandboxServer, SandboxSettings
from roteiro.testing.script import Phase, Script

WITHIN_S = 60.0
CALLERS = (Caller("key-of-acme", 3.0, workload="chat", name="acme"), Caller("key-of-beta", 1.0, name="beta"))


def plan_for(base_url: str, **other: Any) -> LoadPlan:
    plan: dict[str, Any] = {"duration_s": 0.5, "rate_per_s": 80.0, "callers": CALLERS, "output_tokens": Quantiles(8.0, 20.0), **other}
    return LoadPlan(base_url=base_url, **plan)


def run(*faults: AnyFault, **other: Any) -> tuple[list[Record], dict[str, Any]]:
    """Records of a load upon one sandbox, and the sandbox's own counts."""

    async def both() -> tuple[list[Record], dict[str, Any]]:
        script = Script(phases=(Phase(faults=faults),))
        async with asyncio.timeout(WITHIN_S), SandboxServer(SandboxSettings(script=script)) as server:
            records = await Load(plan_for(server.base_url, **other)).run()
            return records, server.stats()

    return asyncio.run(both())


@pytest.mark.parametrize("openai_share", [0.0, 0.5, 1.0])
def test_every_request_is_sent_answered_and_whole(openai_share: float) -> None:
    if openai_share:
        pytest.importorskip("openai", reason="the official client comes with the extra `demo`")
    records, stats = run(openai_share=openai_share)
    assert len(records) == stats["requests"] > 20
    assert [record.error for record in records if record.error] == []
    assert all(record.whole and record.status == 200 for record in records)
    assert sum(record.output_tokens or 0 for record in records) == stats["completion_tokens"]
    assert sum(record.input_tokens or 0 for record in records) == stats["prompt_tokens"]
    assert sum(record.stream for record in records) == stats["streams"]
    assert all((record.ttft_s is not None) == record.stream for record in records)
    assert {record.via for record in records} == {0.0: {"http"}, 0.5: {"http", "openai"}, 1.0: {"openai"}}[openai_share]


@pytest.mark.parametrize("openai_share", [0.0, 1.0])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Status(status=503), {"status"}),
        (Throttle(), {"status"}),
        (Reset(at="headers"), {"reset", "connect"}),
        (Reset(at="body"), {"reset", "cut", "connect"}),
        (HalfBody(), {"cut", "connect"}),
        (CutStream(), {"stream", "body"}),
        (Malformed(), {"stream", "body"}),
        (Nonsense(), {"stream", "body"}),
        (Stall(), {"timeout"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_fault_is_never_called_whole(fault: AnyFault, words: set[str], openai_share: float) -> None:
    if openai_share:
        pytest.importorskip("openai", reason="the official client comes with the extra `demo`")
    records, _ = run(
        fault, openai_share=openai_share, duration_s=0.19, rate_per_s=50.0, cv=0.0, timeout_s=0.5 if fault == Stall() else 30.0
    )
    assert len(records) == 9
    assert set(summary(records)) <= words
    assert all(record.error and not record.whole for record in records)


def test_throttled_requests_keep_what_they_were_told() -> None:
    records, _ = run(Throttle(wait_s=7.0))
    assert {(record.status, record.retry_after) for record in records} == {(429, "7")}


def test_its_bound_holds_and_what_it_holds_back_is_recorded() -> None:
    async def bounded() -> tuple[list[Record], list[int], int]:
        script = Script(phases=(Phase(faults=(Stall(seconds=0.3),)),))
        async with asyncio.timeout(WITHIN_S), SandboxServer(SandboxSettings(script=script)) as server:
            load = Load(plan_for(server.base_url, max_in_flight=3, cv=0.0, rate_per_s=100.0, duration_s=0.195))
            under_way: list[int] = []
            records = await load.run(on_record=lambda _: under_way.append(load.in_flight))
            return records, under_way, server.stats()["requests"]

    records, under_way, served = asyncio.run(bounded())
    held_back = [record for record in records if record.error.startswith("not sent")]
    assert max(under_way) == 3
    assert len(records) == 19
    assert served == 19 - len(held_back) == sum(record.whole for record in records)


def test_a_plan_asks_the_same_for_the_same_seed_and_in_its_shares() -> None:
    def asks(seed: int) -> list[Any]:
        models = (("auto", 1.0), ("gpt-4", 1.0))
        plan = plan_for("http://127.0.0.1:1/v1", seed=seed, duration_s=100.0, rate_per_s=20.0, models=models, stream_share=0.25)
        return list(Load(plan).asks())

    asked = asks(1)
    assert asked == asks(1) != asks(2)
    callers = Counter(ask.caller for ask in asked)
    assert callers["acme"] / callers["beta"] == pytest.approx(3.0, rel=0.2)
    assert sum(ask.stream for ask in asked) / len(asked) == pytest.approx(0.25, abs=0.04)
    assert len({ask.prompt for ask in asked}) == len(asked)
    assert {ask.headers().get("x-roteiro-workload") for ask in asked} == {"chat", None}


def test_a_stopped_load_sends_no_more() -> None:
    async def stopped() -> int:
        async with asyncio.timeout(WITHIN_S), SandboxServer() as server:
            load = Load(plan_for(server.base_url, duration_s=3600.0, rate_per_s=50.0))
            return len(await load.run(on_record=lambda _: load.stop()))

    assert 1 <= asyncio.run(stopped()) < 50


def test_a_server_that_is_not_there_is_recorded_not_raised() -> None:
    async def nobody() -> list[Record]:
        async with SandboxServer() as server:
            base_url = server.base_url
        return await Load(plan_for(base_url, duration_s=0.1)).run()

    assert set(summary(asyncio.run(nobody()))) == {"connect"}


def test_a_load_without_end_is_refused() -> None:
    with pytest.raises(SettingsError, match="more than 1000000 requests"):
        Load(plan_for("http://127.0.0.1:1/v1", duration_s=1e6, rate_per_s=1e3))
    with pytest.raises(SettingsError, match="at least one caller"):
        Load(plan_for("http://127.0.0.1:1/v1", callers=()))
