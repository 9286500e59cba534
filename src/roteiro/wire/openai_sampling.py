"""What chat completions and completions ask for in the same words: how to draw an answer's tokens, for whom, and how many answers.

What must not live here: what is asked.
"""

from typing import Any

from msgspec import Struct

__all__ = ["Sampling"]


class Sampling(Struct, forbid_unknown_fields=True, kw_only=True):
    """The top level of a body, as far as the endpoints agree. A field that neither knows is refused by name."""

    model: str | None = None
    stream: bool | None = None
    stream_options: Any = None
    """Of the stream alone, so that it changes nothing of the answer."""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    """Not OpenAI's, but of most that speak as it does."""
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    user: str | None = None

    def asked(self) -> dict[str, Any]:
        """The arguments of a `Prompt` that have the same meaning; an absent `max_tokens` or `user` is left to the endpoint."""
        return {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "frequency_penalty": self.frequency_penalty,
            "presence_penalty": self.presence_penalty,
            "logit_bias": self.logit_bias,
            "stop": (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
            "seed": self.seed,
            "n": self.n or 1,
        }
