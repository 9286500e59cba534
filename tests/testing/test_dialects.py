"""One question in three dialects: the same answer, whole or streamed, begun or gone on with; and what each dialect has beside."""

import base64
import struct
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.terms.error import RequestError
from roteiro.testing.answer import Answer, compose
from roteiro.testing.dialect import Dialect, Kind, Request
from roteiro.testing.quantiles import Quantiles
from roteiro.testing.question import Question
from roteiro.testing.replies import DIALECTS
from roteiro.testing.vectors import vector_of

OPENAI, ANTHROPIC, GEMINI = DIALECTS["openai"], DIALECTS["anthropic"], DIALECTS["gemini"]
every = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
ARGUMENTS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}, "units": {"enum": ["metric", "imperial"]}},
    "required": ["city"],
}


def request(dialect: Dialect, messages: list[tuple[str, str]], system: str | None = None, **more: Any) -> Request:
    """A conversation as the dialect writes it. `more` is in the dialect's own words, but for `stream`."""
    stream = more.pop("stream", False)
    said: dict[str, Any]
    if dialect is GEMINI:
        said = {"contents": [{"role": "model" if role == "assistant" else role, "parts": [{"text": text}]} for role, text in messages]}
        if system is not None:
            said["systemInstruction"] = {"parts": [{"text": system}]}
        path = "/v1beta/models/m:" + ("streamGenerateContent" if stream else "generateContent")
        return Request("POST", path, {}, msgspec.json.encode({**said, **more}), True, "alt=sse" if stream else "")
    said = {"model": "m", "messages": [{"role": role, "content": text} for role, text in messages], "stream": stream}
    if dialect is OPENAI:
        if system is not None:
            said["messages"].insert(0, {"role": "system", "content": system})
        return Request("POST", "/v1/chat/completions", {}, msgspec.json.encode({**said, **more}), True)
    if system is not None:
        said["system"] = system
    headers = {"anthropic-version": "2023-06-01"}
    return Request("POST", "/v1/messages", headers, msgspec.json.encode({"max_tokens": 4096, **said, **more}), True)


def answered(question: Question, length: float = 12.0) -> Answer:
    return compose(question, name="test", created=1, length=Quantiles(length, length))


def answer(dialect: Dialect, *messages: tuple[str, str], **more: Any) -> Answer:
    return answered(dialect.question(request(dialect, list(messages), **more)))


def text_of(dialect: Dialect, body: Any) -> str:
    """What a whole answer says."""
    if dialect is OPENAI:
        return body["choices"][0]["message"]["content"] or ""
    if dialect is ANTHROPIC:
        return "".join(block["text"] for block in body["content"] if block["type"] == "text")
    return "".join(part.get("text", "") for part in body["candidates"][0]["content"]["parts"] if not part.get("thought"))


def events(dialect: Dialect, said: Answer) -> list[Any]:
    """The events of a stream, decoded."""
    datas = [frame.data.split(b"data: ", 1)[1] for frame in dialect.frames(said)]
    return [msgspec.json.decode(data) for data in datas if data != b"[DONE]\n\n"]


def text_of_stream(dialect: Dialect, said: Answer) -> str:
    found = events(dialect, said)
    if dialect is OPENAI:
        return "".join(choice["delta"].get("content", "") for event in found for choice in event["choices"])
    if dialect is ANTHROPIC:
        return "".join(event["delta"]["text"] for event in found if event["type"] == "content_block_delta" and "text" in event["delta"])
    return "".join(text_of(GEMINI, event) for event in found)


@given(asked=st.text(min_size=1, max_size=60), system=st.none() | st.text(min_size=1, max_size=20))
def test_a_conversation_has_one_answer_in_all_dialects(asked: str, system: str | None) -> None:
    said = [answer(dialect, ("user", asked), ("assistant", "aye"), ("user", "go on"), system=system) for dialect in DIALECTS.values()]
    assert len({one.text for one in said}) == 1
    assert len({one.usage.completion for one in said}) == 1
    for dialect, one in zip(DIALECTS.values(), said, strict=True):
        assert text_of(dialect, dialect.body(one)) == text_of_stream(dialect, one) == one.text


