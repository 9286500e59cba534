"""Tokens counted by a process of their own, that may be missing, broken or busy."""

import asyncio
import io
import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from roteiro.gateway import token_counter
from roteiro.gateway.token_counter import HEAD, TokenCounter, main
from roteiro.terms.codes import Operation
from roteiro.wire.tokens import available, count_text

from .harness import run

BODY = json.dumps({"messages": [{"role": "user", "content": "hello world"}]}).encode()


def answered() -> tuple["asyncio.Future[int | None]", Callable[[int | None], None]]:
    told: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    return told, told.set_result


@pytest.mark.skipif(not available(), reason="needs the extra `tokens`")
def test_questions_are_answered_in_turn() -> None:
    async def story() -> None:
        counter = TokenCounter()
        asked = [answered() for _ in range(3)]
        counter.text("hello world", "gpt-4o", asked[0][1])
        counter.request(Operation.CHAT, b"no json", "gpt-4o", asked[1][1])
        counter.request(Operation.CHAT, BODY, "gpt-4o", asked[2][1])
        assert [await told for told, _ in asked] == [count_text("hello world"), None, 9]
        last, done = answered()
        counter.text("hello", "", done)
        assert await last == 1
        await counter.close()
        gone, done = answered()
        counter.text("hello", "", done)
        assert await gone is None

    run(story())


def test_a_process_that_breaks_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        monkeypatch.setattr(token_counter, "available", lambda: True)
        monkeypatch.setattr(token_counter.sys, "executable", "/bin/false")
        counter = TokenCounter()
        one, done = answered()
        counter.text("hello", "", done)
        assert await one is None
        await counter.close()
        assert "estimated from now on" in caplog.text

    run(story())


class Closed:
    """A pipe to a process that has just ended, as uvloop gives it: writing raises."""

    def write(self, data: bytes) -> None:
        raise RuntimeError("the handler is closed")


def test_a_question_to_a_process_that_has_just_ended_breaks_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_counter, "available", lambda: True)
    counter = TokenCounter()
    counter._process = SimpleNamespace(stdin=Closed())  # type: ignore[assignment]
    told: list[int | None] = []
    counter.text("hello", "", told.append)
    assert (told, len(counter._waiting)) == ([], 1)  # told None by `_serve`, which sees the end of the process


def test_too_many_and_nobody_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int | None] = []
    monkeypatch.setattr(token_counter, "available", lambda: False)
    TokenCounter().text("hello", "", told.append)
    monkeypatch.setattr(token_counter, "available", lambda: True)
    monkeypatch.setattr(token_counter, "WAITING", 0)
    TokenCounter().text("hello", "", told.append)
    assert told == [None, None]


def test_what_the_process_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_counter, "count_text", lambda text, model: len(text))
    question = token_counter._encode(token_counter._Question("m", -1, b"four"))
    out = io.BytesIO()
    main(io.BytesIO(len(question).to_bytes(HEAD, "big") + question), out)
    assert out.getvalue() == (4).to_bytes(HEAD, "big")
