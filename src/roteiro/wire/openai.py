"""Chat completion requests in the OpenAI dialect: read once, checked, and written for a provider with every value untouched.

Only the top level of a body is taken apart, into raw slices; messages are never decoded. A field that Roteiro does not know passes
through as it came. What must not live here: which provider gets the request.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
from msgspec import Raw

from roteiro.terms.error import RequestError

__all__ = ["BYTES_PER_TOKEN", "ChatRequest", "error_body", "estimate_tokens", "read_request", "write_request"]

BYTES_PER_TOKEN: Final = 3.5
"""Bytes of a request's JSON to one token. English prose has 4.0 to 4.7 bytes a token in the common byte-pair vocabularies, Portuguese
3.3 to 3.8, source code about 3; the JSON around a message takes some 10 tokens' worth of bytes for 4 tokens. Leaning low reserves a little
too much, and the settlement gives it back; leaning high would admit more than a limit allows."""

IMAGE_TOKENS: Final = 1105
"""Tokens of an inline image: four tiles of a high-detail picture in the published formula (85 + 170 a tile, six tiles at most)."""

MOST_TOKENS: Final = 10_000_000
"""No model answers longer; a larger number is a mistake, and would reserve a tenant's whole budget."""

MOST_CHOICES: Final = 128
"""The dialect's own bound on `n`."""

SMALL: Final = 4096
"""Bytes; an inline picture in a smaller body is too small to matter to the estimate."""

_INLINE_FILE: Final = re.compile(rb";base64,[A-Za-z0-9+/=_-]*")
_NEXT_KEY: Final = re.compile(rb'[\s,]*"([^"\\]*(?:\\.[^"\\]*)*)"\s*:\s*')
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_TEXT: Final = msgspec.json.Decoder(str)
_OPTIONS: Final = msgspec.json.Decoder(dict[str, Raw])
_encode: Final = msgspec.json.Encoder().encode
_FLAGS: Final[Mapping[bytes, bool]] = {b"true": True, b"false": False, b"null": False}
_TRUE: Final = Raw(b"true")


class ChatRequest(NamedTuple):
    """One chat completion request, checked."""

    fields: dict[str, Raw]
    """The body's top level: name → the value's bytes as they came."""
    model: str | None
    """None where the body names no model."""
    stream: bool
    client_wants_usage: bool
    """Whether the client asked for the usage chunk of a stream itself."""
    input_tokens: int
    """Estimated from the body's length."""
    output_tokens: int | None
    """The most that the client lets the model write, over all choices; None where it set no bound."""
    user: str | None
    choices: int = 1
    """Answers asked for (`n`)."""


def read_request(body: bytes) -> ChatRequest:
    """Reads and checks a body. Raises RequestError (400) that names the field and what would be right."""
    fields = _top_level(body)
    messages = fields.get("messages")
    if messages is None:
        raise _invalid("messages", "you must provide `messages`", "missing_required_parameter")
    list_of = memoryview(messages)
    if list_of[0] != 0x5B:
        raise _invalid("messages", "`messages` must be a list of messages", "invalid_type")
    if len(list_of) < 16 and not bytes(list_of)[1:-1].strip():
        raise _invalid("messages", "`messages` is empty; a request needs at least one message", "empty_array")
    stream = wants_usage = False
    if (raw := fields.get("stream")) is not None:
        stream = _flag(raw, "stream")
    if (raw := fields.get("stream_options")) is not None:
        wants_usage = _wants_usage(raw)
    output = None
    if (raw := fields.get("max_completion_tokens")) is not None:
        output = _count(raw, "max_completion_tokens", MOST_TOKENS)
    if output is None and (raw := fields.get("max_tokens")) is not None:
        output = _count(raw, "max_tokens", MOST_TOKENS)
    choices = 1
    if (raw := fields.get("n")) is not None:
        choices = _count(raw, "n", MOST_CHOICES) or 1
    if output is not None:
        output *= choices
    user = None
    if (raw := fields.get("user")) is not None and bytes(raw) != b"null":
        user = _text(raw, "user")
    model = None
    if (raw := fields.get("model")) is not None:
        quoted = bytes(raw)
        if quoted[:1] == b'"' and b"\\" not in quoted:
            model = quoted[1:-1].decode()
        elif quoted != b"null":
            model = _text(raw, "model")
    return ChatRequest(fields, model, stream, wants_usage, estimate_tokens(body), output, user, choices)


def write_request(request: ChatRequest, model: str) -> bytes:
    """The body for a provider that knows the model as `model`: every other value byte for byte as the client wrote it.

    A stream also asks for its usage, because money and limits are settled on it; the reader of the answer hides what
    the client did not ask for.
    """
    fields = request.fields
    fields["model"] = Raw(_encode(model))  # the name is the only thing that differs between two attempts
    if request.stream and not request.client_wants_usage:
        options = fields.get("stream_options")
        known = {} if options is None or bytes(options) == b"null" else _OPTIONS.decode(options)
        fields["stream_options"] = Raw(_encode({**known, "include_usage": _TRUE}))
    return _encode(fields)


