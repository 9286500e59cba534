"""What refusals mean, and every way in which providers say how long to wait."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.terms.codes import ErrorClass
from roteiro.wire.failure import LONGEST_WAIT_MS, classify, provider_message, retry_after_ms

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
