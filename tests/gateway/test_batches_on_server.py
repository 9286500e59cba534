"""Batches as the official clients see them, on a whole server."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from tests.gateway.server import Server, eventually

from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: upstream, weight: 1, on_premises: true}
models: {chat: {targets: {one: 1}}}
tenants: {acme: {}, beta: {}, poor: {workloads: [chat]}}
workloads:
  chat: {priority: interactive, model: chat}
  nightly: {priority: batch, model: chat}
  later: {priority: batch, model: chat, batch: {run: "HOURS"}}
"""
MESSAGES = [{"role": "user", "content": "hello"}]
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("batches")
    hour = time.gmtime().tm_hour  # hours that are never now, however long the tests take
    hours = f"{(hour + 10) % 24:02d}:00-{(hour + 11) % 24:02d}:00"
    (folder / "plan.yaml").write_text(PLAN.replace("HOURS", hours))
    with SandboxProcess(SandboxSettings(name="one")) as one, Server(folder / "plan.yaml", folder / "data", {"one": one.base_url}) as server:
        yield server


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.key("acme")


@pytest.fixture
def client(server: Server, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=key, base_url=f"http://127.0.0.1:{server.ready['port']}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(server: Server, key: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key=key, base_url=f"http://127.0.0.1:{server.ready['port']}", max_retries=0) as client:
        yield client


def line(n: int, path: str = CHAT, **body: Any) -> dict[str, Any]:
    return {"custom_id": f"c{n}", "method": "POST", "url": path, "body": {"model": "chat", "messages": MESSAGES, "max_tokens": 8, **body}}


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def made(client: openai.OpenAI, content: bytes, **more: Any) -> Any:
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=more.pop("endpoint", CHAT), completion_window="24h", **more)


def ended(client: openai.OpenAI, id: str) -> Any:
    return eventually(lambda: (batch := client.batches.retrieve(id)).status not in ("validating", "in_progress", "cancelling") and batch)


def test_openai_from_the_file_to_the_results(client: openai.OpenAI) -> None:
    content = lines(line(0), line(1, model="nonsense"), line(2))
    file = client.files.create(file=("mine.jsonl", content), purpose="batch")
    assert (file.filename, file.bytes, file.purpose, file.status) == ("mine.jsonl", len(content), "batch", "processed")
    assert client.files.content(file.id).content == content
    batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"of": "a test"})
    batch = ended(client, batch.id)
    assert (batch.status, batch.metadata, batch.input_file_id) == ("completed", {"of": "a test"}, file.id)
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (3, 2, 1)
    output = [json.loads(row) for row in client.files.content(batch.output_file_id).text.splitlines()]
    assert [row["custom_id"] for row in output] == ["c0", "c2"]
    assert output[0]["response"]["body"]["choices"][0]["message"]["content"] and output[0]["response"]["request_id"]
    errors = [json.loads(row) for row in client.files.content(batch.error_file_id).text.splitlines()]
    assert [(row["custom_id"], row["response"]["status_code"], row["response"]["body"]["error"]["code"]) for row in errors] == [
        ("c1", 404, "model_not_found")
    ]
    assert batch.id in [row.id for row in client.batches.list()]
    assert {file.id, batch.output_file_id, batch.error_file_id} <= {row.id for row in client.files.list()}
    assert {row.purpose for row in client.files.list(purpose="batch_output")} == {"batch_output"}
    assert client.files.delete(batch.output_file_id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.content(batch.output_file_id)


def test_other_endpoints_too(client: openai.OpenAI) -> None:
    body = {
        "custom_id": "r",
        "method": "POST",
        "url": "/v1/responses",
        "body": {"model": "chat", "input": "hello", "max_output_tokens": 16},
    }
    batch = ended(client, made(client, lines(body), endpoint="/v1/responses").id)
    (row,) = [json.loads(row) for row in client.files.content(batch.output_file_id).text.splitlines()]
    assert row["response"]["body"]["object"] == "response"


def test_a_large_file_is_read_elsewhere_and_a_bad_one_is_told_by_line(client: openai.OpenAI) -> None:
    long = [{"role": "user", "content": "x" * 10_000}]
    rows = [line(n, messages=long) for n in range(150)]
    batch = made(client, lines(*rows))
    assert batch.status == "in_progress" and batch.request_counts.total == 150
    client.batches.cancel(batch.id)
    bad = made(client, lines(*rows, {**line(150), "url": "/v1/embeddings"}))
    assert bad.status == "failed" and bad.failed_at is not None
    assert [(error.line, error.param) for error in bad.errors.data] == [(151, "url")]
    told = ended(client, batch.id)
    assert told.status == "cancelled" and told.request_counts.total == 150


def test_what_waits_for_its_hours_can_be_cancelled(client: openai.OpenAI, server: Server) -> None:
    batch = made(client, lines(line(0), line(1)), extra_headers={"x-roteiro-workload": "later"})
    other = ended(client, made(client, lines(line(0))).id)
    assert other.status == "completed"
    assert client.batches.retrieve(batch.id).request_counts.completed == 0, "its hours have not come"
    client.batches.cancel(batch.id)
    told = ended(client, batch.id)
    assert (told.status, told.output_file_id, told.error_file_id) == ("cancelled", None, None)
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)
    assert "nightly" in {event["workload"] for event in server.written()} and "later" not in {
        event["workload"] for event in server.written()
    }


