"""In which language a text is, and whether an answer is in the language of its question.

By `py3langid`, whose probabilities are normalised; unknown where none is near enough to certain, as of short texts. What must not live
here: reading requests and answers.
"""

import re
from functools import cache
from typing import Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from roteiro.quality.asked import Asked

__all__ = ["in_language_of", "language_of", "load_languages"]

LANGUAGES: Final = ("de", "en", "es", "fr", "it", "nl", "pt")
"""Those that are told apart; a text in another is taken for one of them, or for none."""
SURE: Final = 0.85
"""Least probability; measured on tests/quality/texts_of_languages.yaml."""
LEAST_LETTERS: Final = 12
LOOKED_AT: Final = 2000
"""Characters: more say the same."""

_NO_PROSE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|<[^<>]{0,300}>|[\d_{}\[\]|#*=/\\]+", re.DOTALL)
_NAMES: Final = (
    r"ingl[eê]s(?:a)?|portugu[eê]se?|espanhol|castelhano|franc[eê]s|alem[aã]o|italiano|japon[eê]s|chin[eê]s|"
    r"english|portuguese|spanish|french|german|italian|dutch|japanese|chinese|español|inglés|français|deutsch"
)
_OTHER_WANTED: Final = re.compile(rf"\b(?:{_NAMES}|traduz\w*|traduç\w*|translat\w*|traduc\w*)\b", re.IGNORECASE)


def language_of(text: str) -> str | None:
    """ISO 639-1 code of the language of a text's prose; None where it cannot be told. Code, addresses and numbers do not count."""
    prose = " ".join(_NO_PROSE.sub(" ", text[:LOOKED_AT]).split())
    if sum(map(str.isalpha, prose)) < LEAST_LETTERS:
        return None
    language, probability = _identifier().rank(prose)[0]
    return language if probability >= SURE else None


def in_language_of(asked: Asked, text: str) -> bool | None:
    """Whether an answer is in the language of its question. None where either cannot be told, and where the request speaks of a
    language or of translating, as then another may be wanted."""
    if _OTHER_WANTED.search(asked.question) or _OTHER_WANTED.search(asked.system):
        return None
    wanted, said = language_of(asked.question), language_of(text)
    return None if wanted is None or said is None else wanted == said


def load_languages() -> None:
    """Loads what tells languages apart, which else the first text does: a second, and 100 MB."""
    _identifier()


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier
