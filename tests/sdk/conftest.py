"""One server for all official clients, and the clients."""

from collections.abc import AsyncIterator, Iterator

import anthropic
import httpx2
import openai
import pytest
from tests.sdk.world import World, world


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("sdk")) as found:
        yield found


@pytest.fixture(scope="session")
def http() -> Iterator[httpx2.Client]:
    """One transport for all clients, without the certificates that each would load for itself."""
    with openai.DefaultHttpxClient(verify=False) as transport:
        yield transport


@pytest.fixture
async def ahttp() -> AsyncIterator[httpx2.AsyncClient]:
    """As `http`, for the event loop of one test."""
    async with openai.DefaultAsyncHttpxClient(verify=False) as transport:
        yield transport


@pytest.fixture(scope="session")
def client(served: World, http: httpx2.Client) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=served.keys["acme"], base_url=f"{served.origin}/v1", max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture
async def aclient(served: World, ahttp: httpx2.AsyncClient) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key=served.keys["acme"], base_url=f"{served.origin}/v1", max_retries=0, http_client=ahttp) as client:
        yield client


@pytest.fixture(scope="session")
def claude(served: World, http: httpx2.Client) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key=served.keys["acme"], base_url=served.origin, max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture
async def aclaude(served: World, ahttp: httpx2.AsyncClient) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(api_key=served.keys["acme"], base_url=served.origin, max_retries=0, http_client=ahttp) as client:
        yield client
