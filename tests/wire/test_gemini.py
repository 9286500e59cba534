"""Gemini: prompts written, answers read whole and in a stream, blocks told by their reason."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.anthropic_words import prompts

from roteiro.terms.codes import ErrorClass, Operation
from roteiro.wire.canon import (
    BadAnswerError,
    Delta,
    EmbeddingPrompt,
    File,
    Finished,
    Format,
    Image,
    Message,
    Prompt,
    Reasoning,
    Refused,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Tool,
    ToolArguments,
    ToolCall,
    ToolResult,
    ToolStart,
    UntranslatableError,
    Usage,
    Used,
)
from roteiro.wire.dialect import Back
from roteiro.wire.gemini import GeminiBack

BACK: Back = GeminiBack()
HELLO = Message("user", [Text("hello")])
PICTURE = Image(data="iVBO")


def written(prefix: str | None = None, model: str = "gemini-3-pro", **fields: Any) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(BACK.write(Prompt(**{"messages": [HELLO], **fields}), model, prefix))
    return said


def chunk(*parts: dict[str, Any], finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": index}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "R", **more}


def frames(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: %b\r\n\r\n" % json.dumps(one).encode() for one in chunks)


def test_the_request_names_its_model_in_the_path() -> None:
    assert BACK.path("gemini-3-pro", False, Operation.CHAT) == b"/models/gemini-3-pro:generateContent"
    assert BACK.path("gemini-3-pro", True, Operation.MESSAGES) == b"/models/gemini-3-pro:streamGenerateContent?alt=sse"
    assert BACK.path("gemini-embedding-001", False, Operation.EMBEDDINGS) == b"/models/gemini-embedding-001:batchEmbedContents"
    assert BACK.path("tunedModels/a b?", False, Operation.CHAT) == b"/tunedModels/a%20b%3F:generateContent"
    assert BACK.head("k") == b"x-goog-api-key: k\r\n"
    assert BACK.head("") == b""


def test_the_least_that_can_be_said() -> None:
    assert written() == {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


def test_everything_that_can_be_said() -> None:
    said = written(
        system=[Text("s")], max_tokens=5, temperature=1.5, top_p=0.5, top_k=4, frequency_penalty=0.1, presence_penalty=0.2, stop=["x"], seed=3,
        n=2, logprobs=True, top_logprobs=3, format=Format("schema", schema={"type": "object"}), reasoning=Reasoning("high", show=True),
        tools=[Tool("f", "d", {"type": "object"})], tool_choice="=f", service_tier="flex", user="u", stream=True,
    )  # fmt: skip
    assert said["generationConfig"] == {
        "temperature": 1.5, "topP": 0.5, "topK": 4, "maxOutputTokens": 5, "stopSequences": ["x"], "seed": 3, "candidateCount": 2,
        "presencePenalty": 0.2, "frequencyPenalty": 0.1, "responseLogprobs": True, "logprobs": 3,
        "thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": True},
        "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
    }  # fmt: skip
    assert said["systemInstruction"] == {"parts": [{"text": "s"}]}
    assert said["tools"] == [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}}]}]
    assert said["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}
    assert said["serviceTier"] == "flex"
    assert written(format=Format("json"))["generationConfig"] == {"responseMimeType": "application/json"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logit_bias": {"5": 1.0}}, "logit_bias"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"tools": [Tool("f")], "parallel_tools": False}, "parallel_tool_calls"),
        ({"service_tier": "scale"}, "service_tier"),
        ({"messages": [Message("system", [Text("x")])]}, "messages"),
        ({"messages": [Message("user", [Text("x")], name="ana")]}, "messages.name"),
        ({"messages": [Message("user", [Image(url="http://x/a.png")])]}, "messages.image_url"),
        ({"messages": [Message("user", [Image(url="https://x/a.png", detail="low")])]}, "messages.image_url.detail"),
        ({"messages": [Message("user", [File(id="file-1")])]}, "messages.file"),
        ({"messages": [HELLO, Message("assistant", [ToolCall("t", "f", "{")])]}, "messages.tool_calls.arguments"),
        ({"messages": [HELLO, Message("tool", [ToolResult("t", [Text("r")])])]}, "messages.tool_call_id"),
        ({"messages": [HELLO, Message("tool", [ToolResult("t", [Image(url="https://x/a.png")], name="f")])]}, "messages.content"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        written(**fields)
    assert caught.value.param == param
    assert str(caught.value)


def test_files_inline_and_by_address() -> None:
    parts = [
        PICTURE,
        Image(url="https://x/a.jpg?sig=1"),
        Image(url="https://x/a"),
        File(data="UklG", media_type="audio/wav"),
        File(url="gs://b/a.pdf"),
    ]
    assert written(messages=[Message("user", parts)])["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x/a.jpg?sig=1"}},
        {"fileData": {"fileUri": "https://x/a"}},
        {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/a.pdf"}},
    ]


TURNS = [
    HELLO,
    Message("system", [Text("late")]),
    Message("user", [Text("again")]),
    Message("assistant", [Thinking("hm", "other's"), Text("calling"), ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "")]),
    Message("tool", [ToolResult("a", [Text("1"), PICTURE])]),
    Message("tool", [ToolResult("b", [Text("no")], error=True)]),
    Message("user", [Text("go")]),
    Message("assistant", [Refused("no")]),
]


def test_turns_are_merged_and_results_stay_on_their_own() -> None:
    said = written(model="gemini-2.5-pro", messages=TURNS)
    assert said["systemInstruction"] == {"parts": [{"text": "late"}]}
    assert said["contents"] == [
        {"role": "user", "parts": [{"text": "hello"}, {"text": "again"}]},
        {"role": "model", "parts": [
            {"text": "calling"}, {"functionCall": {"id": "a", "name": "f", "args": {"x": 1}}}, {"functionCall": {"id": "b", "name": "g", "args": {}}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "a", "name": "f", "response": {"output": "1"}, "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBO"}}]}},
            {"functionResponse": {"id": "b", "name": "g", "response": {"error": "no"}}},
        ]},
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": [{"text": "no"}]},
    ]  # fmt: skip


def test_a_signature_goes_back_to_its_provider_and_strangers_calls_are_marked_so() -> None:
    calls = [ToolCall("a", "f", "{}", signature="c2ln"), ToolCall("b", "g", "{}")]
    parts = written(messages=[HELLO, Message("assistant", calls)])["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == ["c2ln", None]
    parts = written(messages=TURNS)["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [None, "skip_thought_signature_validator", None]


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        ("gemini-3-flash", Reasoning("minimal"), {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-flash", Reasoning("max"), {"thinkingLevel": "XHIGH"}),
        ("gemini-3-flash", Reasoning("none"), {"thinkingBudget": 0}),
        ("gemini-3-flash", Reasoning("low", 100), {"thinkingBudget": 100}),
        ("gemini-3-flash", Reasoning(), None),
        ("gemini-2.5-flash", Reasoning("medium"), {"thinkingBudget": 8192}),
        ("models/gemini-2.5-flash", Reasoning("max", show=False), {"thinkingBudget": 24576, "includeThoughts": False}),
        ("gemini-2.5-flash", Reasoning(), {"thinkingBudget": -1}),
        ("gemini-flash-latest", Reasoning("low"), {"thinkingLevel": "LOW"}),
    ],
)  # fmt: skip
def test_how_hard_to_think(model: str, asked: Reasoning, expected: object) -> None:
    assert written(model=model, reasoning=asked).get("generationConfig", {}).get("thinkingConfig") == expected


@pytest.mark.parametrize(
    ("choice", "strict", "expected"),
    [
        (None, None, None), ("auto", None, {"mode": "AUTO"}), ("required", None, {"mode": "ANY"}), ("none", True, {"mode": "NONE"}),
        ("auto", True, {"mode": "VALIDATED"}), (None, True, {"mode": "VALIDATED"}), ("required", True, {"mode": "ANY"}),
    ],
)  # fmt: skip
def test_choice_of_tools(choice: str | None, strict: bool | None, expected: object) -> None:
    said = written(tools=[Tool("f", strict=strict)], tool_choice=choice, parallel_tools=True)
    assert said.get("toolConfig", {}).get("functionCallingConfig") == expected
    assert "toolConfig" not in written(tool_choice=choice)


def test_an_answer_is_gone_on_from_as_the_models_last_turn() -> None:
    assert written("One, ")["contents"][-1] == {"role": "model", "parts": [{"text": "One, "}]}
    assert written("b", messages=[HELLO, Message("assistant", [Text("a")])])["contents"][-1] == {
        "role": "model",
        "parts": [{"text": "a"}, {"text": "b"}],
    }


@given(prompts)
def test_whatever_anthropic_can_say_is_said_or_refused(prompt: Prompt) -> None:
    try:
        said = json.loads(BACK.write(prompt, "gemini-3-pro"))
    except UntranslatableError as error:
        assert error.param in {"parallel_tool_calls", "messages.content"}
        return
    roles = [content["role"] for content in said["contents"]]
    assert roles[0] == "user"
    calls = [part["functionCall"]["id"] for content in said["contents"] for part in content["parts"] if "functionCall" in part]
    results = [part["functionResponse"]["id"] for content in said["contents"] for part in content["parts"] if "functionResponse" in part]
    assert calls == results


USED = {"promptTokenCount": 7, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "cachedContentTokenCount": 4, "totalTokenCount": 12}


def test_whole_answers() -> None:
    body = chunk(
        {"text": "hm", "thought": True}, {"text": "Ol"}, {"text": "á"},
        {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}, {"functionCall": {"name": "g", "id": "own"}},
        finish="STOP", usageMetadata=USED,
    )  # fmt: skip
    answer = BACK.read(json.dumps(body).encode())
    assert (answer.id, answer.model, answer.usage) == ("R", "gemini-x", Usage(7, 4, 5, 2))
    assert answer.choices[0].finish == "tool_calls"
    assert answer.choices[0].parts == [
        Thinking("hm"), Text("Olá"), ToolCall("call_R_0_0", "f", '{"a":1}', "c2ln"), ToolCall("own", "g", "{}"),
    ]  # fmt: skip
    assert BACK.usage(json.dumps(body).encode()) == answer.usage


def test_alternatives_and_log_probabilities() -> None:
    told = {
        "chosenCandidates": [{"token": "é", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "e", "logProbability": -1.0}]}],
    }
    body = chunk({"text": "é"}, finish="STOP", usageMetadata=USED)
    body["candidates"][0]["logprobsResult"] = told
    body["candidates"].append({"content": {"parts": [{"text": "b"}]}, "index": 1, "finishReason": "MAX_TOKENS"})
    first, second = BACK.read(json.dumps(body).encode()).choices
    assert (second.index, second.finish, second.parts) == (1, "length", [Text("b")])
    e = {"token": "e", "logprob": -1.0, "bytes": [101]}
    assert first.logprobs == {"content": [{"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": [e]}], "refusal": None}


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII"])
def test_a_filter_that_ends_an_answer_is_told(reason: str) -> None:
    assert BACK.read(json.dumps(chunk(finish=reason)).encode()).choices[0].finish == "content_filter"
    reader = BACK.reader()
    assert Finished("content_filter") in reader.feed(frames(chunk(finish=reason)))
    assert reader.whole


BLOCKED = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 4}}


@pytest.mark.parametrize(
    ("body", "expected", "word"),
    [
        (b"", ErrorClass.PROTOCOL, "not"),
        (b"<html>", ErrorClass.PROTOCOL, "not"),
        (b"{}", ErrorClass.PROTOCOL, "candidates"),
        (json.dumps(BLOCKED).encode(), ErrorClass.CONTENT, "PROHIBITED_CONTENT"),
        (json.dumps(chunk(finish="MALFORMED_FUNCTION_CALL")).encode(), ErrorClass.PROTOCOL, "MALFORMED_FUNCTION_CALL"),
        (json.dumps(chunk({"text": "half"}, finish="OTHER")).encode(), ErrorClass.PROTOCOL, "OTHER"),
        (json.dumps(chunk(finish="STOP", usageMetadata={"promptTokenCount": 4})).encode(), ErrorClass.PROTOCOL, "empty"),
        (json.dumps(chunk({"inlineData": {"data": "AA"}}, finish="STOP")).encode(), ErrorClass.PROTOCOL, "kind"),
        (b'{"error":{"code":503,"status":"UNAVAILABLE","message":"x"}}', ErrorClass.SERVER, "error"),
        (b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}', ErrorClass.RATE_LIMIT, "error"),
        (b'{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"The input token count exceeds the maximum"}}', ErrorClass.CONTEXT, "error"),
    ],
)  # fmt: skip
def test_what_is_no_answer(body: bytes, expected: ErrorClass, word: str) -> None:
    with pytest.raises(BadAnswerError, match=word) as caught:
        BACK.read(body)
    assert caught.value.error_class is expected


STREAM = [
    chunk({"text": "hm", "thought": True}, usageMetadata={"promptTokenCount": 7}),
    chunk({"text": "Olá"}),
    chunk({"text": ", "}, {"text": "você"}, {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}),
    chunk({"functionCall": {"name": "g", "args": {"a": 1}}}),
    chunk({"text": ""}, finish="STOP", usageMetadata=USED),
]


@given(st.lists(st.integers(1, 120), max_size=30))
def test_any_cut_gives_the_same_pieces(cuts: list[int]) -> None:
    data, reader = frames(*STREAM), BACK.reader()
    deltas: list[Delta] = []
    for size in [*cuts, len(data)]:
        deltas += reader.feed(data[:size])
        data = data[size:]
    assert deltas == [
        Started("R", "gemini-x", 7), ThinkingDelta("hm"), TextDelta("Olá"), TextDelta(", "), TextDelta("você"),
        ToolStart("call_R_0_0", "f", 0, 0, "c2ln"), ToolArguments("{}", 0), ToolStart("call_R_0_1", "g", 1), ToolArguments('{"a":1}', 1),
        Finished("tool_calls"), Used(Usage(7, 4, 5, 2)),
    ]  # fmt: skip
    assert (reader.usage, reader.frames, reader.finished, reader.whole, reader.skipped) == (Usage(7, 4, 5, 2), 8, True, True, 0)


def test_log_probabilities_of_a_chunk_are_told_once() -> None:
    body = chunk({"text": "a"}, {"text": "b"})
    body["candidates"][0]["logprobsResult"] = {"chosenCandidates": [{"token": "ab", "logProbability": -0.5}]}
    told = [delta.logprobs for delta in BACK.reader().feed(frames(body)) if isinstance(delta, TextDelta)]
    assert [one and len(one["content"]) for one in told] == [1, None]


def test_alternatives_of_a_stream_end_each_on_their_own() -> None:
    reader = BACK.reader()
    reader.feed(frames(chunk({"text": "a"}, index=0), chunk({"text": "b"}, index=1, finish="STOP")))
    assert not reader.whole
    assert reader.feed(frames(chunk(index=0, finish="MAX_TOKENS"))) == [Finished("length", 0)]
    assert reader.whole


def test_a_stream_that_just_ends_or_says_nothing_is_not_whole() -> None:
    reader = BACK.reader()
    assert not reader.whole
    reader.feed(frames(chunk({"text": "a"})))
    assert not reader.whole
    reader = BACK.reader()
    with pytest.raises(BadAnswerError, match="empty"):
        reader.feed(frames(chunk(finish="STOP", usageMetadata={"promptTokenCount": 4, "thoughtsTokenCount": 9})))
    reader = BACK.reader()
    reader.feed(frames(chunk(finish="MAX_TOKENS", usageMetadata={"promptTokenCount": 4, "thoughtsTokenCount": 9})))
    assert reader.whole


def test_a_stream_that_broke_is_counted_by_its_length() -> None:
    reader = BACK.reader()
    reader.feed(
        frames(
            chunk({"text": "a" * 40}, usageMetadata={"promptTokenCount": 4}),
            chunk({"text": "b" * 40}, usageMetadata={"promptTokenCount": 4}),
        )
    )
    assert (reader.frames, reader.usage) == (22, Usage(4, 0, 22, 0, estimated=True))


def test_one_malformed_frame_is_passed_over_and_a_second_is_not() -> None:
    reader = BACK.reader()
    assert reader.feed(frames(STREAM[0]) + b"data: {oh\n\n: comment\n\n" + frames(STREAM[1]))[-1] == TextDelta("Olá")
    assert reader.skipped == 1
    with pytest.raises(BadAnswerError):
        reader.feed(b"data: {oh\n\n")


def test_errors_and_blocks_in_a_stream() -> None:
    for body, expected in ((BLOCKED, ErrorClass.CONTENT), ({"error": {"code": 503, "status": "UNAVAILABLE"}}, ErrorClass.SERVER)):
        reader = BACK.reader()
        reader.feed(frames(STREAM[0]))
        with pytest.raises(BadAnswerError) as caught:
            reader.feed(frames(body))
        assert caught.value.error_class is expected


def test_calls_without_an_id_of_answers_without_one_differ() -> None:
    ids = set()
    for number in range(3):
        body = chunk({"functionCall": {"name": "f", "args": {"a": number}}}, finish="STOP")
        del body["responseId"]
        ids |= {part.id for part in BACK.read(json.dumps(body).encode()).choices[0].parts if isinstance(part, ToolCall)}
    assert len(ids) == 3


def test_embeddings() -> None:
    prompt = EmbeddingPrompt(inputs=["a", "b"], dimensions=8)
    assert json.loads(BACK.write_embeddings(prompt, "gemini-embedding-001")) == {
        "requests": [
            {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]}, "outputDimensionality": 8} for text in "ab"
        ]
    }
    answer = BACK.read_embeddings(b'{"embeddings":[{"values":[0.5,1]},{"values":[2,3]}],"usageMetadata":{"promptTokenCount":2}}')
    assert (answer.vectors, answer.input_tokens) == ([[0.5, 1.0], [2.0, 3.0]], 2)
    with pytest.raises(UntranslatableError):
        BACK.write_embeddings(EmbeddingPrompt(inputs=[[1, 2]]), "m")
    for body in (b"{}", b"[", b'{"error":{"code":400}}'):
        with pytest.raises(BadAnswerError):
            BACK.read_embeddings(body)
