"""A sandbox's embeddings: of each text the same each time, near each other where texts share words.

What must not live here: dialects.
"""

import math
import random
from typing import Final

__all__ = ["OWN_DIMENSIONS", "vector_of"]

OWN_DIMENSIONS: Final = 64


def vector_of(text: str, dimensions: int = OWN_DIMENSIONS) -> list[float]:
    """A vector of length 1: the sum of its words' own random vectors, the text itself as one more so that no two texts are alike."""
    total = [0.0] * dimensions
    words = text.lower().split()
    for word, weight in [*((word, 1.0) for word in words), (f"\x00{text}", 0.25)]:
        draw = random.Random(word)
        total = [value + weight * draw.gauss(0.0, 1.0) for value in total]
    norm = math.sqrt(sum(value * value for value in total)) or 1.0
    return [value / norm for value in total]
