"""Which dialect is spoken where: fronts by the path that clients ask, backs by the name that plans say.

What must not live here: a dialect.
"""

from collections.abc import Mapping
from typing import Final

from roteiro.wire.dialect import Back, Front
from roteiro.wire.openai_back import OpenAIBack
from roteiro.wire.openai_chat import OpenAIChatFront

__all__ = ["BACKS", "FRONTS"]

FRONTS: Final[Mapping[bytes, Front]] = {
    b"/v1/chat/completions": OpenAIChatFront(),
}
"""By the path of a POST."""

BACKS: Final[Mapping[str, Back]] = {
    "openai": OpenAIBack(),
}
"""By `dialect:` of a provider in the plan."""
