"""What somebody meets who calls a whole server by hand and gets something wrong: errors of the dialect, each with a name."""

import http.client
import json
from contextlib import closing

import pytest
from tests.sdk.world import World

PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/messages", "/v1/messages/count_tokens")


def call(served: World, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", served.server.ready["port"], timeout=40)) as connection:
        told = {"authorization": f"Bearer {served.keys['acme']}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request(method, path, body, told)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def check(path: str, headers: http.client.HTTPMessage, body: bytes, code: str) -> None:
    """An error of the dialect of the address, named as its client looks for it."""
    assert headers["content-type"] == "application/json" and headers["x-request-id"] and "location" not in headers
    told = json.loads(body)
    if path.startswith("/v1/messages"):
        assert headers["request-id"] == headers["x-request-id"]
        assert told["type"] == "error" and told["error"]["details"]["error_code"] == code
    else:
        assert set(told["error"]) == {"message", "type", "param", "code"} and told["error"]["code"] == code


@pytest.mark.parametrize("path", PATHS)
def test_errors_speak_the_dialect_of_the_address(served: World, path: str) -> None:
    for body in (b"", b"{", b"[]", b"\xff\xfe"):
        status, headers, told = call(served, "POST", path, body)
        assert status == 400
        check(path, headers, told, "invalid_json")
    status, headers, told = call(served, "POST", path, b"{}", authorization="Bearer nobody's")
    assert status == 401
    check(path, headers, told, "invalid_api_key")
    for wrong in (f"{path}/", f"{path}/nonsense"):
        status, headers, told = call(served, "POST", wrong, b"{}")
        assert status == 404
        check(path, headers, told, "unknown_url")
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        status, headers, told = call(served, method, path)
        assert (status, headers["allow"]) == (405, "POST")
        check(path, headers, told, "method_not_allowed")
    status, headers, told = call(served, "HEAD", path)
    assert (status, told) == (405, b"") and headers["x-request-id"]


def test_addresses_that_both_dialects_have(served: World) -> None:
    for headers in ({}, {"anthropic_version": "2023-06-01"}):
        status, told, body = call(served, "GET", "/v1/models/nonsense", **headers)
        assert status == 404
        check("/v1/messages" if headers else "/v1/models", told, body, "model_not_found")


def test_headers_without_end_are_refused(served: World) -> None:
    status, headers, told = call(served, "POST", PATHS[0], b"{}", x_huge="a" * 2_000_000)
    assert status == 431
    check(PATHS[0], headers, told, "headers_too_large")
