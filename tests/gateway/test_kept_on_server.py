"""A whole server keeps its word, whatever is killed: answers for an Idempotency-Key, dead letters, batches."""

import http.client
import json
import os
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.server import Server, eventually, is_alive

from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

PLAN = """
roteiro: 1
providers:
  one:  {name: sandbox, model: upstream, weight: 1, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}}
  slow: {name: sandbox, model: upstream, weight: 0, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}}
  away: {name: sandbox, model: upstream, weight: 0, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}}
models:
  chat: {targets: {one: 1}}
  slow: {targets: {slow: 1}}
  away: {targets: {away: 1}, retry: {attempts: 2, backoff: 1ms, max_backoff: 2ms}}
tenants: {acme: {}, beta: {workloads: [chat]}}
workloads:
  chat: {priority: interactive, model: chat}
  kept: {priority: interactive, model: chat, dead_letter: true}
  nightly: {priority: batch, model: chat, concurrency: 8}
"""
NO_KEYS = "request: {idempotency: {keep: 0s}}\n"
SLOW_S = 0.15
BODY = {"model": "chat", "messages": [{"role": "user", "content": "a secret of acme"}], "max_tokens": 8}


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[dict[str, SandboxProcess]]:
    slow = Latency(Quantiles(SLOW_S, SLOW_S * 1.01), Quantiles(0.0001, 0.0002))
    with SandboxProcess(SandboxSettings(name="one")) as one, SandboxProcess(SandboxSettings(name="slow", latency=slow)) as two:
        yield {"one": one, "slow": two}


@pytest.fixture(scope="module")
def away() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def addresses(sandboxes: dict[str, SandboxProcess], away: int) -> dict[str, str]:
    return {**{name: one.base_url for name, one in sandboxes.items()}, "away": f"http://127.0.0.1:{away}/v1"}


def served(sandboxes: dict[str, SandboxProcess], away: int, folder: Path, workers: int = 2, more: str = "") -> Server:
    (folder / "plan.yaml").write_text(PLAN + more)
    return Server(folder / "plan.yaml", folder / "data", addresses(sandboxes, away), workers=workers)


@pytest.fixture(scope="module")
def server(sandboxes: dict[str, SandboxProcess], away: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(sandboxes, away, tmp_path_factory.mktemp("kept")) as server:
        yield server


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.key("acme")


Answer = tuple[int, dict[str, str], bytes]


def ask(server: Server, key: str, body: Any = None, method: str = "POST", path: str = "/v1/chat/completions", **headers: str) -> Answer:
    """(status, headers, body) of one request on a connection of its own."""
    content = body if isinstance(body, bytes) else None if method != "POST" else json.dumps(body or BODY).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", server.ready["port"], timeout=40)) as connection:
        connection.request(method, path, content, {"authorization": f"Bearer {key}", **named})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def test_an_answer_is_given_again_by_whichever_worker(server: Server, key: str, sandboxes: dict[str, SandboxProcess]) -> None:
    for stream in (False, True):
        body = {**BODY, "stream": stream}
        first = ask(server, key, body, idempotency_key=f"again-{stream}")
        assert first[0] == 200 and "idempotency-replayed" not in first[1]
        again = [eventually(lambda body=body, stream=stream: replayed(server, key, body, f"again-{stream}")) for _ in range(12)]
        assert {(answer[2], answer[1]["x-request-id"]) for answer in again} == {(first[2], first[1]["x-request-id"])}
        if stream:
            assert first[1]["content-type"].startswith("text/event-stream") and again[0][1]["content-type"] == first[1]["content-type"]
    requests = [event["request"] for event in server.written()]
    assert len(requests) == 2, "the journey, the limits and the provider saw each once"


def replayed(server: Server, key: str, body: Any, name: str) -> Answer | None:
    """Once the first answer is kept, which is a moment after it was given."""
    answer = ask(server, key, body, idempotency_key=name)
    assert answer[0] in (200, 409), answer
    return answer if answer[0] == 200 and answer[1].get("idempotency-replayed") == "true" else None


def test_another_body_is_refused_and_a_key_is_of_its_client(server: Server, key: str) -> None:
    assert ask(server, key, idempotency_key="mine")[0] == 200
    status, headers, said = ask(server, key, {**BODY, "max_tokens": 9}, idempotency_key="mine")
    assert (status, json.loads(said)["error"]["code"], headers["x-should-retry"]) == (409, "idempotency_mismatch", "false")
    other = ask(server, server.key("beta"), {**BODY, "max_tokens": 9}, idempotency_key="mine")
    assert other[0] == 200 and "idempotency-replayed" not in other[1]
    assert ask(server, key, idempotency_key="x" * 256)[0] == 400


def test_a_request_whose_worker_was_killed_may_be_asked_again(server: Server, key: str) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.ready["port"], timeout=40)) as connection:
        body = json.dumps({**BODY, "model": "slow", "max_tokens": 100})
        connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {key}", "idempotency-key": "killed"})
        eventually(lambda: server.state()["in_flight"] == 1)
        status, headers, said = ask(server, key, body.encode(), idempotency_key="killed")
        if status == 409:  # else it was over by then
            assert json.loads(said)["error"]["code"] == "idempotency_in_progress" and headers["retry-after"] == "1"
        for worker in server.state()["workers"]:
            os.kill(worker["pid"], signal.SIGKILL)
    answer = eventually(lambda: (got := asked(server, key, body.encode(), "killed")) and got[0] == 200 and got)
    assert json.loads(answer[2])["choices"]


