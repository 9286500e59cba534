"""The one file that names concrete adapters: who stands behind the ports of the floors below.

What must not live here: settings, and logic.
"""

from collections.abc import Callable

from roteiro.gateway.model_group import ModelProcess
from roteiro.plan.model import LocalModel
from roteiro.providers import local

__all__ = ["local_model"]


def local_model(wanted: LocalModel, on_change: Callable[[str | None], None]) -> ModelProcess:
    """A llama.cpp process for what a plan says under `local`."""
    return local.LocalModel(
        wanted.gguf, context_tokens=wanted.context_tokens, slots=wanted.slots, threads=wanted.threads, on_change=on_change
    )
