"""Requests through the real journey: answered, tried again, refused, left, and each settled exactly once."""

import asyncio
import json

import pytest

from roteiro.terms.codes import ErrorClass, Outcome, Reason

from .harness import (
    ANSWER,
    DONE,
    FINISH,
    STREAM_HEAD,
    USAGE,
    Message,
    chunk,
    frame,
    gateway,
    read_chunk,
    read_head,
    reply,
    run,
    stream,
    until,
    upstream,
)
from .world import OTHER_KEY, PLAN

STREAM = (frame("a"), frame("b"), FINISH, USAGE, DONE)
BROKEN_PLAN = PLAN.replace("chat: {targets", "chat: {rescue: false, targets")
RETRY_PLAN = PLAN.replace("same_target: 0", "same_target: 1")


def test_an_answer_passes_untouched_and_is_settled_to_its_usage() -> None:
    async def story() -> None:
        async with upstream(reply()) as one, gateway(one) as gate:
            answer = await gate.ask(max_tokens=50)
            assert (answer.status, answer.body) == (200, ANSWER)
            assert answer.headers["x-roteiro-target"] == "one"
            assert answer.headers["x-request-id"] == "run-0"
            assert json.loads(one.requests[0].body)["model"] == "upstream-one"
            assert one.requests[0].start == "POST /v1/chat/completions HTTP/1.1"
            (event,) = gate.world.events()
            assert (event["outcome"], event["status"], event["attempts"]) == (Outcome.SUCCESS, 200, 1)
            assert (event["input_tokens"], event["cached_tokens"], event["output_tokens"], event["estimated"]) == (11, 2, 5, 0)
            assert event["reserved_tokens"] > 50
            assert gate.world.in_flight() == 0

    run(story())


def test_usage_that_is_not_reported_is_estimated() -> None:
    async def story() -> None:
        async with upstream(reply(b'{"choices":[{"message":{"content":"hi"}}]}')) as one, gateway(one) as gate:
            assert (await gate.ask()).status == 200
            (event,) = gate.world.events()
            assert event["estimated"] == 1
            assert event["input_tokens"] > 0 < event["output_tokens"]

    run(story())


def test_the_key_of_the_provider_goes_to_the_provider_only() -> None:
    plan = PLAN.replace('base_url: "URL0"', 'base_url: "URL0", key_env: PROVIDER_KEY')

    async def story() -> None:
        async with (
            upstream(reply(b'{"error":{"message":"bad field, secret-of-the-gateway"}}', "400 Bad Request")) as one,
            gateway(one, plan=plan) as gate,
        ):
            answer = await gate.ask()
            assert one.requests[0].headers["authorization"] == "Bearer secret-of-the-gateway"
            assert answer.status == 400
            assert b"secret" not in answer.body

    run(story())


@pytest.mark.parametrize("wanted", [False, True])
def test_a_stream_passes_frame_by_frame(wanted: bool) -> None:
    async def story() -> None:
        async with upstream(stream(*STREAM)) as one, gateway(one) as gate:
            answer = await gate.ask(stream=True, stream_options={"include_usage": wanted})
            assert answer.status == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.body == b"".join(f for f in STREAM if wanted or f is not USAGE)
            assert json.loads(one.requests[0].body)["stream_options"] == {"include_usage": True}
            (event,) = gate.world.events()
            assert (event["outcome"], event["stream"], event["output_tokens"], event["estimated"]) == (Outcome.SUCCESS, 1, 3, 0)
            assert event["ttft_ms"] >= 0

    run(story())


def test_a_stream_without_usage_or_closing_frame_is_whole_by_its_finish_reason() -> None:
    async def story() -> None:
        async with upstream(stream(frame("a"), FINISH)) as one, gateway(one) as gate:
            assert (await gate.ask(stream=True)).body == frame("a") + FINISH + DONE
            (event,) = gate.world.events()
            assert (event["outcome"], event["output_tokens"], event["estimated"]) == (Outcome.SUCCESS, 2, 1)

    run(story())


def test_many_streams_at_once_lose_and_mix_nothing() -> None:
    async def echo(request: Message, writer: asyncio.StreamWriter) -> None:
        name = json.loads(request.body)["user"]
        writer.write(STREAM_HEAD)
        for i in range(60):
            writer.write(chunk(frame(f"{name}-{i}")))
            if i % 7 == 0:
                await writer.drain()
                await asyncio.sleep(0.001)
        writer.write(chunk(FINISH) + chunk(DONE) + b"0\r\n\r\n")

    async def story() -> None:
        async with upstream(echo) as one, gateway(one) as gate:
            answers = await asyncio.gather(*(gate.ask(stream=True, user=f"u{n}") for n in range(64)))
            for n, answer in enumerate(answers):
                assert answer.body == b"".join(frame(f"u{n}-{i}") for i in range(60)) + FINISH + DONE
            assert len(gate.world.events()) == 64
            assert gate.world.in_flight() == 0

    run(story())


