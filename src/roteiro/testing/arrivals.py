"""When requests come: a renewal process with Gamma gaps, from clockwork over Poisson to bursts.

What must not live here: the clock, and what is asked.
"""

import math
import random
from collections.abc import Iterator
from typing import Final

__all__ = ["arrivals"]

_CLOCKWORK_CV: Final = 1e-3
"""Below it gaps differ by less than a timer can tell, and the shape 1/cv² soon passes what a float holds."""
_MOST_CV: Final = 100.0


def arrivals(rate_per_s: float, duration_s: float, cv: float, draw: random.Random) -> Iterator[float]:
    """Times of arrival in [0, duration_s), in order, seconds.

    `cv` is the coefficient of variation of the gaps: 0 is a clockwork, 1 is Poisson, above it bursts with lulls between them (a Gamma
    distribution of shape 1/cv² and mean 1/rate). Raises ValueError unless the rate is above zero and finite and `cv` from 0 to 100.
    """
    if not 0.0 < rate_per_s < math.inf or not 0.0 <= cv <= _MOST_CV:
        raise ValueError(f"{rate_per_s} a second with a variation of {cv} cannot arrive: a rate above 0, a variation of 0 to {_MOST_CV:g}")
    at_s = 0.0
    while True:
        at_s += draw.gammavariate(1.0 / cv**2, cv**2 / rate_per_s) if cv > _CLOCKWORK_CV else 1.0 / rate_per_s
        if at_s >= duration_s:
            return
        yield at_s
