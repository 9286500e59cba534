"""How clients speak the Anthropic dialect to us: requests of /v1/messages read and checked, answers, streams and errors written.

Only the top level of a body is taken apart; messages stay bytes until a translation needs them. What must not live here: which
provider gets the request, and who the client is.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from roteiro.terms.codes import Operation
from roteiro.wire.anthropic_answer import write_answer
from roteiro.wire.anthropic_prompt import read_prompt
from roteiro.wire.anthropic_stream import frame
from roteiro.wire.anthropic_writer import MessageWriter
from roteiro.wire.body import MOST_TOKENS, count, estimate_tokens, flag, invalid, text, top_level
from roteiro.wire.canon import Answer, Prompt
from roteiro.wire.dialect import Ask, Seen

__all__ = ["AnthropicFront"]

_ERROR_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


_PARAMS: Final[Mapping[str, str]] = {
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "response_format": "output_config.format",
    "reasoning_effort": "thinking",
    "messages.image_url": "messages.content.source",
    "messages.file": "messages.content.source",
    "messages.tool_call_id": "messages.content.tool_use_id",
    "messages.tool_calls.arguments": "messages.content.input",
}
"""What clients of this dialect call the fields that others name in a refusal."""


class _Metadata(Struct):
    user_id: str | None = None


_METADATA: Final = msgspec.json.Decoder(_Metadata | None)
_encode: Final = msgspec.json.Encoder().encode
_BETA: Final = re.compile(rb"[\x20-\x7e]+")


class AnthropicFront:
    """POST /v1/messages. The header `anthropic-version` is not asked for: there is one."""

    name = "anthropic"

    def read(self, body: bytes, headers: Mapping[bytes, bytes]) -> Ask:
        """Reads and checks a body. Raises RequestError (400) that names the field and what would be right."""
        fields = top_level(body)
        messages = _required(fields, "messages")
        list_of = memoryview(messages)
        if list_of[0] != 0x5B:
            raise invalid("messages", "`messages` must be a list of messages", "invalid_type")
        if len(list_of) < 16 and not bytes(list_of)[1:-1].strip():
            raise invalid("messages", "`messages` is empty; a request needs at least one message", "empty_array")
        bound = _required(fields, "max_tokens")
        # Nothing is written for 0, which fills the provider's prompt cache; one token is reserved all the same.
        output = 1 if bytes(bound) == b"0" else count(bound, "max_tokens", MOST_TOKENS)
        quoted = bytes(_required(fields, "model"))
        model = quoted[1:-1].decode() if quoted[0] == 0x22 and b"\\" not in quoted else text(fields["model"], "model")
        stream = (raw := fields.get("stream")) is not None and flag(raw, "stream")
        user = _user(raw) if (raw := fields.get("metadata")) is not None else None
        ask = Ask(
            self, Operation.MESSAGES, fields, model=model, stream=stream, client_wants_usage=True,
            input_tokens=estimate_tokens(body), output_tokens=output, user=user,
        )  # fmt: skip
        beta = headers.get(b"anthropic-beta")
        if beta is not None and _BETA.fullmatch(beta):
            ask.head = b"anthropic-beta: %b\r\n" % beta
        return ask

    def prompt(self, ask: Ask) -> Prompt:
        """The whole request, of no dialect. Raises RequestError (400) for what it does not know and cannot pass on."""
        return read_prompt(ask.fields)

    def answer(self, answer: Answer, ask: Ask) -> bytes:
        """A whole answer's body. Raises BadAnswerError where a tool call's arguments are no JSON object."""
        return write_answer(answer)

    def writer(self, ask: Ask, created: int, seen: Seen) -> MessageWriter:
        """For one streamed answer; goes on where `seen` stands. `created`: Unix seconds, which this dialect does not tell."""
        seen.created = seen.created or created
        return MessageWriter(seen, ask.input_tokens)

    def error(self, status: int, code: str, message: str, param: str | None = None, type: str | None = None) -> bytes:
        """An error's body. `type` is taken where the dialect knows it, else it follows from the status."""
        known = type if type in _ERROR_TYPES.values() else None
        kind = known or _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        details = {"error_code": code} if param is None else {"error_code": code, "param": _PARAMS.get(param, param)}
        return _encode({"type": "error", "error": {"type": kind, "message": message, "details": details}})

    def error_frame(self, body: bytes) -> bytes:
        """The frame that ends a broken stream; `body` is an `error` body."""
        return frame("error", body)


def _required(fields: Mapping[str, Raw], name: str) -> Raw:
    raw = fields.get(name)
    if raw is None or bytes(raw) == b"null":
        raise invalid(name, f"you must provide `{name}`", "missing_required_parameter")
    return raw


def _user(raw: Raw) -> str | None:
    try:
        metadata = _METADATA.decode(raw)
    except msgspec.DecodeError:
        raise invalid("metadata", "`metadata` must be an object, its `user_id` a text", "invalid_type") from None
    return None if metadata is None else metadata.user_id
