"""What must be the same in two texts before a model of meaning may call them the same: numbers, negations, opposites, names, signs.

Models of meaning put "transfer 100" beside "transfer 1000", and "may I" beside "may I not". So whatever turns a meaning round in one word
is compared as words, in English and Portuguese, and only then the rest as vectors. The guard errs to the side of different: a
paraphrase that it keeps apart costs one call, a wrong answer costs trust.

What must not live here: vectors, and where texts are kept.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from roteiro.gateway.semantic_words import COMMON, NEGATIONS, NUMBERS, OPPOSITES, PORTUGUESE, STOP_WORDS

__all__ = ["readable", "signature", "stems", "swapped"]

_TOKEN: Final = re.compile(r"(?<![\w)-])[-−]?\d+(?:[.,:]\d+)*|\d+|[^\W\d_]+|\S")
_QUOTED: Final = re.compile(r"[\"“”«»']\s*([^\"“”«»']{1,80}?)\s*[\"“”«»'](?!\w)")
_SENTENCE: Final = frozenset(".!?:;\n\"'“«(¿¡-•*")

STEM: Final = 6
"""Letters of a word that tell it from others; what follows is mostly inflection."""


def signature(text: str) -> str:
    """What must be the same, as one string; equal strings do not yet make equal meanings."""
    numbers: list[str] = []
    turns: list[str] = []
    names: list[str] = []
    signs: list[str] = []
    before = "."
    foreign = not PORTUGUESE.isdisjoint(bare(text).split())
    for found in _TOKEN.finditer(text):
        piece = found[0]
        if any(c.isdigit() for c in piece):
            numbers.append(piece)
        elif len(piece) > 1 or piece.isalpha():
            word = bare(piece)
            if word in NUMBERS:
                numbers.append(NUMBERS[word])
            elif (word in NEGATIONS and not (foreign and word == "no")) or (word == "t" and before in "'’"):
                turns.append("not")
            elif word in OPPOSITES:
                turns.append(word)
            elif piece[0].isupper() and (before not in _SENTENCE or not piece[1:].islower()) and len(piece) > 1:
                names.append(word)
        elif unicodedata.category(piece)[0] == "S" or piece in "%{}[]<>#@&/\\":
            signs.append(piece)
        before = piece
    quoted = [" ".join(bare(word) for word in said.split()) for said in _QUOTED.findall(text)]
    return "|".join((",".join(numbers), ",".join(sorted(turns)), ",".join(names), ",".join(sorted(signs)), ",".join(quoted)))


def stems(text: str) -> list[str]:
    """The words that carry the meaning, in their order, cut to their stems."""
    words = [bare(found[0]) for found in _TOKEN.finditer(text) if found[0][0].isalnum()]
    return [word[:STEM].rstrip("s") or word for word in words if word not in STOP_WORDS and word not in COMMON]


def swapped(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two texts, as stems, differ in one word that stands for another, in words that only one adds, or in the order alone."""
    ones, others = set(one), set(other)
    if ones == others:
        return list(one) != list(other)
    if ones < others or others < ones:
        return True
    return len(ones - others) == len(others - ones) == 1 and not ones.isdisjoint(others)


def readable(text: str) -> bool:
    """Whether the guard can read it: Latin letters alone. Of other scripts it knows neither words nor negations."""
    return text.isascii() or all(not c.isalpha() or c < "\u0250" or "\u1e00" <= c < "\u1f00" for c in text)


def bare(word: str) -> str:
    """In lower case, without accents."""
    word = word.lower()
    return word if word.isascii() else "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