def test_anthropic_from_the_requests_to_the_results(claude: anthropic.Anthropic) -> None:
    params: Any = {"model": "chat", "max_tokens": 8, "messages": MESSAGES}
    made = claude.messages.batches.create(
        requests=[{"custom_id": "a", "params": params}, {"custom_id": "b", "params": {**params, "model": "nonsense"}}]
    )
    assert (made.processing_status, made.request_counts.processing) == ("in_progress", 2)
    told: Any = eventually(lambda: (now := claude.messages.batches.retrieve(made.id)).processing_status == "ended" and now)
    assert (told.request_counts.succeeded, told.request_counts.errored, told.request_counts.processing) == (1, 1, 0)
    results = {row.custom_id: row.result for row in claude.messages.batches.results(made.id)}
    assert results["a"].type == "succeeded" and results["a"].message.content[0].text  # type: ignore[union-attr]
    assert results["b"].type == "errored" and results["b"].error.error.type == "not_found_error"  # type: ignore[union-attr]
    assert made.id in [row.id for row in claude.messages.batches.list(limit=1)]
    assert claude.messages.batches.delete(made.id).id == made.id
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.batches.retrieve(made.id)


def test_anthropics_own_words_for_what_is_wrong(claude: anthropic.Anthropic) -> None:
    params: Any = {"model": "chat", "max_tokens": 8, "messages": MESSAGES}
    twice: Any = [{"custom_id": "a", "params": params}] * 2
    large: Any = [{"custom_id": "a", "params": {**params, "messages": [{"role": "user", "content": "x" * 2_000_000}]}}] * 2
    for requests in ([], twice, large):
        with pytest.raises(anthropic.BadRequestError) as caught:
            claude.messages.batches.create(requests=requests)
        assert caught.value.body["type"] == "error"  # type: ignore[index]
    held = claude.messages.batches.create(requests=[{"custom_id": "a", "params": params}], extra_headers={"x-roteiro-workload": "later"})
    with pytest.raises(anthropic.BadRequestError, match="has not ended"):
        list(claude.messages.batches._get(f"/v1/messages/batches/{held.id}/results", cast_to=object))  # type: ignore[call-overload]
    with pytest.raises(anthropic.BadRequestError, match="cancel it first"):
        claude.messages.batches.delete(held.id)
    assert claude.messages.batches.cancel(held.id).processing_status in ("canceling", "ended")
    eventually(lambda: claude.messages.batches.retrieve(held.id).processing_status == "ended")
    (row,) = claude.messages.batches.results(held.id)
    assert row.result.type == "canceled"
    assert "none" not in [batch.id for batch in claude.messages.batches.list()]


