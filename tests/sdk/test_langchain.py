"""LangChain's standard suites for chat models and embeddings, through `langchain-openai` against a whole server, over every back."""

import base64
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests, chat_models
from tests.sdk.test_openai_sdk import PNG
from tests.sdk.world import BACKS, World

from roteiro.testing.answer import follows

# Theirs, and of no matter here: the SDK's parsed answers are written by LangChain in a field of another type; the standard itself hands in
# a model of Pydantic 1 and a document without a name.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema:UserWarning"),
    pytest.mark.filterwarnings("ignore:OpenAI may require a filename:UserWarning"),
]
INVENTS = "the sandbox makes up what it calls a tool with; it takes no value from a question"
CALLS = "the sandbox calls a tool where it must or where it reads its magic words, not because a question would want one"
NAMES = "the standard wants the name of a message ignored where the provider's dialect has none; Roteiro refuses what it cannot say"
ONE_CALL = "the standard's client forbids several calls at once for such a schema, and Gemini cannot be held to one"
PDF = b"%PDF-1.4\n%%EOF\n"


@pytest.fixture(autouse=True)
def _files_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard fetches pictures and documents from the Internet; here it gets them at once, and nothing leaves the machine."""

    def get(url: str, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(content=PDF if url.endswith(".pdf") else base64.b64decode(PNG))

    monkeypatch.setattr(chat_models, "httpx", SimpleNamespace(get=get))
    monkeypatch.delenv("LANGSMITH_TRACING", raising=False)


@pytest.fixture
def vcr() -> None:
    """Asked for by the standard's one test of speed, which plays recorded answers back."""
    pytest.skip("recorded answers are not a server's")


@pytest.fixture
def benchmark() -> None:
    """As `vcr`."""


def params_of(served: World, http: httpx2.Client, ahttp: httpx2.AsyncClient) -> dict[str, Any]:
    """What every model is made with. The transports are ours, for LangChain closes none that it opens."""
    at = {"base_url": f"{served.origin}/v1", "api_key": served.keys["acme"], "max_retries": 0}
    return {**at, "http_client": http, "http_async_client": ahttp}


class ChatStandard(ChatModelIntegrationTests):
    """What is true of every back."""

    back = ""

    @pytest.fixture(autouse=True)
    def _at(self, served: World, http: httpx2.Client, ahttp: httpx2.AsyncClient) -> None:
        self._params = params_of(served, http, ahttp)

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**self._params, "model": self.back, "stream_usage": True}

    @property
    def has_tool_choice(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return BACKS[BACKS.index(self.back) - 1]  # a part of what the other's upstream model is called

    @property
    def supported_usage_metadata_details(self) -> Any:
        # Anthropic does not tell reasoning tokens apart; what it read from its cache is told by all three.
        details = ["cache_read_input"] if self.back == "anthropic" else ["cache_read_input", "reasoning_output"]
        return {"invoke": details, "stream": details}

    @pytest.mark.xfail(reason=INVENTS)
    def test_tool_calling(self, model: BaseChatModel) -> None:
        super().test_tool_calling(model)

    @pytest.mark.xfail(reason=INVENTS)
    async def test_tool_calling_async(self, model: BaseChatModel) -> None:
        await super().test_tool_calling_async(model)

    @pytest.mark.xfail(reason=INVENTS)
    def test_unicode_tool_call_integration(self, model: BaseChatModel) -> None:  # type: ignore[override]
        super().test_unicode_tool_call_integration(model)

    @pytest.mark.xfail(reason=CALLS)
    def test_agent_loop(self, model: BaseChatModel) -> None:
        super().test_agent_loop(model)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        return self._said("mar rio sol " * 2000, stream)

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._said("Where to?", stream, reasoning_effort="low")

    def _said(self, text: str, stream: bool, **more: Any) -> AIMessage:
        model = ChatOpenAI(**self.chat_model_params, **more)
        if not stream:
            return model.invoke(text)
        full: Any = None
        for chunk in model.stream(text):
            full = chunk if full is None else full + chunk
        assert isinstance(full, AIMessage)
        return full


class TestOpenAI(ChatStandard):
    back = "openai"


class TestAnthropic(ChatStandard):
    back = "anthropic"

    @pytest.mark.xfail(reason=NAMES)
    def test_message_with_name(self, model: BaseChatModel) -> None:
        super().test_message_with_name(model)


class TestGemini(ChatStandard):
    back = "gemini"

    @pytest.mark.xfail(reason=ONE_CALL)
    def test_structured_output_pydantic_2_v1(self, model: BaseChatModel) -> None:
        super().test_structured_output_pydantic_2_v1(model)

    @pytest.mark.xfail(reason=NAMES)
    def test_message_with_name(self, model: BaseChatModel) -> None:
        super().test_message_with_name(model)


@tool
def weather(place: str, days: int) -> str:
    """Tells the weather."""
    return f"sunny in {place} for {days} days"


@pytest.mark.parametrize("responses", [False, True], ids=["chat", "responses"])
@pytest.mark.parametrize("back", BACKS)
def test_an_agents_round(served: World, http: httpx2.Client, ahttp: httpx2.AsyncClient, back: str, responses: bool) -> None:
    """What the standard's own tests of tools cannot ask a sandbox: it calls, it is told, it answers; by both of OpenAI's endpoints."""
    model = ChatOpenAI(**params_of(served, http, ahttp), model=back, use_responses_api=responses).bind_tools([weather])
    asked = HumanMessage("Please use the tool.")
    called = model.invoke([asked])
    assert isinstance(called, AIMessage) and [call["name"] for call in called.tool_calls] == ["weather"]
    full: Any = None
    for chunk in model.stream([asked]):
        full = chunk if full is None else full + chunk
    assert [(call["name"], call["args"]) for call in full.tool_calls] == [(call["name"], call["args"]) for call in called.tool_calls]
    answer = model.invoke([asked, called, weather.invoke(called.tool_calls[0])])
    assert follows(answer.text) and not answer.tool_calls


class EmbeddingsStandard(EmbeddingsIntegrationTests):
    """What is true of every back that has embeddings."""

    back = ""

    @pytest.fixture(autouse=True)
    def _at(self, served: World, http: httpx2.Client, ahttp: httpx2.AsyncClient) -> None:
        self._params = params_of(served, http, ahttp)

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        # Its own count of tokens would need a vocabulary from the Internet.
        return {**self._params, "model": f"vectors-{self.back}", "check_embedding_ctx_length": False}


class TestOpenAIEmbeddings(EmbeddingsStandard):
    back = "openai"


class TestGeminiEmbeddings(EmbeddingsStandard):
    back = "gemini"
