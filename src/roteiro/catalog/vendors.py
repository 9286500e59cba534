"""Vendors that speak the OpenAI dialect, a row each. A vendor that differs only by configuration is a row of data.

What must not live here: prices (`prices`).
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["VENDORS", "Vendor", "find_vendor"]


@dataclass(frozen=True, slots=True)
class Vendor:
    """`prices` is the vendor's name in the price list; a vendor on one's own premises has no address and no price of tokens."""

    name: str
    base_url: str | None
    key_env: str | None
    prices: str | None = None
    on_premises: bool = False


VENDORS: Final[dict[str, Vendor]] = {
    row.name: row
    for row in (
        Vendor("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "openai"),
        Vendor("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", "anthropic"),
        Vendor("google", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY", "google"),
        Vendor("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "mistral"),
        Vendor("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "groq"),
        Vendor("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", "deepseek"),
        Vendor("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", "together"),
        Vendor("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", "fireworks"),
        Vendor("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "openrouter"),
        Vendor("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "cerebras"),
        Vendor("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", "perplexity"),
        Vendor("x-ai", "https://api.x.ai/v1", "XAI_API_KEY", "x-ai"),
        Vendor("azure", None, "AZURE_OPENAI_API_KEY", "azure"),
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
