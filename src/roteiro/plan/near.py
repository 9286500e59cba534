"""Did you mean: the nearest known word, for a remedy.

What must not live here: where the words come from.
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean"]


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """A remedy: the nearest of `known`, else `otherwise`, else the known words (at most 12)."""
    words = list(known)
    near = get_close_matches(word[:80], words, n=1, cutoff=0.6) or get_close_matches(word[:80].lower(), words, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if otherwise is not None:
        return otherwise
    shown = ", ".join(words[:12]) + (" …" if len(words) > 12 else "")
    return f"known: {shown}" if words else ""
