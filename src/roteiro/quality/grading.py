"""Whether an answer to a question with a known answer is right, and whether it has the form that was asked for.

By rules alone, so that the same answer is always graded alike. What must not live here: asking, and answers whose truth nobody knows.
"""

import json
import re
import unicodedata
from functools import cache
from typing import Any, Final, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from roteiro.terms.probe import Expected, Probe

__all__ = ["Grade", "grade", "normalised"]


class Grade(NamedTuple):
    """`formed`: whether it has the form that was asked for; None where the question asks for none."""

    right: bool
    formed: bool | None


_AROUND: Final = " \t\r\n.,;:!?\"'`*_“”‘’«»()[]"
_FENCE: Final = re.compile(r"```[\w-]*\n(.*?)\n?```", re.DOTALL)
_NUMBER: Final = re.compile(r"[-\u2212]?\d(?:[\d.,\u00a0\u202f]*\d)?")
_WORD: Final = re.compile(r"[^\W\d_]+", re.UNICODE)

_PT: Final = (
    "a o as os um uma uns umas de do da dos das em no na nos nas por para com sem que se não é são e ou mas como mais ao aos à às seu sua "
    "seus suas ele ela eles elas isso este esta esse essa quando onde porque também já foi ser está pelo pela até entre sobre muito eu "
    "você nós me te lhe há tem"
)
_EN: Final = (
    "the a an of to in on at for with without that which is are was were be been and or but as by from it its this these those they he "
    "she we you i his her their our your not no so if when where who how has have had do does can will would there than then into out "
    "up more also"
)
_FUNCTION_WORDS: Final = {"pt": frozenset(_PT.split()), "en": frozenset(_EN.split())}


def grade(probe: Probe, text: str) -> Grade:
    """The verdict on one answer."""
    expected = probe.expected
    form = list(_form(expected, text))
    content = list(_content(expected, text, probe.language))
    whole = probe.kind == "format"
    formed = (all(form) and (not whole or all(content))) if form or whole else None
    return Grade(all(form) and all(content), formed)


def normalised(text: str) -> str:
    """For comparison: compatibility forms joined, case and what stands around the words left out, runs of space made one."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().strip(_AROUND).split())


def _form(expected: Expected, text: str) -> list[bool]:
    verdicts = []
    if expected.regex is not None:
        verdicts.append(re.fullmatch(expected.regex, text.strip()) is not None)
    if expected.schema is not None:
        verdicts.append(_conforms(expected.schema, text))
    words = len(text.split())
    if expected.most_words is not None:
        verdicts.append(words <= expected.most_words)
    if expected.least_words is not None:
        verdicts.append(words >= expected.least_words)
    if expected.language is not None:
        verdicts.append(_language(text) == expected.language)
    return verdicts


def _content(expected: Expected, text: str, language: str) -> list[bool]:
    verdicts = []
    said = normalised(text)
    if expected.one_of:
        verdicts.append(said in {normalised(one) for one in expected.one_of})
    if expected.number is not None:
        found = _NUMBER.findall(text)
        near = expected.tolerance + 1e-9 * abs(expected.number)
        verdicts.append(bool(found) and any(abs(value - expected.number) <= near for value in _readings(found[-1], language)))
    if expected.contains:
        verdicts.append(all(normalised(one) in said for one in expected.contains))
    if expected.contains_any:
        verdicts.append(any(normalised(one) in said for one in expected.contains_any))
    if expected.contains_not:
        verdicts.append(bool(said) and not any(normalised(one) in said for one in expected.contains_not))
    return verdicts


def _readings(text: str, language: str) -> list[float]:
    """What a number can mean: with a point for decimals as in English, or with a comma as in Portuguese; the language's own first."""
    sign = -1.0 if text[0] in "-\u2212" else 1.0
    bare = text.lstrip("-\u2212").replace("\u00a0", "").replace("\u202f", "")
    signs = [(",", "."), (".", ",")] if language == "en" else [(".", ","), (",", ".")]
    values = []
    for group, decimal in signs:
        whole, _, rest = bare.partition(decimal)
        parts = whole.split(group)
        if group in rest or decimal in rest or any(len(part) != 3 for part in parts[1:]):
            continue
        values.append(sign * float(f"{''.join(parts)}.{rest or 0}"))
    return values


def _conforms(schema: dict[str, Any], text: str) -> bool:
    fenced = _FENCE.fullmatch(text.strip())
    try:
        value = json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError):
        return False
    return bool(_validator(json.dumps(schema, sort_keys=True)).is_valid(value))


@cache
def _validator(schema: str) -> Validator:
    return Draft202012Validator(json.loads(schema))


def _language(text: str) -> str | None:
    """`en` or `pt`, by function words; None where neither has more. For one long sentence, of the two languages that suites are in."""
    words = [word.casefold() for word in _WORD.findall(text)]
    counts = {language: sum(word in known for word in words) for language, known in _FUNCTION_WORDS.items()}
    if counts["en"] == counts["pt"]:
        return None
    return max(counts, key=counts.__getitem__)
