"""The official `anthropic` client against a whole server, with providers of every dialect behind it."""

from typing import Any

import anthropic
import pytest
from pydantic import BaseModel
from tests.gateway.server import eventually
from tests.sdk.test_openai_sdk import PLACE, PNG
from tests.sdk.world import BACKS, BREAKS, WORDS, World

from roteiro.testing.answer import follows
from roteiro.testing.fault import CutStream, Stall, Status, Throttle

SAID: list[Any] = [{"role": "user", "content": "Where to?"}]
CALL: list[Any] = [{"role": "user", "content": "Please use the tool for Lisboa."}]
TOOLS: list[Any] = [{"name": "weather", "description": "Tells the weather.", "input_schema": PLACE}]
ASK: dict[str, Any] = {"max_tokens": 4000, "system": "Be brief.", "messages": SAID}
THINK: dict[str, Any] = {"type": "enabled", "budget_tokens": 1024, "display": "summarized"}
every_back = pytest.mark.parametrize("back", BACKS)


class Route(BaseModel):
    """What structured answers are read into."""

    port: str
    miles: int


# -- messages -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [*BACKS, "mixed"])
def test_a_plain_message_names_who_gave_it(claude: anthropic.Anthropic, model: str) -> None:
    raw = claude.messages.with_raw_response.create(model=model, **ASK)
    message = raw.parse()
    assert (message.type, message.role, message.stop_reason, message.stop_sequence) == ("message", "assistant", "end_turn", None)
    (block,) = message.content
    assert block.type == "text" and follows(block.text)
    assert message.usage.input_tokens > 0 and message.usage.output_tokens == WORDS
    assert message.model == raw.headers["x-roteiro-model"] == raw.headers["x-roteiro-target"].replace("at-", "upstream-")
    assert message._request_id and message._request_id == raw.headers["x-request-id"], "which this client looks for in `request-id`"


