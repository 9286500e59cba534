"""Dead letters: on the disk before anyone is told, bounded, shown without content, and answered once when they are sent again."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.gateway.vaults import Safe

from roteiro.gateway import dead_letters
from roteiro.gateway.admin_letters import letter_routes
from roteiro.gateway.dead_letters import Answered, Content, DeadLetters, Letter, Letters, wanted
from roteiro.gateway.inner_call import InnerAnswer, InnerCallError, InnerPort
from roteiro.gateway.redrive import redrive
from roteiro.gateway.vault_thread import VaultThread
from roteiro.terms.codes import Outcome
from roteiro.terms.error import RequestError

LETTER = Letter(
    tenant="acme", key="acme-1", workload="nightly", model="chat", path="/v1/chat/completions", reason="out_of_attempts",
    tried="server error, timeout", status=502, request="run-1-7",
)  # fmt: skip
BODY = b'{"model": "chat", "messages": [{"role": "user", "content": "a secret of acme"}]}'
KEEP_S = 3600.0


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    return Safe(tmp_path / "vault.sqlite")


async def kept(thread: VaultThread, letter: Letter = LETTER, body: bytes = BODY) -> str:
    """The id of a new letter."""
    lines: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    DeadLetters(thread).keep(letter, Content(body, {"content-type": "application/json"}), KEEP_S, lines.set_result)
    line = await lines
    assert line.startswith(b"x-roteiro-dead-letter: dl-") and line.endswith(b"\r\n")
    return line.decode().split(": ")[1].strip()


class FakePort(InnerPort):
    """Answers as told, and keeps what it was sent."""

    def __init__(self, *answers: InnerAnswer | None) -> None:
        object.__setattr__(self, "answers", list(answers))
        object.__setattr__(self, "sent", [])

    def call(self, path: str, body: bytes, key: str, headers: dict[str, str], within_s: float = 0.0) -> InnerAnswer:
        self.sent.append((path, body, key, headers))  # type: ignore[attr-defined]
        answer = self.answers.pop(0)  # type: ignore[attr-defined]
        if answer is None:
            raise InnerCallError("nobody listens")
        return answer


def answer(status: int = 200, body: bytes = b'{"id": "c1"}', request: str = "run-1-9") -> InnerAnswer:
    return InnerAnswer(status, {"content-type": "application/json", "x-request-id": request}, body)


@pytest.mark.parametrize(
    ("outcome", "workload", "header", "expected"),
    [
        (Outcome.FAILED, True, None, True),
        (Outcome.FAILED, False, None, False),
        (Outcome.FAILED, False, b"keep", True),
        (Outcome.UNAVAILABLE, False, b" Keep ", True),
        (Outcome.SHED, True, None, True),
        (Outcome.FAILED, True, b"no", False),
        (Outcome.FAILED, True, b"nonsense", True),
        (Outcome.FAILED, False, b"nonsense", False),
        (Outcome.SUCCESS, True, b"keep", False),
        (Outcome.INVALID, True, b"keep", False),
        (Outcome.LIMITED, True, b"keep", False),
        (Outcome.CANCELLED, True, b"keep", False),
    ],
)
def test_what_is_kept(outcome: Outcome, workload: bool, header: bytes | None, expected: bool) -> None:
    assert wanted(outcome, workload, header) is expected


async def test_a_letter_is_on_the_disk_when_it_is_told(safe: Safe) -> None:
    with safe.thread() as thread:
        id = await kept(thread)
        with safe.vault() as another:  # as another process sees it, now
            (letter,) = Letters(another).listed()
            assert Letters(another).content(id) == Content(BODY, {"content-type": "application/json"})
    now = safe.clock.now
    assert letter == Letter(
        **{f: getattr(LETTER, f) for f in ("tenant", "key", "workload", "model", "path", "reason", "tried", "status", "request")},
        id=id, at=now, expires=now + KEEP_S, bytes=letter.bytes,
    )  # fmt: skip
    assert b"a secret of acme" not in safe.bytes()


async def test_a_disk_that_refuses_is_told_and_the_client_gets_its_error_all_the_same(safe: Safe, caplog: pytest.LogCaptureFixture) -> None:
    safe.path = safe.path.parent / "nowhere" / "vault.sqlite"
    lines: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    with safe.thread() as thread:
        DeadLetters(thread).keep(LETTER, Content(BODY), KEEP_S, lines.set_result)
        assert await lines == b""
    assert "the dead letter of request run-1-7 could not be kept" in caplog.text and "secret" not in caplog.text


async def test_the_oldest_make_room_and_are_counted(safe: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "MOST_LETTERS", 3)
    with safe.thread() as thread:
        ids = []
        for _ in range(5):
            safe.clock.now += 1
            ids.append(await kept(thread))
        assert [letter.id for letter in await thread.run(lambda vault: Letters(vault).listed())] == ids[2:]
        monkeypatch.setattr(dead_letters, "MOST_BYTES", 1)
        last = await kept(thread, body=b"x" * 10_000)
        assert [letter.id for letter in await thread.run(lambda vault: Letters(vault).listed())] == [last], "one always has room"
        look = await thread.run(lambda vault: Letters(vault).look())
    assert (look["letters"], look["kept"], look["dropped"], look["expired"]) == (1, 6, 5, 0)


async def test_letters_are_found_by_tenant_and_age_and_expire(safe: Safe) -> None:
    with safe.thread() as thread:
        old = await kept(thread)
        safe.clock.now += 100
        other = await kept(thread, Letter(**{**{f: getattr(LETTER, f) for f in LETTER.__struct_fields__}, "tenant": "beta"}))

        def found(**more: Any) -> Any:
            return thread.run(lambda vault: [letter.id for letter in Letters(vault).listed(**more)])

        assert await found() == [old, other]
        assert await found(tenant="beta") == [other]
        assert await found(older_than_s=50.0) == [old]
        assert await found(tenant="beta", older_than_s=50.0) == []
        safe.clock.now += KEEP_S - 50
        assert await found() == [other]
        with pytest.raises(RequestError) as caught:
            await thread.run(lambda vault: Letters(vault).content(old))
        assert caught.value.status == 404
        await thread.run(lambda vault: Letters(vault).sweep())
        assert (await thread.run(lambda vault: Letters(vault).look()))["expired"] == 1


async def test_redriving_goes_through_the_gateway_under_a_key_of_its_own(safe: Safe) -> None:
    port = FakePort(answer())
    with safe.thread() as thread:
        id = await kept(thread)
        letter = await redrive(thread, port, id)
        again = await redrive(thread, port, id)
        assert again == letter, "twice is once"
        told = await thread.run(lambda vault: Letters(vault).answer(id))
        assert told == Answered(200, "application/json", b'{"id": "c1"}')
        with pytest.raises(RequestError) as caught:
            await thread.run(lambda vault: Letters(vault).answer(id))
        assert caught.value.status == 410, "the answer can be had once"
    assert (letter.redrives, letter.redrive_status, letter.redrive_request, letter.answer_kept) == (1, 200, "run-1-9", True)
    headers = {
        "content-type": "application/json", "idempotency-key": f"dlq-{id}", "x-roteiro-dead-letter": "no", "x-roteiro-workload": "nightly",
    }  # fmt: skip
    assert port.sent == [("/v1/chat/completions", BODY, "acme-1", headers)]  # type: ignore[attr-defined]
    assert b'{"id": "c1"}' not in safe.bytes()


async def test_a_redrive_that_fails_leaves_the_letter_open(safe: Safe) -> None:
    port = FakePort(None, answer(503), answer(409), answer(400, b'{"error": {}}'), answer(200))
    with safe.thread() as thread:
        id = await kept(thread)
        states = []
        for _ in range(5):
            letter = await redrive(thread, port, id)
            states.append((letter.redrive_status, letter.redriven is not None, letter.redrives))
    assert states == [(0, False, 1), (503, False, 2), (409, False, 3), (400, True, 4), (400, True, 4)], "a final refusal is an answer"


class Keeper:
    """A server that keeps letters."""

    def __init__(self, thread: VaultThread, port: FakePort) -> None:
        self._thread, self._port = thread, port

    @property
    def kept(self) -> VaultThread:
        return self._thread

    @property
    def inner(self) -> InnerPort:
        return self._port


async def call(keeper: Keeper, method: str, path: str) -> httpx.Response:
    from starlette.applications import Starlette

    from roteiro.gateway.admin import refused_request

    app = Starlette(routes=letter_routes(keeper, lambda endpoint: endpoint), exception_handlers={RequestError: refused_request})  # type: ignore[dict-item]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin") as client:
        return await client.request(method, path)


async def test_the_administration_lists_shows_redrives_and_purges(safe: Safe, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with safe.thread() as thread:
        keeper = Keeper(thread, FakePort(answer()))
        first, second = await kept(thread), await kept(thread, body=b"\xff")
        listed = (await call(keeper, "GET", "/admin/dlq")).json()
        assert {row["id"] for row in listed["letters"]} == {first, second} and listed["counts"]["letters"] == 2
        assert "secret" not in str(listed)
        shown = await call(keeper, "GET", f"/admin/dlq/{first}")
        assert "secret" not in shown.text and shown.json()["reason"] == "out_of_attempts"
        assert "audit" not in caplog.text
        shown = await call(keeper, "GET", f"/admin/dlq/{first}?content=true")
        assert shown.json()["body"].encode() == BODY and shown.headers["cache-control"] == "no-store"
        assert f"audit: the content of dead letter {first} of tenant acme is shown" in caplog.text
        assert (await call(keeper, "GET", f"/admin/dlq/{second}?content=true")).json()["body_base64"] == "/w=="
        assert (await call(keeper, "GET", f"/admin/dlq/{first}?answer=true")).json()["error"]["code"] == "not_redriven"
        assert (await call(keeper, "POST", f"/admin/dlq/{first}/redrive")).json()["redrive_status"] == 200
        told = (await call(keeper, "GET", f"/admin/dlq/{first}?answer=true")).json()
        assert (told["answer"], told["answer_status"]) == ('{"id": "c1"}', 200)
        assert (await call(keeper, "GET", f"/admin/dlq/{first}?answer=true")).status_code == 410
        for path in ("/admin/dlq/dl-none", "/admin/dlq/dl-none?content=true"):
            assert (await call(keeper, "GET", path)).status_code == 404
        assert (await call(keeper, "POST", "/admin/dlq/dl-none/redrive")).status_code == 404
        assert (await call(keeper, "DELETE", "/admin/dlq")).json()["error"]["code"] == "which", "not all of them by a slip"
        assert (await call(keeper, "DELETE", "/admin/dlq?older_than_s=x")).status_code == 422
        assert (await call(keeper, "DELETE", f"/admin/dlq?id={first}&id=dl-none")).json() == {"purged": 1}
        assert (await call(keeper, "DELETE", "/admin/dlq?tenant=beta")).json() == {"purged": 0}
        assert (await call(keeper, "DELETE", "/admin/dlq?all=true")).json() == {"purged": 1}
    assert "secret" not in caplog.text
