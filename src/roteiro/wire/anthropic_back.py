"""How we speak the Anthropic dialect to providers: /messages, by an API key.

What must not live here: connections, and what becomes of an answer.
"""

import re
from typing import Final

import msgspec
from msgspec import Raw

from roteiro.terms.codes import ErrorClass, Operation
from roteiro.wire.anthropic_answer import read_answer, read_usage
from roteiro.wire.anthropic_body import write_prompt
from roteiro.wire.anthropic_stream import MessageReader, MessageRelay
from roteiro.wire.canon import Answer, BadAnswerError, EmbeddingAnswer, EmbeddingPrompt, Prompt, UntranslatableError, Usage
from roteiro.wire.dialect import Ask, Seen

__all__ = ["AnthropicBack"]

VERSION: Final = b"anthropic-version: 2023-06-01\r\n"
"""The one version of the API since then; what came later came as fields and beta headers."""

_UNSIGNED: Final = re.compile(rb'"signature"\s*:\s*""')
"""Within a text its quotes would be escaped, so this is a field."""

_encode: Final = msgspec.json.Encoder().encode


class AnthropicBack:
    """The base URL ends in /v1."""

    name = "anthropic"

    def head(self, secret: str) -> bytes:
        """Whole header lines."""
        return b"x-api-key: %b\r\n%b" % (secret.encode(), VERSION) if secret else VERSION

    def path(self, model: str, stream: bool, operation: Operation) -> bytes:
        """What follows the base URL."""
        return b"/messages"

    def splice(self, ask: Ask, model: str, prefix: str | None = None) -> bytes | None:
        """The client's own body with the model's name replaced and every other value byte for byte; None for another dialect's, and for a
        history with reasoning that another provider showed: it is not signed, Anthropic refuses it, and a translation leaves it out.

        `prefix` is the beginning of the answer, to be gone on from; None where an answer is by a schema, which cannot.
        """
        if ask.operation is not Operation.MESSAGES:
            return None
        messages = bytes(ask.fields["messages"])
        if b'"signature"' in messages and _UNSIGNED.search(messages) is not None:
            return None
        if prefix is not None and (said := prefix.rstrip()):
            return self._splice_on(ask, model, messages, said)
        ask.fields["model"] = Raw(_encode(model))  # the name is the only thing that differs between two attempts
        return _encode(ask.fields)

    def _splice_on(self, ask: Ask, model: str, messages: bytes, said: str) -> bytes | None:
        # Thinking is past, and refused in the middle of an answer.
        fields = {name: raw for name, raw in ask.fields.items() if name != "thinking" or b'"disabled"' in bytes(raw)}
        if "output_format" in fields or b'"format"' in bytes(fields.get("output_config", b"")):
            return None
        more = _encode({"role": "assistant", "content": said})
        fields |= {"model": Raw(_encode(model)), "messages": Raw(b"%b,%b]" % (messages.rstrip()[:-1], more))}
        return _encode(fields)

    def write(self, prompt: Prompt, model: str, prefix: str | None = None, most_output: int | None = None) -> bytes:
        """A body. Raises UntranslatableError."""
        return write_prompt(prompt, model, prefix, most_output)

    def read(self, body: bytes) -> Answer:
        """A whole answer. Raises BadAnswerError."""
        return read_answer(body)

    def usage(self, body: bytes) -> Usage | None:
        """The usage of a whole answer that is passed through. Raises BadAnswerError for what is no answer."""
        return read_usage(body)

    def reader(self, prefix: str | None = None) -> MessageReader:
        """For one streamed answer. `prefix` as it was given to `write`: white space at its end that the provider says again is left out."""
        return MessageReader(prefix)

    def relay(self, ask: Ask, seen: Seen | None) -> MessageRelay:
        """For one streamed answer that passes through."""
        return MessageRelay(seen)

    def write_embeddings(self, prompt: EmbeddingPrompt, model: str) -> bytes:
        """There are none in this dialect. Raises UntranslatableError."""
        raise UntranslatableError("model", "Anthropic's API has no embeddings; name an embedding model of another provider")

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        """See `write_embeddings`. Raises BadAnswerError."""
        raise BadAnswerError(ErrorClass.PROTOCOL, "Anthropic's API has no embeddings")
