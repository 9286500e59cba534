"""What all faults of a sandbox are: a rule on whom they strike, and a function from the answer that would have been to what is sent.

What must not live here: any one fault.
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from roteiro.testing.answer import Answer
from roteiro.testing.dialect import Dialect
from roteiro.testing.tape import Tape

__all__ = ["Fault", "Positive", "Scene", "Share"]

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, Meta(gt=0.0)]


@dataclass(frozen=True, slots=True)
class Scene:
    """A request as faults see it.

    `unix_s`: the time of day, for headers that carry a date. `answer`: what would have been said, None where no answer was asked for
    (embeddings). `tokens`: length of the request. `key`: place of its key among those that the sandbox accepts, 0 where it wants none.
    """

    dialect: Dialect
    unix_s: float = 0.0
    answer: Answer | None = None
    tokens: int = 0
    key: int = 0

    @property
    def prefix(self) -> str:
        """The beginning of the answer, where the request gives one."""
        return "" if self.answer is None else self.answer.question.prefix


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault"):
    """Base of all faults. `rate` is the share of requests it strikes; `key`: only those that bear the sandbox's key of that place."""

    rate: Share = 1.0
    key: Annotated[int, Meta(ge=0)] | None = None

    @property
    def name(self) -> str:
        """The word that scripts and counts use."""
        return str(self.__struct_config__.tag)

    def concerns(self, scene: Scene) -> bool:
        """Whether the request is one that this fault may strike at all."""
        return self.key is None or self.key == scene.key

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        """What becomes of the answer."""
        raise NotImplementedError
