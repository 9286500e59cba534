"""Vendors a row each: where they answer in which dialect, where their key is looked for. One that differs only by configuration is data.

What must not live here: prices (`prices`).
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["VENDORS", "Dialect", "Vendor", "find_vendor"]

Dialect = Literal["openai", "anthropic", "gemini"]


@dataclass(frozen=True, slots=True)
class Vendor:
    """`base_url` speaks `dialect`; `openai_url` speaks OpenAI, of a vendor that has an address for it beside its own dialect's.

    `prices` is the vendor's name in the price list; a vendor on one's own premises has no address and no price of tokens. `prefix` is a
    pattern of the models that go on from the beginning of an answer when a request ends with one.
    """

    name: str
    base_url: str | None
    key_env: str | None
    prices: str | None = None
    on_premises: bool = False
    dialect: Dialect = "openai"
    openai_url: str | None = None
    prefix: str = ".*"

    def address(self, dialect: str) -> str | None:
        """Where the vendor speaks the dialect, or None."""
        return self.base_url if dialect == self.dialect else self.openai_url if dialect == "openai" else None

    def spoken_at(self, base_url: str) -> Dialect | None:
        """The dialect of one of the vendor's own addresses; None where the address is not the vendor's."""
        return self.dialect if base_url == self.base_url else "openai" if base_url == self.openai_url else None

    def goes_on(self, model: str) -> bool:
        """Whether the vendor's model goes on from the beginning of an answer, rather than refusing it or answering anew."""
        return re.fullmatch(self.prefix, model.lower()) is not None


NONE: Final = "(?!)"
"""OpenAI's models go on or begin anew as they please; Mistral's and DeepSeek's want `prefix: true` on the message, the latter at another
address."""

CLAUDE: Final = r"claude-(instant|v?[123]).*|claude-(opus|sonnet|haiku)-4(-[015])?(@?-?(\d{8}|latest))?"
"""From 4.6 on the API answers 400: "This model does not support assistant message prefill"."""

ANTHROPIC: Final = "https://api.anthropic.com/v1"
GOOGLE: Final = "https://generativelanguage.googleapis.com/v1beta"

VENDORS: Final[dict[str, Vendor]] = {
    row.name: row
    for row in (
        Vendor("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "openai", prefix=NONE),
        Vendor("anthropic", ANTHROPIC, "ANTHROPIC_API_KEY", "anthropic", dialect="anthropic", openai_url=ANTHROPIC, prefix=CLAUDE),
        Vendor("google", GOOGLE, "GEMINI_API_KEY", "google", dialect="gemini", openai_url=f"{GOOGLE}/openai"),
        Vendor("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "mistral", prefix=NONE),
        Vendor("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "groq"),
        Vendor("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", "deepseek", prefix=NONE),
        Vendor("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", "together"),
        Vendor("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", "fireworks"),
        Vendor("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "openrouter"),
        Vendor("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "cerebras"),
        Vendor("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", "perplexity"),
        Vendor("x-ai", "https://api.x.ai/v1", "XAI_API_KEY", "x-ai"),
        Vendor("cohere", "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY", "cohere"),
        Vendor("azure", None, "AZURE_OPENAI_API_KEY", "azure", prefix=NONE),
        Vendor("aws", None, None, "aws"),
        Vendor("local", None, None, on_premises=True),
        Vendor("ollama", "http://127.0.0.1:11434/v1", None, on_premises=True),
        Vendor("vllm", None, None, on_premises=True),
        Vendor("llama.cpp", None, None, on_premises=True),
    )
}

ALIASES: Final = {"gemini": "google", "xai": "x-ai", "bedrock": "aws", "claude": "anthropic", "llamacpp": "llama.cpp"}


def find_vendor(name: str) -> Vendor | None:
    """The vendor of that name, whatever its case, or None."""
    key = name.lower()
    return VENDORS.get(ALIASES.get(key, key))
