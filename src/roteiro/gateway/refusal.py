"""What a client is told when it gets no answer: status, headers and an error in the dialect's shape, for every reason of the journey.

Facts about words only. The status is the journey's own, which the ledger records. What must not live here: provider texts, names of
targets and keys; a client learns what kind of thing went wrong, never whose.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from roteiro.journey.settle import outcome_of as _kernel_outcome_of
from roteiro.journey.settle import status_of
from roteiro.terms.codes import ErrorClass, Reason
from roteiro.terms.edge import Edge
from roteiro.terms.error import RequestError
from roteiro.wire.dialect import Front

__all__ = ["Refusal", "categories", "named", "of_reason", "of_request", "outcome_of", "sent"]


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
    Reason.SHED_FOR_SLO: _Words(
        "overloaded", "requests of this priority are refused for now, so that more important ones keep what is promised"
    ),
    Reason.NO_HEALTHY_TARGET: _Words("unavailable", "no provider of the model is available"),
    Reason.LEDGER_FULL: _Words("unavailable", "the ledger cannot be written, and nothing is served that is not recorded"),
    Reason.FLOWS_FULL: _Words("overloaded", "as many requests are in flight as the gateway can hold"),
    Reason.OUT_OF_ATTEMPTS: _Words("provider_error", "no provider gave an answer", False),
    Reason.RETRY_BUDGET: _Words("provider_error", "no provider gave an answer, and too many requests are being tried again", False),
    Reason.NOT_RETRYABLE: _Words("provider_error", "the provider failed in a way that trying again does not mend", False),
    Reason.ALL_TRIED: _Words("provider_error", "no provider gave an answer, and none may be asked again", False),
    Reason.PROVIDER_LIMIT: _Words("provider_rate_limited", "the providers' own rate limits are reached", False),
    Reason.CONTEXT_TOO_LONG: _Words("context_length_exceeded", "the request is longer than any model's context", False),
    Reason.RESIDENCY: _Words(
        "data_residency", "no provider of the model is in a region where the data of this tenant or workload may go", False
    ),
    Reason.PAST_DEADLINE: _Words("deadline_exceeded", "the request's time is over", False),
}
_OTHER: Final = _Words("unavailable", "the request cannot be served now")
_NOT_CONTINUED: Final = _Words(
    "provider_error", "the answer broke off after a part of it was sent, and the provider that was to go on with it refused to", False
)
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
    ErrorClass.CONTEXT: "context too long",
    ErrorClass.UNFIT: "not in the provider's dialect",
}

_OF_THE_REQUEST: Final[Mapping[ErrorClass, str]] = {
    ErrorClass.BAD_REQUEST: "provider_refused_request",
    ErrorClass.CONTENT: "content_filter",
    ErrorClass.CONTEXT: "context_length_exceeded",
    ErrorClass.UNFIT: "cannot_be_translated",
}
"""Failures that are the request's own: the client is told what the provider said."""

_status_of: Final = getattr(status_of, "py_func", status_of)
"""The rule itself, in Python: its machine code is for other machine code only."""
_outcome_of: Final = getattr(_kernel_outcome_of, "py_func", _kernel_outcome_of)


def outcome_of(reason: int, tried: Sequence[ErrorClass]) -> int:
    """The outcome of a request that was rejected, as the ledger has it. `tried` has the error class of each failed attempt."""
    return int(_outcome_of(reason, tried[-1] if tried else ErrorClass.NONE, sent(tried)))


def sent(tried: Sequence[ErrorClass]) -> int:
    """How many of the attempts went out: what a target's dialect cannot say was never sent to it."""
    return sum(error_class is not ErrorClass.UNFIT for error_class in tried)


def categories(tried: Sequence[ErrorClass]) -> str:
    """What went wrong at the providers, in words."""
    return ", ".join(_CATEGORIES.get(c, "failure") for c in tried)


def of_request(error: RequestError, front: Front) -> Refusal:
    """For a request that is at fault."""
    extra = b"www-authenticate: Bearer\r\n" if error.status == 401 else b""
    return Refusal(error.status, extra + b"x-should-retry: false\r\n", front.error(error.status, error.code, str(error), error.param))


def named(edge: Edge, reason: int, compared: float) -> str | None:
    """The limit or the budget that a request ran into, in words, where it was one; `compared` is what the journey says of it."""
    if reason == Reason.BUDGET_SPENT:
        return edge.budgets[int(compared)] if 0 <= compared < len(edge.budgets) else None
    return edge.limits[int(compared)] if reason in _LIMITS and 0 <= compared < len(edge.limits) else None


def of_reason(
    reason: int,
    retry_after_s: float,
    tried: Sequence[ErrorClass],
    status: int = 0,
    message: str | None = None,
    param: str | None = None,
    *,
    front: Front,
    bound: str | None = None,
    relayed: bool = False,
) -> Refusal:
    """For a request that the journey rejected.

    `tried` has the error class of each failed attempt; `status` and `message` are the last provider's, which only a request that is itself
    at fault gets to see; `param` is the field at fault, where one is known. `bound` names the limit or budget that was reached; `relayed`:
    a part of the answer has reached the client; `front` is the dialect that the client speaks.
    """
    last = tried[-1] if tried else ErrorClass.NONE
    attempts = sent(tried)
    said = int(_status_of(reason, last, attempts, status))
    why = _known(reason)
    if last in _OF_THE_REQUEST and not relayed and (last is not ErrorClass.UNFIT or attempts == 0):
        code = _OF_THE_REQUEST[last]
        text = message or f"the provider refused the request ({_CATEGORIES[last]})"
        return Refusal(said, b"x-should-retry: false\r\n", front.error(said, code, text, param, "invalid_request_error"))
    words = _WORDS.get(why, _OTHER)
    if relayed and why is Reason.NOT_RETRYABLE:
        words = _NOT_CONTINUED if last in _OF_THE_REQUEST and len(tried) > 1 else _BROKEN_OFF
    text = words.message
    if bound is not None:
        text = f"the limit is {bound}, and it is reached" if why in _LIMITS else f"{text}: {bound}"
    if tried:
        text = f"{text}; tried: {categories(tried)}"
    headers = b"x-roteiro-reason: %b\r\n" % why.name.lower().encode()
    if why in _LIMITS:
        headers += b"x-roteiro-limit: %b\r\n" % _LIMITS[why]
    if words.retry or (retry_after_s > 0.0 and not relayed):
        seconds = max(1, math.ceil(retry_after_s))
        headers += b"retry-after: %d\r\n" % seconds
        text += f"; try again in {seconds} s"
    if not words.retry:
        headers += b"x-should-retry: false\r\n"
    return Refusal(said, headers, front.error(said, words.code, text))


def _known(reason: int) -> Reason:
    try:
        return Reason(reason)
    except ValueError:  # of a newer kernel
        return Reason.OK