def asked(server: Server, key: str, body: bytes, name: str) -> Answer | None:
    """None where nobody serves just now."""
    try:
        return ask(server, key, body, idempotency_key=name)
    except (OSError, http.client.HTTPException):
        return None


def test_a_dead_letter_outlives_the_server_and_is_answered_once(sandboxes: dict[str, SandboxProcess], away: int, tmp_path: Path) -> None:
    body = {**BODY, "model": "away"}
    server = served(sandboxes, away, tmp_path, 1, NO_KEYS).start()
    try:
        key = server.key("acme")
        assert "x-roteiro-dead-letter" not in ask(server, key, body)[1], "nobody asked for it to be kept"
        status, headers, _ = ask(server, key, body, x_roteiro_workload="kept")
        server.kill()  # the client has its error: the letter is on the disk
    finally:
        if server.process.poll() is None:
            server.kill()
    assert status == 502
    id = headers["x-roteiro-dead-letter"]
    with served(sandboxes, away, tmp_path, 1, NO_KEYS) as after:
        (letter,) = after.admin("GET", "/admin/dlq")[1]["letters"]
        assert (letter["id"], letter["request"], letter["workload"], letter["redrives"]) == (id, headers["x-request-id"], "kept", 0)
        assert after.admin("POST", f"/admin/dlq/{id}/redrive")[1]["redriven"] is None, "still nobody there, and it stays open"
        assert len(after.admin("GET", "/admin/dlq")[1]["letters"]) == 1, "what is redriven makes no letters"
        with SandboxProcess(SandboxSettings(name="away"), port=away):
            told = after.admin("POST", f"/admin/dlq/{id}/redrive")[1]
            assert told["redrive_status"] == 200 and told["redriven"] is not None
            assert after.admin("POST", f"/admin/dlq/{id}/redrive")[1] == told
            answer = json.loads(after.admin("GET", f"/admin/dlq/{id}?answer=true")[1]["answer"])
        assert answer["choices"][0]["message"]["content"]
        with closing(sqlite3.connect(f"file:{after.data / 'vault.sqlite'}?mode=ro", uri=True)) as vault:
            kept = vault.execute("SELECT finished, expires - at > 86400 FROM claims").fetchall()
        assert kept == [(1, 1)], "calls from within are claimed, although clients' keys are not heeded here"
        events = after.written()
        assert [event["outcome"] for event in events] == ["failed", "success"]
        assert {(event["tenant"], event["key"], event["workload"]) for event in events} == {("acme", "acme-1", "kept")}
        files = b"".join(path.read_bytes() for path in after.data.rglob("*") if path.is_file())
        assert b"a secret of acme" not in files + after.log.read_bytes()


def batch_of(server: Server, key: str, items: int, model: str) -> str:
    lines = [
        {"custom_id": f"c{n}", "method": "POST", "url": "/v1/chat/completions", "body": {**BODY, "model": model, "user": f"{n}"}}
        for n in range(items)
    ]
    content = {"purpose": "batch", "content": "\n".join(map(json.dumps, lines))}
    status, _, said = ask(server, key, content, path="/v1/files", content_type="application/json")
    assert status == 200, said
    new = {"input_file_id": json.loads(said)["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    status, _, said = ask(server, key, new, path="/v1/batches")
    assert status == 200 and json.loads(said)["status"] == "in_progress", said
    return str(json.loads(said)["id"])


def batch(server: Server, key: str, id: str) -> dict[str, Any]:
    status, _, said = ask(server, key, method="GET", path=f"/v1/batches/{id}")
    assert status == 200, said
    return dict(json.loads(said))


@pytest.mark.timeout(240)
def test_a_batch_ends_whole_whatever_is_killed(sandboxes: dict[str, SandboxProcess], away: int, tmp_path: Path) -> None:
    items = 60
    server = served(sandboxes, away, tmp_path).start()
    try:
        key = server.key("acme")
        id = batch_of(server, key, items, "slow")
        eventually(lambda: batch(server, key, id)["request_counts"]["completed"] >= 4)
        runner = server.state()["batches"]["pid"]
        os.kill(runner, signal.SIGKILL)
        eventually(lambda: (now := server.state()["batches"]["pid"]) and now != runner)
        before = batch(server, key, id)["request_counts"]["completed"]
        eventually(lambda: batch(server, key, id)["request_counts"]["completed"] > before)
        children = [server.state()["batches"]["pid"], *(worker["pid"] for worker in server.state()["workers"])]
        server.kill()
        eventually(lambda: not any(pid and is_alive(pid) for pid in children))
    finally:
        if server.process.poll() is None:
            server.kill()
    with served(sandboxes, away, tmp_path) as after:
        told = eventually(lambda: (now := batch(after, key, id))["status"] == "completed" and now, 90.0)
        assert told["request_counts"] == {"total": items, "completed": items, "failed": 0} and told["error_file_id"] is None
        output = ask(after, key, method="GET", path=f"/v1/files/{told['output_file_id']}/content")[2]
        lines = [json.loads(line) for line in output.splitlines()]
        assert [line["custom_id"] for line in lines] == [f"c{n}" for n in range(items)]
        assert all(line["response"]["status_code"] == 200 for line in lines)
        other = after.key("beta")
        for path in (f"/v1/batches/{id}", f"/v1/files/{told['output_file_id']}", f"/v1/files/{told['output_file_id']}/content"):
            assert ask(after, other, method="GET", path=path)[0] == 404, "nobody sees what is another's"
