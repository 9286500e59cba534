"""Requests in the OpenAI dialect as they arrive: read once, checked, and written for a provider with every value untouched.

Only the top level of a body is taken apart, into raw slices; messages are never decoded. A field that Roteiro does not know passes
through as it came. What must not live here: which provider gets the request, and translations.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from roteiro.terms.codes import Operation
from roteiro.wire.body import BYTES_PER_TOKEN, MOST_TOKENS, count, estimate_tokens, flag, invalid, text, top_level
from roteiro.wire.dialect import Ask, Front

__all__ = [
    "BYTES_PER_TOKEN", "common_fields", "error_body", "error_frame", "estimate_tokens", "read_chat",
    "splice", "splice_on",
]  # fmt: skip

MOST_CHOICES: Final = 128
"""The dialect's own bound on `n`."""

_OPTIONS: Final = msgspec.json.Decoder(dict[str, Raw])
_encode: Final = msgspec.json.Encoder().encode
_TRUE: Final = Raw(b"true")


def read_chat(front: Front, body: bytes) -> Ask:
    """Reads and checks a chat completion request. Raises RequestError (400) that names the field and what would be right."""
    fields = top_level(body)
    messages = fields.get("messages")
    if messages is None:
        raise invalid("messages", "you must provide `messages`", "missing_required_parameter")
    list_of = memoryview(messages)
    if list_of[0] != 0x5B:
        raise invalid("messages", "`messages` must be a list of messages", "invalid_type")
    if len(list_of) < 16 and not bytes(list_of)[1:-1].strip():
        raise invalid("messages", "`messages` is empty; a request needs at least one message", "empty_array")
    output = None
    if (raw := fields.get("max_completion_tokens")) is not None:
        output = count(raw, "max_completion_tokens", MOST_TOKENS)
    return common_fields(front, Operation.CHAT, fields, body, output)


def common_fields(front: Front, operation: Operation, fields: dict[str, Raw], body: bytes, output: int | None = None) -> Ask:
    """What chat completions and completions have in common. `output` is a bound on one answer that came by another name."""
    stream = wants_usage = False
    if (raw := fields.get("stream")) is not None:
        stream = flag(raw, "stream")
    if (raw := fields.get("stream_options")) is not None:
        wants_usage = _wants_usage(raw)
    if output is None and (raw := fields.get("max_tokens")) is not None:
        output = count(raw, "max_tokens", MOST_TOKENS)
    choices = 1
    if (raw := fields.get("n")) is not None:
        choices = count(raw, "n", MOST_CHOICES) or 1
    if output is not None:
        output *= choices
    user = None
    if (raw := fields.get("user")) is not None and bytes(raw) != b"null":
        user = text(raw, "user")
    model = None
    if (raw := fields.get("model")) is not None:
        quoted = bytes(raw)
        if quoted[:1] == b'"' and b"\\" not in quoted:
            model = quoted[1:-1].decode()
        elif quoted != b"null":
            model = text(raw, "model")
    return Ask(front, operation, fields, model, stream, wants_usage, estimate_tokens(body), output, user, choices)


def splice(ask: Ask, model: str) -> bytes:
    """The body for a provider that knows the model as `model`: every other value byte for byte as the client wrote it.

    A stream also asks for its usage, because money and limits are settled on it; the reader of the answer hides what
    the client did not ask for.
    """
    fields = ask.fields
    fields["model"] = Raw(_encode(model))  # the name is the only thing that differs between two attempts
    if ask.stream and not ask.client_wants_usage:
        options = fields.get("stream_options")
        known = {} if options is None or bytes(options) == b"null" else _OPTIONS.decode(options)
        fields["stream_options"] = Raw(_encode({**known, "include_usage": _TRUE}))
    return _encode(fields)


def splice_on(ask: Ask, model: str, prefix: str) -> bytes | None:
    """As `splice`, to be gone on with from the beginning of the answer: a last message of the assistant, or more of the text that goes on.

    None where there is no one text to go on from.
    """
    if ask.operation is Operation.CHAT:
        messages = bytes(ask.fields["messages"]).rstrip()
        more = _encode({"role": "assistant", "content": prefix})
        changed = {"messages": Raw(b"%b,%b]" % (messages[:-1], more))}
    elif ask.operation is Operation.COMPLETION and memoryview(ask.fields["prompt"])[0] == 0x22:
        changed = {"prompt": Raw(_encode(text(ask.fields["prompt"], "prompt") + prefix))}
    else:
        return None
    whole, ask.fields = ask.fields, {**ask.fields, **changed}
    try:
        return splice(ask, model)
    finally:
        ask.fields = whole


def error_body(status: int, code: str, message: str, type: str | None = None, param: str | None = None) -> bytes:
    """An error in the dialect's shape. `type` follows from the status where it is not given."""
    kind = type or _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return _encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


def error_frame(body: bytes) -> bytes:
    """A frame that ends a broken stream; `body` is an error object as JSON."""
    return b"data: %b\n\n" % body


_ERROR_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def _wants_usage(raw: Raw) -> bool:
    if bytes(raw) == b"null":
        return False
    try:
        options = _OPTIONS.decode(raw)
    except msgspec.DecodeError:
        raise invalid("stream_options", "`stream_options` must be an object", "invalid_type") from None
    usage = options.get("include_usage")
    return usage is not None and flag(usage, "stream_options.include_usage")
