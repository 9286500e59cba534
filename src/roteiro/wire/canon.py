"""What all dialects mean: a prompt, an answer and the pieces of a streamed one, as values of no dialect.

A request that goes out in the dialect it came in is passed through as bytes and never becomes one of these; a translation is always
two halves, dialect → these → dialect. What must not live here: JSON, field names of any dialect, HTTP.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from msgspec import Struct

from roteiro.terms.codes import ErrorClass

__all__ = [
    "Answer",
    "BadAnswerError",
    "Choice",
    "Delta",
    "EmbeddingAnswer",
    "EmbeddingPrompt",
    "File",
    "Finish",
    "Finished",
    "Format",
    "Image",
    "Message",
    "Part",
    "Prompt",
    "Reasoning",
    "RefusalDelta",
    "Refused",
    "Started",
    "Text",
    "TextDelta",
    "Thinking",
    "ThinkingDelta",
    "Tool",
    "ToolArguments",
    "ToolCall",
    "ToolResult",
    "ToolStart",
    "UntranslatableError",
    "Usage",
    "Used",
]

Finish: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "stop_sequence", "pause", "refusal"]
"""Why an answer ended. `stop_sequence` is `stop` where a dialect does not tell them apart; `pause` is a turn that the provider cut."""


class Usage(NamedTuple):
    """Tokens of one answer. `cached` is a part of `input`, `reasoning` a part of `output`."""

    input: int
    cached: int
    output: int
    reasoning: int
    estimated: bool = False


class BadAnswerError(ValueError):
    """A provider's answer that is none: nonsense, or an error in an answer's clothes."""

    def __init__(self, error_class: ErrorClass, why: str) -> None:
        super().__init__(why)
        self.error_class = error_class


class UntranslatableError(ValueError):
    """A request that the target's dialect cannot say. `param` is the field in the client's dialect; the text says what to leave out."""

    def __init__(self, param: str, why: str) -> None:
        super().__init__(why)
        self.param = param


# What messages are made of.


class Text(Struct, frozen=True):
    """Text. `cache` marks the end of a prefix that the provider may cache (Anthropic's `cache_control`)."""

    text: str
    cache: Mapping[str, Any] | None = None


class Image(Struct, frozen=True):
    """A picture, by address or inline: exactly one of `url` and `data` (base64)."""

    url: str | None = None
    data: str | None = None
    media_type: str = "image/png"
    detail: str | None = None
    cache: Mapping[str, Any] | None = None


class File(Struct, frozen=True):
    """A document, sound or other file: inline (base64), by address, or by a provider's own id."""

    data: str | None = None
    url: str | None = None
    id: str | None = None
    media_type: str = "application/pdf"
    name: str | None = None
    cache: Mapping[str, Any] | None = None


class Thinking(Struct, frozen=True):
    """Reasoning that the model showed. `signature` proves it to its provider; `redacted` is what it shows only encrypted."""

    text: str
    signature: str | None = None
    redacted: str | None = None


class ToolCall(Struct, frozen=True):
    """The model asks for a tool. `arguments` is JSON as text, as the model wrote it. `signature` is its provider's."""

    id: str
    name: str
    arguments: str
    signature: str | None = None
    cache: Mapping[str, Any] | None = None


class ToolResult(Struct, frozen=True):
    """What a tool gave."""

    id: str
    parts: Sequence["Part"]
    error: bool = False
    name: str | None = None
    """The tool's name, where the dialect tells it or the history does."""
    cache: Mapping[str, Any] | None = None


class Refused(Struct, frozen=True):
    """The model's own refusal, in words."""

    text: str


Part: TypeAlias = Text | Image | File | Thinking | ToolCall | ToolResult | Refused


class Message(Struct, frozen=True):
    """One turn. A `tool` message holds `ToolResult`s alone; a `system` one after the first turn stays where it was."""

    role: Literal["system", "user", "assistant", "tool"]
    parts: Sequence[Part]
    name: str | None = None


class Tool(Struct, frozen=True):
    """A function that the model may call. `schema` is a JSON schema of its arguments."""

    name: str
    description: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    cache: Mapping[str, Any] | None = None


class Format(Struct, frozen=True):
    """The form of the answer: any text, any JSON object, or JSON by a schema."""

    kind: Literal["text", "json", "schema"]
    name: str = "answer"
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class Reasoning(Struct, frozen=True):
    """How hard to think. `budget` in tokens; `show`: the client wants to see it, as a summary or whole."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    budget: int | None = None
    show: bool | None = None


class Prompt(Struct, frozen=True, kw_only=True):
    """A request for text. None is "not said" everywhere, and stays unsaid in the other dialect."""

    messages: Sequence[Message]
    system: Sequence[Text] = ()
    """The system prompt: what leads the messages."""
    tools: Sequence[Tool] = ()
    tool_choice: str | None = None
    """`auto`, `none`, `required`, or `=NAME` for one tool."""
    parallel_tools: bool | None = None
    format: Format | None = None
    reasoning: Reasoning | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    stop: Sequence[str] = ()
    seed: int | None = None
    n: int = 1
    logprobs: bool = False
    top_logprobs: int | None = None
    stream: bool = False
    user: str | None = None
    metadata: Mapping[str, str] | None = None
    service_tier: str | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """One of an answer's alternatives. `logprobs` in OpenAI's form, the only one that any dialect has."""

    index: int = 0
    parts: Sequence[Part] = ()
    finish: Finish | None = None
    logprobs: Mapping[str, Any] | None = None
    stop_sequence: str | None = None
    mean_logprob: float | None = None
    """Of its tokens, where the provider tells it of the whole."""


class Answer(Struct, frozen=True, kw_only=True):
    """A whole answer. `model` as the provider names it."""

    id: str
    model: str
    choices: Sequence[Choice]
    usage: Usage | None = None
    created: int = 0
    """Unix seconds; 0 where the provider does not say."""


# The pieces of a streamed answer, in the order in which they come. `choice` is the alternative; `slot` counts tool calls in it from 0.


class Started(Struct, frozen=True):
    """The provider began to answer."""

    id: str
    model: str
    input_tokens: int | None = None


class TextDelta(Struct, frozen=True):
    text: str
    choice: int = 0
    logprobs: Mapping[str, Any] | None = None


class ThinkingDelta(Struct, frozen=True):
    """Shown reasoning, or its signature, or a redacted piece of it."""

    text: str = ""
    choice: int = 0
    signature: str | None = None
    redacted: str | None = None


class RefusalDelta(Struct, frozen=True):
    text: str
    choice: int = 0


class ToolStart(Struct, frozen=True):
    id: str
    name: str
    slot: int = 0
    choice: int = 0
    signature: str | None = None


class ToolArguments(Struct, frozen=True):
    """A fragment of a call's JSON arguments."""

    fragment: str
    slot: int = 0
    choice: int = 0


class Finished(Struct, frozen=True):
    """One alternative is complete."""

    finish: Finish
    choice: int = 0
    stop_sequence: str | None = None


class Used(Struct, frozen=True):
    """Usage so far; the last one counts."""

    usage: Usage


Delta: TypeAlias = Started | TextDelta | ThinkingDelta | RefusalDelta | ToolStart | ToolArguments | Finished | Used


class EmbeddingPrompt(Struct, frozen=True, kw_only=True):
    """Texts (or lists of token numbers) to embed."""

    inputs: Sequence[str | Sequence[int]]
    dimensions: int | None = None
    base64: bool = False
    """Vectors are wanted as base64 of little-endian 32-bit floats."""
    user: str | None = None


class EmbeddingAnswer(Struct, frozen=True, kw_only=True):
    """Vectors in the order of the inputs."""

    model: str
    vectors: Sequence[Sequence[float]]
    input_tokens: int | None = None
