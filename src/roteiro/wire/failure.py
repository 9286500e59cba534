"""What a provider's refusal means: its error class, and how long it asks to be left alone.

Tables of facts about HTTP and about how providers use it; no decision on what to do about it.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from roteiro.terms.codes import ErrorClass

__all__ = ["class_of_error", "classify", "provider_message", "retry_after_ms"]

LONGEST_WAIT_MS: Final = 24 * 3600 * 1000
"""A provider that says longer than a day means "not now", or errs."""

_BY_STATUS: Final[Mapping[int, ErrorClass]] = {
    401: ErrorClass.AUTH,
    402: ErrorClass.AUTH,  # the provider's account is not paid: the operator's to mend, as a wrong key is
    403: ErrorClass.AUTH,
    407: ErrorClass.CONNECTION,  # a proxy on the way wants credentials
    408: ErrorClass.TIMEOUT,
    409: ErrorClass.SERVER,
    425: ErrorClass.SERVER,
    429: ErrorClass.RATE_LIMIT,
    504: ErrorClass.TIMEOUT,
}
_BY_WORD: Final[Mapping[str, ErrorClass]] = {
    # OpenAI's codes and types
    "content_filter": ErrorClass.CONTENT,
    "content_policy_violation": ErrorClass.CONTENT,
    "ResponsibleAIPolicyViolation": ErrorClass.CONTENT,
    "context_length_exceeded": ErrorClass.CONTEXT,
    "context_length_exceeded_error": ErrorClass.CONTEXT,
    "exceed_context_size_error": ErrorClass.CONTEXT,  # llama.cpp
    "rate_limit_exceeded": ErrorClass.RATE_LIMIT,
    "rate_limit_error": ErrorClass.RATE_LIMIT,
    "tokens": ErrorClass.RATE_LIMIT,
    "requests": ErrorClass.RATE_LIMIT,
    "invalid_api_key": ErrorClass.AUTH,
    "invalid_request_error": ErrorClass.BAD_REQUEST,
    "server_error": ErrorClass.SERVER,
    "timeout": ErrorClass.TIMEOUT,
    # Anthropic's types
    "overloaded_error": ErrorClass.SERVER,
    "api_error": ErrorClass.SERVER,
    "timeout_error": ErrorClass.TIMEOUT,
    "authentication_error": ErrorClass.AUTH,
    "permission_error": ErrorClass.AUTH,
    "billing_error": ErrorClass.AUTH,
    "not_found_error": ErrorClass.BAD_REQUEST,
    "request_too_large": ErrorClass.BAD_REQUEST,
    # Gemini's statuses (google.rpc.Code)
    "RESOURCE_EXHAUSTED": ErrorClass.RATE_LIMIT,
    "INVALID_ARGUMENT": ErrorClass.BAD_REQUEST,
    "FAILED_PRECONDITION": ErrorClass.BAD_REQUEST,
    "NOT_FOUND": ErrorClass.BAD_REQUEST,
    "UNAUTHENTICATED": ErrorClass.AUTH,
    "PERMISSION_DENIED": ErrorClass.AUTH,
    "DEADLINE_EXCEEDED": ErrorClass.TIMEOUT,
    "UNAVAILABLE": ErrorClass.SERVER,
    "INTERNAL": ErrorClass.SERVER,
}
"""What providers call their errors. A word is asked only where the status leaves a choice, or where there is no status: in a stream."""

_TOO_LONG: Final = re.compile(
    "|".join((
        r"maximum context length",  # OpenAI, vLLM, Mistral, DeepSeek
        r"context[ _](?:length|window|size).{0,40}exceed",
        r"exceed\w*.{0,40}context[ _](?:length|window|size|limit)",  # llama.cpp, Ollama, Anthropic
        r"prompt is too long",  # Anthropic
        r"input is too long for requested model",  # Bedrock
        r"exceeds the maximum number of (?:input )?tokens",  # Gemini
        r"input token count.{0,60}exceeds",
        r"prompt contains \d+ tokens.{0,60}too large for model",  # Mistral
        r"please reduce the length of the (?:messages|prompt|input)",
        r"too many tokens in (?:the )?(?:prompt|input)",  # Cohere: "too many tokens: total number of tokens in the prompt …"
        r"maximum (?:input|prompt) length",  # xAI: "This model's maximum prompt length is …"
        r"tokens? (?:\+|and) `?max_new_tokens`? must be",  # TGI
    )),
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip
"""How providers say that a request is longer than the model's context, where they have no code for it."""

