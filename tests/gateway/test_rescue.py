"""Two providers for one answer: a broken stream goes on elsewhere, a late attempt gets a second beside it, a client who left is or is not
waited for."""

import asyncio
import json

import pytest

from roteiro.terms.codes import ErrorClass, Outcome, Reason

from .harness import DONE, FINISH, STREAM_HEAD, USAGE, Message, chunk, frame, gateway, reply, run, stream, until, upstream
from .world import PLAN

RIVALS = PLAN.replace(
    "chat: {targets: {one: 1}, fallbacks: [two], ", "chat: {targets: {one: 1}, fallbacks: [two], hedge: {after: 50ms, at_most: 100%}, "
)


def content(body: bytes) -> str:
    """The text that a client of the OpenAI dialect gets to see."""
    said = [json.loads(line[6:]) for line in body.split(b"\n\n") if line.startswith(b"data: {")]
    assert not any("error" in one for one in said), said
    return "".join(choice["delta"].get("content") or "" for one in said for choice in one["choices"])


BREAKS = {
    "cut": stream(frame("one "), frame("two"), end=b""),
    "ended early": stream(frame("one "), frame("two")),
    "done without a reason": stream(frame("one "), frame("two"), DONE),
    "error frame": stream(frame("one "), frame("two"), frame(error={"message": "inner secret", "code": 500})),
    "nonsense": stream(frame("one "), frame("two"), b"data: {broken\n\n", b"data: {broken\n\n"),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_broken_stream_goes_on_elsewhere_and_the_client_sees_one_answer(kind: str) -> None:
    async def story() -> None:
        async with upstream(BREAKS[kind]) as one, upstream(stream(frame(" three"), FINISH, USAGE, DONE)) as two, gateway(one, two) as gate:
            answer = await gate.ask(stream=True)
            assert content(answer.body) == "one two three"
            assert answer.body.endswith(DONE) and answer.body.count(b"[DONE]") == 1
            ids = {json.loads(line[6:])["id"] for line in answer.body.split(b"\n\n") if line.startswith(b"data: {") and b'"id"' in line}
            assert len(ids) <= 1
            asked = json.loads(two.requests[0].body)
            assert asked["messages"][-1] == {"role": "assistant", "content": "one two"}
            (event,) = gate.world.events()
            assert (event["outcome"], event["attempts"], event["rescues"], event["route_reason"]) == (Outcome.SUCCESS, 2, 1, Reason.RESCUED)
            assert event["lost_nusd"] > 0
            assert gate.world.in_flight() == 0

    run(story())


def test_what_broke_in_a_tool_call_is_an_error() -> None:
    call = frame(choices=[{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}]}}])

    async def story() -> None:
        async with upstream(stream(call, end=b"")) as one, upstream(stream(FINISH, DONE)) as two, gateway(one, two) as gate:
            answer = await gate.ask(stream=True)
            assert b'"error"' in answer.body and b"[DONE]" not in answer.body
            assert not two.requests
            assert gate.world.events()[0]["outcome"] == Outcome.FAILED

    run(story())


def test_who_should_go_on_refuses_and_the_error_says_so() -> None:
    refuses = reply(b'{"error":{"message":"no assistant prefix, please"}}', "400 Bad Request")

    async def story() -> None:
        async with upstream(BREAKS["cut"]) as one, upstream(refuses) as two, gateway(one, two) as gate:
            answer = await gate.ask(stream=True)
            error = json.loads(answer.body.split(b"\n\n")[-2].removeprefix(b"data: "))["error"]
            assert "refused to" in error["message"] and "go on" in error["message"]
            assert gate.world.events()[0]["outcome"] in (Outcome.FAILED, Outcome.INVALID)

    run(story())


def test_an_answer_that_shows_nothing_starts_anew_elsewhere() -> None:
    role = frame(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])

    async def story() -> None:
        async with (
            upstream(stream(role, FINISH, DONE)) as one,
            upstream(stream(frame("whole"), FINISH, DONE)) as two,
            gateway(one, two) as gate,
        ):
            answer = await gate.ask(stream=True)
            assert content(answer.body) == "whole"
            assert json.loads(two.requests[0].body)["messages"] == json.loads(one.requests[0].body)["messages"]
            (event,) = gate.world.events()
            assert (event["outcome"], event["attempts"], event["rescues"]) == (Outcome.SUCCESS, 2, 1)

    run(story())


