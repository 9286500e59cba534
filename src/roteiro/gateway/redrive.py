"""A dead letter is sent again, through the gateway itself and under an Idempotency-Key of its own, so that it is answered once.

What must not live here: the table of letters.
"""

import asyncio
from typing import Final

from roteiro.gateway.dead_letters import HEADER, Answered, Letter, Letters
from roteiro.gateway.inner_call import InnerAnswer, InnerCallError, InnerPort
from roteiro.gateway.vault_thread import VaultThread

__all__ = ["redrive"]

NO_ANSWER: Final = 0
"""Status where the gateway could not be reached."""


async def redrive(kept: VaultThread, port: InnerPort, id: str) -> Letter:
    """Sends a letter again, unless it was answered before → the letter with what came of it. Raises RequestError (404), VaultError."""
    letter = await kept.run(lambda vault: Letters(vault).show(id))
    if letter.redriven is not None:
        return letter
    content = await kept.run(lambda vault: Letters(vault).content(id))
    headers = {**content.headers, "idempotency-key": f"dlq-{id}", HEADER.decode(): "no"}
    if letter.workload:
        headers["x-roteiro-workload"] = letter.workload
    try:
        answer = await asyncio.to_thread(port.call, letter.path, content.body, letter.key, headers)
    except InnerCallError:
        answer = InnerAnswer(NO_ANSWER, {}, b"")
    told = Answered(answer.status, answer.type, answer.body)
    return await kept.run(lambda vault: Letters(vault).redriven(id, answer.status, answer.request, told))
