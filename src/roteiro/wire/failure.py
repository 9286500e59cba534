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

__all__ = ["classify", "provider_message", "retry_after_ms"]

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
_CONTENT_CODES: Final = frozenset({"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"})
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_RESET: Final = re.compile(rb"(?:x|anthropic)-ratelimit-(?:(.+)-)?reset(?:-(.+))?")


class _Error(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error | str


_ERROR_BODY: Final = msgspec.json.Decoder(_ErrorBody)


def classify(status: int, body: bytes = b"") -> ErrorClass:
    """The class of an answer that is not 200. `body` tells a refused text (content) from a malformed request."""
    if status == 400 or status == 403:
        error = _read(body)
        if error is not None and (error.code in _CONTENT_CODES or error.type in _CONTENT_CODES):
            return ErrorClass.CONTENT
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if 400 <= status < 500:
        return ErrorClass.BAD_REQUEST
    return ErrorClass.SERVER if 500 <= status < 600 else ErrorClass.PROTOCOL


def provider_message(body: bytes, most: int = 500) -> str | None:
    """What the provider says of a request, for the client whose request it is; None where it says nothing legible."""
    error = _read(body)
    if error is None or not error.message:
        return None
    text = " ".join(error.message.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def retry_after_ms(headers: Mapping[bytes, bytes], unix_s: float) -> int | None:
    """How long the provider asks to wait, in ms, never negative; None where it does not say.

    `headers` have lower-case names. In order: `retry-after-ms`; `retry-after` in seconds or as an HTTP date (RFC 9110, 10.2.3);
    the longest reset of a rate limit that has nothing remaining. `unix_s` is the time now, which dates are compared to.
    """
    if (value := headers.get(b"retry-after-ms")) is not None and (number := _number(value)) is not None:
        return _bounded(number)
    if (value := headers.get(b"retry-after")) is not None:
        if (number := _number(value)) is not None:
            return _bounded(number * 1000.0)
        if (date := _http_date(value)) is not None:
            return _bounded((date - unix_s) * 1000.0)
    waits = [wait for name, value in headers.items() if (wait := _reset_ms(name, value, headers, unix_s)) is not None]
    return max(waits) if waits else None


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
    duration = _DURATION.fullmatch(text)
    if duration is not None and text:
        hours, minutes, seconds, millis = (float(part or 0) for part in duration.groups())
        return _bounded(hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + millis)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _bounded((moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - unix_s) * 1000.0)


def _read(body: bytes) -> _Error | None:
    try:
        error = _ERROR_BODY.decode(body).error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return _Error(message=error) if isinstance(error, str) else error


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
