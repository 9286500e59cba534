"""The administration port: who may ask, what is answered, and what bad calls get."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.gateway.world import PLAN, World, compiled, world

from roteiro.gateway.admin import PLAN_BYTES, administration
from roteiro.gateway.inner_call import InnerPort
from roteiro.gateway.key_care import Spread
from roteiro.gateway.keys import Key
from roteiro.gateway.snapshot import snapshot
from roteiro.gateway.vault_thread import VaultThread
from roteiro.plan.model import Plan
from roteiro.plan.read import Reading
from roteiro.terms.codes import BreakerState
from roteiro.terms.error import PlanError, RequestError, SettingsError

TOKEN = "the-token-of-the-administration"
SPREAD = Spread(0.0025, ())
KEY = Key("acme-1", "0" * 64, "acme", None, datetime(2026, 1, 2, tzinfo=UTC))


class FakeServer:
    """Answers as told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.environment: str | None = None
        self.status = "serving"
        self.world: World = world(compiled())
        self.readings: list[Reading] = []
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.refusal: Exception | None = None
        self.rotated: list[tuple[str, float]] = []
        self.expires: str | None = None
        self.by = ("", "")
        self.vault: VaultThread

    @property
    def in_force(self) -> tuple[Plan, str, int]:
        return self.world.compiled.plan, self.world.compiled.edge.digest, 0

    def state(self) -> dict[str, Any]:
        plan, digest, version = self.in_force
        workers = [{"worker": 0, "pid": 17, "rss_bytes": 1024, "restarts": 2}, {"worker": 1, "pid": None, "rss_bytes": None, "restarts": 0}]
        return {
            "run": 'run-"1"', "status": self.status, "plan": {"name": plan.name, "digest": digest, "version": version},
            **snapshot(self.world.compiled, self.world.state, 10.0), "workers": workers,
            "writer": {"pid": 18, "rss_bytes": 2048, "restarts": 0, "error": None}, "local_models": [],
            "supervisor": {"pid": 16, "rss_bytes": 4096},
            "slo": {"frozen": False, "objectives": []}, "notices": {"ops": {"waiting": 1}},
        }  # fmt: skip

    def metrics(self, accept: str) -> tuple[bytes, str]:
        return f"# of {accept}\n".encode(), "text/plain; version=0.0.4"

    def overview(self) -> dict[str, Any]:
        return {"recent": {}}

    async def adopt(self, reading: Reading, by: str, override: str = "") -> bool:
        self.by = (by, override)
        self.readings.append(reading)
        if reading.plan is None:
            raise PlanError(reading.problems)
        if self.refusal is not None:
            raise self.refusal
        return True

    async def add_key(self, tenant: str, workload: str | None, name: str | None, expires: str | None = None) -> tuple[Key, str, Spread]:
        self.expires = expires
        self.asked.append((tenant, workload, name))
        if self.refusal is not None:
            raise self.refusal
        return KEY, "rk-secret", SPREAD

    async def rotate_key(self, name: str, overlap_s: float) -> tuple[Key, str, Spread]:
        self.rotated.append((name, overlap_s))
        return KEY, "rk-other", Spread(0.5, (1,))

    @property
    def kept(self) -> VaultThread:
        return self.vault

    @property
    def inner(self) -> InnerPort:
        raise SettingsError("the server is starting; nothing is changed now")

    async def revoke_key(self, name: str) -> tuple[Key, Spread]:
        if name != KEY.name:
            raise RequestError(404, "unknown_key", f"there is no key {name!r}")
        return Key(KEY.name, KEY.sha256, KEY.tenant, None, KEY.created, datetime(2026, 1, 3, tzinfo=UTC)), SPREAD

    async def keys(self) -> list[Key]:
        return [KEY]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


