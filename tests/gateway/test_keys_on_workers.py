"""Keys on a whole server: a change is in force on every worker when the call that made it returns."""

import http.client
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.server import Server, eventually

from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: upstream, weight: 1, on_premises: true}
models: {chat: {targets: {one: 1}}}
tenants: {acme: {key_limits: {requests: 1000/h}}}
workloads: {chat: {priority: interactive, model: chat}}
"""
WORKERS = 2
ASKED = 24
"""Connections that are tried after a change: with two workers, one of them would be missed by chance once in eight million times."""


@pytest.fixture(scope="module")
def base_urls() -> Iterator[dict[str, str]]:
    with SandboxProcess(SandboxSettings(name="one", fixed=True)) as one:
        yield {"one": one.base_url}


@pytest.fixture(scope="module")
def server(base_urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "plan.yaml").write_text(PLAN)
    with Server(folder / "plan.yaml", folder / "data", base_urls, workers=WORKERS) as server:
        yield server


def statuses(server: Server, key: str) -> set[int]:
    return {server.chat(key) for _ in range(ASKED)}


def made(server: Server, **more: Any) -> dict[str, Any]:
    status, told = server.admin("POST", "/admin/keys", {"tenant": "acme", **more})
    assert status == 201, told
    return dict(told)


def test_a_new_key_opens_at_once_on_all_and_a_revoked_one_on_none(server: Server) -> None:
    told = made(server, name="short-lived")
    assert told["late_workers"] == [] and statuses(server, told["key"]) == {200}
    status, revoked = server.admin("DELETE", "/admin/keys/short-lived")
    assert status == 200 and revoked["late_workers"] == [], "every worker has said that it goes by the new edge"
    assert statuses(server, told["key"]) == {401}


def test_a_worker_that_does_not_say_so_is_named(server: Server) -> None:
    told = made(server, name="late")
    stopped = server.state()["workers"][1]["pid"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        status, revoked = server.admin("DELETE", "/admin/keys/late")
        assert status == 200 and revoked["late_workers"] == [1], revoked
    finally:
        os.kill(stopped, signal.SIGCONT)
    eventually(lambda: server.admin("DELETE", "/admin/keys/late")[1]["late_workers"] == [])
    assert statuses(server, told["key"]) == {401}


def test_a_rotated_key_is_one_key_by_two_secrets(server: Server) -> None:
    old = made(server, name="rotated")["key"]
    status, told = server.admin("POST", "/admin/keys/rotated/rotate", {"overlap_s": 3600})
    new = told["key"]
    assert status == 200 and told["late_workers"] == [] and told["overlap_until"] is not None
    assert statuses(server, old) == statuses(server, new) == {200}
    status, told = server.admin("POST", "/admin/keys/rotated/rotate", {"overlap_s": 0})
    assert statuses(server, old) == statuses(server, new) == {401} and statuses(server, told["key"]) == {200}
    assert {event["key"] for event in server.written() if event["key"] == "rotated"} == {"rotated"}
    status, told = server.admin("POST", "/admin/keys/nobody/rotate", {})
    assert status == 404


def test_a_key_closes_by_itself_when_it_expires(server: Server) -> None:
    told = made(server, name="guest", expires="2s")
    assert told["expires"] is not None

    def row() -> dict[str, Any]:
        return next(key for key in server.admin("GET", "/admin/keys")[1]["keys"] if key["name"] == "guest")

    eventually(lambda: not row()["open"])
    eventually(lambda: server.chat(told["key"]) == 401)
    assert statuses(server, told["key"]) == {401}


def test_a_key_can_be_asked_for_while_the_server_starts(base_urls: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Server(tmp_path / "plan.yaml", tmp_path / "data", base_urls, workers=1, ROTEIRO_ADMIN_PORT=str(port)).launch()
    server.ready = {"admin_port": port}
    try:
        told: Any = eventually(lambda: asked_once(server), 150.0)
        assert told[0] == 201, "it waits for the end of the start, and is not refused"
        assert server.process.stdout is not None and b'"ready": true' in server.process.stdout.readline()
        assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.kill()


def asked_once(server: Server) -> Any:
    """The answer, or None where nobody listens yet."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.ready["admin_port"], timeout=1)) as connection:
        try:
            connection.connect()
        except OSError:
            return None
    connection = http.client.HTTPConnection("127.0.0.1", server.ready["admin_port"], timeout=170)
    with closing(connection):
        connection.request(
            "POST", "/admin/keys", b'{"tenant": "acme"}', {"authorization": f"Bearer {server._environ['ROTEIRO_ADMIN_TOKEN']}"}
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
