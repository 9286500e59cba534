"""A sandbox's personality: how it answers questions that it has in its book, so that one model can be told from another behind one name.

A question in the book gets its right answer or its wrong one, with more or fewer words, or a refusal; each asking is drawn anew, by numbers
that depend on the question, the seed and how often it was asked, and on nothing else. What must not live here: dialects, and questions that
are in no book (`answer`).
"""

import math
import random
from typing import Annotated, Final

from msgspec import Meta, Struct

__all__ = ["Book", "Manner", "Personality"]

Share = Annotated[float, Meta(ge=0.0, le=1.0)]

Book = dict[str, tuple[str, str]]
"""What a user says → (a right answer, a wrong one)."""

_REFUSALS: Final = (
    "I'm sorry, but I can't help with that.",
    "I cannot assist with this request.",
    "Desculpe, mas não posso ajudar com isso.",
)
_FILLER: Final = "of course, as far as is known, and to say it plainly, in the usual way, taken all in all, and nothing else beside it"
_FILLERS: Final = tuple(_FILLER.split())
_FREE_WORDS: Final = 6
"""An answer of so many words may have more; a shorter one is what was asked for."""


class Manner(Struct, frozen=True):
    """One answer as it is given: its text, and the mean log-probability of its tokens."""

    text: str
    logprob: float


class Personality(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What sets one model apart from another.

    `accuracy`: of the questions in the book, how many get the right answer; `refusals`: how many are refused. `words`: how many more than
    the book's a free answer has, in the median. `style`: another one words the same answer otherwise. `logprob`: mean of a token's
    log-probability. `version`: what the model says of itself beside its name.
    """

    accuracy: Share = 1.0
    refusals: Share = 0.0
    words: Annotated[float, Meta(ge=0.0)] = 0.0
    style: int = 0
    logprob: Annotated[float, Meta(le=0.0)] = -0.125
    version: str = ""

    def answer(self, right: str, wrong: str, draw: random.Random) -> Manner:
        """One asking. Always takes the same numbers."""
        refuses, errs, more, confidence = (
            draw.random() < self.refusals,
            draw.random() >= self.accuracy,
            draw.gauss(0, 0.3),
            draw.gauss(0, 0.02),
        )
        place, form = draw.randrange(len(_FILLERS)), draw.random()
        logprob = min(self.logprob + confidence, -1e-6)
        if refuses:
            return Manner(_REFUSALS[(place + self.style) % len(_REFUSALS)], logprob)
        text = wrong if errs else right
        if len(text.split()) >= _FREE_WORDS:
            count = round(self.words * math.exp(more))
            filler = " ".join(_FILLERS[(place + n) % len(_FILLERS)] for n in range(count))
            text = f"{text} {filler}".strip() if self.style % 2 == 0 else f"{filler} {text}".strip()
        elif form < 0.3 + 0.4 * (self.style % 2) and text[-1:].isalpha():
            text += "."
        return Manner(text, logprob)