FAILURES = {
    "server error": (reply(b"{}", "503 Down"), ErrorClass.SERVER),
    "rate limit": (reply(b"{}", "429 Slow Down", retry_after_ms="1"), ErrorClass.RATE_LIMIT),
    "wrong key": (reply(b"{}", "401 Who"), ErrorClass.AUTH),
    "nonsense": (reply(b"<html>hello</html>"), ErrorClass.PROTOCOL),
    "error under 200": (reply(b'{"error":{"message":"x"}}'), ErrorClass.SERVER),
    "redirect": (reply(b"", "302 Elsewhere", location="http://127.0.0.1/"), ErrorClass.PROTOCOL),
}


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_failure_before_the_answer_falls_back(kind: str, streamed: bool) -> None:
    bad, _ = FAILURES[kind]

    async def story() -> None:
        good = stream(*STREAM) if streamed else reply()
        async with upstream(bad) as one, upstream(good) as two, gateway(one, two) as gate:
            answer = await gate.ask(stream=streamed)
            assert (answer.status, answer.headers["x-roteiro-target"], answer.headers["x-roteiro-reason"]) == (200, "two", "fallback")
            assert json.loads(two.requests[0].body)["model"] == "upstream-two"
            (event,) = gate.world.events()
            assert (event["outcome"], event["attempts"], event["fallbacks"]) == (Outcome.SUCCESS, 2, 1)

    run(story())


@pytest.mark.parametrize("kind", FAILURES)
def test_when_nobody_answers_the_client_learns_the_kind_and_nothing_else(kind: str) -> None:
    bad, expected = FAILURES[kind]

    async def story() -> None:
        async with upstream(bad) as one, gateway(one) as gate:
            answer = await gate.ask(model="lonely")
            (event,) = gate.world.events()
            limited = expected is ErrorClass.RATE_LIMIT
            assert answer.status == event["status"] == (429 if limited else 502)
            assert (event["outcome"], event["error_class"]) == (Outcome.FAILED, expected)
            assert answer.headers["x-should-retry"] == "false"
            assert answer.error["code"] == "provider_error"
            assert b"hello" not in answer.body
            assert b"one" not in answer.error["message"].replace("no one", "").split("tried")[-1].encode()
            assert gate.world.in_flight() == 0

    run(story())


@pytest.mark.parametrize("streamed", [False, True])
def test_half_an_answer_is_no_answer(streamed: bool) -> None:
    async def half(request: Message, writer: asyncio.StreamWriter) -> None:
        if streamed:
            writer.write(STREAM_HEAD + chunk(b": wait\n\n"))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + ANSWER[:20])
        await writer.drain()
        writer.close()

    async def story() -> None:
        async with upstream(half) as one, upstream(stream(*STREAM) if streamed else reply()) as two, gateway(one, two) as gate:
            assert (await gate.ask(stream=streamed)).headers["x-roteiro-target"] == "two"
            (event,) = gate.world.events()
            assert event["attempts"] == 2

    run(story())


