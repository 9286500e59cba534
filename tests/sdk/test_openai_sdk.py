"""The official `openai` client against a whole server, with providers of every dialect behind it."""

import base64
import json
import struct
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel
from tests.gateway.server import eventually
from tests.sdk.world import BACKS, BREAKS, WORDS, World

from roteiro.testing.answer import follows
from roteiro.testing.fault import CutStream, Malformed, Reset, Stall, Status, Throttle

SAID: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where to?"}]
CALL: list[Any] = [{"role": "user", "content": "Please use the tool for Lisboa."}]
PLACE = {"type": "object", "properties": {"place": {"type": "string"}, "days": {"type": "integer"}}, "required": ["place", "days"]}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "description": "Tells the weather.", "parameters": PLACE}},
    {"type": "function", "function": {"name": "tide", "parameters": {"type": "object", "properties": {}}}},
]
PNG = base64.b64encode(
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\6\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0\1\0\0\5\0\1\r\n-\xb4\0\0\0\0IEND\xaeB`\x82"
).decode()
every_back = pytest.mark.parametrize("back", BACKS)


class Route(BaseModel):
    """What structured answers are read into."""

    port: str
    miles: int
    kind: Literal["coast", "sea"]
    stops: list[str]


# -- chat completions ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [*BACKS, "mixed"])
def test_a_plain_answer_names_who_gave_it(client: openai.OpenAI, model: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=model, messages=SAID)
    answer = raw.parse()
    (choice,) = answer.choices
    assert (answer.object, choice.message.role, choice.finish_reason) == ("chat.completion", "assistant", "stop")
    assert choice.message.content and follows(choice.message.content)
    assert answer.usage is not None and answer.usage.completion_tokens == WORDS
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + WORDS
    target = raw.headers["x-roteiro-target"]
    assert target == f"at-{model}" or model == "mixed"
    assert answer.model == raw.headers["x-roteiro-model"] == target.replace("at-", "upstream-")
    assert answer._request_id and answer._request_id == raw.headers["x-request-id"]


@every_back
async def test_plain_and_streamed_say_the_same(aclient: openai.AsyncOpenAI, back: str) -> None:
    whole = await aclient.chat.completions.create(model=back, messages=SAID)
    chunks = [
        chunk
        async for chunk in await aclient.chat.completions.create(
            model=back, messages=SAID, stream=True, stream_options={"include_usage": True}
        )
    ]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole.choices[0].message.content
    assert len({chunk.id for chunk in chunks}) == len({chunk.created for chunk in chunks}) == 1
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


@every_back
def test_usage_that_nobody_asked_for_is_not_streamed(client: openai.OpenAI, back: str) -> None:
    chunks = list(client.chat.completions.create(model=back, messages=SAID, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


@every_back
def test_the_stream_helper_accumulates(client: openai.OpenAI, back: str) -> None:
    with client.chat.completions.stream(model=back, messages=SAID, stream_options={"include_usage": True}) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert kinds.count("content.delta") >= WORDS - 1 and kinds.count("content.done") == 1
    assert final.choices[0].message.content == client.chat.completions.create(model=back, messages=SAID).choices[0].message.content
    assert final.usage is not None and final.usage.completion_tokens == WORDS


@every_back
def test_a_round_trip_with_tools(client: openai.OpenAI, back: str) -> None:
    asked = client.chat.completions.create(model=back, messages=CALL, tools=TOOLS)
    (choice,) = asked.choices
    assert choice.finish_reason == "tool_calls" and choice.message.tool_calls
    (call,) = choice.message.tool_calls
    assert call.type == "function" and call.function.name == "weather"
    assert set(json.loads(call.function.arguments)) == {"place", "days"}
    history = [*CALL, choice.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    answer = client.chat.completions.create(model=back, messages=history, tools=TOOLS)
    assert answer.choices[0].finish_reason == "stop" and follows(answer.choices[0].message.content or "-")
    with client.chat.completions.stream(model=back, messages=CALL, tools=TOOLS) as stream:
        kinds = [event.type for event in stream]
        (streamed,) = stream.get_final_completion().choices
    assert "tool_calls.function.arguments.delta" in kinds and "tool_calls.function.arguments.done" in kinds
    (same,) = streamed.message.tool_calls or ()
    assert (same.function.name, json.loads(same.function.arguments)) == ("weather", json.loads(call.function.arguments))


@every_back
@pytest.mark.parametrize("choice", ["none", "auto", "required", {"type": "function", "function": {"name": "weather"}}])
def test_whether_a_tool_is_called_is_the_clients_choice(client: openai.OpenAI, back: str, choice: Any) -> None:
    answer = client.chat.completions.create(model=back, messages=SAID, tools=TOOLS, tool_choice=choice)
    assert bool(answer.choices[0].message.tool_calls) == (choice not in ("none", "auto"))


@every_back
def test_several_calls_in_one_turn_are_answered(client: openai.OpenAI, back: str) -> None:
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for n, (name, arguments) in enumerate([("weather", {"place": "Lisboa", "days": 2}), ("tide", {})])
    ]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "fine"} for call in calls]
    history: Any = [*CALL, {"role": "assistant", "content": None, "tool_calls": calls}, *results]
    answer = client.chat.completions.create(model=back, messages=history, tools=TOOLS, parallel_tool_calls=True)
    assert follows(answer.choices[0].message.content or "-")
    ask = {"model": back, "messages": CALL, "tools": TOOLS, "parallel_tool_calls": False}
    if back == "gemini":
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(**ask)  # type: ignore[call-overload]
        assert caught.value.param == "parallel_tool_calls" and caught.value.code
    else:
        assert client.chat.completions.create(**ask).choices[0].finish_reason == "tool_calls"  # type: ignore[call-overload]


@every_back
def test_answers_by_a_schema_are_parsed(client: openai.OpenAI, back: str) -> None:
    whole = client.chat.completions.parse(model=back, messages=SAID, response_format=Route)
    parsed = whole.choices[0].message.parsed
    assert isinstance(parsed, Route) and parsed.kind == "coast"
    with client.chat.completions.stream(model=back, messages=SAID, response_format=Route) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.parsed == parsed


@every_back
def test_calls_are_parsed_too(client: openai.OpenAI, back: str) -> None:
    answer = client.chat.completions.parse(model=back, messages=CALL, tools=[openai.pydantic_function_tool(Route, name="plan")])
    (call,) = answer.choices[0].message.tool_calls or ()
    assert isinstance(call.function.parsed_arguments, Route)


@every_back
def test_any_json(client: openai.OpenAI, back: str) -> None:
    ask = {"model": back, "messages": SAID, "response_format": {"type": "json_object"}}
    if back == "anthropic":
        with pytest.raises(openai.BadRequestError, match="schema") as caught:
            client.chat.completions.create(**ask)  # type: ignore[call-overload]
        assert caught.value.param == "response_format"
    else:
        answer = client.chat.completions.create(**ask)  # type: ignore[call-overload]
        assert isinstance(json.loads(answer.choices[0].message.content), dict)


@every_back
def test_pictures_as_parts(client: openai.OpenAI, back: str) -> None:
    def tokens(*urls: str) -> int:
        parts: Any = [{"type": "text", "text": "What is it?"}, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]
        answer = client.chat.completions.create(model=back, messages=[{"role": "user", "content": parts}])
        assert answer.usage is not None and answer.choices[0].message.content
        return answer.usage.prompt_tokens

    assert tokens(f"data:image/png;base64,{PNG}", "https://example.org/a.png") - tokens() >= 100, "both pictures came to the provider"


@every_back
def test_logprobs_where_the_provider_has_them(client: openai.OpenAI, back: str) -> None:
    ask: Any = {"model": back, "messages": SAID, "logprobs": True, "top_logprobs": 2}
    if back == "anthropic":
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(**ask)
        assert caught.value.param == "logprobs"
        return
    choice = client.chat.completions.create(**ask).choices[0]
    assert choice.logprobs is not None and choice.logprobs.content is not None
    assert "".join(one.token for one in choice.logprobs.content) == choice.message.content
    with client.chat.completions.stream(**ask) as stream:
        streamed = stream.get_final_completion().choices[0].logprobs
    assert streamed is not None and [one.token for one in streamed.content or ()] == [one.token for one in choice.logprobs.content]


@every_back
def test_several_answers_where_the_provider_has_them(client: openai.OpenAI, back: str) -> None:
    ask: Any = {"model": back, "messages": SAID, "n": 3}
    if back == "anthropic":
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(**ask)
        assert caught.value.param == "n"
        return
    whole = client.chat.completions.create(**ask)
    assert [choice.index for choice in whole.choices] == [0, 1, 2]
    with client.chat.completions.stream(**ask) as stream:
        streamed = stream.get_final_completion()
    assert [choice.message.content for choice in streamed.choices] == [choice.message.content for choice in whole.choices]


@every_back
def test_a_seed_is_heeded_or_refused(client: openai.OpenAI, back: str) -> None:
    def said(seed: int) -> str | None:
        return client.chat.completions.create(model=back, messages=SAID, seed=seed).choices[0].message.content

    if back == "anthropic":
        with pytest.raises(openai.BadRequestError) as caught:
            said(1)
        assert caught.value.param == "seed"
    else:
        assert said(1) == said(1) != said(2)


@every_back
def test_stop_sequences_and_bounds_cut_answers(client: openai.OpenAI, back: str) -> None:
    text = client.chat.completions.create(model=back, messages=SAID).choices[0].message.content or ""
    word = text.split()[4]
    cut = client.chat.completions.create(model=back, messages=SAID, stop=[f" {word}"]).choices[0]
    assert (cut.message.content, cut.finish_reason) == (text.partition(f" {word}")[0], "stop")
    for bound in ("max_tokens", "max_completion_tokens"):
        short = client.chat.completions.create(model=back, messages=SAID, **{bound: 3}).choices[0]  # type: ignore[call-overload]
        assert (short.message.content, short.finish_reason) == (" ".join(text.split()[:3]), "length")


@every_back
def test_reasoning_is_shown_and_counted(client: openai.OpenAI, back: str) -> None:
    ask: Any = {"model": back, "messages": SAID, "reasoning_effort": "low", "max_completion_tokens": 4000}
    whole = client.chat.completions.create(**ask)
    thought = getattr(whole.choices[0].message, "reasoning_content", "")
    assert whole.usage is not None and bool(thought) == (back != "gemini"), "Gemini thinks aloud only where it is asked to"
    if back == "openai":  # Anthropic does not tell them apart
        assert whole.usage.completion_tokens_details is not None and whole.usage.completion_tokens_details.reasoning_tokens == 8
    chunks = [chunk.choices[0].delta for chunk in client.chat.completions.create(**ask, stream=True)]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in chunks) == thought
    assert "".join(delta.content or "" for delta in chunks) == whole.choices[0].message.content


# -- responses ----------------------------------------------------------------------------------------------------------------------------


@every_back
async def test_responses_whole_and_streamed(aclient: openai.AsyncOpenAI, back: str) -> None:
    ask: Any = {"model": back, "input": "Where to?", "instructions": "Be brief."}
    whole = await aclient.responses.create(**ask)
    assert (whole.object, whole.status) == ("response", "completed") and follows(whole.output_text)
    assert whole.usage is not None and whole.usage.output_tokens == WORDS
    async with aclient.responses.stream(**ask) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
    assert (final.output_text, final.status, final.usage) == (whole.output_text, "completed", whole.usage)
    raw = [event async for event in await aclient.responses.create(**ask, stream=True)]
    assert [event.type for event in raw] == [event.type for event in events]


@every_back
def test_responses_with_tools_go_on(client: openai.OpenAI, back: str) -> None:
    tools: Any = [{"type": "function", "name": "weather", "parameters": PLACE, "strict": False}]
    with client.responses.stream(model=back, input=CALL[0]["content"], tools=tools) as stream:
        kinds = [event.type for event in stream]
        first = stream.get_final_response()
    assert "response.function_call_arguments.delta" in kinds
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert call.name == "weather" and set(json.loads(call.arguments)) == {"place", "days"}
    history: Any = [*CALL, *first.output, {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}]
    assert follows(client.responses.create(model=back, input=history, tools=tools).output_text)


@every_back
def test_responses_by_a_schema_are_parsed(client: openai.OpenAI, back: str) -> None:
    parsed = client.responses.parse(model=back, input="Where to?", text_format=Route)
    assert isinstance(parsed.output_parsed, Route)
    form: Any = {"format": {"type": "json_schema", "name": "route", "schema": {**PLACE, "additionalProperties": False}, "strict": True}}
    assert set(json.loads(client.responses.create(model=back, input="Where to?", text=form).output_text)) == {"place", "days"}


@every_back
def test_responses_show_their_reasoning(client: openai.OpenAI, back: str) -> None:
    answer = client.responses.create(
        model=back, input="Where to?", reasoning={"effort": "low", "summary": "auto"}, include=["reasoning.encrypted_content"],
        max_output_tokens=4000,
    )  # fmt: skip
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    history: Any = [{"role": "user", "content": "Where to?"}, *answer.output, {"role": "user", "content": "And then?"}]
    assert follows(client.responses.create(model=back, input=history).output_text)


def test_responses_that_need_a_memory_are_refused_with_what_to_do(client: openai.OpenAI) -> None:
    refused: list[dict[str, Any]] = [{"previous_response_id": "resp_1"}, {"background": True}, {"tools": [{"type": "web_search"}]}]
    for more in refused:
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="openai", input="hi", **more)
        assert caught.value.param and caught.value.param.startswith(next(iter(more)))
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_1")


# -- completions, embeddings, models, batches ---------------------------------------------------------------------------------------------


@every_back
def test_completions(client: openai.OpenAI, back: str) -> None:
    whole = client.completions.create(model=back, prompt="Where to?", max_tokens=5)
    assert (whole.object, whole.choices[0].finish_reason) == ("text_completion", "length")
    chunks = client.completions.create(model=back, prompt="Where to?", max_tokens=5, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text


@pytest.mark.parametrize("back", ["openai", "gemini"])
async def test_embeddings_as_floats_and_packed(aclient: openai.AsyncOpenAI, back: str) -> None:
    ask: Any = {"model": f"vectors-{back}", "input": ["mar", "rio", "mar"]}
    default = await aclient.embeddings.create(**ask)  # the client asks for base64 and unpacks it
    floats = await aclient.embeddings.create(**ask, encoding_format="float")
    packed = await aclient.embeddings.create(**ask, encoding_format="base64")
    assert [row.index for row in default.data] == [0, 1, 2] and default.usage.prompt_tokens == floats.usage.prompt_tokens > 0
    assert default.data[0].embedding == default.data[2].embedding != default.data[1].embedding
    for one, other, raw in zip(default.data, floats.data, packed.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        data = base64.b64decode(str(raw.embedding))
        assert list(struct.unpack(f"<{len(data) // 4}f", data)) == pytest.approx(other.embedding, abs=1e-6)
    small = await aclient.embeddings.create(model=f"vectors-{back}", input="mar", dimensions=16)
    assert len(small.data[0].embedding) == 16


def test_models_are_those_that_the_key_may_use(client: openai.OpenAI, served: World) -> None:
    names = [model.id for model in client.models.list()]
    assert {*BACKS, "mixed", "vectors-openai"} <= set(names)
    assert client.models.retrieve("mixed").id == "mixed"
    narrow = client.with_options(api_key=served.keys["narrow"])
    assert [model.id for model in narrow.models.list()] == ["openai"]
    with pytest.raises(openai.PermissionDeniedError):
        narrow.models.retrieve("mixed")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nonsense")


def test_a_batch_over_every_back(client: openai.OpenAI) -> None:
    url = "/v1/chat/completions"
    rows = [{"custom_id": back, "method": "POST", "url": url, "body": {"model": back, "messages": SAID, "max_tokens": 4}} for back in BACKS]
    file = client.files.create(file=("in.jsonl", "\n".join(map(json.dumps, rows)).encode()), purpose="batch")
    made = client.batches.create(input_file_id=file.id, endpoint=url, completion_window="24h")  # type: ignore[arg-type]
    done = eventually(lambda: (batch := client.batches.retrieve(made.id)).status == "completed" and batch)
    told = [json.loads(line) for line in client.files.content(done.output_file_id).text.splitlines()]
    assert {row["custom_id"]: row["response"]["body"]["model"] for row in told} == {back: f"upstream-{back}" for back in BACKS}


# -- what goes wrong ----------------------------------------------------------------------------------------------------------------------


def ask(client: openai.OpenAI, model: str = "openai", **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=SAID, **more)


def test_errors_are_the_clients_own_classes(client: openai.OpenAI, served: World) -> None:
    def fails(
        error: type[openai.APIStatusError], status: int, code: str, param: str | None = None, key: str = "acme", **more: Any
    ) -> openai.APIStatusError:
        with pytest.raises(error) as caught:
            ask(client.with_options(api_key=served.keys.get(key, key)), **more)
        told = caught.value
        assert (told.status_code, told.code, told.param) == (status, code, param), told
        assert told.request_id and told.type
        return told

    fails(openai.AuthenticationError, 401, "invalid_api_key", key="nobody's")
    fails(openai.PermissionDeniedError, 403, "model_not_allowed", "model", key="narrow", model="gemini")
    fails(
        openai.PermissionDeniedError,
        403,
        "workload_not_allowed",
        "x-roteiro-workload",
        key="narrow",
        extra_headers={"x-roteiro-workload": "nightly"},
    )
    fails(openai.NotFoundError, 404, "model_not_found", "model", model="nonsense")
    fails(openai.BadRequestError, 400, "invalid_type", "stream", extra_body={"stream": "yes"})
    assert type(fails(openai.APIStatusError, 402, "budget_exceeded", key="poor")) is openai.APIStatusError


def test_a_limit_says_when_to_come_back(client: openai.OpenAI, served: World) -> None:
    hasty = client.with_options(api_key=served.keys["hasty"])
    ask(hasty)
    with pytest.raises(openai.RateLimitError) as caught:
        ask(hasty)
    assert caught.value.code == "rate_limit_exceeded" and 1 <= int(caught.value.response.headers["retry-after"]) <= 60
    assert "x-should-retry" not in caught.value.response.headers, "the same request may do better later"


@every_back
def test_a_provider_that_refuses_the_request_is_quoted_and_asked_once(client: openai.OpenAI, served: World, back: str) -> None:
    patient = client.with_options(max_retries=3)
    refused = Status(status=400, message="no such knob")
    with served.failing(back, refused), served.asked(back, 1), pytest.raises(openai.BadRequestError, match="no such knob"):
        ask(patient, f"weak-{back}")


@every_back
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_does_not_try_again_what_was_tried_out(client: openai.OpenAI, served: World, back: str, stream: bool) -> None:
    patient = client.with_options(max_retries=3)
    with served.failing(back, Status(status=500)), served.asked(back, 2), pytest.raises(openai.InternalServerError) as caught:
        ask(patient, f"weak-{back}", stream=stream)  # two attempts are the plan's; not one more is the client's
    assert (caught.value.status_code, caught.value.code) == (502, "provider_error")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert "server error" in caught.value.message and "sandbox" not in caught.value.message


@every_back
def test_a_providers_limit_is_a_rate_limit(client: openai.OpenAI, served: World, back: str) -> None:
    with served.failing(back, Throttle(form="none")), pytest.raises(openai.RateLimitError) as caught:
        ask(client, f"weak-{back}")
    assert caught.value.response.headers["x-should-retry"] == "false"


@every_back
def test_what_passes_is_not_seen(client: openai.OpenAI, served: World, back: str) -> None:
    for fault in (Status(status=503), Malformed(), Reset()):
        with served.failing(back, fault, requests=1), served.asked(back, 2):
            assert follows(ask(client, f"weak-{back}").choices[0].message.content)


every_break = pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.name)


@every_back
@every_break
def test_a_broken_stream_raises(client: openai.OpenAI, served: World, back: str, fault: Any) -> None:
    text = ""
    with served.failing(back, fault), pytest.raises(openai.APIError, match="broke off") as caught:
        for chunk in ask(client, f"weak-{back}", stream=True):
            text += chunk.choices[0].delta.content or ""
    assert follows(text.strip()) and len(text.split()) < WORDS, "what was shown is a beginning"
    assert not isinstance(caught.value, openai.APIStatusError | openai.APIConnectionError), "it came in the stream"


@pytest.mark.parametrize("fault", BREAKS[:2], ids=lambda fault: fault.name)
def test_a_broken_stream_raises_in_every_kind(client: openai.OpenAI, served: World, fault: Any) -> None:
    with served.failing("openai", fault):
        with pytest.raises(openai.APIError):
            for _ in client.responses.create(model="weak-openai", input="hi", stream=True):
                pass
        with pytest.raises(openai.APIError):
            for _ in client.completions.create(model="weak-openai", prompt="hi", stream=True, max_tokens=WORDS):
                pass
        with pytest.raises(openai.APIError), client.chat.completions.stream(model="weak-openai", messages=SAID) as stream:
            stream.get_final_completion()


@every_back
@every_break
def test_a_rescued_stream_is_one_stream(client: openai.OpenAI, served: World, back: str, fault: Any) -> None:
    whole = ask(client, back).choices[0].message.content
    with served.failing(back, fault):
        chunks = list(ask(client, f"rescued-{back}", stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole
    assert len({chunk.id for chunk in chunks}) == len({chunk.model for chunk in chunks}) == 1
    assert [chunk.choices[0].delta.role for chunk in chunks].count("assistant") == 1
    assert [reason for chunk in chunks if (reason := chunk.choices[0].finish_reason)] == ["stop"]


def test_a_rescued_response_is_one_response(client: openai.OpenAI, served: World) -> None:
    whole = client.responses.create(model="openai", input="Where to?").output_text
    with served.failing("openai", CutStream(after=3)), client.responses.stream(model="rescued-openai", input="Where to?") as stream:
        assert stream.get_final_response().output_text == whole


def test_the_clients_own_patience(client: openai.OpenAI, served: World) -> None:
    with served.failing("openai", Stall()), pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=0.2), "weak-openai")
    eventually(lambda: served.server.state()["in_flight"] == 0)
    with served.failing("openai", Stall()), pytest.raises(openai.InternalServerError) as caught:
        ask(client, "weak-openai", stream=True)  # ours: no first token within the plan's limit
    assert "timeout" in caught.value.message
