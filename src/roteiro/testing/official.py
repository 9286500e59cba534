"""Requests of a load through the official `openai` client, as most callers send them: proof that it is served well too.

Imported only where such requests are asked for; needs the extra `demo`.
"""

import asyncio
from typing import Any

from roteiro.terms.error import SettingsError
from roteiro.testing.exchange import Ask, Record, said

try:
    import openai
except ImportError as error:
    raise SettingsError("this load sends through the official client, which needs the extra `demo`: pip install 'roteiro[demo]'") from error

__all__ = ["OfficialCaller"]


class OfficialCaller:
    """Sends by the official client with its own retries off, so that one record is one request."""

    def __init__(self, base_url: str, timeout_s: float) -> None:
        self._client = openai.AsyncOpenAI(base_url=base_url, api_key="given with each request", max_retries=0, timeout=timeout_s)

    async def call(self, ask: Ask, began_s: float, timeout_s: float) -> Record:
        clock = asyncio.get_running_loop().time
        sent_s = clock()
        seen: dict[str, Any] = {}
        try:
            async with asyncio.timeout(timeout_s):
                await self._ask(ask, sent_s, seen)
        except openai.APIStatusError as error:
            seen.update(said(error.status_code, error.response.headers), whole=False, error=f"status: {error.message}")
        except (TimeoutError, openai.APITimeoutError):
            seen.update(whole=False, error=f"timeout: no end within {timeout_s:g} s")
        except openai.APIConnectionError as error:
            seen.update(whole=False, error=f"connect: {error.__cause__ or error}")
        except openai.APIError as error:  # an error frame in a stream
            seen.update(whole=False, error=f"stream: an error frame: {error.message}")
        except (AttributeError, IndexError, TypeError, ValueError) as error:  # it believes any JSON to be an answer
            seen.update(whole=False, error=f"body: not what the dialect says: {error!r}")
        except Exception as error:  # what its transport or decoder raises when an answer breaks off; whatever it is, it is recorded
            seen.update(whole=False, error=f"cut: {type(error).__name__}: {error}")
        return Record.of(ask, sent_s - began_s, total_s=clock() - sent_s, **seen)

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, ask: Ask, sent_s: float, seen: dict[str, Any]) -> None:
        client = self._client.with_options(api_key=ask.key)
        raw = await client.chat.completions.with_raw_response.create(**ask.body(), extra_headers=ask.headers())
        seen.update(said(raw.status_code, raw.headers))
        answer = raw.parse()
        if ask.stream:
            await self._read_stream(answer, sent_s, seen)
        else:
            seen.update(input_tokens=answer.usage.prompt_tokens, output_tokens=answer.usage.completion_tokens)
            seen.update(whole=answer.choices[0].finish_reason is not None)

    async def _read_stream(self, stream: Any, sent_s: float, seen: dict[str, Any]) -> None:
        clock = asyncio.get_running_loop().time
        finished = False
        async with stream:
            async for chunk in stream:
                for choice in chunk.choices:
                    if choice.delta.content and "ttft_s" not in seen:
                        seen["ttft_s"] = clock() - sent_s
                    finished = finished or choice.finish_reason is not None
                if chunk.usage is not None:
                    seen.update(input_tokens=chunk.usage.prompt_tokens, output_tokens=chunk.usage.completion_tokens)
        # The client hides `[DONE]`; a stream without its finish reason or the usage that was asked for is not whole.
        seen["whole"] = finished and "output_tokens" in seen
        if not seen["whole"]:
            seen["error"] = "stream: it ended early"
