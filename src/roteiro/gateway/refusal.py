"""What a client is told when it gets no answer: status, headers and an error in the dialect's shape, for every reason of the journey.

Facts about words only. The status is the journey's own, which the ledger records. What must not live here: provider texts, names of
targets and keys; a client learns what kind of thing went wrong, never whose.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from roteiro.journey.settle import status_of
from roteiro.terms.codes import ErrorClass, Reason
from roteiro.terms.edge import Edge
from roteiro.terms.error import RequestError
from roteiro.wire.openai import error_body

__all__ = ["Refusal", "limit_named", "of_reason", "of_request"]


class Refusal(NamedTuple):
    """An answer that is none."""

    status: int
    headers: bytes
    """Whole header lines."""
    body: bytes


class _Words(NamedTuple):
    code: str
    message: str
    retry: bool = True
    """Whether the same request may do better later."""


_WORDS: Final[Mapping[Reason, _Words]] = {
    Reason.KEY_LIMIT: _Words("rate_limit_exceeded", "the key has reached its limit of requests or tokens a minute"),
    Reason.TENANT_LIMIT: _Words("rate_limit_exceeded", "the tenant has reached its limit of requests or tokens a minute"),
    Reason.WORKLOAD_LIMIT: _Words("rate_limit_exceeded", "the workload has reached its limit of requests or tokens a minute"),
    Reason.MODEL_LIMIT: _Words("rate_limit_exceeded", "the model has reached its limit of requests or tokens a minute"),
    Reason.BUDGET_SPENT: _Words(
        "budget_exceeded", "a budget of this tenant or workload is spent, or too little is left for this request", False
    ),
    Reason.TENANT_FULL: _Words("overloaded", "the tenant has as many requests in flight as it may have"),
    Reason.WORKLOAD_FULL: _Words("overloaded", "the workload has as many requests in flight as it may have"),
    Reason.TARGETS_FULL: _Words("overloaded", "all providers of the model have as many requests in flight as they may have"),
    Reason.QUEUE_FULL: _Words("overloaded", "the waiting room is full"),
    Reason.QUEUE_TIMEOUT: _Words("overloaded", "no provider became free while the request waited"),
    Reason.SHED_FOR_PRIORITY: _Words("overloaded", "a more important request took the place"),
    Reason.SHED_BY_RULE: _Words("overloaded", "requests of this priority are refused for now"),
    Reason.NO_HEALTHY_TARGET: _Words("unavailable", "no provider of the model is available"),
    Reason.LEDGER_FULL: _Words("unavailable", "the ledger cannot be written, and nothing is served that is not recorded"),
    Reason.FLOWS_FULL: _Words("overloaded", "as many requests are in flight as the gateway can hold"),
    Reason.OUT_OF_ATTEMPTS: _Words("provider_error", "no provider gave an answer", False),
    Reason.RETRY_BUDGET: _Words("provider_error", "no provider gave an answer, and too many requests are being tried again", False),
    Reason.NOT_RETRYABLE: _Words("provider_error", "the provider failed in a way that trying again does not mend", False),
    Reason.PAST_DEADLINE: _Words("deadline_exceeded", "the request's time is over", False),
}
_OTHER: Final = _Words("unavailable", "the request cannot be served now")
_BROKEN_OFF: Final = _Words("provider_error", "the answer broke off after a part of it was sent", False)

_LIMITS: Final[Mapping[Reason, bytes]] = {
    Reason.KEY_LIMIT: b"key",
    Reason.TENANT_LIMIT: b"tenant",
    Reason.WORKLOAD_LIMIT: b"workload",
    Reason.MODEL_LIMIT: b"model",
}

_CATEGORIES: Final[Mapping[ErrorClass, str]] = {
    ErrorClass.AUTH: "credentials refused",
    ErrorClass.RATE_LIMIT: "rate limit",
    ErrorClass.SERVER: "server error",
    ErrorClass.TIMEOUT: "timeout",
    ErrorClass.CONNECTION: "no connection",
    ErrorClass.CONTENT: "content refused",
    ErrorClass.BAD_REQUEST: "request refused",
    ErrorClass.PROTOCOL: "broken answer",
}

_status_of: Final = getattr(status_of, "py_func", status_of)
"""The rule itself, in Python: its machine code is for other machine code only."""


def of_request(error: RequestError) -> Refusal:
    """For a request that is at fault."""
    extra = b"www-authenticate: Bearer\r\n" if error.status == 401 else b""
    return Refusal(error.status, extra + b"x-should-retry: false\r\n", error_body(error.status, error.code, str(error), param=error.param))


def limit_named(edge: Edge, reason: int, compared: float) -> str | None:
    """The limit that a request ran into, in words, where it was one; `compared` is what the journey says of it."""
    return edge.limits[int(compared)] if reason in _LIMITS and 0 <= compared < len(edge.limits) else None


def of_reason(
    reason: int,
    retry_after_s: float,
    tried: Sequence[ErrorClass],
    status: int = 0,
    message: str | None = None,
    *,
    limit: str | None = None,
    relayed: bool = False,
) -> Refusal:
    """For a request that the journey rejected.

    `tried` has the error class of each failed attempt; `status` and `message` are the last provider's, which only a request that
    is itself at fault gets to see. `limit` names the limit that was reached; `relayed`: a part of the answer has reached the client.
    """
    last = tried[-1] if tried else ErrorClass.NONE
    said = int(_status_of(reason, last, len(tried), status))
    why = _known(reason)
    if tried and last in (ErrorClass.BAD_REQUEST, ErrorClass.CONTENT):
        code = "content_filter" if last == ErrorClass.CONTENT else "provider_refused_request"
        text = message or f"the provider refused the request ({_CATEGORIES[last]})"
        return Refusal(said, b"x-should-retry: false\r\n", error_body(said, code, text, type="invalid_request_error"))
    words = _BROKEN_OFF if relayed and why is Reason.NOT_RETRYABLE else _WORDS.get(why, _OTHER)
    if limit is not None:
        words = words._replace(message=f"the limit is {limit}, and it is reached")
    text = words.message if not tried else f"{words.message}; tried: {', '.join(_CATEGORIES.get(c, 'failure') for c in tried)}"
    headers = b"x-roteiro-reason: %b\r\n" % why.name.lower().encode()
    if why in _LIMITS:
        headers += b"x-roteiro-limit: %b\r\n" % _LIMITS[why]
    if words.retry:
        seconds = max(1, math.ceil(retry_after_s))
        headers += b"retry-after: %d\r\n" % seconds
        text += f"; try again in {seconds} s"
    else:
        headers += b"x-should-retry: false\r\n"
    return Refusal(said, headers, error_body(said, words.code, text))


def _known(reason: int) -> Reason:
    try:
        return Reason(reason)
    except ValueError:  # of a newer kernel
        return Reason.OK