async def call(server: FakeServer, method: str, path: str, token: str | None = TOKEN, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token is not None else {}
    transport = httpx.ASGITransport(administration(server, TOKEN))
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        return await client.request(method, path, headers=headers, **more)


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], "é"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/state"),
        ("GET", "/metrics"),
        ("GET", "/admin/overview"),
        ("GET", "/admin/plan"),
        ("POST", "/admin/plan"),
        ("POST", "/admin/keys"),
        ("DELETE", "/admin/keys/acme-1"),
    ],
)
async def test_nothing_is_told_or_done_without_the_token(server: FakeServer, method: str, path: str, token: str | None) -> None:
    header = None if token is None else token.encode().decode("latin-1")
    answer = await call(server, method, path, None if header is None or not header.isascii() else header)
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert server.readings == [] and server.asked == []


@pytest.mark.parametrize(("status", "code"), [("serving", 200), ("draining", 503), ("starting", 503)])
async def test_health_is_for_everyone(server: FakeServer, status: str, code: int) -> None:
    server.status = status
    answer = await call(server, "GET", "/health", None)
    assert (answer.status_code, answer.json()) == (code, {"status": status})


async def test_the_state_names_every_counter(server: FakeServer) -> None:
    state = server.world.state
    state.targets["in_flight"][1], state.targets["calls"][1], state.breakers["state"][1] = 3, 9, BreakerState.OPEN
    state.targets["paused_until"][1], state.tenants["in_flight"][0] = 12.5, 3
    told = (await call(server, "GET", "/admin/state")).json()
    target = told["targets"][1]
    assert (target["name"], target["in_flight"], target["calls"], target["breaker"], target["paused_s"]) == ("two", 3, 9, "open", 2.5)
    assert told["targets"][0]["breaker"] == "closed" and told["targets"][0]["slots"] == 256
    assert [(row["name"], row["in_flight"], row["slots"]) for row in told["tenants"]] == [("acme", 3, None), ("beta", 0, None)]
    assert told["queues"] == {"critical": 0, "interactive": 0, "batch": 0, "sandbox": 0}


async def test_metrics_are_in_the_form_that_is_accepted(server: FakeServer) -> None:
    answer = await call(server, "GET", "/metrics")
    assert (answer.headers["content-type"], answer.text) == ("text/plain; version=0.0.4", "# of */*\n")


async def test_the_overview_is_the_servers(server: FakeServer) -> None:
    assert (await call(server, "GET", "/admin/overview")).json() == {"recent": {}}


async def test_a_plan_is_adopted_from_the_body_or_from_a_file(server: FakeServer, tmp_path: Path) -> None:
    text = PLAN.replace("URL0", "http://127.0.0.1:9").replace("URL1", "http://127.0.0.1:9").replace(", TIMES", "")
    answer = await call(server, "POST", "/admin/plan", content=text)
    assert answer.status_code == 200 and answer.json()["adopted"] is True
    (tmp_path / "plan.yaml").write_text(text)
    (tmp_path / "plan.night.yaml").write_text("queue: {size: 7}")
    server.environment = "night"
    assert (await call(server, "POST", "/admin/plan", json={"path": str(tmp_path / "plan.yaml")})).status_code == 200
    sizes = [reading.plan.queue.size for reading in server.readings if reading.plan is not None]
    assert sizes == [1000, 7], "the overlay lies beside the file"


@pytest.mark.parametrize(
    "sent", [b"providers: {one: {wheight: 1, colour: red}}", b"\xff\xfe", b"", b"[1]", b'{"path": "/nowhere/plan.yaml"}']
)
async def test_a_refused_plan_is_answered_with_every_problem(server: FakeServer, sent: bytes) -> None:
    answer = await call(server, "POST", "/admin/plan", content=sent)
    told = answer.json()
    assert answer.status_code == 422 and told["adopted"] is False and told["error"]["code"] == "plan_refused"
    assert told["problems"] == [
        {
            "code": p.code, "file": p.where.file, "line": p.where.line, "column": p.where.column, "path": p.path, "message": p.message,
            "remedy": p.remedy, "severity": p.severity.value,
        }
        for p in server.readings[0].problems
    ]  # fmt: skip
    assert told["problems"]


