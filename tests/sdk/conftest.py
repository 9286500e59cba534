"""One server for all official clients, and the clients."""

from collections.abc import AsyncIterator, Iterator

import anthropic
import openai
import pytest
from tests.sdk.world import World, world


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("sdk")) as found:
        yield found


@pytest.fixture(scope="session")
def client(served: World) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=served.keys["acme"], base_url=f"{served.origin}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
async def aclient(served: World) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key=served.keys["acme"], base_url=f"{served.origin}/v1", max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def claude(served: World) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key=served.keys["acme"], base_url=served.origin, max_retries=0) as client:
        yield client


@pytest.fixture
async def aclaude(served: World) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(api_key=served.keys["acme"], base_url=served.origin, max_retries=0) as client:
        yield client