_LOOKS_LIKE_CONTENT: Final = re.compile(r"content management policy|usage polic(?:y|ies)|safety (?:system|settings|filter)", re.IGNORECASE)
_RETRY_IN: Final = re.compile(r"(?:try again|retry) in ((?:\d+h)?(?:\d+m(?!s))?(?:\d+(?:\.\d+)?s)?(?:\d+(?:\.\d+)?ms)?)")
_TOLD_BY_BODY: Final = frozenset({400, 403, 413, 422})
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_RESET: Final = re.compile(rb"(?:x|anthropic)-ratelimit-(?:(.+)-)?reset(?:-(.+))?")


class _Detail(msgspec.Struct):
    """One of Google's `google.rpc` details."""

    kind: str = msgspec.field(default="", name="@type")
    retry_delay: str | None = msgspec.field(default=None, name="retryDelay")


class _Error(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None
    status: str | int | None = None
    details: msgspec.Raw = msgspec.Raw(b"null")


class _ErrorBody(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None
    """Where the error is the body itself."""
    type: str | None = None
    code: str | int | None = None
    detail: msgspec.Raw = msgspec.Raw(b"null")
    """FastAPI's."""


_ERROR: Final = msgspec.json.Decoder(_Error)
_ERROR_BODY: Final = msgspec.json.Decoder(_ErrorBody)
_ERROR_BODIES: Final = msgspec.json.Decoder(list[_ErrorBody])
_DETAILS: Final = msgspec.json.Decoder(list[_Detail])
_TEXT: Final = msgspec.json.Decoder(str)


def classify(status: int, body: bytes = b"") -> ErrorClass:
    """The class of an answer that is not 200. `body` tells a refused text (content) and a request that is longer than the model's
    context from a malformed request."""
    if status in _TOLD_BY_BODY:
        error = _read(body)
        if error is not None:
            found = _by_word(error)
            if found is ErrorClass.CONTENT or (found is ErrorClass.CONTEXT and status != 403):
                return found
            if status in (400, 403) and error.message and _LOOKS_LIKE_CONTENT.search(error.message):
                return ErrorClass.CONTENT
            if status == 400 and found is ErrorClass.AUTH:  # Gemini refuses an unknown key with 400
                return found
            if status == 413 and found is ErrorClass.RATE_LIMIT:  # Groq: more than the tokens of a minute
                return found
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if 400 <= status < 500:
        return ErrorClass.BAD_REQUEST
    return ErrorClass.SERVER if 500 <= status < 600 else ErrorClass.PROTOCOL


def class_of_error(error: bytes | msgspec.Raw) -> ErrorClass:
    """The class of an error inside an answer, where there is no status of its own: `error` is the value of the member `error`.

    Its code tells, where it is an HTTP status or a known word; else the provider failed.
    """
    try:
        known = _ERROR.decode(error)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ErrorClass.SERVER
    found = _by_word(known)
    if found is ErrorClass.CONTEXT or found is ErrorClass.CONTENT:
        return found
    code = int(known.code) if isinstance(known.code, str) and known.code.isdigit() and len(known.code) == 3 else known.code
    if isinstance(code, int) and 400 <= code < 600:
        return classify(code)
    return found or ErrorClass.SERVER


def _by_word(error: _Error) -> ErrorClass | None:
    found = None
    for word in (error.code, error.type, error.status):
        if isinstance(word, str) and (known := _BY_WORD.get(word)) is not None and (found is None or found is ErrorClass.BAD_REQUEST):
            found = known
    if found in (None, ErrorClass.BAD_REQUEST) and error.message:
        if _TOO_LONG.search(error.message):
            return ErrorClass.CONTEXT
        if "API key not valid" in error.message or "API_KEY_INVALID" in error.message:  # Gemini's
            return ErrorClass.AUTH
    return found


def provider_message(body: bytes, most: int = 500) -> str | None:
    """What the provider says of a request, for the client whose request it is; None where it says nothing legible."""
    error = _read(body)
    if error is None or not error.message:
        return None
    text = " ".join(error.message.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def retry_after_ms(headers: Mapping[bytes, bytes], unix_s: float, body: bytes = b"") -> int | None:
    """How long the provider asks to wait, in ms, never negative; None where it does not say.

    `headers` have lower-case names. In order: `retry-after-ms`; `retry-after` in seconds or as an HTTP date (RFC 9110, 10.2.3);
    the longest reset of a rate limit that has nothing remaining; what the error itself says: Google's `RetryInfo`, or "try again in
    1.2s" in words. `unix_s` is the time now, which dates are compared to. `body` is that of a 429 or 503.
    """
    if (value := headers.get(b"retry-after-ms")) is not None and (number := _number(value)) is not None:
        return _bounded(number)
    if (value := headers.get(b"retry-after")) is not None:
        if (number := _number(value)) is not None:
            return _bounded(number * 1000.0)
        if (date := _http_date(value)) is not None:
            return _bounded((date - unix_s) * 1000.0)
    waits = [wait for name, value in headers.items() if (wait := _reset_ms(name, value, headers, unix_s)) is not None]
    return max(waits) if waits else _told_ms(body)


def _told_ms(body: bytes) -> int | None:
    error = _read(body) if body else None
    if error is None:
        return None
    try:
        details = _DETAILS.decode(error.details)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        details = []
    for detail in details:
        if detail.retry_delay is not None and (wait := _duration_ms(detail.retry_delay)) is not None:
            return wait
    found = _RETRY_IN.search(error.message or "")
    return _duration_ms(found[1]) if found is not None else None


def _duration_ms(text: str) -> int | None:
    """`1h2m3.5s` or `120ms`."""
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        return None
    hours, minutes, seconds, millis = (float(part or 0) for part in found.groups())
    return _bounded(hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + millis)


def _reset_ms(name: bytes, value: bytes, headers: Mapping[bytes, bytes], unix_s: float) -> int | None:
    found = _RESET.fullmatch(name)
    if found is None:
        return None
    scope = found[1] or found[2]
    remaining = b"x-ratelimit-remaining-%b" % scope if scope else b"x-ratelimit-remaining"
    if name.startswith(b"anthropic"):
        remaining = b"anthropic-ratelimit-%b-remaining" % (scope or b"")
    left = headers.get(remaining)
    if left is not None and _number(left) != 0.0:
        return None  # this limit is not the one that was hit
    text = value.strip().decode("latin-1")
    number = _number(value)
    if number is not None:  # seconds to go, or the Unix second itself
        return _bounded((number - unix_s if number > 1e9 else number) * 1000.0)
    if (wait := _duration_ms(text)) is not None:
        return wait
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _bounded((moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - unix_s) * 1000.0)


def _read(body: bytes) -> _Error | None:
    try:
        if body[:1] == b"[":  # Gemini's, of a stream that did not begin
            bodies = _ERROR_BODIES.decode(body)
            found = bodies[0] if bodies else _ErrorBody()
        else:
            found = _ERROR_BODY.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    error = found.error
    if isinstance(error, str):
        return _Error(message=error, code=found.code, type=found.type)
    if error is not None:
        return error
    message = found.message
    if message is None:
        try:
            message = _TEXT.decode(found.detail)
        except msgspec.DecodeError:
            return None
    return _Error(message=message, code=found.code, type=found.type)


def _number(value: bytes) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if -1e15 < number < 1e15 else None  # neither NaN nor infinity


def _http_date(value: bytes) -> float | None:
    try:
        moment = parsedate_to_datetime(value.decode("latin-1"))
    except (ValueError, TypeError, IndexError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def _bounded(milliseconds: float) -> int:
    return int(min(max(milliseconds, 0.0), float(LONGEST_WAIT_MS)))
