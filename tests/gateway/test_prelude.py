"""Requests through the caches on a serving lane: the journey is asked, no provider is, and nothing crosses between tenants."""

import asyncio
import json
from pathlib import Path
from typing import Any

from roteiro.terms.codes import CacheKind, Outcome, Reason

from .harness import DONE, FINISH, USAGE, Message, frame, gateway, read_message, reply, run, stream, upstream
from .world import KEY, OTHER_KEY, PLAN

CACHED = PLAN.replace("chat: {targets: {one: 1}, ", "chat: {targets: {one: 1}, cache: {exact: true}, ") + "cache: {size: 16MiB}\n"
EMBEDDING = """
roteiro: 1
providers:
  one: {name: sandbox, model: upstream-one, kind: embedding, base_url: "URL0", on_premises: true, price: {input: $1/1M tokens, output: $0/1M tokens}, TIMES}
models:
  embed: {targets: {one: 1}, cache: {embeddings: {ttl: 1h}}, batching: {wait: 30ms, most: 16}}
tenants:
  acme: {workloads: [chat]}
  beta: {workloads: [chat]}
workloads:
  chat: {priority: interactive, model: embed}
cache: {size: 16MiB}
"""
WHOLE = reply(
    b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi there"},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":5,"total_tokens":16}}'
)


async def post(port: int, path: str, body: dict[str, Any], key: str = KEY) -> Message:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    answer = await read_message(reader)
    writer.close()
    return answer


def test_the_same_request_again_is_answered_from_the_cache_whole_and_streamed_in_any_dialect(tmp_path: Path) -> None:
    async def story() -> None:
        async with upstream(WHOLE) as one, gateway(one, plan=CACHED, cache=tmp_path) as gate:
            first = await gate.ask(model="chat")
            again = await gate.ask(model="chat")
            assert again.json["choices"][0]["message"]["content"] == first.json["choices"][0]["message"]["content"] == "hi there"
            assert (first.headers.get("x-roteiro-cache"), again.headers["x-roteiro-cache"]) == (None, "exact")
            streamed = await gate.ask(model="chat", stream=True)
            assert b"hi there" in streamed.body and streamed.body.endswith(DONE)
            assert len(one.requests) == 1
            made, hit, hit_of_stream = gate.world.events()
            assert (made["cache"], hit["cache"], hit_of_stream["cache"]) == (CacheKind.NONE, CacheKind.EXACT, CacheKind.EXACT)
            assert (hit["outcome"], hit["reason"], hit["cost_nusd"], hit["attempts"]) == (Outcome.SUCCESS, Reason.CACHE_EXACT, 0, 0)
            assert (hit["input_tokens"], hit["output_tokens"], hit["estimated"]) == (11, 5, 0), "its own, not what a new answer might take"
            assert hit["saved_nusd"] == made["cost_nusd"] > 0
            assert gate.world.in_flight() == 0

    run(story())


def test_a_streamed_answer_serves_a_request_for_a_whole_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with upstream(stream(frame("a"), frame("b"), FINISH, USAGE, DONE)) as one, gateway(one, plan=CACHED, cache=tmp_path) as gate:
            await gate.ask(model="chat", stream=True)
            whole = await gate.ask(model="chat")
            assert whole.json["choices"][0]["message"]["content"] == "ab"
            assert len(one.requests) == 1

    run(story())


def test_a_broken_answer_is_not_kept_and_another_tenant_gets_nothing_of_it(tmp_path: Path) -> None:
    plan = CACHED.replace("chat: {targets", "chat: {rescue: false, targets", 1)

    async def story() -> None:
        async with upstream(stream(frame("a"), end=b""), WHOLE, WHOLE) as one, gateway(one, plan=plan, cache=tmp_path) as gate:
            assert b'"error"' in (await gate.ask(model="chat", stream=True)).body
            assert "x-roteiro-cache" not in (await gate.ask(model="chat")).headers
            other = await post(
                gate.port, "/v1/chat/completions", {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}, OTHER_KEY
            )
            assert "x-roteiro-cache" not in other.headers
            assert len(one.requests) == 3

    run(story())


def test_embeddings_share_a_call_and_are_kept_text_by_text(tmp_path: Path) -> None:
    async def embeds(request: Message, writer: asyncio.StreamWriter) -> None:
        texts = request.json["input"]
        texts = [texts] if isinstance(texts, str) else texts
        data = [{"object": "embedding", "index": i, "embedding": [float(len(text)), 0.5]} for i, text in enumerate(texts)]
        usage = {"prompt_tokens": 2 * len(texts), "total_tokens": 2 * len(texts)}
        await reply(json.dumps({"object": "list", "data": data, "model": "m", "usage": usage}).encode())(request, writer)

    async def story() -> None:
        async with upstream(embeds) as one, gateway(one, plan=EMBEDDING, cache=tmp_path) as gate:
            ask = [post(gate.port, "/v1/embeddings", {"model": "embed", "input": "x" * n}) for n in range(1, 5)]
            answers = await asyncio.gather(*ask)
            assert [answer.json["data"][0]["embedding"][0] for answer in answers] == [1.0, 2.0, 3.0, 4.0]
            assert len(one.requests) == 1, "four requests, one call"
            assert sum(int(event["input_tokens"]) for event in gate.world.events()) == 8
            more = await post(gate.port, "/v1/embeddings", {"model": "embed", "input": ["x", "a new text", "xx"]})
            assert [row["embedding"][0] for row in more.json["data"]] == [1.0, 10.0, 2.0]
            assert one.requests[-1].json["input"] in (["a new text"], "a new text")
            known = await post(gate.port, "/v1/embeddings", {"model": "embed", "input": ["xxx", "xxxx"]})
            assert (known.headers["x-roteiro-cache"], len(one.requests)) == ("embedding", 2)
            assert gate.world.events()[-1]["cache"] == CacheKind.EMBEDDING
            other = await post(gate.port, "/v1/embeddings", {"model": "embed", "input": "xxx"}, OTHER_KEY)
            assert "x-roteiro-cache" not in other.headers

    run(story())


def test_a_model_that_embeds_does_not_talk_and_one_that_talks_does_not_embed() -> None:
    async def story() -> None:
        async with upstream(WHOLE) as one, gateway(one) as gate:
            refused = await post(gate.port, "/v1/embeddings", {"model": "chat", "input": "x"})
            assert (refused.status, refused.error["code"], refused.error["param"]) == (400, "wrong_kind_of_model", "model")
        async with upstream(WHOLE) as one, gateway(one, plan=EMBEDDING) as gate:
            body = {"model": "embed", "messages": [{"role": "user", "content": "x"}]}
            assert (await post(gate.port, "/v1/chat/completions", body)).error["code"] == "wrong_kind_of_model"
            assert not one.requests

    run(story())


def test_tokens_are_counted_for_clients_of_the_anthropic_dialect() -> None:
    async def story() -> None:
        async with gateway() as gate:
            body = {"model": "chat", "messages": [{"role": "user", "content": "vento e mar " * 40}]}
            answer = await post(gate.port, "/v1/messages/count_tokens", body)
            assert answer.status == 200 and 80 < answer.json["input_tokens"] < 260
            refused = await post(gate.port, "/v1/messages/count_tokens", body, "sk-unknown")
            assert (refused.status, refused.json["type"], refused.json["error"]["type"]) == (401, "error", "authentication_error")
            assert refused.headers["x-request-id"]

    run(story())
