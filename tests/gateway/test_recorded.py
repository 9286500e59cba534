"""What a client is told is what the next one with the same key is told."""

from pathlib import Path

import pytest
from tests.gateway.vaults import Safe

from roteiro.gateway.idempotency import ANSWER_BYTES, Fresh, Idempotency, Replay
from roteiro.gateway.recorded import Recorded, give
from roteiro.gateway.refusal import Refusal
from roteiro.gateway.vault_thread import VaultThread


class FakeClient:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def answer(self, headers: bytes, body: bytes) -> None:
        self.told.append(("answer", headers, body))

    def refuse(self, refusal: Refusal, headers: bytes) -> None:
        self.told.append(("refuse", refusal.status, refusal.headers + headers, refusal.body))

    def open_stream(self, headers: bytes, frames: bytes) -> None:
        self.told.append(("open", headers, frames))

    def relay(self, frames: bytes) -> None:
        self.told.append(("relay", frames))

    def end_stream(self, frames: bytes, broken: bool) -> None:
        self.told.append(("end", frames, broken))

    def drop(self) -> None:
        self.told.append(("drop",))


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    return Safe(tmp_path / "vault.sqlite")


async def asked(thread: VaultThread, client: FakeClient) -> Recorded | None:
    """One who may be served; None who was given what was kept."""
    verdict = await Idempotency(thread, "run", 0).claimed("acme", "/v1/chat/completions", b"k", b"{}", 60.0)
    if isinstance(verdict, Fresh):
        return Recorded(client, verdict.claim)
    assert isinstance(verdict, Replay)
    give(verdict, client)
    return None


async def served(thread: VaultThread, client: FakeClient) -> Recorded:
    recorded = await asked(thread, client)
    assert recorded is not None
    return recorded


REPLAYED = b"x-request-id: r\r\nidempotency-replayed: true\r\n"


async def test_a_whole_answer(safe: Safe) -> None:
    first, second = FakeClient(), FakeClient()
    with safe.thread() as thread:
        (await served(thread, first)).answer(b"x-request-id: r\r\n", b"{}")
        assert await asked(thread, second) is None
    assert first.told == [("answer", b"x-request-id: r\r\n", b"{}")]
    assert second.told == [("answer", REPLAYED, b"{}")]


async def test_a_refusal_that_lasts(safe: Safe) -> None:
    first, second = FakeClient(), FakeClient()
    with safe.thread() as thread:
        (await served(thread, first)).refuse(Refusal(400, b"x-should-retry: false\r\n", b"no"), b"x-request-id: r\r\n")
        assert await asked(thread, second) is None
    assert second.told == [("refuse", 400, b"x-request-id: r\r\nx-should-retry: false\r\nidempotency-replayed: true\r\n", b"no")]


async def test_a_stream(safe: Safe) -> None:
    first, second = FakeClient(), FakeClient()
    with safe.thread() as thread:
        recorded = await served(thread, first)
        recorded.open_stream(b"x-request-id: r\r\n", b"a")
        recorded.relay(b"b")
        recorded.end_stream(b"c", broken=False)
        assert await asked(thread, second) is None
    assert first.told == [("open", b"x-request-id: r\r\n", b"a"), ("relay", b"b"), ("end", b"c", False)]
    assert second.told == [("open", REPLAYED, b"abc"), ("end", b"", False)]


async def test_what_is_not_kept_may_be_asked_again(safe: Safe) -> None:
    with safe.thread() as thread:
        (await served(thread, FakeClient())).refuse(Refusal(503, b"", b"later"), b"")
        (await served(thread, FakeClient())).drop()
        (await served(thread, FakeClient())).gone()
        broken = await served(thread, FakeClient())
        broken.open_stream(b"", b"a")
        broken.end_stream(b"error", broken=True)
        large = FakeClient()
        (await served(thread, large)).answer(b"", b"x" * (ANSWER_BYTES + 1))
        assert large.told[0][1] == b"x-roteiro-idempotency: answer-too-large-to-keep\r\n"
        long = FakeClient()
        recorded = await served(thread, long)
        recorded.open_stream(b"", b"x" * ANSWER_BYTES)
        recorded.end_stream(b"data: [DONE]\n\n", broken=False)
        assert long.told[-1] == ("end", b": answer too large to keep for its Idempotency-Key\n\ndata: [DONE]\n\n", False)
        assert await asked(thread, FakeClient()) is not None
