"""The sandbox is a provider like any other; the local model's turn is in tests/providers/test_local.py."""

import contextlib
from collections.abc import AsyncIterator

from roteiro.testing.provider_contract import OpenAIProviderContract
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox import SandboxServer, SandboxSettings


class TestSandbox(OpenAIProviderContract):
    @contextlib.asynccontextmanager
    async def provider(self) -> AsyncIterator[str]:
        async with SandboxServer() as server:
            yield server.base_url


class TestSandboxThatTakesItsTime(OpenAIProviderContract):
    @contextlib.asynccontextmanager
    async def provider(self) -> AsyncIterator[str]:
        pace = Latency(ttft_s=Quantiles(0.01, 0.03), itl_s=Quantiles(0.002, 0.004))
        async with SandboxServer(SandboxSettings(latency=pace)) as server:
            yield server.base_url
