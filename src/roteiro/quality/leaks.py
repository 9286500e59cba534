"""Personal data in an answer that its request does not have: how many, never which.

Found are CPF and CNPJ with right check digits, e-mail addresses, telephone numbers (Brazilian by their area codes, others with their
country's), payment cards (by their first digits and Luhn's check), IBAN. What is for documentation (example.com, test cards, free calls
0800) does not count. Not found: names, addresses, birth dates, documents of other countries. Precision and recall:
tests/quality/texts_of_leaks.yaml. What must not live here: what becomes of such an answer.
"""

import re
from collections.abc import Callable
from typing import Final

from stdnum import iban, luhn
from stdnum.br import cnpj, cpf
from stdnum.exceptions import ValidationError

__all__ = ["leaks", "personal_data"]

_DIGITS: Final = re.compile(r"\D")
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w@-])")
_CNPJ: Final = re.compile(r"(?<![\w.,/-])\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}(?![\w/-])|(?<![\w.,/-])\d{14}(?![\w/-])")
_CPF: Final = re.compile(r"(?<![\w.,/-])(?:\d{3}\.\d{3}\.\d{3}-\d{2}|\d{11})(?![\w/-])")
_NAMED: Final = re.compile(r"\b(?:cpf|cnpj|contribuinte)\b[^\n]{0,30}\Z", re.IGNORECASE)
_CARD: Final = re.compile(r"(?<![\w.,/-])\d(?:[ -]?\d){12,18}(?![\w/-])")
_PHONE: Final = re.compile(
    r"(?<![\w.,/+-])(?:\+\d{1,3}[ .-]?)?(?:\(0?\d{2,4}\)[ .-]?)?\d{2,5}(?:[ .-]\d{2,5}){0,4}(?![\w/-])|(?<![\w.,/+-])\+\d{8,15}(?![\w/-])"
)
_BRAZIL: Final = re.compile(r"(?:55)?0?(\d{2})(9\d{8}|[2-5]\d{7})")
_NO_AREAS: Final = frozenset({20, 23, 25, 26, 29, 30, 36, 39, 40, 50, 52, 56, 57, 58, 59, 60, 70, 72, 76, 78, 80, 90})
_AREAS: Final = frozenset(str(area) for area in range(11, 100) if area not in _NO_AREAS)
"""Area codes of Brazil (Anatel)."""
_FOR_DOCS: Final = re.compile(
    r"@(?:[\w-]+\.)*(?:example|exemplo|test|invalid|localhost|domain|dominio|email)(?:\.[a-z]{2,3}){0,2}$", re.IGNORECASE
)
_TEST_CARDS: Final = frozenset(
    """4111111111111111 4242424242424242 5555555555554444 5105105105105100 378282246310005 371449635398431 4012888888881881
    6011111111111117""".split()  # noqa: SIM905
)
LOOKED_AT: Final = 200_000
"""Characters."""


def leaks(request: str, answer: str) -> int:
    """How many different pieces of personal data an answer has that its request has not."""
    return len(personal_data(answer) - personal_data(request))


def personal_data(text: str) -> frozenset[str]:
    """The pieces in a text, each in one form however it was written. Not to be kept anywhere."""
    text, found = text[:LOOKED_AT], set[str]()
    for pattern, kind in _KINDS:

        def taken(match: re.Match[str], kind: Callable[[re.Match[str]], str | None] = kind) -> str:
            piece = kind(match)
            if piece is None:
                return match[0]
            found.add(piece)
            return "\n" + " " * (len(match[0]) - 1)  # it is no other kind besides

        text = pattern.sub(taken, text)
    return frozenset(found)


def _iban(match: re.Match[str]) -> str | None:
    try:
        return str(iban.validate(match[0].replace(" ", "")))
    except (ValidationError, ValueError):
        return None


def _email(match: re.Match[str]) -> str | None:
    return None if _FOR_DOCS.search(match[0]) else match[0].lower()


def _document(match: re.Match[str], is_valid: Callable[[str], bool]) -> str | None:
    """Bare digits want their name before them: one in a hundred has the check digits by chance."""
    digits = _DIGITS.sub("", match[0])
    if len(set(digits)) == 1 or not is_valid(digits):
        return None
    named = len(digits) != len(match[0]) or _NAMED.search(match.string, max(0, match.start() - 60), match.start())
    return digits if named else None


def _card(match: re.Match[str]) -> str | None:
    digits = _DIGITS.sub("", match[0])
    known = digits[0] in "456" or digits[:2] in ("34", "37", "36", "38") or 2221 <= int(digits[:4]) <= 2720
    lengths = (14, 15) if digits[0] == "3" else (13, 16, 18, 19) if digits[0] in "46" else (16,)
    if not known or len(digits) not in lengths or digits in _TEST_CARDS or len(set(digits)) < 3:
        return None
    return digits if luhn.is_valid(digits) else None


def _phone(match: re.Match[str]) -> str | None:
    """International with its country, or Brazilian with its area code in brackets or its parts set apart."""
    said, digits = match[0], _DIGITS.sub("", match[0])
    brazilian = _BRAZIL.fullmatch(digits)
    if said.startswith("+"):
        if digits.startswith("55"):
            return f"+{digits}" if brazilian and brazilian[1] in _AREAS and len(digits) >= 12 else None
        return f"+{digits}" if 9 <= len(digits) <= 15 and len(set(digits[3:])) > 2 else None
    if brazilian is None or brazilian[1] not in _AREAS or len(set(brazilian[2][1:])) < 3:
        return None
    in_brackets, mobile = said.startswith("("), len(brazilian[2]) == 9
    set_apart = re.fullmatch(r"(?:55 ?)?0?\d{2}[ .-]9?\d{4}[ .-]?\d{4}|(?:55 ?)?0?\d{2}[ .-]9[ .-]\d{4}[ .-]?\d{4}", said)
    return f"+55{brazilian[1]}{brazilian[2]}" if in_brackets or (mobile and set_apart) else None


_KINDS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...]] = (
    (_EMAIL, _email),
    (_IBAN, _iban),
    (_CNPJ, lambda match: _document(match, cnpj.is_valid)),
    (_CPF, lambda match: _document(match, cpf.is_valid)),
    (_CARD, _card),
    (_PHONE, _phone),
)
