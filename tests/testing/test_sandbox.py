"""The sandbox over real sockets, on both event loops: it answers, paces, checks keys, and fails in each of its ways."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from roteiro.terms.error import SettingsError
from roteiro.testing.client import Answer, BrokenAnswerError, HttpClient
from roteiro.testing.fault import (
    AnyFault,
    CutStream,
    HalfBody,
    Huge,
    Malformed,
    Nonsense,
    Quota,
    Reset,
    Slow,
    Stall,
    Status,
    Throttle,
    Trickle,
    WrongType,
)
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox import SandboxServer, SandboxSettings
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.script import Phase, Script
from roteiro.testing.stream_check import StreamCheck

WITHIN_S = 30.0
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "where to?"}], "max_tokens": 12}
STREAMED = {**QUESTION, "stream": True, "stream_options": {"include_usage": True}}

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run_it(coroutine: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(coroutine, WITHIN_S))

    return run_it


@contextlib.asynccontextmanager
async def sandbox(*faults: AnyFault, **settings: Any) -> AsyncIterator[tuple[SandboxServer, HttpClient]]:
    script = Script(phases=(Phase(faults=faults),))
    async with SandboxServer(SandboxSettings(script=script, **settings)) as server, HttpClient(server.origin) as client:
        yield server, client


def ask(client: HttpClient, question: dict[str, Any] = QUESTION, **headers: str) -> contextlib.AbstractAsyncContextManager[Answer]:
    return client.send("POST", "/v1/chat/completions", msgspec.json.encode(question), headers)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.01)


async def streamed(client: HttpClient) -> StreamCheck:
    check = StreamCheck(wants_usage=True)
    async with ask(client, STREAMED) as answer:
        async for piece in answer.pieces():
            check.feed(piece)
    return check


# -- answers --------------------------------------------------------------------------------------------------------------------------


def test_a_stream_says_what_the_whole_answer_says(run: Run) -> None:
    async def check() -> None:
        async with sandbox() as (server, client):
            stream = await streamed(client)
            async with ask(client) as answer:
                whole = await answer.json()
            assert stream.faults() == []
            assert stream.text == whole["choices"][0]["message"]["content"]
            stats = server.stats()
            assert (stats["requests"], stats["streams"], stats["by_status"]) == (2, 1, {"200": 2})
            assert stats["completion_tokens"] == 2 * whole["usage"]["completion_tokens"]

    run(check())


def test_latency_follows_its_distribution(run: Run) -> None:
    async def check() -> None:
        pace = Latency(ttft_s=Quantiles(0.05, 0.05), itl_s=Quantiles(0.01, 0.01))
        async with sandbox(latency=pace, output_tokens=Quantiles(50.0, 50.0)) as (_, client):
            clock = asyncio.get_running_loop().time
            began_s = clock()
            async with ask(client, STREAMED) as answer:
                arrived_s = [clock() - began_s async for _ in answer.pieces()]
            # Never early: a slow machine only makes it later. Two milliseconds for the loop's clock, which counts in whole ones.
            assert arrived_s[0] >= 0.05 - 0.002
            assert arrived_s[-1] >= 0.05 + 11 * 0.01 - 0.002
            assert len(arrived_s) > 2

    run(check())


def test_requests_on_one_connection_are_answered_in_order(run: Run) -> None:
    async def check() -> None:
        async with sandbox(latency=Latency(ttft_s=Quantiles(0.002, 0.02))) as (server, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            for number in range(10):
                body = msgspec.json.encode({**QUESTION, "model": f"m{number}"})
                writer.write(b"POST /chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            answered = []
            while len(answered) < 10:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                answered.append(msgspec.json.decode(await reader.readexactly(length))["model"])
            assert answered == [f"m{number}" for number in range(10)]
            writer.close()
            await writer.wait_closed()

    run(check())


def test_the_fixed_sandbox_gives_whole_answers_and_counts_them(run: Run) -> None:
    async def check() -> None:
        async with sandbox(Status(), fixed=True) as (server, client):
            assert (await streamed(client)).faults() == []
            async with ask(client) as answer:
                assert (await answer.json())["usage"]["completion_tokens"] > 0
            assert server.stats()["requests"] == 2
            assert (await client.get("/health"))[0] == 200

    run(check())


def test_a_key_is_asked_for_when_there_is_one(run: Run) -> None:
    async def check() -> None:
        async with sandbox(api_key="secret-of-a-test") as (_, client):
            for headers, status in (
                ({}, 401),
                ({"authorization": "Bearer wrong"}, 401),
                ({"authorization": "Bearer secret-of-a-test"}, 200),
            ):
                async with ask(client, QUESTION, **headers) as answer:
                    assert answer.status == status
                    await answer.read()
                assert (await client.get("/v1/models", headers))[0] == status

    run(check())


def test_an_unknown_model_is_named_where_models_are_strict(run: Run) -> None:
    async def check() -> None:
        async with sandbox(models=("m", "n"), strict_models=True) as (_, client):
            assert (await client.post("/v1/chat/completions", QUESTION))[0] == 200
            status, answer = await client.post("/v1/chat/completions", {**QUESTION, "model": "other"})
            assert status == 404
            assert "known: m, n" in answer["error"]["message"]

    run(check())


def test_bytes_that_are_no_http_get_400(run: Run) -> None:
    async def check() -> None:
        async with sandbox() as (server, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"\x16\x03\x01\x02\x00 hello\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()
            await writer.wait_closed()

    run(check())


def test_a_client_that_leaves_is_counted(run: Run) -> None:
    async def check() -> None:
        async with sandbox(Stall(at="middle")) as (server, client):
            async with ask(client, STREAMED) as answer:
                async for _ in answer.pieces():
                    break
            await until(lambda: server.stats()["clients_gone"] == 1)
            assert server.stats()["connections"] == 0

    run(check())


# -- faults ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", [QUESTION, STREAMED], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Reset(at="headers"), "reset"),
        (Reset(at="body"), "reset"),
        (HalfBody(), "cut"),
    ],
    ids=["reset before the head", "reset in the body", "half a body"],
)
def test_a_broken_connection_is_seen_as_what_it_is(run: Run, fault: AnyFault, error: str, question: dict[str, Any]) -> None:
    async def check() -> None:
        async with sandbox(fault) as (server, client):
            seen = b""
            with pytest.raises(BrokenAnswerError, match=error):
                async with ask(client, question) as answer:
                    async for piece in answer.pieces():
                        seen += piece
            assert bool(seen) == (fault != Reset(at="headers")), "half an answer comes before the break, or nothing at all"
            assert server.stats()["by_fault"] == {fault.name: 1}
            server.play(Script())
            async with ask(client) as answer:
                assert answer.status == 200
                await answer.read()

    run(check())


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [(CutStream(), "no finish reason"), (Malformed(), "not a chunk"), (Nonsense(), "no finish reason"), (WrongType(), "no finish reason")],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_stream_that_is_not_whole_is_found_out(run: Run, fault: AnyFault, complaint: str) -> None:
    async def check() -> None:
        async with sandbox(fault) as (_, client):
            assert complaint in ", ".join((await streamed(client)).faults())

    run(check())


@pytest.mark.parametrize("at", ["answer", "first_token", "middle"])
def test_a_stall_is_silent_where_it_says_and_ends_with_the_server(run: Run, at: str) -> None:
    async def check() -> None:
        pieces: list[bytes] = []
        head = asyncio.Event()

        async def hang(client: HttpClient) -> None:
            async with ask(client, STREAMED) as answer:
                head.set()
                async for piece in answer.pieces():
                    pieces.append(piece)  # noqa: PERF401 (each is looked at as it comes)

        async with sandbox(Stall(at=at)) as (server, client):
            hanging = asyncio.create_task(hang(client))
            await until(lambda: server.stats()["by_fault"] == {"stall": 1})
            if at != "answer":
                await asyncio.wait_for(head.wait(), WITHIN_S)
            if at == "middle":
                await until(lambda: bool(pieces))
            assert not hanging.done()
            assert head.is_set() == (at != "answer")
            assert bool(pieces) == (at == "middle")
        with pytest.raises(BrokenAnswerError):
            await hanging

    run(check())


def test_throttle_and_quota_answer_429_and_when_to_come_back(run: Run) -> None:
    async def check() -> None:
        async with sandbox(Throttle(wait_s=3.0)) as (server, client):
            async with ask(client) as answer:
                assert (answer.status, answer.headers["retry-after"]) == (429, "3")
                assert (await answer.json())["error"]["type"] == "rate_limit_error"
            server.play(Script(phases=(Phase(faults=(Quota(requests_per_minute=1),)),)))
            statuses = []
            for _ in range(3):
                async with ask(client) as answer:
                    statuses.append(answer.status)
                    await answer.read()
            assert statuses == [200, 429, 429]
            assert int(answer.headers["retry-after"]) in range(58, 61)
            assert answer.headers["x-ratelimit-limit-requests"] == "1"

    run(check())


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_huge_body_waits_for_its_reader_and_does_not_pile_up(run: Run) -> None:
    async def check() -> None:
        size_bytes = 256 * 1024 * 1024
        before = resident_bytes()
        async with sandbox(Huge(size_bytes=size_bytes)) as (_, client):
            async with ask(client) as answer:
                taken = 0
                async for piece in answer.pieces():
                    taken += len(piece)
                    if taken > 4 * 1024 * 1024:
                        break
            assert resident_bytes() - before < size_bytes / 4

    run(check())


def test_a_trickle_comes_in_drops(run: Run) -> None:
    async def check() -> None:
        async with sandbox(Trickle(bytes_per_s=200_000.0)) as (_, client):
            assert (await streamed(client)).faults() == []

    run(check())


def test_the_script_is_changed_over_http_while_it_runs(run: Run) -> None:
    async def check() -> None:
        async with sandbox() as (server, client):
            async with client.send("POST", "/_sandbox/script", b"- {requests: 2, faults: [{fault: status, status: 503}]}") as answer:
                assert answer.status == 200
                await answer.read()
            statuses = [(await client.post("/v1/chat/completions", QUESTION))[0] for _ in range(3)]
            assert statuses == [503, 503, 200]
            async with client.send("POST", "/_sandbox/script", b"- {faults: [{fault: tempest}]}") as answer:
                assert answer.status == 400
                assert "tempest" in (await answer.json())["error"]["message"]
            server.play(Script(phases=(Phase(faults=(Status(),)),)))
            async with client.send("DELETE", "/_sandbox/script") as answer:
                await answer.read()
            assert (await client.post("/v1/chat/completions", QUESTION))[0] == 200
            status, stats = await client.get("/_sandbox/stats")
            assert (status, stats["by_status"], stats["by_fault"]) == (200, {"200": 2, "503": 2}, {"status": 2})

    run(check())


def test_the_same_seed_gives_the_same_luck(run: Run) -> None:
    async def check() -> None:
        async def luck(seed: int) -> list[int]:
            async with sandbox(Status(rate=0.5), Slow(factor=1.0, rate=0.5), seed=seed) as (_, client):
                return [(await client.post("/v1/chat/completions", QUESTION))[0] for _ in range(30)]

        assert await luck(1) == await luck(1) != await luck(2)

    run(check())


# -- as a process ---------------------------------------------------------------------------------------------------------------------


def test_a_process_plays_what_it_is_told_and_ends_with_its_context() -> None:
    script = Script(phases=(Phase(name="storm", faults=(Status(status=503),)),))
    with SandboxProcess(SandboxSettings(name="primary", api_key="secret-of-a-test", script=script)) as process:

        async def status() -> int:
            bearer = {"authorization": "Bearer secret-of-a-test"}
            async with HttpClient(process.base_url.removesuffix("/v1")) as client, ask(client, QUESTION, **bearer) as answer:
                return answer.status

        assert asyncio.run(status()) == 503
        assert process.stats()["phase"] == "storm"
        process.play(Script())
        assert asyncio.run(status()) == 200
        assert process.stats()["name"] == "primary"
        pid = process.pid
        assert b"secret-of-a-test" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_port_in_use_is_said_plainly() -> None:
    with SandboxProcess() as first, pytest.raises(SettingsError, match=rf"cannot listen on 127\.0\.0\.1:{first.port}"):
        SandboxProcess(port=first.port).start()


def test_options_of_the_command_line_are_heeded(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("- {name: first, requests: 1, faults: [{fault: status, status: 500}]}\n")
    options = ["--name", "secondary", "--model", "m", "--strict-models", "--script", str(script), "--rpm", "2"]
    options += [
        "--ttft-median",
        "0.001",
        "--ttft-p95",
        "0.002",
        "--itl-median",
        "0.0001",
        "--output-median",
        "4",
        "--error-rate",
        "0.000001",
    ]
    child = subprocess.Popen([sys.executable, "-m", "roteiro.testing.sandbox", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        ready = msgspec.json.decode(child.stdout.readline())
        assert (ready["name"], ready["pid"]) == ("secondary", child.pid)

        async def statuses() -> list[int]:
            async with HttpClient(ready["base_url"].removesuffix("/v1")) as client:
                asked = [QUESTION, {**QUESTION, "model": "other"}, QUESTION, QUESTION]
                return [(await client.post("/v1/chat/completions", question))[0] for question in asked]

        assert asyncio.run(statuses()) == [500, 404, 200, 429]
        child.stdin.close()  # as when the parent dies
        assert child.wait(WITHIN_S) == 0
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def test_it_ends_with_its_parent_however_that_dies() -> None:
    program = (
        "import time\n"
        "from roteiro.testing.sandbox_process import SandboxProcess\n"
        "with SandboxProcess() as process:\n"
        "    print(process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()

    def is_gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    asyncio.run(until(is_gone))


@pytest.mark.parametrize(
    "options",
    [["--ttft-median", "2", "--ttft-p95", "1"], ["--error-rate", "2"], ["--script", "/nowhere.yaml"], ["--key-env", "NOT_SET_ANYWHERE"]],
    ids=lambda options: options[0],
)
def test_options_that_make_no_sense_are_refused_in_one_line(options: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "roteiro.testing.sandbox", *options], capture_output=True, text=True, timeout=WITHIN_S)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("roteiro.testing.sandbox: error: ")