def test_a_finish_reason_is_an_end_though_nothing_closes_the_stream() -> None:
    async def held(request: Message, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(frame("a")) + chunk(FINISH))
        await asyncio.sleep(30)

    async def story() -> None:
        async with upstream(held) as one, gateway(one) as gate:
            answer = await gate.ask(stream=True)
            assert answer.body == frame("a") + FINISH + DONE
            assert gate.world.events()[0]["outcome"] == Outcome.SUCCESS

    run(story())


@pytest.mark.parametrize("streamed", [False, True])
def test_a_second_attempt_beside_one_that_is_late_and_the_first_answer_wins(streamed: bool) -> None:
    async def silent(request: Message, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    good = stream(frame("a"), FINISH, USAGE, DONE) if streamed else reply()

    async def story() -> None:
        async with upstream(silent) as one, upstream(good) as two, gateway(one, two, plan=RIVALS) as gate:
            answer = await gate.ask(stream=streamed)
            assert (answer.status, answer.headers["x-roteiro-target"], answer.headers["x-roteiro-reason"]) == (200, "two", "hedged")
            (event,) = gate.world.events()
            assert (event["outcome"], event["attempts"], event["hedged"]) == (Outcome.SUCCESS, 2, 2)
            assert event["lost_nusd"] > 0
            assert gate.world.in_flight() == 0
            assert all(target["in_flight"] == 0 for target in gate.world.state.targets)

    run(story())


def test_the_hedged_attempt_that_answers_first_after_all_wins() -> None:
    async def late(request: Message, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15)
        await reply()(request, writer)

    async def silent(request: Message, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async def story() -> None:
        async with upstream(late) as one, upstream(silent) as two, gateway(one, two, plan=RIVALS) as gate:
            answer = await gate.ask()
            assert (answer.status, answer.headers["x-roteiro-target"]) == (200, "one")
            (event,) = gate.world.events()
            assert (event["outcome"], event["attempts"], event["hedged"]) == (Outcome.SUCCESS, 2, 1)

    run(story())


def test_one_of_two_fails_and_the_other_answers() -> None:
    async def breaks(request: Message, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.close()

    async def late(request: Message, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await reply()(request, writer)

    async def story() -> None:
        async with upstream(breaks) as one, upstream(late) as two, gateway(one, two, plan=RIVALS) as gate:
            answer = await gate.ask()
            assert (answer.status, answer.headers["x-roteiro-target"]) == (200, "two")
            (event,) = gate.world.events()
            assert (event["outcome"], event["attempts"], event["error_class"]) == (Outcome.SUCCESS, 2, ErrorClass.NONE)
            assert all(target["in_flight"] == 0 for target in gate.world.state.targets)

    run(story())


@pytest.mark.parametrize(
    ("policy", "outcome", "estimated"), [("cancel", Outcome.CANCELLED, 1), ("drain", Outcome.CANCELLED, 0), ("5s", Outcome.CANCELLED, 0)]
)
def test_what_becomes_of_the_call_when_the_client_leaves(policy: str, outcome: Outcome, estimated: int) -> None:
    plan = PLAN.replace("chat: {targets", f"chat: {{on_disconnect: {policy}, targets")
    gone = asyncio.Event()

    async def waits(request: Message, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        await reply()(request, writer)

    async def story() -> None:
        async with upstream(waits) as one, gateway(one, plan=plan) as gate:
            async with gate.client() as peer:
                peer.post()
                await until(lambda: one.requests)
            gone.set()
            await until(lambda: gate.world.events())
            (event,) = gate.world.events()
            assert (event["outcome"], event["estimated"]) == (outcome, estimated)
            assert event["output_tokens"] == (0 if estimated else 5)
            assert gate.world.in_flight() == 0

    run(story())


def test_a_client_who_left_is_waited_for_only_so_long() -> None:
    plan = PLAN.replace("chat: {targets", "chat: {on_disconnect: 50ms, targets")

    async def silent(request: Message, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async def story() -> None:
        async with upstream(silent) as one, gateway(one, plan=plan) as gate:
            async with gate.client() as peer:
                peer.post()
                await until(lambda: one.requests)
            await until(lambda: gate.world.events())
            (event,) = gate.world.events()
            assert (event["outcome"], event["estimated"]) == (Outcome.CANCELLED, 1)

    run(story())