@given(asked=st.text(min_size=1, max_size=60), cut=st.integers(0, 200), places=st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_a_beginning_and_its_continuation_are_the_whole_answer(asked: str, cut: int, places: tuple[int, int]) -> None:
    """Whoever began it and whoever goes on with it."""
    first, second = (list(DIALECTS.values())[place] for place in places)
    whole = answer(first, ("user", asked))
    begun = whole.text[:cut].rstrip()
    rest = answer(second, ("user", asked), ("assistant", begun))
    assert begun + rest.text == whole.text
    assert rest.choices[0].finish == "stop"


def test_words_of_a_beginning_are_not_charged_again() -> None:
    whole = answer(OPENAI, ("user", "where to?"))
    rest = answer(OPENAI, ("user", "where to?"), ("assistant", " ".join(whole.text.split(" ")[:5])))
    assert (whole.usage.completion, rest.usage.completion) == (12, 7)


@every
def test_a_tool_is_called_with_arguments_that_its_schema_allows(dialect: Dialect) -> None:
    function = {"name": "weather", "parameters": ARGUMENTS}
    tools: list[dict[str, Any]] = [{"type": "function", "function": function}]
    if dialect is ANTHROPIC:
        tools = [{"name": "weather", "input_schema": ARGUMENTS}]
    elif dialect is GEMINI:
        tools = [{"functionDeclarations": [function]}]
    said = answer(dialect, ("user", "Please use the tool."), tools=tools)
    call = said.choices[0].call
    assert call is not None
    jsonschema.validate(msgspec.json.decode(call.arguments), ARGUMENTS)
    assert said.choices[0].finish == "tool_calls"
    body = msgspec.json.encode(dialect.body(said))
    assert b"weather" in body
    assert b"weather" in msgspec.json.encode(events(dialect, said))
    assert answer(dialect, ("user", "No tool this time."), tools=tools).choices[0].call is None


@every
def test_a_schema_is_answered_with_json_that_it_allows(dialect: Dialect) -> None:
    wanted: dict[str, Any] = {"response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": ARGUMENTS}}}
    if dialect is ANTHROPIC:
        wanted = {"output_config": {"format": {"type": "json_schema", "schema": ARGUMENTS}}}
    elif dialect is GEMINI:
        wanted = {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": ARGUMENTS}}
    said = answer(dialect, ("user", "the weather"), **wanted)
    jsonschema.validate(msgspec.json.decode(said.text), ARGUMENTS)
    assert text_of_stream(dialect, said) == said.text


@every
def test_thoughts_come_where_they_are_asked_for_and_are_counted(dialect: Dialect) -> None:
    wanted: dict[str, Any] = {"reasoning_effort": "low"}
    if dialect is ANTHROPIC:
        wanted = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    elif dialect is GEMINI:
        wanted = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
    plain, thought = answer(dialect, ("user", "why?")), answer(dialect, ("user", "why?"), **wanted)
    assert thought.text == plain.text
    assert thought.usage.reasoning == 8 == thought.usage.completion - plain.usage.completion
    body, shown = dialect.body(thought), "".join(thought.choices[0].reasoning)
    assert shown.encode() in msgspec.json.encode(body)
    assert text_of_stream(dialect, thought) == plain.text
    if dialect is OPENAI:
        assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 8
    elif dialect is GEMINI:
        assert (body["usageMetadata"]["thoughtsTokenCount"], body["usageMetadata"]["candidatesTokenCount"]) == (8, 12)


@every
def test_a_stop_sequence_ends_it_and_a_maximum_cuts_it(dialect: Dialect) -> None:
    words = answer(dialect, ("user", "x")).text.split(" ")
    if dialect is GEMINI:
        stopped = answer(dialect, ("user", "x"), generationConfig={"stopSequences": [words[4]]})
        cut = answer(dialect, ("user", "x"), generationConfig={"maxOutputTokens": 3})
    else:
        stopped = answer(dialect, ("user", "x"), **({"stop": words[4]} if dialect is OPENAI else {"stop_sequences": [words[4]]}))
        cut = answer(dialect, ("user", "x"), max_tokens=3)
    assert stopped.text.split() == words[:4]
    assert (cut.text.split(), cut.choices[0].finish) == (words[:3], "length")
    if dialect is ANTHROPIC:
        assert dialect.body(stopped)["stop_reason"] == "stop_sequence"
        assert dialect.body(stopped)["stop_sequence"] == words[4]


def test_alternatives_seed_and_logprobs_of_openai() -> None:
    said = answer(OPENAI, ("user", "x"), n=3, logprobs=True, top_logprobs=2)
    body = OPENAI.body(said)
    assert len({choice["message"]["content"] for choice in body["choices"]}) == 3
    assert [token["token"] for token in body["choices"][1]["logprobs"]["content"]] == list(said.choices[1].pieces)
    assert len(body["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 2
    assert {event["choices"][0]["index"] for event in events(OPENAI, said)} == {0, 1, 2}
    seeded = [answer(OPENAI, ("user", "x"), seed=seed).text for seed in (1, 1, 2)]
    assert seeded[0] == seeded[1] != seeded[2]
    assert GEMINI.question(request(GEMINI, [("user", "x")], generationConfig={"seed": 1, "candidateCount": 2})).choices == 2


def test_a_completion_of_the_old_kind() -> None:
    asked = Request("POST", "/v1/completions", {}, b'{"model":"m","prompt":"where to?","max_tokens":5}', True)
    said = answered(OPENAI.question(asked))
    body = OPENAI.body(said)
    assert (body["object"], len(body["choices"][0]["text"].split(" "))) == ("text_completion", 5)
    assert "".join(event["choices"][0]["text"] for event in events(OPENAI, said)) == body["choices"][0]["text"]


def test_the_events_of_anthropic_come_in_their_order() -> None:
    kinds = [event["type"] for event in events(ANTHROPIC, answer(ANTHROPIC, ("user", "x")))]
    assert [kind for at, kind in enumerate(kinds) if at == 0 or kind != kinds[at - 1]] == [
        "message_start", "ping", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (Request("POST", "/v1/messages", {}, b"{}", True), "anthropic-version"),
        (
            Request("POST", "/v1/messages", {"anthropic-version": "1"}, b'{"model":"m","messages":[{"role":"user","content":"x"}]}', True),
            "max_tokens",
        ),
        (request(ANTHROPIC, [("system", "x")]), "Unexpected role"),
        (request(ANTHROPIC, [("user", "x"), ("assistant", "half ")]), "trailing whitespace"),
    ],
    ids=["version", "max_tokens", "role", "whitespace"],
)
def test_anthropic_is_strict(asked: Request, field: str) -> None:
    with pytest.raises(RequestError, match=field):
        ANTHROPIC.question(asked)


@pytest.mark.parametrize(
    ("dialect", "headers", "query"),
    [
        (OPENAI, {"authorization": "Bearer k"}, ""),
        (ANTHROPIC, {"x-api-key": "k"}, ""),
        (GEMINI, {"x-goog-api-key": "k"}, ""),
        (GEMINI, {}, "alt=sse&key=k"),
    ],
)
def test_each_dialect_sends_its_key_in_its_own_way(dialect: Dialect, headers: dict[str, str], query: str) -> None:
    assert dialect.key(Request("POST", "/", headers, b"", True, query)) == "k"
    assert dialect.key(Request("POST", "/", {}, b"", True)) == ""


@pytest.mark.parametrize("shown", ["float", "base64"])
def test_embeddings_are_the_same_each_time_and_as_long_as_asked(shown: str) -> None:
    body = msgspec.json.encode({"model": "m", "input": ["a reef", "a port"], "dimensions": 16, "encoding_format": shown})
    texts = OPENAI.texts(Request("POST", "/v1/embeddings", {}, body, True))
    vectors = [vector_of(text, texts.dimensions or 0) for text in texts.texts]
    rows = [row["embedding"] for row in OPENAI.vectors(texts, vectors)["data"]]
    if shown == "base64":
        rows = [list(struct.unpack("<16f", base64.b64decode(row))) for row in rows]
    for row, text in zip(rows, texts.texts, strict=True):
        assert row == pytest.approx(vector_of(text, 16), abs=1e-6)
        assert sum(value * value for value in row) == pytest.approx(1.0, abs=1e-6)
    body = msgspec.json.encode(
        {"requests": [{"model": "models/m", "content": {"parts": [{"text": "a reef"}]}, "outputDimensionality": 16}]}
    )
    batch = GEMINI.texts(Request("POST", "/v1beta/models/m:batchEmbedContents", {}, body, True))
    assert GEMINI.vectors(batch, [vector_of(batch.texts[0], 16)])["embeddings"][0]["values"] == pytest.approx(vector_of("a reef", 16))


def test_texts_that_share_words_are_near() -> None:
    def near(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(vector_of(one), vector_of(other), strict=True))

    assert near("the ship leaves the port", "the ship leaves this port") > 0.6 > 0.5 > near("the ship leaves the port", "sugar and eggs")


@pytest.mark.parametrize(
    ("dialect", "method", "path", "kind"),
    [
        (OPENAI, "POST", "/chat/completions", Kind.CHAT),
        (OPENAI, "POST", "/embeddings", Kind.EMBEDDINGS),
        (OPENAI, "GET", "/chat/completions", None),
        (ANTHROPIC, "POST", "/messages/count_tokens", Kind.COUNT),
        (ANTHROPIC, "POST", "/chat/completions", None),
        (GEMINI, "POST", "/models/gemini-x:streamGenerateContent", Kind.CHAT),
        (GEMINI, "POST", "/models/gemini-x:batchEmbedContents", Kind.EMBEDDINGS),
        (GEMINI, "POST", "/models/gemini-x:fly", None),
        (GEMINI, "GET", "/models", Kind.MODELS),
    ],
)
def test_endpoints(dialect: Dialect, method: str, path: str, kind: Kind | None) -> None:
    assert dialect.kind(method, path) is kind
