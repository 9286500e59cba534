"""Which dialect is spoken where: fronts by the path that clients ask, backs by the name that plans say.

What must not live here: a dialect.
"""

from collections.abc import Mapping
from typing import Final

from roteiro.wire.anthropic import AnthropicFront
from roteiro.wire.anthropic_back import AnthropicBack
from roteiro.wire.dialect import Back, Front
from roteiro.wire.gemini import GeminiBack
from roteiro.wire.openai_back import OpenAIBack
from roteiro.wire.openai_chat import OpenAIChatFront
from roteiro.wire.openai_completions import OpenAICompletionsFront
from roteiro.wire.openai_embeddings import OpenAIEmbeddingsFront
from roteiro.wire.openai_responses import OpenAIResponsesFront

__all__ = ["BACKS", "FRONTS"]

FRONTS: Final[Mapping[bytes, Front]] = {
    b"/v1/chat/completions": OpenAIChatFront(),
    b"/v1/completions": OpenAICompletionsFront(),
    b"/v1/responses": OpenAIResponsesFront(),
    b"/v1/embeddings": OpenAIEmbeddingsFront(),
    b"/v1/messages": AnthropicFront(),
}
"""By the path of a POST."""

BACKS: Final[Mapping[str, Back]] = {
    "openai": OpenAIBack(),
    "anthropic": AnthropicBack(),
    "gemini": GeminiBack(),
}
"""By `dialect:` of a provider in the plan."""