def estimate_tokens(body: bytes) -> int:
    """Input tokens of a body, from its length; inline images and files count as pictures, not as text."""
    length, extra = len(body), 0
    if length > SMALL and b";base64," in body:
        for inline in _INLINE_FILE.finditer(body):
            length -= inline.end() - inline.start()
            extra += IMAGE_TOKENS
    return int(length / BYTES_PER_TOKEN) + extra + 1


def error_body(status: int, code: str, message: str, type: str | None = None, param: str | None = None) -> bytes:
    """An error in the dialect's shape. `type` follows from the status where it is not given."""
    kind = type or _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return _encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


_ERROR_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def _top_level(body: bytes) -> dict[str, Raw]:
    """The top-level members of a JSON object. Raises RequestError for anything that two readers could read differently."""
    if not body:
        raise RequestError(400, "invalid_json", "the body is empty; it must be a JSON object")
    try:
        fields = _FIELDS.decode(body)
        if not body.isascii():
            body.decode()  # raw slices are skipped over, so their encoding is not yet checked
    except msgspec.ValidationError:
        raise RequestError(400, "invalid_json", "the body must be a JSON object") from None
    except UnicodeDecodeError:
        raise RequestError(400, "invalid_utf8", f"the body is not UTF-8{_place_of_bad_byte(body)}") from None
    except RecursionError:
        raise RequestError(400, "invalid_json", "the body is nested too deeply") from None
    except msgspec.DecodeError as error:
        raise RequestError(400, "invalid_json", f"the body is not JSON: {_plain(error)}") from None
    # Written without white space, the members known by now take up at least this much. A body of this very length has no room for
    # another member, so no key is there twice; the official clients write so. Any other body is walked.
    if len(body) != len(_encode(fields)):
        _refuse_duplicates(body, fields)
    return fields


def _refuse_duplicates(body: bytes, fields: Mapping[str, Raw]) -> None:
    """A key that is there twice shifts the walk: the member that comes is not the member that was decoded."""
    place = body.index(b"{") + 1
    for name, value in fields.items():
        found = _NEXT_KEY.match(body, place)
        if (
            found is None
            or (found[1] != name.encode() and _key(found[1]) != name)
            or not body.startswith(text := bytes(value), found.end())
        ):
            raise _duplicate(name if found is None else _key(found[1]))
        place = found.end() + len(text)
    if body[place:].strip() != b"}":
        extra = _NEXT_KEY.match(body, place)
        raise _duplicate(_key(extra[1]) if extra else next(iter(fields)))


def _key(text: bytes) -> str:
    return _TEXT.decode(b'"%b"' % text)


def _duplicate(name: str) -> RequestError:
    return _invalid(name, f"`{name}` is given twice", "duplicate_parameter")


def _flag(raw: Raw, name: str) -> bool:
    value = _FLAGS.get(bytes(raw))
    if value is None:
        raise _invalid(name, f"`{name}` must be true or false", "invalid_type")
    return value


def _count(raw: Raw, name: str, most: int) -> int | None:
    text = bytes(raw)
    if text == b"null":
        return None
    if not text.removeprefix(b"-").isdigit():
        raise _invalid(name, f"`{name}` must be a whole number", "invalid_type")
    if len(text) > 18 or not 1 <= (value := int(text)) <= most:
        shown = text.decode() if len(text) <= 18 else f"a number of {len(text)} digits"
        raise _invalid(name, f"`{name}` is {shown}; it must be from 1 to {most}", "invalid_value")
    return value


def _text(raw: Raw, name: str) -> str:
    try:
        return _TEXT.decode(raw)
    except msgspec.DecodeError:
        raise _invalid(name, f"`{name}` must be a text", "invalid_type") from None


def _wants_usage(raw: Raw) -> bool:
    if bytes(raw) == b"null":
        return False
    try:
        options = _OPTIONS.decode(raw)
    except msgspec.DecodeError:
        raise _invalid("stream_options", "`stream_options` must be an object", "invalid_type") from None
    usage = options.get("include_usage")
    return usage is not None and _flag(usage, "stream_options.include_usage")


def _invalid(param: str, message: str, code: str) -> RequestError:
    return RequestError(400, code, message, param)


def _place_of_bad_byte(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f": byte {error.start} is 0x{body[error.start]:02x}"
    return ""


def _plain(error: msgspec.DecodeError) -> str:
    return str(error).removeprefix("JSON is malformed: ")
