"""Exact counts of tokens, made by a process of their own: a vocabulary takes 130 MB and up to two seconds to load, which no worker pays.

The process starts with the first question and ends with the worker. `python -m roteiro.gateway.token_counter` is what it runs.
What must not live here: how tokens are counted (`wire.tokens`).
"""

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable
from typing import BinaryIO, Final

import msgspec
from msgspec import Raw, Struct

from roteiro.terms.codes import Operation
from roteiro.wire.tokens import available, count_request, count_text

__all__ = ["TokenCounter", "main"]

log = logging.getLogger("roteiro.gateway")

WAITING: Final = 64
"""Questions that may wait; beyond, the answer is None."""

HEAD: Final = 4


class _Question(Struct, array_like=True):
    model: str
    operation: int
    """-1 for a text."""
    body: bytes


_encode: Final = msgspec.msgpack.Encoder().encode
_QUESTION: Final = msgspec.msgpack.Decoder(_Question)
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])


class TokenCounter:
    """One worker's. Answers None where the extra `tokens` is not installed, too many wait, or the process broke."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[int | None], None]] = deque()
        self._unsent: list[bytes] = []
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._off = not available()

    def request(self, operation: Operation, body: bytes, model: str, done: Callable[[int | None], None]) -> None:
        """Input tokens of a request's body. `model` as the provider names it tells the vocabulary."""
        self._ask(_Question(model, int(operation), body), done)

    def text(self, text: str, model: str, done: Callable[[int | None], None]) -> None:
        """Tokens of a text."""
        self._ask(_Question(model, -1, text.encode("utf-8", "replace")), done)

    async def close(self) -> None:
        """Ends the process; who still waits is told None."""
        self._off = True
        process, task = self._process, self._task
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if task is not None:
            await task

    def _ask(self, question: _Question, done: Callable[[int | None], None]) -> None:
        if self._off or len(self._waiting) >= WAITING:
            done(None)
            return
        self._waiting.append(done)
        content = _encode(question)
        framed = len(content).to_bytes(HEAD, "big") + content
        process = self._process
        if process is not None and process.stdin is not None:
            with contextlib.suppress(RuntimeError):  # gone, which `_serve` is about to tell everybody who waits
                process.stdin.write(framed)
            return
        self._unsent.append(framed)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "roteiro.gateway.token_counter", stdin=PIPE, stdout=PIPE
            )
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(b"".join(self._unsent))
            self._unsent.clear()
            while True:
                told = int.from_bytes(await process.stdout.readexactly(HEAD), "big", signed=True)
                self._waiting.popleft()(None if told < 0 else told)
        except (OSError, RuntimeError, asyncio.IncompleteReadError) as error:  # RuntimeError: uvloop's word for a pipe that is closed
            if not self._off:
                log.warning("tokens are estimated from now on, their counter broke: %s", error)
        finally:
            self._off = True
            if self._process is not None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
            while self._waiting:
                self._waiting.popleft()(None)


def main(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answers until there are no more questions; -1 where a body is none."""
    while len(head := questions.read(HEAD)) == HEAD:
        question = _QUESTION.decode(questions.read(int.from_bytes(head, "big")))
        try:
            if question.operation < 0:
                count = count_text(question.body.decode(), question.model)
            else:
                count = count_request(Operation(question.operation), _FIELDS.decode(question.body), question.model)
        except (ValueError, RecursionError):
            count = -1
        answers.write(count.to_bytes(HEAD, "big", signed=True))
        answers.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
