"""A whole server looks at its answers and hears of them: signals in the ledger, feedback, no text on the disk, whatever is killed."""

import http.client
import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.server import Server, eventually, number_of

from roteiro.ledger import Ledger
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: upstream, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}}
  two: {name: sandbox, model: upstream, dialect: anthropic, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}}
models: {chat: {targets: {one: 1}}, other: {targets: {two: 1}}, unseen: {targets: {one: 1}}}
tenants:
  acme: {limits: {requests: 1000/min}}
  beta: {}
  few: {limits: {requests: 2/min}}
workloads: {chat: {priority: interactive, model: chat}}
quality:
  observe: {share: 100%, models: {unseen: 0%}}
  feedback: true
"""
SECRET = "jabuticaba-of-acme"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("examined")
    (folder / "plan.yaml").write_text(PLAN)
    with (
        SandboxProcess(SandboxSettings(name="one")) as one,
        SandboxProcess(SandboxSettings(name="two", dialect="anthropic")) as two,
        Server(folder / "plan.yaml", folder / "data", {"one": one.base_url, "two": two.base_url}) as server,
    ):
        yield server


def post(server: Server, key: str, path: str, body: Any) -> tuple[int, str, Any]:
    """(status, x-request-id, answer)"""
    with closing(http.client.HTTPConnection("127.0.0.1", server.ready["port"], timeout=30)) as connection:
        connection.request("POST", path, json.dumps(body), {"authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        said = answer.read()
        return answer.status, answer.getheader("x-request-id") or "", said if body.get("stream") else json.loads(said)


def chat(server: Server, key: str, **more: Any) -> str:
    body = {"model": "chat", "messages": [{"role": "user", "content": f"Qual é o preço da {SECRET}?"}], "max_tokens": 30, **more}
    status, request, said = post(server, key, "/v1/chat/completions", body)
    assert status == 200, said
    return request


def signals(data: Path, request: str) -> dict[str, float]:
    run, number = request.rpartition("-")[0], number_of(request)
    rows = Ledger(data).sql("SELECT kind, value FROM signals WHERE run = ? AND request = ?", [run, number]).to_pylist()
    return {row["kind"]: row["value"] for row in rows}


def test_what_answers_say_is_in_the_ledger_and_what_they_say_it_with_is_nowhere(server: Server) -> None:
    key = server.key("acme")
    cut, streamed = chat(server, key, max_tokens=3), chat(server, key, stream=True)
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    formed, elsewhere, unseen = chat(server, key, response_format=form), chat(server, key, model="other"), chat(server, key, model="unseen")
    last = chat(server, key)
    eventually(lambda: all(signals(server.data, request) for request in (cut, streamed, formed, elsewhere, last)))
    assert signals(server.data, cut)["truncated"] == 1.0
    assert signals(server.data, formed)["format"] == 1.0
    assert "format" not in signals(server.data, cut), "unverified is no value"
    assert {"refused", "repetition", "leaks", "truncated"} <= set(signals(server.data, streamed))
    assert signals(server.data, unseen) == {}
    row = Ledger(server.data).sql("SELECT * FROM signals WHERE request = ? LIMIT 1", [number_of(elsewhere)]).to_pylist()[0]
    assert (row["tenant"], row["target"], row["model"], row["workload"], row["world"]) == ("acme", "two", "other", "chat", "live")
    eventually(lambda: server.state()["examiner"]["samples"].get("looked_at", 0) >= 5)  # it tells its counts now and then
    samples = server.state()["examiner"]["samples"]
    assert samples["unreadable"] == samples["dropped"] == 0
    found = [path for path in server.data.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert found == []
    assert SECRET not in server.log.read_text()


def test_feedback_is_the_callers_own_and_once(server: Server) -> None:
    key, other = server.key("acme", name="theirs"), server.key("beta")
    request = chat(server, key)

    def say(by: str = key, **body: Any) -> tuple[int, str]:
        status, _, answer = post(server, by, "/v1/feedback", {"request": request, **body})
        return status, answer.get("error", {}).get("code", "")

    assert say(other, thumb="up") == (404, "request_not_found")
    assert say(rating=6) == (400, "invalid_value") == say() == say(score=0.5, thumb="up")
    assert say(rating=4, comment="boa resposta", category="tone") == (200, "")
    assert say(thumb="down") == (409, "feedback_given")
    assert post(server, key, "/v1/feedback", {"request": request + "9999999", "score": 1.0})[0] == 404
    assert post(server, key, "/v1/feedback", {"request": "nonsense", "score": 1.0})[0] == 404
    assert post(server, "rk-nobody", "/v1/feedback", {"request": request, "score": 1.0})[0] == 401
    eventually(lambda: signals(server.data, request).get("feedback") == 0.75)
    few = server.key("few")
    assert [post(server, few, "/v1/feedback", {"request": request, "score": 1.0})[0] for _ in range(3)] == [404, 404, 429]


def test_an_examiner_that_is_killed_is_missed_by_nobody(server: Server) -> None:
    key = server.key("acme", name="again")
    before = server.state()["examiner"]
    os.kill(before["pid"], signal.SIGKILL)
    requests = [chat(server, key) for _ in range(5)]
    eventually(
        lambda: (now := server.state()["examiner"])["pid"] not in (None, before["pid"]) and now["restarts"] == before["restarts"] + 1
    )
    eventually(lambda: signals(server.data, requests[-1]))
    assert post(server, key, "/v1/feedback", {"request": requests[0], "thumb": "down"})[0] == 200


def test_feedback_comes_after_a_restart_too(server: Server) -> None:
    """Last: it ends the server and starts another on the same directory."""
    key = server.key("acme", name="late")
    request = chat(server, key)
    assert server.stop() == 0
    server.start()
    assert post(server, key, "/v1/feedback", {"request": request, "thumb": "up"})[0] == 200
    assert post(server, key, "/v1/feedback", {"request": request, "thumb": "up"})[0] == 409
    row = eventually(
        lambda: Ledger(server.data).sql("SELECT * FROM signals WHERE run = ? AND kind = 'feedback'", [server.ready["run"]]).to_pylist()
    )
    assert (row[0]["tenant"], row[0]["target"], row[0]["model"], row[0]["value"]) == ("acme", "one", "chat", 1.0)
    assert row[0]["request"] == -1, "the request is another run's"
