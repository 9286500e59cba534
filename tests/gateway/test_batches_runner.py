"""Queued items run when they may, are sent once, wait where there is no room, and end as they should."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.gateway.test_batches_store import open_batch
from tests.gateway.vaults import Safe
from tests.gateway.world import compiled

from roteiro.gateway.batches_runner import EdgeFile, Runner, within
from roteiro.gateway.batches_store import WINDOW_S, Batch, Batches, Counts, Item, ItemState
from roteiro.gateway.batches_verdict import Again, line_of, unsent, verdict
from roteiro.gateway.inner_call import InnerAnswer, InnerCallError, InnerPort
from roteiro.gateway.vault import Vault
from roteiro.terms.edge import Edge, EdgeHours

EDGE = msgspec.structs.replace(compiled().edge, workloads={"chat": 0, "nightly": 1}, batch_workloads=[1], batch_hours=[[], []])
Reply = Callable[[dict[str, str]], InnerAnswer | None]


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    return Safe(tmp_path / "vault.sqlite")


def answer(status: int = 200, body: bytes = b'{"id": "x"}', **headers: str) -> InnerAnswer:
    return InnerAnswer(status, {"x-request-id": "r-1", **{name.replace("_", "-"): value for name, value in headers.items()}}, body)


class FakePort(InnerPort):
    """Answers by a function of the headers; keeps which items it was sent, and how many were there at once."""

    def __init__(self, reply: Reply) -> None:
        for name, value in {"reply": reply, "sent": [], "now": 0, "most": 0, "lock": threading.Lock()}.items():
            object.__setattr__(self, name, value)

    def call(self, path: str, body: bytes, key: str, headers: dict[str, str], within_s: float = 0.0) -> InnerAnswer:
        with self.lock:  # type: ignore[attr-defined]
            self.sent.append((path, key, headers["idempotency-key"], headers["x-roteiro-workload"]))  # type: ignore[attr-defined]
            object.__setattr__(self, "now", self.now + 1)  # type: ignore[attr-defined]
            object.__setattr__(self, "most", max(self.most, self.now))  # type: ignore[attr-defined]
        try:
            said = self.reply(headers)  # type: ignore[attr-defined]
        finally:
            with self.lock:  # type: ignore[attr-defined]
                object.__setattr__(self, "now", self.now - 1)  # type: ignore[attr-defined]
        if said is None:
            raise InnerCallError("nobody listens")
        return said


@contextmanager
def runner(safe: Safe, vault: Vault, reply: Reply, edge: Callable[[], Edge] = lambda: EDGE) -> Iterator[tuple[Runner, FakePort]]:
    port = FakePort(reply)
    one = Runner(vault, port, edge, safe.clock)
    try:
        yield one, port
    finally:
        one.close()


def numbers(port: FakePort) -> list[int]:
    return sorted(int(key.rpartition("-")[2]) for _, _, key, _ in port.sent)  # type: ignore[attr-defined]


def run_dry(one: Runner) -> None:
    """Turns until nothing is in flight and nothing more is sent."""
    sent: list[object] = one._port.sent  # type: ignore[attr-defined]
    while True:
        before, flying = len(sent), one.in_flight
        one.turn(wait_s=5.0 if flying else 0.0)
        if not flying and not one.in_flight and len(sent) == before:
            return


def test_all_items_are_sent_once_on_behalf_of_the_key(safe: Safe) -> None:
    with safe.vault() as vault:
        batch = open_batch(vault, 40)
        with runner(safe, vault, lambda headers: answer()) as (one, port):
            run_dry(one)
        assert numbers(port) == list(range(40))
        assert set(port.sent[0][:2] + port.sent[0][3:]) == {"/v1/chat/completions", "acme-1", "nightly"}  # type: ignore[attr-defined]
        assert port.sent[0][2].startswith(f"{batch.id}-")  # type: ignore[attr-defined]
        ended = Batches(vault).find(batch.id)
        assert (ended.state, ended.fate) == ("ended", "completed") and Batches(vault).counts(batch.id) == Counts(succeeded=40)
        assert not one.turn(wait_s=0.0), "nothing is left to do"


def test_what_has_no_room_waits_for_as_long_as_it_is_told(safe: Safe) -> None:
    replies = [answer(429, retry_after="7"), answer(503, retry_after="7")]
    with safe.vault() as vault:
        batch = open_batch(vault, 2)
        with runner(safe, vault, lambda headers: replies.pop() if replies else answer()) as (one, port):
            run_dry(one)
            assert len(port.sent) == 2 and Batches(vault).counts(batch.id).waiting == 2  # type: ignore[attr-defined]
            safe.clock.now += 6
            run_dry(one)
            assert len(port.sent) == 2  # type: ignore[attr-defined]
            safe.clock.now += 1
            run_dry(one)
        assert numbers(port) == [0, 0, 1, 1] and Batches(vault).counts(batch.id).succeeded == 2


def test_refusals_for_room_make_it_take_less_at_once(safe: Safe) -> None:
    full = True
    with safe.vault() as vault:
        open_batch(vault, 200)
        with runner(safe, vault, lambda headers: answer(429, retry_after="1") if full else answer()) as (one, port):
            for _ in range(4):
                run_dry(one)
                safe.clock.now += 2
            full = False
            object.__setattr__(port, "most", 0)
            one.turn(wait_s=5.0)
            assert port.most <= 1  # type: ignore[attr-defined]
            run_dry(one)
        assert one._at_once["nightly"] == 32


def test_nothing_runs_out_of_hours(safe: Safe) -> None:
    safe.clock.now = datetime(2026, 7, 1, 12, 0, tzinfo=UTC).timestamp()
    night = EdgeHours(from_s=22 * 3600.0, to_s=6 * 3600.0, timezone="America/Sao_Paulo")
    edge = msgspec.structs.replace(EDGE, batch_hours=[[], [night]])
    with safe.vault() as vault:
        batch = open_batch(vault, 3)
        with runner(safe, vault, lambda headers: answer(), lambda: edge) as (one, port):
            run_dry(one)
            assert port.sent == [] and Batches(vault).find(batch.id).state == "open"  # type: ignore[attr-defined]
            safe.clock.now = datetime(2026, 7, 2, 1, 0, tzinfo=UTC).timestamp()  # 22:00 in São Paulo
            run_dry(one)
        assert numbers(port) == [0, 1, 2]


@pytest.mark.parametrize(
    ("begin", "end", "hour", "inside"),
    [(22, 6, 21, False), (22, 6, 22, True), (22, 6, 3, True), (22, 6, 6, False), (9, 17, 9, True), (9, 17, 17, False), (9, 17, 3, False)],
)
def test_hours_may_go_past_midnight(begin: int, end: int, hour: int, inside: bool) -> None:
    now = datetime(2026, 1, 1, hour, 0, tzinfo=UTC).timestamp()
    assert within(EdgeHours(from_s=begin * 3600.0, to_s=end * 3600.0), now) is inside


def test_cancelling_keeps_what_is_done_and_waits_for_what_is_in_flight(safe: Safe) -> None:
    go_on = threading.Event()

    def reply(headers: dict[str, str]) -> InnerAnswer:
        go_on.wait(30)
        return answer()

    with safe.vault() as vault:
        batches, batch = Batches(vault), open_batch(vault, 20)
        with runner(safe, vault, reply) as (one, port):
            one.turn(wait_s=0.0)
            in_flight = one.in_flight
            assert 0 < in_flight < 20
            batches.cancel(batch.id)
            one.turn(wait_s=0.0)
            assert batches.find(batch.id).state == "cancelling"
            go_on.set()
            run_dry(one)
        assert batches.counts(batch.id) == Counts(succeeded=in_flight, canceled=20 - in_flight)
        assert batches.find(batch.id).fate == "cancelled" and len(port.sent) == in_flight  # type: ignore[attr-defined]


def test_a_batch_expires_with_what_it_has(safe: Safe) -> None:
    with safe.vault() as vault:
        batches, batch = Batches(vault), open_batch(vault, 6)
        with runner(safe, vault, lambda headers: answer() if headers["idempotency-key"].endswith("0") else answer(503)) as (one, _):
            run_dry(one)
            safe.clock.now += WINDOW_S
            run_dry(one)
        assert batches.counts(batch.id) == Counts(succeeded=1, expired=5) and batches.find(batch.id).fate == "expired"


def test_a_runner_that_was_killed_is_followed_by_one_that_sends_the_rest(safe: Safe) -> None:
    with safe.vault() as vault:
        batch = open_batch(vault, 3)
        Batches(vault).finish(batch.id, [(1, line_of(batch, 1, Item("c1", b""), answer()))])
        with runner(safe, vault, lambda headers: answer()) as (one, port):
            run_dry(one)
        assert numbers(port) == [0, 2]


def test_two_batches_share_the_room(safe: Safe) -> None:
    go_on = threading.Event()

    def reply(headers: dict[str, str]) -> InnerAnswer:
        go_on.wait(30)
        return answer()

    with safe.vault() as vault:
        first, second = open_batch(vault, 50), open_batch(vault, 50, tenant="beta")
        with runner(safe, vault, reply) as (one, _):
            one.turn(wait_s=0.0)
            got = [len(one._flying[batch.id]) for batch in (first, second)]
            go_on.set()
            for batch in (first, second):
                Batches(vault).cancel(batch.id)
        assert got == [2, 2]


@pytest.mark.parametrize(
    ("said", "attempts", "expected"),
    [
        (answer(200), 0, None),
        (answer(400), 0, None),
        (answer(401), 0, None),
        (answer(403), 0, None),
        (answer(404), 0, None),
        (answer(422), 0, None),
        (None, 2, Again(1.0, 2, True)),
        (answer(402), 0, Again(60.0, 0, True)),
        (answer(409, retry_after="1"), 4, Again(1.0, 4, False)),
        (answer(429, retry_after="30"), 4, Again(30.0, 4, True)),
        (answer(429, retry_after="86400"), 0, Again(300.0, 0, True)),
        (answer(503), 0, Again(2.0, 0, True)),
        (answer(503, retry_after="soon"), 0, Again(2.0, 0, True)),
        (answer(502), 0, Again(2.0, 1, False)),
        (answer(504), 2, Again(32.0, 3, False)),
        (answer(500), 4, None),
    ],
)
def test_what_becomes_of_an_item(said: InnerAnswer | None, attempts: int, expected: Again | None) -> None:
    assert verdict(said, attempts) == expected


BATCH = Batch(id="batch_1", dialect="openai", tenant="acme", key="k", workload="nightly", endpoint="/v1/chat/completions", state="open")
MESSAGES = msgspec.structs.replace(BATCH, id="msgbatch_1", dialect="anthropic", endpoint="/v1/messages")


def test_lines_are_of_the_batchs_dialect() -> None:
    item = Item("mine", b"")
    line = line_of(BATCH, 7, item, answer(200, b'{"id":\n"x"}'))
    assert line.state is ItemState.SUCCEEDED and line.line.count(b"\n") == 1
    assert msgspec.json.decode(line.line) == {
        "id": "batch_req_1_7", "custom_id": "mine", "response": {"status_code": 200, "request_id": "r-1", "body": {"id": "x"}}, "error": None,
    }  # fmt: skip
    line = line_of(BATCH, 7, item, answer(400, b"not json"))
    assert line.state is ItemState.ERRORED and msgspec.json.decode(line.line)["response"]["body"] == "not json"
    assert msgspec.json.decode(unsent(BATCH, 7, item, ItemState.EXPIRED).line)["error"]["code"] == "batch_expired"
    assert msgspec.json.decode(line_of(MESSAGES, 0, item, answer(200, b'{"id": "m"}')).line) == {
        "custom_id": "mine", "result": {"type": "succeeded", "message": {"id": "m"}},
    }  # fmt: skip
    line = line_of(MESSAGES, 0, item, answer(200, b"<html>"))
    assert line.state is ItemState.ERRORED and msgspec.json.decode(line.line)["result"]["type"] == "errored"
    for state, word in ((ItemState.CANCELED, "canceled"), (ItemState.EXPIRED, "expired")):
        assert msgspec.json.decode(unsent(MESSAGES, 0, item, state).line) == {"custom_id": "mine", "result": {"type": word}}


def test_the_edge_is_read_again_when_it_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "edge.json"
    path.write_bytes(msgspec.json.encode(EDGE))
    edge = EdgeFile(path)
    assert edge() is edge()
    (tmp_path / "next").write_bytes(msgspec.json.encode(msgspec.structs.replace(EDGE, version=9)))
    (tmp_path / "next").rename(path)
    assert edge().version == 9
