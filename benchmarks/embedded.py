"""TensorZero's embedded gateway, called by tasks of one event loop; `peers.py` starts this in the peer's own environment.

Reads commands from standard input, `whole SECONDS TASKS` or `streams SECONDS TASKS`, and answers each with a line of JSON: how many were
answered, and of streams how many came whole. What must not live here: anything of ours, which that environment does not have.
"""

import asyncio
import contextlib
import importlib
import json
import os
import sys
import time
from typing import Any, TextIO


async def ask(client: Any, text: str, until: float, stream: bool, frames: int, counts: dict[str, int]) -> None:
    """One request after another."""
    while time.monotonic() < until:
        counts["asked"] += 1
        answer = await client.inference(
            model_name="m",
            input={"messages": [{"role": "user", "content": text}]},
            params={"chat_completion": {"max_tokens": 64}},
            stream=stream,
        )
        if stream:
            seen = 0
            async for chunk in answer:
                seen += sum(block.text.count("-") for block in chunk.content)
            counts["whole"] += seen == frames
        else:
            counts["whole"] += bool(answer.content)


async def main(config: str, text: str, frames: int) -> None:
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)  # what the gateway itself has to say is not an answer
        await serve(answers, config, text, frames)


async def serve(answers: TextIO, config: str, text: str, frames: int) -> None:
    """Obeys commands until there are no more."""
    tensorzero = importlib.import_module("tensorzero")  # no dependency of this project
    client = await tensorzero.AsyncTensorZeroGateway.build_embedded(config_file=config, timeout=60)
    answers.write(json.dumps({"ready": True}) + "\n")
    async with client:
        for line in sys.stdin:  # nothing else runs between two commands
            what, seconds, tasks = line.split()
            counts = {"asked": 0, "whole": 0}
            until = time.monotonic() + float(seconds)
            await asyncio.gather(*(ask(client, text, until, what == "streams", frames, counts) for _ in range(int(tasks))))
            answers.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    with contextlib.suppress(ImportError):
        importlib.import_module("uvloop").install()
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