async def test_what_the_machine_lacks_is_no_fault_of_the_plan(server: FakeServer) -> None:
    server.refusal = SettingsError("provider one needs its key in the environment variable ONE_KEY, which is not set")
    text = PLAN.replace("URL0", "http://127.0.0.1:9").replace("URL1", "http://127.0.0.1:9").replace(", TIMES", "")
    answer = await call(server, "POST", "/admin/plan", content=text)
    assert answer.status_code == 503 and "ONE_KEY" in answer.json()["error"]["message"]


async def test_a_body_is_bounded(server: FakeServer) -> None:
    answer = await call(server, "POST", "/admin/plan", content=b"#" * (PLAN_BYTES + 1))
    assert answer.status_code == 413 and server.readings == []


async def test_the_plan_in_force_is_shown_whole(server: FakeServer) -> None:
    told = (await call(server, "GET", "/admin/plan")).json()
    assert told["digest"] == server.in_force[1] and set(told["plan"]["providers"]) == {"one", "two"}


async def test_a_key_is_shown_once(server: FakeServer) -> None:
    answer = await call(server, "POST", "/admin/keys", json={"tenant": "acme", "workload": "chat", "name": "acme-1"})
    assert answer.status_code == 201 and answer.json()["key"] == "rk-secret" and answer.headers["cache-control"] == "no-store"
    assert server.asked == [("acme", "chat", "acme-1")]
    told = await call(server, "GET", "/admin/keys")
    assert told.json()["keys"] == [
        {
            "name": "acme-1",
            "tenant": "acme",
            "workload": None,
            "created": "2026-01-02T00:00:00+00:00",
            "revoked": None,
            "expires": None,
            "overlap_until": None,
            "open": True,
        }
    ]
    assert "0" * 64 not in told.text


async def test_a_key_may_have_an_end_and_another_secret(server: FakeServer) -> None:
    answer = await call(server, "POST", "/admin/keys", json={"tenant": "acme", "expires": "30d"})
    assert (server.expires, answer.json()["effective_ms"], answer.json()["late_workers"]) == ("30d", 2.5, [])
    for body, overlap_s in ((None, 3600.0), ({"overlap_s": 60}, 60.0)):
        told = await call(server, "POST", "/admin/keys/acme-1/rotate", json=body)
        assert told.status_code == 200 and told.json()["key"] == "rk-other" and told.headers["cache-control"] == "no-store"
        assert told.json()["late_workers"] == [1], "who has not said so is named"
        assert server.rotated[-1] == ("acme-1", overlap_s)


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b'{"tenant": 3}', b'{"name": "x"}', b'{"tenant": "acme", "admin": true}', b"\xff"])
async def test_a_nonsensical_call_for_a_key_is_told_so(server: FakeServer, sent: bytes) -> None:
    answer = await call(server, "POST", "/admin/keys", content=sent)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "bad_request" and server.asked == []


async def test_keys_are_revoked_by_name(server: FakeServer) -> None:
    told = (await call(server, "DELETE", "/admin/keys/acme-1")).json()
    assert told["revoked"] == "2026-01-03T00:00:00+00:00" and told["open"] is False
    assert (await call(server, "DELETE", "/admin/keys/other")).status_code == 404


@pytest.mark.parametrize(("method", "path", "code"), [("GET", "/nothing", 404), ("PUT", "/admin/plan", 405), ("POST", "/health", 405)])
async def test_what_is_not_there_is_answered_in_json(server: FakeServer, method: str, path: str, code: int) -> None:
    answer = await call(server, method, path)
    assert answer.status_code == code and answer.json()["error"]["code"] in ("not_found", "method_not_allowed")
