"""A request is served once: whoever asks again gets the answer, or is told to wait, or that it is another request."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.vaults import Safe

from roteiro.gateway.idempotency import ANSWER_BYTES, FINAL, Claims, Fresh, Idempotency, Refused, Replay, Verdict, is_final, key_in
from roteiro.gateway.internal import Secrets
from roteiro.gateway.vault_thread import VaultThread
from roteiro.terms.error import RequestError

KEEP_S = 600.0
BODY = b'{"model": "chat", "messages": [{"role": "user", "content": "a secret of acme"}]}'


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    return Safe(tmp_path / "vault.sqlite")


async def claim(
    thread: VaultThread,
    key: bytes = b"k",
    body: bytes = BODY,
    tenant: str = "acme",
    path: str = "/v1/chat/completions",
    worker: int = 0,
    run: str = "run-1",
) -> Verdict:
    return await Idempotency(thread, run, worker).claimed(tenant, path, key, body, KEEP_S)


async def fresh(thread: VaultThread, **more: object) -> Fresh:
    verdict = await claim(thread, **more)  # type: ignore[arg-type]
    assert isinstance(verdict, Fresh)
    return verdict


async def settled(thread: VaultThread) -> None:
    """All that was asked before is done and told."""
    await thread.run(lambda vault: None)


def code(verdict: Verdict) -> str:
    assert isinstance(verdict, Refused), verdict
    return verdict.error.code


async def test_the_answer_is_given_again_with_its_own_request_id(safe: Safe) -> None:
    with safe.thread() as thread:
        held = await fresh(thread)
        assert code(await claim(thread)) == "idempotency_in_progress"
        held.claim.finish(200, b"x-request-id: run-1-7\r\n", b'{"id": "c1"}')
        verdict = await claim(thread, worker=1, run="run-2")
    assert verdict == Replay(200, b"x-request-id: run-1-7\r\nidempotency-replayed: true\r\n", b'{"id": "c1"}', False)


async def test_another_body_is_another_request(safe: Safe) -> None:
    with safe.thread() as thread:
        held = await fresh(thread)
        assert code(await claim(thread, body=BODY + b" ")) == "idempotency_mismatch", "while it is served"
        held.claim.finish(200, b"", b"{}")
        verdict = await claim(thread, body=b"{}")
    assert code(verdict) == "idempotency_mismatch" and isinstance(verdict, Refused)
    assert verdict.error.status == 409 and b"x-should-retry: false" in verdict.headers


async def test_a_key_is_its_tenants_and_its_endpoints(safe: Safe) -> None:
    with safe.thread() as thread:
        (await fresh(thread)).claim.finish(200, b"", b"of acme")
        for other in ({"tenant": "beta"}, {"path": "/v1/responses"}, {"key": b"k2"}):
            (await fresh(thread, **other)).claim.release()


async def test_a_stream_is_kept_as_it_was_sent(safe: Safe) -> None:
    with safe.thread() as thread:
        held = (await fresh(thread)).claim
        held.open(b"x-request-id: r\r\n", b"data: a\n\n")
        held.add(b"data: b\n\n")
        held.close()
        verdict = await claim(thread)
        assert verdict == Replay(200, b"x-request-id: r\r\nidempotency-replayed: true\r\n", b"data: a\n\ndata: b\n\n", True)


async def test_a_stream_that_broke_is_not_kept(safe: Safe) -> None:
    with safe.thread() as thread:
        held = (await fresh(thread)).claim
        held.open(b"", b"data: a\n\n")
        held.release()
        held.close()  # too late
        await fresh(thread)


@pytest.mark.parametrize("status", [200, 201, 400, 401, 402, 403, 404, 408, 409, 413, 415, 422, 429, 451, 500, 502, 503, 504, 529])
async def test_what_may_not_last_is_let_go(safe: Safe, status: int) -> None:
    with safe.thread() as thread:
        (await fresh(thread)).claim.finish(status, b"", b"{}")
        verdict = await claim(thread)
    assert isinstance(verdict, Replay) == is_final(status) == (status < 300 or status in FINAL)


async def test_what_is_too_large_is_let_go_and_marked(safe: Safe) -> None:
    with safe.thread() as thread:
        held = (await fresh(thread)).claim
        held.finish(200, b"", b"x" * (ANSWER_BYTES + 1))
        assert held.too_large
        held = (await fresh(thread)).claim
        held.open(b"", b"x" * ANSWER_BYTES)
        assert not held.too_large
        held.add(b"x")
        assert held.too_large and held.over and held._frames == []
        held.add(b"x")
        held.close()
        held = (await fresh(thread)).claim
        held.finish(200, b"", b"x" * ANSWER_BYTES)
        assert isinstance(await claim(thread), Replay)


async def test_answers_have_an_end(safe: Safe) -> None:
    with safe.thread() as thread:
        (await fresh(thread)).claim.finish(200, b"", b"{}")
        await settled(thread)
        safe.clock.now += KEEP_S - 1
        assert isinstance(await claim(thread), Replay)
        safe.clock.now += 2
        (await fresh(thread)).claim.release()
        (await fresh(thread, key=b"other")).claim.finish(200, b"", b"{}")
        await settled(thread)
        safe.clock.now += KEEP_S + 1
        await thread.run(lambda vault: Claims(vault).sweep())
        assert await thread.run(lambda vault: vault.connection.execute("SELECT count(*) FROM claims").fetchone()) == (0,)


async def test_the_oldest_answers_make_room_and_are_counted(safe: Safe) -> None:
    with safe.thread() as thread:
        for n in range(4):
            safe.clock.now += 1
            (await fresh(thread, key=b"%d" % n)).claim.finish(200, b"", b"x" * 1000)
        held = await fresh(thread, key=b"held")
        await thread.run(lambda vault: Claims(vault).sweep(most_bytes=2500))
        assert [isinstance(await claim(thread, key=b"%d" % n), Replay) for n in range(4)] == [False, False, True, True]
        assert code(await claim(thread, key=b"held")) == "idempotency_in_progress", "what is being served is not dropped"
        assert await thread.run(lambda vault: vault.counters()) == {"idempotency_dropped": 2}
        held.claim.release()


async def test_what_the_dead_held_is_free(safe: Safe) -> None:
    with safe.thread() as thread:
        await fresh(thread, key=b"a", worker=1)
        await fresh(thread, key=b"b", worker=2)
        done = await fresh(thread, key=b"c", worker=1)
        done.claim.finish(200, b"", b"{}")
        (pid,) = await thread.run(lambda vault: vault.connection.execute("SELECT DISTINCT pid FROM claims").fetchone())
        assert await thread.run(lambda vault: Claims(vault).free_dead("run-1", 1, pid + 1)) == 0, "another process in its place"
        assert await thread.run(lambda vault: Claims(vault).free_dead("run-1", 1, pid)) == 1
        await fresh(thread, key=b"a", run="run-2")
        assert code(await claim(thread, key=b"b")) == "idempotency_in_progress"
        assert isinstance(await claim(thread, key=b"c"), Replay), "what was answered stays answered"
        assert await thread.run(lambda vault: Claims(vault).free_earlier("run-2")) == 1
        await fresh(thread, key=b"b")


async def test_who_lost_a_claim_does_not_write_over_the_next_one(safe: Safe) -> None:
    with safe.thread() as thread:
        old = await fresh(thread)
        await thread.run(lambda vault: Claims(vault).free_earlier("another run"))
        new = await fresh(thread)
        old.claim.finish(200, b"", b"old")
        assert code(await claim(thread)) == "idempotency_in_progress"
        new.claim.finish(200, b"", b"new")
        verdict = await claim(thread)
        assert isinstance(verdict, Replay) and verdict.body == b"new"


async def test_a_client_that_leaves_before_the_verdict_holds_nothing(safe: Safe) -> None:
    told: list[Verdict] = []
    with safe.thread() as thread:
        Idempotency(thread, "run-1", 0).claim("acme", "/v1/chat/completions", b"k", BODY, KEEP_S, told.append).abandon()
        await settled(thread)
        await fresh(thread)
    assert told == []


async def test_nothing_of_a_request_is_to_be_read_on_the_disk(safe: Safe) -> None:
    with safe.thread() as thread:
        (await fresh(thread, key=b"the-key-of-a-client")).claim.finish(200, b"", b"the answer to acme")
    for secret in (b"a secret of acme", b"the answer to acme", b"the-key-of-a-client", *safe.keys):
        assert secret not in safe.bytes()


async def test_without_the_vault_the_promise_is_not_made(safe: Safe) -> None:
    with safe.thread() as thread:
        (await fresh(thread)).claim.finish(200, b"", b"{}")
    safe.keys = [bytes(32)]
    with safe.thread() as thread:
        verdict = await claim(thread)
    assert code(verdict) == "idempotency_unavailable" and isinstance(verdict, Refused) and verdict.error.status == 503
    safe.path = safe.path.parent / "nowhere" / "vault.sqlite"
    with safe.thread() as thread:
        assert code(await claim(thread)) == "idempotency_unavailable"


@given(st.binary(max_size=300))
def test_a_key_is_printable_and_bounded(value: bytes) -> None:
    stripped = value.strip()
    good = 0 < len(stripped) <= 255 and stripped.isascii() and stripped.decode("ascii").isprintable()
    try:
        assert key_in(value) == stripped and good
    except RequestError as error:
        assert error.status == 400 and not good


RACER = """
import asyncio, json, sys
import msgspec
from pathlib import Path
from roteiro.gateway.desk import Desk
from roteiro.gateway.internal import Secrets
from roteiro.gateway.idempotency import Fresh
async def race():
    known = msgspec.msgpack.decode(sys.stdin.buffer.read(int(sys.argv[2])), type=Secrets)
    desk = Desk(asyncio.get_running_loop(), known, "run", int(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.buffer.read(1)
    verdicts = await asyncio.gather(*(desk.idempotency.claimed("acme", "/v1", b"k%d" % n, b"{}", 60.0) for n in range(200)))
    desk.close()
    print(json.dumps([isinstance(verdict, Fresh) for verdict in verdicts]), flush=True)
asyncio.run(race())
"""


def test_of_two_processes_that_race_for_a_key_one_gets_it(safe: Safe) -> None:
    known = msgspec.msgpack.encode(Secrets.make(safe.path, safe.keys))
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, str(n), str(len(known))], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for n in range(2)
    ]
    try:
        for racer in racers:
            assert racer.stdin is not None and racer.stdout is not None
            racer.stdin.write(known)
            racer.stdin.flush()
            assert racer.stdout.readline() == b"ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write(b"!")
            racer.stdin.flush()
        got = [json.loads(racer.communicate(timeout=60)[0]) for racer in racers]
    finally:
        for racer in racers:
            racer.kill()
            racer.wait()
    assert [sum(each) for each in zip(*got, strict=True)] == [1] * 200


async def test_claims_of_one_turn_share_a_commit(safe: Safe) -> None:
    """What keeps an fsync from being paid for each: works that wait are committed together."""
    with safe.thread() as thread:
        await thread.run(lambda vault: Claims(vault))
        commits: list[str] = []
        await thread.run(lambda vault: vault.connection.set_trace_callback(commits.append))
        await asyncio.gather(*(claim(thread, key=b"%d" % n) for n in range(60)))
    assert sum(statement.startswith("COMMIT") for statement in commits) < 20
