"""What refusals mean, and every way in which providers say how long to wait."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.terms.codes import ErrorClass
from roteiro.wire.failure import LONGEST_WAIT_MS, class_of_error, classify, provider_message, retry_after_ms

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ErrorClass.BAD_REQUEST), (401, ErrorClass.AUTH), (403, ErrorClass.AUTH), (404, ErrorClass.BAD_REQUEST), (408, ErrorClass.TIMEOUT),
        (413, ErrorClass.BAD_REQUEST), (422, ErrorClass.BAD_REQUEST), (429, ErrorClass.RATE_LIMIT), (500, ErrorClass.SERVER), (502, ErrorClass.SERVER),
        (503, ErrorClass.SERVER), (504, ErrorClass.TIMEOUT), (529, ErrorClass.SERVER), (301, ErrorClass.PROTOCOL), (204, ErrorClass.PROTOCOL),
    ],
)  # fmt: skip
def test_statuses(status: int, expected: ErrorClass) -> None:
    assert classify(status) is expected


def test_a_refused_text_is_not_a_malformed_request() -> None:
    assert classify(400, b'{"error":{"message":"no","code":"content_filter"}}') is ErrorClass.CONTENT
    assert classify(400, b'{"error":{"message":"no","code":"invalid"}}') is ErrorClass.BAD_REQUEST
    assert classify(400, b"<html>") is ErrorClass.BAD_REQUEST


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({b"retry-after": b"2"}, 2000),
        ({b"retry-after": b"0.5"}, 500),
        ({b"retry-after": b"-3"}, 0),
        ({b"retry-after": b"nan"}, None),
        ({b"retry-after": b"soon"}, None),
        ({b"retry-after": b"1e300"}, None),
        ({b"retry-after": b"999999999"}, LONGEST_WAIT_MS),
        ({b"retry-after": b"Sun, 01 Mar 2026 12:00:30 GMT"}, 30_000),
        ({b"retry-after": b"Sun, 01 Mar 2026 11:00:00 GMT"}, 0),
        ({b"retry-after": b"Sunday, 01-Mar-26 12:00:30 GMT"}, 30_000),
        ({b"retry-after-ms": b"150", b"retry-after": b"1"}, 150),
        ({b"x-ratelimit-reset-requests": b"6m0s"}, 360_000),
        ({b"x-ratelimit-reset-tokens": b"1h2m3.5s"}, 3_723_500),
        ({b"x-ratelimit-reset-tokens": b"120ms"}, 120),
        ({b"x-ratelimit-reset": b"12"}, 12_000),
        ({b"x-ratelimit-reset": b"%d" % (NOON + 7)}, 7_000),
        ({b"x-ratelimit-reset-requests": b"1s", b"x-ratelimit-remaining-requests": b"0", b"x-ratelimit-reset-tokens": b"9s", b"x-ratelimit-remaining-tokens": b"50"}, 1_000),
        ({b"anthropic-ratelimit-tokens-reset": b"2026-03-01T12:00:05Z"}, 5_000),
        ({b"anthropic-ratelimit-tokens-reset": b"2026-03-01T12:00:05Z", b"anthropic-ratelimit-tokens-remaining": b"4000"}, None),
    ],
)  # fmt: skip
def test_retry_after(headers: dict[bytes, bytes], expected: int | None) -> None:
    assert retry_after_ms(headers, NOON) == expected


@given(
    st.dictionaries(
        st.sampled_from([b"retry-after", b"retry-after-ms", b"x-ratelimit-reset", b"x-ratelimit-reset-tokens"]), st.binary(max_size=40)
    )
)
def test_any_bytes_give_a_bounded_wait_or_none(headers: dict[bytes, bytes]) -> None:
    wait = retry_after_ms(headers, NOON)
    assert wait is None or 0 <= wait <= LONGEST_WAIT_MS


def test_the_providers_words() -> None:
    assert provider_message(b'{"error":{"message":"the  field\\nis wrong"}}') == "the field is wrong"
    assert provider_message(b'{"error":"plain"}') == "plain"
    assert provider_message(b"nonsense") is None
    assert len(provider_message(b'{"error":"%b"}' % (b"x" * 9000)) or "") == 500


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.", "code": "context_length_exceeded"}}),
        (400, {"error": {"message": "Your input exceeds the context window of this model.", "type": "invalid_request_error"}}),
        (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens.", "type": "BadRequestError", "code": 400}),
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 208310 tokens > 200000 maximum"}}),
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"}}),
        (400, {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."}}),
        (400, {"error": {"code": 400, "type": "exceed_context_size_error", "message": "the request exceeds the available context size, try increasing it"}}),
        (422, {"detail": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096"}),
        (413, {"error": {"message": "Please reduce the length of the messages or completion."}}),
        (400, {"message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"}),
    ],
)  # fmt: skip
def test_a_request_longer_than_the_context_is_known_by_its_words(status: int, body: dict[str, object]) -> None:
    assert classify(status, json.dumps(body).encode()) is ErrorClass.CONTEXT


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (413, {"error": {"message": "Request Entity Too Large"}}, ErrorClass.BAD_REQUEST),
        (413, {"type": "error", "error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}, ErrorClass.BAD_REQUEST),
        (413, {"error": {"message": "Request too large on tokens per minute (TPM): Limit 6000", "type": "tokens", "code": "rate_limit_exceeded"}}, ErrorClass.RATE_LIMIT),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, ErrorClass.SERVER),
        (403, {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no"}}, ErrorClass.AUTH),
        (400, {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "API key not valid. Please pass a valid API key."}}, ErrorClass.AUTH),
        (400, {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "Invalid JSON payload received."}}, ErrorClass.BAD_REQUEST),
        (400, {"error": {"message": "The response was filtered due to our content management policy.", "code": None}}, ErrorClass.CONTENT),
        (400, {"error": {"message": "rejected by our safety system", "code": "content_policy_violation"}}, ErrorClass.CONTENT),
        (429, {"error": {"message": "maximum context length"}}, ErrorClass.RATE_LIMIT),
        (500, {"error": {"code": "context_length_exceeded"}}, ErrorClass.SERVER),
    ],
)  # fmt: skip
def test_other_refusals_keep_their_class(status: int, body: dict[str, object], expected: ErrorClass) -> None:
    assert classify(status, json.dumps(body).encode()) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, ErrorClass.SERVER),
        ({"type": "rate_limit_error"}, ErrorClass.RATE_LIMIT),
        ({"type": "authentication_error"}, ErrorClass.AUTH),
        ({"type": "invalid_request_error"}, ErrorClass.BAD_REQUEST),
        ({"type": "invalid_request_error", "message": "prompt is too long: 2 tokens > 1 maximum"}, ErrorClass.CONTEXT),
        ({"code": 429, "status": "RESOURCE_EXHAUSTED"}, ErrorClass.RATE_LIMIT),
        ({"code": 503, "status": "UNAVAILABLE"}, ErrorClass.SERVER),
        ({"code": "429"}, ErrorClass.RATE_LIMIT),
        ({"code": "server_error"}, ErrorClass.SERVER),
        ({"code": "content_filter"}, ErrorClass.CONTENT),
        ({"code": 7}, ErrorClass.SERVER),
        ("boom", ErrorClass.SERVER),
    ],
)
def test_errors_inside_answers(error: object, expected: ErrorClass) -> None:
    assert class_of_error(json.dumps(error).encode()) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", None),
        (b"nonsense", None),
        (b'{"error":{"message":"Rate limit reached. Please try again in 1.5s."}}', 1500),
        (b'{"error":{"message":"Please try again in 6m0s."}}', 360_000),
        (b'{"error":{"message":"Please try again in 20ms."}}', 20),
        (b'{"error":{"message":"Please try again in a while."}}', None),
        (b'{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.2s"}]}}', 3200),
        (b'[{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34s"}]}}]', 34_000),
        (b'{"error":{"code":429,"details":[{"retryDelay":"soon"}]}}', None),
        (b'{"error":{"code":429,"details":"none"}}', None),
    ],
)  # fmt: skip
def test_retry_after_in_the_body(body: bytes, expected: int | None) -> None:
    assert retry_after_ms({}, NOON, body) == expected
    assert retry_after_ms({b"retry-after": b"2"}, NOON, body) == 2000


def test_the_words_of_every_shape() -> None:
    assert provider_message(b'{"type":"error","error":{"type":"x","message":"a"}}') == "a"
    assert provider_message(b'[{"error":{"code":400,"message":"a"}}]') == "a"
    assert provider_message(b'{"object":"error","message":"a"}') == "a"
    assert provider_message(b'{"detail":"a"}') == "a"
    assert provider_message(b'{"detail":[{"loc":["body"]}]}') is None
    assert provider_message(b"[]") is None