def call(server: Server, key: str | None, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.ready["port"], timeout=40)) as connection:
        told = {"authorization": f"Bearer {key}"} if key else {}
        connection.request(method, path, body, {**told, **{name.replace("_", "-"): value for name, value in headers.items()}})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_nobody_sees_or_does_anything_of_anothers(server: Server, client: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    params: Any = {"model": "chat", "max_tokens": 8, "messages": MESSAGES}
    batch = ended(client, made(client, lines(line(0))).id)
    messages = claude.messages.batches.create(requests=[{"custom_id": "a", "params": params}])
    other = server.key("beta")
    paths = [
        ("GET", f"/v1/batches/{batch.id}"), ("POST", f"/v1/batches/{batch.id}/cancel"), ("GET", f"/v1/files/{batch.output_file_id}"),
        ("GET", f"/v1/files/{batch.input_file_id}/content"), ("DELETE", f"/v1/files/{batch.input_file_id}"),
        ("GET", f"/v1/messages/batches/{messages.id}"), ("GET", f"/v1/messages/batches/{messages.id}/results"),
        ("POST", f"/v1/messages/batches/{messages.id}/cancel"), ("DELETE", f"/v1/messages/batches/{messages.id}"),
        ("GET", f"/v1/batches?after={batch.id}"), ("GET", f"/v1/messages/batches?after_id={messages.id}"),
    ]  # fmt: skip
    for method, path in paths:
        assert call(server, other, method, path)[0] == 404, path
        assert call(server, None, method, path)[0] == 401, path
    new = json.dumps({"input_file_id": batch.input_file_id, "endpoint": CHAT, "completion_window": "24h"}).encode()
    assert call(server, other, "POST", "/v1/batches", new)[0] == 404
    for path in ("/v1/batches", "/v1/files", "/v1/messages/batches"):
        assert call(server, other, "GET", path)[1]["data"] == []


def test_a_tenant_without_a_workload_for_batches_is_told_so(server: Server, client: openai.OpenAI) -> None:
    poor = server.key("poor")
    file = call(
        server, poor, "POST", "/v1/files", json.dumps({"purpose": "batch", "content": "x"}).encode(), content_type="application/json"
    )[1]
    new = json.dumps({"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"}).encode()
    status, told = call(server, poor, "POST", "/v1/batches", new)
    assert (status, told["error"]["code"]) == (400, "no_batch_workload") and "priority batch" in told["error"]["message"]
    with pytest.raises(openai.BadRequestError, match="not of priority batch"):
        made(client, lines(line(0)), extra_headers={"x-roteiro-workload": "chat"})


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        ("/v1/files", b"", {}, 400, "invalid_content_type"),
        ("/v1/files", b"nonsense", {"content_type": "multipart/form-data; boundary=x"}, 400, "invalid_form"),
        ("/v1/files", b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--x--\r\n', {"content_type": "multipart/form-data; boundary=x"}, 400, "missing_required_parameter"),
        ("/v1/files", b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n{}\r\n--x--\r\n', {"content_type": "multipart/form-data; boundary=x"}, 400, "missing_required_parameter"),
        ("/v1/files", b'{"purpose": "fine-tune", "content": ""}', {"content_type": "application/json"}, 400, "invalid_value"),
        ("/v1/files", b'{"purpose": 3}', {"content_type": "application/json"}, 400, "invalid_json"),
        ("/v1/batches", b"{", {}, 400, "invalid_json"),
        ("/v1/batches", b"{}", {}, 400, "invalid_value"),
        ("/v1/batches", b'{"input_file_id": "x", "endpoint": "/v1/files", "completion_window": "24h"}', {}, 400, "invalid_value"),
        ("/v1/batches", b'{"input_file_id": "x", "endpoint": "/v1/chat/completions", "completion_window": "1h"}', {}, 400, "invalid_value"),
        ("/v1/batches", b'{"input_file_id": "x", "endpoint": "/v1/chat/completions", "completion_window": "24h"}', {}, 404, "not_found"),
        ("/v1/batches", b" " * 100_000, {}, 413, "request_too_large"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(server: Server, key: str, path: str, body: bytes, headers: dict[str, str], status: int, code: str) -> None:
    got, told = call(server, key, "POST", path, body, **headers)
    assert (got, told["error"]["code"]) == (status, code), told


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1001"])
def test_a_page_has_a_length(server: Server, key: str, limit: str) -> None:
    for path in ("/v1/batches", "/v1/files"):
        assert call(server, key, "GET", f"{path}?limit={limit}")[0] == 400
    assert call(server, key, "GET", f"/v1/messages/batches?limit={limit}")[1]["type"] == "error"


def test_nothing_of_it_is_to_be_read_on_the_disk(server: Server, client: openai.OpenAI) -> None:
    secret = "a secret that only acme knows"
    ended(client, made(client, lines(line(0, messages=[{"role": "user", "content": secret}]), line(1))).id)
    found = [path for path in Path(server.data).rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert found == [] and secret not in server.log.read_text()