@every_back
async def test_a_stream_is_accumulated(aclaude: anthropic.AsyncAnthropic, back: str) -> None:
    whole = await aclaude.messages.create(model=back, **ASK)
    async with aclaude.messages.stream(model=back, **ASK) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert text == final.content[0].text == whole.content[0].text  # type: ignore[union-attr]
    assert (final.stop_reason, final.model, final.usage.output_tokens) == ("end_turn", whole.model, WORDS)
    assert final.usage.input_tokens == whole.usage.input_tokens
    events = [event.type async for event in await aclaude.messages.create(model=back, **ASK, stream=True)]
    assert (events[0], events[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert events.count("content_block_delta") >= WORDS - 1


@every_back
def test_a_round_trip_with_tools(claude: anthropic.Anthropic, back: str) -> None:
    ask: dict[str, Any] = {"model": back, "max_tokens": 500, "tools": TOOLS}
    with claude.messages.stream(messages=CALL, **ask) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert "input_json" in kinds and message.stop_reason == "tool_use"
    (use,) = [block for block in message.content if block.type == "tool_use"]
    assert use.name == "weather" and set(use.input) == {"place", "days"}  # type: ignore[arg-type]
    (same,) = [block for block in claude.messages.create(messages=CALL, **ask).content if block.type == "tool_use"]
    assert same.input == use.input
    for content in ("sunny", [{"type": "text", "text": "sunny"}]):
        result = {"type": "tool_result", "tool_use_id": use.id, "content": content}
        history: Any = [*CALL, {"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
        answer = claude.messages.create(messages=history, **ask)
        assert answer.stop_reason == "end_turn" and follows(answer.content[0].text)  # type: ignore[union-attr]


@every_back
@pytest.mark.parametrize("choice", ["none", "auto", "any", "tool"])
def test_whether_a_tool_is_called_is_the_clients_choice(claude: anthropic.Anthropic, back: str, choice: str) -> None:
    chosen: Any = {"type": choice, "name": "weather"} if choice == "tool" else {"type": choice}
    message = claude.messages.create(model=back, **ASK, tools=TOOLS, tool_choice=chosen)
    assert (message.stop_reason == "tool_use") == (choice in ("any", "tool"))


@every_back
def test_thinking_is_shown_and_goes_back(claude: anthropic.Anthropic, back: str) -> None:
    with claude.messages.stream(model=back, **ASK, thinking=THINK) as stream:  # type: ignore[arg-type]
        kinds = {event.type for event in stream}
        message = stream.get_final_message()
    assert {"thinking", "text"} <= kinds and [block.type for block in message.content] == ["thinking", "text"]
    whole = claude.messages.create(model=back, **ASK, thinking=THINK)  # type: ignore[arg-type]
    assert whole.content[0] == message.content[0] and whole.content[1].text == message.content[1].text  # type: ignore[union-attr]
    history: Any = [*SAID, {"role": "assistant", "content": message.content}, {"role": "user", "content": "And then?"}]
    assert claude.messages.create(model=back, max_tokens=50, messages=history).stop_reason == "end_turn"


@every_back
def test_pictures_documents_and_cache_marks(claude: anthropic.Anthropic, back: str) -> None:
    blocks: Any = [
        {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}},
    ]
    said = claude.messages.create(model=back, max_tokens=20, messages=[{"role": "user", "content": blocks}])
    plain = claude.messages.create(model=back, max_tokens=20, messages=[{"role": "user", "content": blocks[:1]}])
    assert said.usage.input_tokens - plain.usage.input_tokens >= 100, "both came to the provider"


@every_back
def test_answers_by_a_schema_are_parsed(claude: anthropic.Anthropic, back: str) -> None:
    message = claude.messages.parse(model=back, **ASK, output_format=Route)
    assert isinstance(message.parsed_output, Route)


@every_back
def test_stop_sequences_and_bounds_cut_answers(claude: anthropic.Anthropic, back: str) -> None:
    text = claude.messages.create(model=back, **ASK).content[0].text  # type: ignore[union-attr]
    word = text.split()[4]
    cut = claude.messages.create(model=back, **ASK, stop_sequences=[f" {word}"])
    assert cut.content[0].text == text.partition(f" {word}")[0]  # type: ignore[union-attr]
    assert (cut.stop_reason, cut.stop_sequence) == (("stop_sequence", f" {word}") if back == "anthropic" else ("end_turn", None))
    short = claude.messages.create(model=back, **{**ASK, "max_tokens": 3})
    assert (short.content[0].text, short.stop_reason) == (" ".join(text.split()[:3]), "max_tokens")  # type: ignore[union-attr]


def test_what_only_anthropic_has_passes_to_it_and_is_refused_elsewhere(claude: anthropic.Anthropic) -> None:
    more: Any = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    assert claude.messages.create(model="anthropic", **ASK, **more).stop_reason == "end_turn"
    for back in ("openai", "gemini"):
        with pytest.raises(anthropic.BadRequestError) as caught:
            claude.messages.create(model=back, **ASK, **more)
        assert details(caught.value)["param"].startswith("tools")


# -- counts, models, batches --------------------------------------------------------------------------------------------------------------


def test_tokens_are_counted(claude: anthropic.Anthropic) -> None:
    few = claude.messages.count_tokens(model="mixed", messages=SAID).input_tokens
    more = claude.messages.count_tokens(model="mixed", messages=[{"role": "user", "content": "mar " * 400}], tools=TOOLS).input_tokens
    assert 0 < few < 20 and more > 300
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.count_tokens(model="nonsense", messages=SAID)


def test_models_are_listed(claude: anthropic.Anthropic) -> None:
    page = claude.models.list()
    assert {*BACKS, "mixed"} <= {model.id for model in page} and not page.has_more
    one = claude.models.retrieve("mixed")
    assert (one.id, one.type, one.display_name) == ("mixed", "model", "mixed") and one.created_at.year
    with pytest.raises(anthropic.NotFoundError) as caught:
        claude.models.retrieve("nonsense")
    assert details(caught.value)["error_code"] == "model_not_found" and caught.value.request_id


def test_a_batch_over_every_back(claude: anthropic.Anthropic) -> None:
    requests: Any = [{"custom_id": back, "params": {"model": back, "max_tokens": 4, "messages": SAID}} for back in BACKS]
    made = claude.messages.batches.create(requests=requests)
    eventually(lambda: claude.messages.batches.retrieve(made.id).processing_status == "ended")
    results = {row.custom_id: row.result for row in claude.messages.batches.results(made.id)}
    assert {name: result.message.model for name, result in results.items() if result.type == "succeeded"} == {
        back: f"upstream-{back}" for back in BACKS
    }


# -- what goes wrong ----------------------------------------------------------------------------------------------------------------------


def details(error: anthropic.APIStatusError) -> dict[str, Any]:
    """What an error says beside its words."""
    body: Any = error.body
    assert body["type"] == "error" and body["error"]["message"], body
    found: dict[str, Any] = body["error"]["details"]
    return found


def test_errors_are_the_clients_own_classes(claude: anthropic.Anthropic, served: World) -> None:
    def fails(error: type[anthropic.APIStatusError], kind: str, code: str, key: str = "acme", **more: Any) -> None:
        with pytest.raises(error) as caught:
            claude.with_options(api_key=served.keys.get(key, key)).messages.create(**{"model": "anthropic", **ASK, **more})
        told = caught.value
        assert told.body["error"]["type"] == kind and details(told)["error_code"] == code, told.body  # type: ignore[index]
        assert told.request_id

    fails(anthropic.AuthenticationError, "authentication_error", "invalid_api_key", key="nobody's")
    fails(anthropic.PermissionDeniedError, "permission_error", "model_not_allowed", key="narrow")
    fails(anthropic.NotFoundError, "not_found_error", "model_not_found", model="nonsense")
    fails(anthropic.BadRequestError, "invalid_request_error", "empty_array", messages=[])
    fails(anthropic.PaymentRequiredError, "billing_error", "budget_exceeded", key="poor")


def test_a_limit_says_when_to_come_back(claude: anthropic.Anthropic, served: World) -> None:
    hasty = claude.with_options(api_key=served.keys["hurried"])
    hasty.messages.create(model="anthropic", **ASK)
    with pytest.raises(anthropic.RateLimitError) as caught:
        hasty.messages.create(model="anthropic", **ASK)
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60


@every_back
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_does_not_try_again_what_was_tried_out(claude: anthropic.Anthropic, served: World, back: str, stream: bool) -> None:
    patient = claude.with_options(max_retries=3)
    with served.failing(back, Status(status=529)), served.asked(back, 2), pytest.raises(anthropic.InternalServerError) as caught:
        patient.messages.create(model=f"weak-{back}", **ASK, stream=stream)
    assert caught.value.response.headers["x-should-retry"] == "false" and details(caught.value)["error_code"] == "provider_error"


@every_back
def test_a_provider_that_refuses_the_request_is_quoted(claude: anthropic.Anthropic, served: World, back: str) -> None:
    refused = Status(status=400, message="no such knob")
    with served.failing(back, refused), served.asked(back, 1), pytest.raises(anthropic.BadRequestError, match="no such knob"):
        claude.with_options(max_retries=3).messages.create(model=f"weak-{back}", **ASK)


@every_back
def test_a_providers_limit_is_a_rate_limit(claude: anthropic.Anthropic, served: World, back: str) -> None:
    with served.failing(back, Throttle(form="none")), pytest.raises(anthropic.RateLimitError):
        claude.messages.create(model=f"weak-{back}", **ASK)


@every_back
@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.name)
def test_a_broken_stream_raises(claude: anthropic.Anthropic, served: World, back: str, fault: Any) -> None:
    text = ""
    with served.failing(back, fault), pytest.raises(anthropic.APIStatusError, match="broke off") as caught:
        for event in claude.messages.create(model=f"weak-{back}", **ASK, stream=True):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                text += event.delta.text
    assert follows(text.strip()) and len(text.split()) < WORDS
    assert details(caught.value)["error_code"] == "provider_error"


def test_the_stream_helper_raises_too(claude: anthropic.Anthropic, served: World) -> None:
    asked = claude.messages.stream(model="weak-anthropic", **ASK)
    with served.failing("anthropic", CutStream(after=3)), pytest.raises(anthropic.APIStatusError), asked as stream:
        stream.get_final_message()


@every_back
@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.name)
def test_a_rescued_stream_is_one_stream(claude: anthropic.Anthropic, served: World, back: str, fault: Any) -> None:
    whole = claude.messages.create(model=back, **ASK).content[0].text  # type: ignore[union-attr]
    with served.failing(back, fault), claude.messages.stream(model=f"rescued-{back}", **ASK) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert [block.text for block in message.content] == [whole]  # type: ignore[union-attr]
    assert [kinds.count(kind) for kind in ("message_start", "content_block_start", "content_block_stop", "message_stop")] == [1] * 4
    assert message.stop_reason == "end_turn"


def test_the_clients_own_patience(claude: anthropic.Anthropic, served: World) -> None:
    with served.failing("anthropic", Stall()), pytest.raises(anthropic.APITimeoutError):
        claude.with_options(timeout=0.2).messages.create(model="weak-anthropic", **ASK)
