"""Everything that can be said of one answer by rule: its signals, each with a value, or none where nothing can be told.

What must not live here: how each is found (a file each), and what becomes of them.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from math import exp
from typing import Final

from roteiro.quality.answered import Answered
from roteiro.quality.asked import Asked
from roteiro.quality.forms import well_formed
from roteiro.quality.grounding import grounded
from roteiro.quality.language import in_language_of
from roteiro.quality.leaks import leaks
from roteiro.quality.refusals import refused
from roteiro.quality.repetition import degenerate
from roteiro.terms.codes import Signal

__all__ = ["OF_ANSWERS", "signals_of"]


def signals_of(asked: Asked, answered: Answered, wanted: Collection[Signal], least_claims: int = 1) -> Iterator[tuple[Signal, float]]:
    """The signals of `wanted` that have a value. What cannot be told is left out: it is unverified, and never good.

    `least_claims`: an answer with fewer claims that can be checked is not held against its sources.
    """
    declined = refused(answered)
    # who declines states nothing
    if Signal.GROUNDED in wanted and not declined and (value := grounded(asked, answered.text, least_claims)) is not None:
        yield Signal.GROUNDED, value
    for signal, look in _LOOKS.items():
        if signal in wanted and (value := look(asked, answered, declined)) is not None:
            yield signal, float(value)


def _confidence(asked: Asked, answered: Answered, declined: bool | None) -> float | None:
    return None if answered.logprob is None else exp(answered.logprob)


def _truncated(asked: Asked, answered: Answered, declined: bool | None) -> bool | None:
    return None if answered.finish is None else answered.finish == "length"


def _leaks(asked: Asked, answered: Answered, declined: bool | None) -> int | None:
    said = "\n".join((answered.text, *(call.arguments for call in answered.calls)))
    return leaks(asked.text, said) if said.strip() else None


_LOOKS: Final[Mapping[Signal, Callable[[Asked, Answered, bool | None], float | None]]] = {
    Signal.CONFIDENCE: _confidence,
    Signal.REFUSED: lambda asked, answered, declined: declined,
    Signal.TRUNCATED: _truncated,
    Signal.FORMAT: lambda asked, answered, declined: None if declined else well_formed(asked, answered),
    Signal.LANGUAGE: lambda asked, answered, declined: in_language_of(asked, answered.text),
    Signal.REPETITION: lambda asked, answered, declined: degenerate(answered.text),
    Signal.LEAKS: _leaks,
}

OF_ANSWERS: Final = (*_LOOKS, Signal.GROUNDED)
"""The signals that an answer itself gives."""
