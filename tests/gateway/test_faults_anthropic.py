"""Broken streams as the official client of Anthropic sees them: whole, or an error that it raises on."""

import asyncio
from pathlib import Path
from typing import Any

import anthropic
import pytest
from tests.gateway.server import Server

from roteiro.testing.answer import compose
from roteiro.testing.dialect import Request
from roteiro.testing.fault import AnyFault, CutStream, ErrorFrame, HalfBody, NoFinish, Reset, Stall
from roteiro.testing.openai_dialect import OpenAIDialect
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox import SandboxServer
from roteiro.testing.sandbox_settings import SandboxSettings
from roteiro.testing.scenario import WELL, lasting

TIMES = "timeouts: {connect: 1s, first_token: 1s, idle: 1s, attempt: 5s}"
TARGET = f"name: sandbox, model: m, on_premises: true, price: {{input: $1/1M tokens, output: $2/1M tokens}}, breaker: {{minimum_calls: 1000}}, {TIMES}"
PLAN = f"""
roteiro: 1
providers:
  claude: {{{TARGET}, dialect: anthropic}}
  gemini: {{{TARGET}, dialect: gemini}}
  gpt:    {{{TARGET}}}
models:
  claude-then-gemini: {{targets: {{claude: 1}}, fallbacks: [gemini]}}
  gpt-then-claude:    {{targets: {{gpt: 1}}, fallbacks: [claude]}}
  gemini-then-gpt:    {{targets: {{gemini: 1}}, fallbacks: [gpt]}}
  claude-alone:       {{targets: {{claude: 1}}, retry: {{attempts: 1}}}}
  gpt-alone:          {{targets: {{gpt: 1}}, retry: {{attempts: 1}}}}
retry: {{attempts: 3, same_target: 1, backoff: 10ms, max_backoff: 20ms, ratio: 100%}}
tenants: {{acme: {{}}}}
"""
WORDS = Quantiles(24.0, 24.0)
PACE = Latency(itl_s=Quantiles(0.01, 0.01))
FAULTS: list[AnyFault] = [
    CutStream(after=3),
    HalfBody(after=3),
    Reset(at="body", after=3),
    ErrorFrame(after=3),
    NoFinish(),
    Stall(at="middle", after=3),
]
PENDING: dict[str, str] = {}
"""What is not so yet, and why. What comes to be so fails here, so that it is struck out."""


def expected(asked: str) -> str:
    """What every sandbox says to it."""
    body = b'{"model":"m","messages":[{"role":"user","content":"%b"}]}' % asked.encode()
    question = OpenAIDialect().question(Request("POST", "/v1/chat/completions", {}, body, True))
    return compose(question, name="any", created=0, length=WORDS).text


@pytest.mark.timeout(400)
def test_a_broken_stream_is_gone_on_with_or_raises(tmp_path: Path) -> None:
    async def check() -> list[str]:
        sandboxes = {
            name: SandboxServer(SandboxSettings(name=name, dialect=dialect, latency=PACE, output_tokens=WORDS))
            for name, dialect in (("claude", "anthropic"), ("gemini", "gemini"), ("gpt", "openai"))
        }
        for sandbox in sandboxes.values():
            await sandbox.start()
        (tmp_path / "plan.yaml").write_text(PLAN)
        wrong: list[str] = []
        try:
            with Server(
                tmp_path / "plan.yaml", tmp_path / "data", {name: each.base_url for name, each in sandboxes.items()}, workers=1
            ) as server:
                key = await asyncio.to_thread(server.key, "acme")
                async with anthropic.AsyncAnthropic(
                    base_url=f"http://127.0.0.1:{server.ready['port']}", api_key=key, max_retries=0
                ) as client:
                    for fault in FAULTS:
                        for model in ("claude-then-gemini", "gpt-then-claude", "gemini-then-gpt", "claude-alone", "gpt-alone"):
                            for name, sandbox in sandboxes.items():
                                sandbox.play(lasting(fault) if model.startswith(name) else WELL)
                            wrong += await told(client, model, f"{fault.name} at {model}", whole="then" in model)
        finally:
            for sandbox in sandboxes.values():
                await sandbox.stop()
        return wrong

    wrong = asyncio.run(check())
    assert {one.partition(":")[0] for one in wrong} == set(PENDING), wrong


async def told(client: anthropic.AsyncAnthropic, model: str, asked: str, whole: bool) -> list[str]:
    """What is wrong with the answer to one question."""
    messages: Any = [{"role": "user", "content": asked}]
    text = ""
    try:
        async with client.messages.stream(model=model, messages=messages, max_tokens=300) as stream:
            async for piece in stream.text_stream:
                text += piece
            message = await stream.get_final_message()
    except anthropic.APIError as error:
        if whole:
            return [f"{asked}: raises {error!r} after {len(text)} characters"]
        return [] if expected(asked).startswith(text) else [f"{asked}: what was shown is not the beginning of the answer: {text!r}"]
    if not whole:
        return [f"{asked}: does not raise: {text!r}, {message.stop_reason}"]
    return [] if (text, message.stop_reason) == (expected(asked), "end_turn") else [f"{asked}: {message.stop_reason}, {text!r}"]
