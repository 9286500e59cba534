"""Whether an answer goes round in circles: a word, a phrase or a line said again and again to its end.

The form that degenerate sampling takes is a loop that does not stop (Holtzman et al., The Curious Case of Neural Text Degeneration,
2020), so the end of the text is looked at, and beside it how few of all runs of four words are new. What must not live here: tables that
repeat because the world does.
"""

from collections.abc import Sequence
from typing import Final

__all__ = ["degenerate"]

WORDS: Final = 400
"""Words at the end that are looked at."""
LONGEST: Final = 50
"""Words of the longest loop."""
ROUNDS: Final = 4
"""A loop is said at least so often …"""
LEAST_WORDS: Final = 24
"""… and takes at least so many words."""
LETTERS: Final = 400
LEAST_LETTERS: Final = 120
LONGEST_LETTERS: Final = 12
NEW_SHARE: Final = 0.2
"""A long text of which fewer runs of four words than this are new says the same all over."""
LONG_WORDS: Final = 200


def degenerate(text: str) -> bool | None:
    """None for a text without words."""
    words = text.lower().split()
    if not any(word[:1].isalnum() or word[1:2].isalnum() for word in words):
        return None
    if _loops(words[-WORDS:], LONGEST, LEAST_WORDS):
        return True
    letters = text.rstrip()[-LETTERS:]
    if _loops(letters, LONGEST_LETTERS, LEAST_LETTERS) and letters[-LEAST_LETTERS:].strip("-=_*.·#~ \t\r\n|"):
        return True
    if len(words) < LONG_WORDS:
        return False
    runs = list(zip(words, words[1:], words[2:], words[3:], strict=False))
    return len(set(runs)) < NEW_SHARE * len(runs)


def _loops(said: Sequence[str], longest: int, least: int) -> bool:
    """Whether the end is one piece of at most `longest`, at least ROUNDS times, over at least `least`."""
    for period in range(1, min(longest, len(said) // ROUNDS) + 1):
        same = 0
        for at in range(len(said) - 1, period - 1, -1):
            if said[at] != said[at - period]:
                break
            same += 1
        if same >= max((ROUNDS - 1) * period, least - period):
            return True
    return False