BREAKS = {
    "cut": stream(frame("a"), end=b""),
    "ended early": stream(frame("a")),
    "error frame": stream(frame("a"), frame(error={"message": "inner secret", "code": 500})),
    "nonsense": stream(frame("a"), b"data: {broken\n\n"),
    "not HTTP": stream(frame("a"), end=b"zzz\r\n"),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_stream_that_breaks_ends_with_an_error_and_is_no_success(kind: str) -> None:
    async def story() -> None:
        async with (
            upstream(BREAKS[kind]) as one,
            upstream(stream(*STREAM)) as two,
            gateway(one, two, plan=BROKEN_PLAN) as gate,
            gate.client() as peer,
        ):
            peer.post(stream=True)
            answer = await peer.read()
            first, rest = answer.body.split(b"\n\n", 1)
            assert first + b"\n\n" == frame("a")
            error = json.loads(rest.removeprefix(b"data: "))["error"]
            assert error["code"] == "provider_error"
            assert b"[DONE]" not in answer.body
            assert b"secret" not in answer.body
            assert await peer.ended() == b""
            (event,) = gate.world.events()
            assert (event["outcome"], event["attempts"]) == (Outcome.FAILED, 1)
            assert not two.requests
            assert gate.world.in_flight() == 0

    run(story())


def test_the_same_target_is_tried_again_after_a_pause() -> None:
    async def story() -> None:
        async with upstream(reply(b"{}", "500 No"), reply()) as one, gateway(one, plan=RETRY_PLAN) as gate:
            answer = await gate.ask()
            assert (answer.status, answer.headers["x-roteiro-reason"]) == (200, "retry")
            assert len(one.requests) == 2
            (event,) = gate.world.events()
            assert (event["attempts"], event["fallbacks"]) == (2, 0)

    run(story())


def test_the_clients_own_fault_is_told_in_the_providers_words() -> None:
    async def story() -> None:
        body = b'{"error":{"message":"max_tokens is too large","type":"x","code":"y"}}'
        async with upstream(reply(body, "422 No")) as one, upstream(reply()) as two, gateway(one, two) as gate:
            answer = await gate.ask()
            assert (answer.status, answer.error["message"], answer.error["type"]) == (
                422,
                "max_tokens is too large",
                "invalid_request_error",
            )
            assert not two.requests
            (event,) = gate.world.events()
            assert (event["outcome"], event["status"], event["reason"]) == (Outcome.INVALID, 422, Reason.NOT_RETRYABLE)

    run(story())


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("when", ["before the head", "in the answer"])
def test_a_silent_provider_is_given_up(streamed: bool, when: str) -> None:
    async def silent(request: Message, writer: asyncio.StreamWriter) -> None:
        if when == "in the answer":
            writer.write(STREAM_HEAD if streamed else b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{")
        await asyncio.sleep(30)

    async def story() -> None:
        times = "timeouts: {connect: 1s, first_token: 60ms, idle: 60ms, attempt: 120ms}"
        async with (
            upstream(silent) as one,
            upstream(stream(*STREAM) if streamed else reply()) as two,
            gateway(one, two, times=times) as gate,
        ):
            answer = await gate.ask(stream=streamed)
            assert answer.headers["x-roteiro-target"] == "two"
            await until(lambda: one.open == 0)
            alone = await gate.ask(model="lonely", stream=streamed)
            assert (alone.status, "timeout" in alone.error["message"]) == (502, True)

    run(story())


def test_a_stream_that_stops_coming_is_broken() -> None:
    async def stops(request: Message, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(frame("a")))
        await asyncio.sleep(30)

    async def story() -> None:
        times = "timeouts: {connect: 1s, first_token: 1s, idle: 60ms, attempt: 5s}"
        async with upstream(stops) as one, gateway(one, plan=BROKEN_PLAN, times=times) as gate:
            answer = await gate.ask(stream=True)
            assert b'"error"' in answer.body and b"[DONE]" not in answer.body
            (event,) = gate.world.events()
            assert (event["outcome"], event["error_class"]) == (Outcome.FAILED, ErrorClass.TIMEOUT)

    run(story())


def test_nobody_listens() -> None:
    async def story() -> None:
        async with gateway() as gate:
            answer = await gate.ask()
            (event,) = gate.world.events()
            assert answer.status == event["status"] == 502
            assert event["error_class"] == ErrorClass.CONNECTION
            assert "no connection" in answer.error["message"]

    run(story())


@pytest.mark.parametrize("streamed", [False, True])
def test_a_client_that_leaves_stops_the_provider_and_pays_what_was_used(streamed: bool) -> None:
    async def slow(request: Message, writer: asyncio.StreamWriter) -> None:
        if streamed:
            writer.write(STREAM_HEAD + chunk(frame("a")) + chunk(frame("b")))
        await asyncio.sleep(30)

    async def story() -> None:
        async with upstream(slow) as one, gateway(one) as gate:
            async with gate.client() as peer:
                peer.post(stream=streamed)
                await until(lambda: one.requests)
                if streamed:
                    await read_head(peer.reader)
                    await read_chunk(peer.reader)
            await until(lambda: one.open == 0 and gate.world.events())
            (event,) = gate.world.events()
            assert (event["outcome"], event["status"], event["estimated"]) == (Outcome.CANCELLED, 499, 1)
            assert event["input_tokens"] > 0
            assert (event["output_tokens"] > 0) is streamed
            assert gate.world.in_flight() == 0

    run(story())


def test_a_client_that_leaves_while_it_waits_for_its_turn() -> None:
    plan = PLAN.replace("chat: {priority: interactive,", "chat: {concurrency: 1, queue: {size: 5, max_wait: 9s}, priority: interactive,")

    async def slow(request: Message, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async def story() -> None:
        async with upstream(slow) as one, gateway(one, plan=plan) as gate, gate.client() as first:
            first.post()
            await until(lambda: one.requests)
            async with gate.client() as second:
                second.post()
                await until(lambda: gate.dispatch.queued)
            await until(lambda: not gate.dispatch.queued)
            (event,) = gate.world.events()
            assert (event["outcome"], event["attempts"], event["input_tokens"]) == (Outcome.CANCELLED, 0, 0)

    run(story())


def test_the_next_in_line_goes_when_a_place_is_free() -> None:
    plan = PLAN.replace("chat: {priority: interactive,", "chat: {concurrency: 2, queue: {size: 50, max_wait: 9s}, priority: interactive,")

    async def brief(request: Message, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.002)
        await reply()(request, writer)

    async def story() -> None:
        async with upstream(brief) as one, gateway(one, plan=plan) as gate:
            answers = await asyncio.gather(*(gate.ask() for _ in range(20)))
            assert {answer.status for answer in answers} == {200}
            assert one.connections <= 2
            events = gate.world.events()
            assert len(events) == 20
            assert sum(event["queue_ms"] > 0 for event in events) == 18

    run(story())


def test_patience_in_line_ends() -> None:
    plan = PLAN.replace("chat: {priority: interactive,", "chat: {concurrency: 1, queue: {size: 1, max_wait: 60ms}, priority: interactive,")

    async def slow(request: Message, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async def story() -> None:
        async with upstream(slow) as one, gateway(one, plan=plan) as gate, gate.client() as first:
            first.post()
            await until(lambda: one.requests)
            waiting = asyncio.create_task(gate.ask())
            await until(lambda: gate.dispatch.queued)
            full, timed_out = await gate.ask(), await waiting
            assert full.status == timed_out.status == 503
            assert full.headers["x-roteiro-reason"] == "queue_full"
            assert timed_out.headers["x-roteiro-reason"] == "queue_timeout"
            assert int(full.headers["retry-after"]) >= 1
            assert not gate.dispatch.queued

    run(story())


def test_limits_and_budgets_say_which_and_when() -> None:
    limited = PLAN.replace("acme: {", "acme: {limits: {requests: 1 per minute}, ")
    spent = PLAN.replace("acme: {", "acme: {budgets: {day: {amount: $0.000001}}, ")

    async def story() -> None:
        async with upstream(reply()) as one:
            async with gateway(one, plan=limited) as gate:
                assert (await gate.ask()).status == 200
                over = await gate.ask()
                assert (over.status, over.headers["x-roteiro-limit"], over.error["code"]) == (429, "tenant", "rate_limit_exceeded")
                assert 1 <= int(over.headers["retry-after"]) <= 60
                assert gate.world.events()[-1]["outcome"] == Outcome.LIMITED
            async with gateway(one, plan=spent) as gate:
                empty = await gate.ask()
                assert (empty.status, empty.error["code"]) == (402, "budget_exceeded")
                assert gate.world.events()[-1]["outcome"] == Outcome.BUDGET

    run(story())


def test_who_may_ask_for_what() -> None:
    async def story() -> None:
        async with upstream(reply()) as one, gateway(one) as gate:

            async def refused(status: int, code: str, **ask: object) -> None:
                async with gate.client() as peer:
                    peer.post(**ask)  # type: ignore[arg-type]
                    answer = await peer.read()
                    assert (answer.status, answer.error["code"]) == (status, code)

            await refused(401, "missing_api_key", key=None)
            await refused(401, "invalid_api_key", key="sk-wrong")
            await refused(404, "model_not_found", model="none such")
            await refused(403, "model_not_allowed", model="lonely", key=OTHER_KEY)
            await refused(400, "unknown_workload", headers="x-roteiro-workload: nope\r\n")
            await refused(403, "workload_not_allowed", headers="x-roteiro-workload: batch\r\n", key=OTHER_KEY)
            await refused(400, "invalid_json", body=b"{")
            assert not one.requests
            assert not gate.world.events()
            missing = await gate.ask(model="none such")
            assert "chat" in missing.error["message"]
            async with gate.client() as peer:
                peer.post(headers="x-roteiro-workload: batch\r\n")
                assert (await peer.read()).status == 200
                peer.post(b'{"messages":[1]}')
                assert (await peer.read()).status == 200
            batch, default = gate.world.events()
            assert batch["workload"] == gate.world.edge.workloads["batch"]
            assert default["model"] == gate.world.edge.models["chat"]

    run(story())
