"""How far two texts are apart, without a model of meaning: by their runs of three characters, hashed.

The same texts are always equally far apart, on every machine. It sees words and forms and no meaning: two ways to
say one thing are far apart. What must not live here: embeddings of a model.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

__all__ = ["DIMENSIONS", "distance", "trigrams"]

DIMENSIONS: Final = 512
_SPACE: Final = re.compile(r"\s+")

Vector = npt.NDArray[np.float32]


def trigrams(text: str) -> Vector:
    """A text's vector of length 1: square roots of its trigrams' counts, hashed to `DIMENSIONS` places. Case and runs of space aside."""
    plain = f" {_SPACE.sub(' ', unicodedata.normalize('NFKC', text).casefold().strip())} "
    vector = np.zeros(DIMENSIONS, np.float32)
    for at in range(max(len(plain) - 2, 1)):
        vector[crc32(plain[at : at + 3].encode("utf-8", "surrogatepass")) % DIMENSIONS] += 1.0
    np.sqrt(vector, out=vector)
    return vector / np.float32(np.linalg.norm(vector))


def distance(vector: Vector, references: Sequence[Vector]) -> float:
    """Mean cosine distance of a vector of length 1 to some others, 0..1 for `trigrams`. Raises ValueError without any."""
    if not references:
        raise ValueError("no references")
    return float(1.0 - np.clip(np.mean([float(vector @ other) for other in references]), -1.0, 1.0))
