"""Every reason has words for the client, and the status is the one that the ledger records."""

import json
from typing import Any

import msgspec
import pytest
from tests.gateway.world import compiled

from roteiro.gateway.refusal import Refusal, named, of_request, outcome_of
from roteiro.gateway.refusal import of_reason as of_reason_in
from roteiro.journey.settle import status_of
from roteiro.terms.codes import ErrorClass, Outcome, Reason
from roteiro.terms.error import RequestError
from roteiro.wire.registry import FRONTS

FRONT = FRONTS[b"/v1/chat/completions"]


def of_reason(*args: Any, **named: Any) -> Refusal:
    return of_reason_in(*args, front=FRONT, **named)


NO_REFUSAL = {
    "OK", "WEIGHTED", "RULE", "ONLY_TARGET", "FALLBACK", "RETRY", "LEAST_BAD", "BACKOFF", "RETRY_AFTER", "BUDGET_DEGRADED", "CLIENT_GONE", "WORKER_DIED",
    "DEQUEUED", "BREAKER_OPENED", "BREAKER_FORCED", "BREAKER_HALF_OPEN", "BREAKER_CLOSED", "BREAKER_REOPENED", "RULE_ON", "RULE_OFF", "ADOPTED", "MONEY_RESTORED",
    "KEY_ROTATED", "CREDENTIAL_REFUSED", "HEDGED", "RESCUED", "LARGER_CONTEXT", "CACHE_EXACT", "CACHE_SEMANTIC", "COMPLEXITY", "COST_DEGRADED",
    "COST_RECOVERED", "SCALED_UP", "SCALED_DOWN", "SLO_ALERT", "SLO_CLEARED", "SLO_STEP", "OBSERVED", "RECALLED",
}  # fmt: skip
"""Reasons that end no request, or whose client is gone."""
plain_status_of = getattr(status_of, "py_func", status_of)  # machine code without a wrapper for Python must not be called from it
REFUSALS = [reason for reason in Reason if reason.name not in NO_REFUSAL]


@pytest.mark.parametrize("reason", REFUSALS, ids=lambda reason: reason.name)
@pytest.mark.parametrize("tried", [[], [ErrorClass.SERVER, ErrorClass.TIMEOUT]], ids=["untried", "tried"])
def test_every_reason_has_words(reason: Reason, tried: list[ErrorClass]) -> None:
    refusal = of_reason(reason, 2.2, tried)
    error = json.loads(refusal.body)["error"]
    assert refusal.status == plain_status_of(int(reason), int(tried[-1]) if tried else 0, len(tried), 0)
    assert error["message"] and "cannot be served now" not in error["message"]
    assert ("server error, timeout" in error["message"]) is bool(tried)
    headers = refusal.headers.decode()
    assert "retry-after: 3\r\n" in headers  # whenever the journey names a time
    if error["code"] in ("rate_limit_exceeded", "overloaded", "unavailable"):
        assert "retry-after" in headers
    assert f"x-roteiro-reason: {reason.name.lower()}\r\n" in headers


def test_retry_after_is_never_zero() -> None:
    assert b"retry-after: 1\r\n" in of_reason(Reason.QUEUE_FULL, 0.0, []).headers


@pytest.mark.parametrize("error_class", [ErrorClass.BAD_REQUEST, ErrorClass.CONTENT])
def test_the_clients_fault_is_told_as_the_provider_said_it(error_class: ErrorClass) -> None:
    refusal = of_reason(Reason.NOT_RETRYABLE, 0.0, [error_class], 422, "no such field")
    assert (refusal.status, json.loads(refusal.body)["error"]["message"]) == (422, "no such field")
    silent = json.loads(of_reason(Reason.NOT_RETRYABLE, 0.0, [error_class], 400, None).body)["error"]
    assert "refused" in silent["message"]


def test_data_that_may_go_nowhere_is_told_so_and_not_to_be_tried_again() -> None:
    refusal = of_reason(Reason.RESIDENCY, 0.0, [])
    error = json.loads(refusal.body)["error"]
    assert (refusal.status, error["code"]) == (403, "data_residency") and "region" in error["message"]
    assert b"x-should-retry: false\r\n" in refusal.headers and b"retry-after" not in refusal.headers
    assert outcome_of(Reason.RESIDENCY, []) == Outcome.UNAVAILABLE


def test_what_no_dialect_can_say_is_the_clients_fault_where_nothing_was_sent() -> None:
    unfit, words = ErrorClass.UNFIT, "leave `seed` out"
    for tried in ([unfit], [unfit, unfit]):
        refusal = of_reason(Reason.ALL_TRIED, 0.0, tried, 400, words)
        error = json.loads(refusal.body)["error"]
        assert (refusal.status, error["code"], error["message"]) == (400, "cannot_be_translated", words)
        assert outcome_of(Reason.ALL_TRIED, tried) == Outcome.INVALID
    refusal = of_reason(Reason.ALL_TRIED, 0.0, [ErrorClass.TIMEOUT, unfit], 400, words)
    error = json.loads(refusal.body)["error"]
    assert (refusal.status, error["code"]) == (502, "provider_error") and "timeout, not in the provider's dialect" in error["message"]
    assert outcome_of(Reason.ALL_TRIED, [ErrorClass.TIMEOUT, unfit]) == Outcome.FAILED


def test_what_a_provider_says_of_its_own_faults_stays_inside() -> None:
    assert b"stack trace" not in of_reason(Reason.OUT_OF_ATTEMPTS, 0.0, [ErrorClass.SERVER], 500, "stack trace").body


def test_a_missing_key_is_asked_for() -> None:
    refusal = of_request(RequestError(401, "missing_api_key", "no key"), FRONT)
    assert (refusal.status, b"www-authenticate: Bearer" in refusal.headers) == (401, True)


def test_the_limit_that_was_reached_is_named() -> None:
    edge = msgspec.structs.replace(compiled().edge, limits=["300 requests a minute for tenant acme"])
    bound = named(edge, Reason.TENANT_LIMIT, 0.0)
    refusal = of_reason(Reason.TENANT_LIMIT, 12.0, [], bound=bound)
    assert "300 requests a minute for tenant acme" in json.loads(refusal.body)["error"]["message"]
    assert b"x-roteiro-limit: tenant" in refusal.headers and b"retry-after: 12" in refusal.headers
    assert named(edge, Reason.BUDGET_SPENT, 0.0) is None and named(edge, Reason.TENANT_LIMIT, -1.0) is None
