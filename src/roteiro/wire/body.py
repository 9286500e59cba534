"""A request's body in any dialect: its top level in raw slices, single values checked, its tokens estimated, the whole typed.

Only the top level of a body is taken apart; what a value holds stays bytes until a translation needs it. What must not live here:
the fields of any dialect.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import Raw

from roteiro.terms.error import RequestError

__all__ = ["BYTES_PER_TOKEN", "MOST_TOKENS", "count", "estimate_tokens", "flag", "invalid", "text", "top_level", "typed", "untranslatable"]

BYTES_PER_TOKEN: Final = 3.5
"""Bytes of a request's JSON to one token: where the lowest 5 % of requests lie, so that few are reserved too little; settlement gives the
rest back. Measured by `benchmarks/tokens.py` with the vocabulary of GPT-4o on messages of 300 to 4,000 characters: the lowest 5 % at 3.4
to 3.6 for English, 3.7 to 3.9 for Portuguese, 3.7 to 4.0 for code; medians from 4.0 to 4.7. Short questions are mostly JSON, 6 bytes a
token: they are reserved some 70 % too much of some 25 tokens. Older and other vendors' vocabularies take more tokens, not fewer."""

IMAGE_TOKENS: Final = 1105
"""Tokens of an inline image: four tiles of a high-detail picture in the published formula (85 + 170 a tile, six tiles at most)."""

MOST_TOKENS: Final = 10_000_000
"""No model answers longer; a larger number is a mistake, and would reserve a tenant's whole budget."""

SMALL: Final = 4096
"""Bytes; an inline picture in a smaller body is too small to matter to the estimate."""

_INLINE_FILE: Final = re.compile(rb'(?:;base64,|"data"\s*:\s*")[A-Za-z0-9+/=_-]*')
_NEXT_KEY: Final = re.compile(rb'[\s,]*"([^"\\]*(?:\\.[^"\\]*)*)"\s*:\s*')
_PLACE: Final = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_JSON_WORDS: Final[Mapping[str, str]] = {"True": "true", "False": "false"}
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
_TEXT: Final = msgspec.json.Decoder(str)
_encode: Final = msgspec.json.Encoder().encode
_FLAGS: Final[Mapping[bytes, bool]] = {b"true": True, b"false": False, b"null": False}
_T = TypeVar("_T")


def top_level(body: bytes) -> dict[str, Raw]:
    """The top-level members of a JSON object. Raises RequestError for anything that two readers could read differently."""
    if not body:
        raise RequestError(400, "invalid_json", "the body is empty; it must be a JSON object")
    try:
        fields = _FIELDS.decode(body)
        if not body.isascii():
            body.decode()  # raw slices are skipped over, so their encoding is not yet checked
    except msgspec.ValidationError:
        raise RequestError(400, "invalid_json", "the body must be a JSON object") from None
    except UnicodeDecodeError:
        raise RequestError(400, "invalid_utf8", f"the body is not UTF-8{_place_of_bad_byte(body)}") from None
    except RecursionError:
        raise RequestError(400, "invalid_json", "the body is nested too deeply") from None
    except msgspec.DecodeError as error:
        raise RequestError(400, "invalid_json", f"the body is not JSON: {_plain(error)}") from None
    # Written without white space, the members known by now take up at least this much. A body of this very length has no room for
    # another member, so no key is there twice; the official clients write so. Any other body is walked.
    if len(body) != len(_encode(fields)):
        _refuse_duplicates(body, fields)
    return fields


def typed(fields: Mapping[str, Raw], decoder: msgspec.json.Decoder[_T]) -> _T:
    """The whole body as the decoder's type, for a translation. Raises RequestError (400) that names the field.

    A type that forbids unknown fields refuses, by name, what no translation knows.
    """
    try:
        return decoder.decode(_encode(fields))
    except msgspec.ValidationError as error:
        raise _refused(str(error)) from None
    except RecursionError:
        raise RequestError(400, "invalid_json", "the body is nested too deeply") from None
    except msgspec.DecodeError as error:
        raise RequestError(400, "invalid_json", f"the body is not JSON: {_plain(error)}") from None


def estimate_tokens(body: bytes) -> int:
    """Input tokens of a body, from its length; inline images and files count as pictures, not as text."""
    length, extra = len(body), 0
    if length > SMALL and (b";base64," in body or b'"data"' in body):
        for inline in _INLINE_FILE.finditer(body):
            size = inline.end() - inline.start()
            if size > SMALL or body.startswith(b";base64,", inline.start()):
                length -= size
                extra += IMAGE_TOKENS
    return int(length / BYTES_PER_TOKEN) + extra + 1


def flag(raw: Raw, name: str) -> bool:
    """True or false; null is false."""
    value = _FLAGS.get(bytes(raw))
    if value is None:
        raise invalid(name, f"`{name}` must be true or false", "invalid_type")
    return value


def count(raw: Raw, name: str, most: int) -> int | None:
    """A whole number from 1 to `most`, None for null."""
    text = bytes(raw)
    if len(text) < 10 and text.isdigit() and 0 < (value := int(text)) <= most:  # nearly always
        return value
    if text == b"null":
        return None
    if not text.removeprefix(b"-").isdigit():
        raise invalid(name, f"`{name}` must be a whole number", "invalid_type")
    if len(text) > 18 or not 1 <= (value := int(text)) <= most:
        shown = text.decode() if len(text) <= 18 else f"a number of {len(text)} digits"
        raise invalid(name, f"`{name}` is {shown}; it must be from 1 to {most}", "invalid_value")
    return value


def text(raw: Raw, name: str) -> str:
    """A text."""
    try:
        return _TEXT.decode(raw)
    except msgspec.DecodeError:
        raise invalid(name, f"`{name}` must be a text", "invalid_type") from None


def invalid(param: str, message: str, code: str = "invalid_value") -> RequestError:
    """A refusal that names the field at fault."""
    return RequestError(400, code, message, param)


def untranslatable(param: str, what: str = "") -> RequestError:
    """A refusal of a field that means nothing to a provider of another dialect."""
    return RequestError(
        400,
        "unsupported_parameter",
        f"`{param}`{what and ' ' + what} cannot be translated to a provider of another dialect; "
        "leave it out, or name a model served in this dialect",
        param,
    )


def _refused(said: str) -> RequestError:
    """A type's refusal in words that a client knows: the field, and what would be right."""
    found = _PLACE.fullmatch(said)
    what, place = (said, "") if found is None else (found[1], found[2] or "")
    unknown = _UNKNOWN.fullmatch(what)
    if unknown is not None:
        return untranslatable(f"{place}.{unknown[1]}" if place else unknown[1])
    param = place or "body"
    if what.startswith("Object missing required field `"):
        missing = what.split("`")[1]
        param = f"{place}.{missing}" if place else missing
        return invalid(param, f"you must provide `{param}`", "missing_required_parameter")
    if what.startswith(("Invalid value", "Invalid enum value")):
        value = what.removeprefix("Invalid value ").removeprefix("Invalid enum value ")
        return untranslatable(param, f"as {_JSON_WORDS.get(value, value)}")
    if what.startswith("Expected `null`"):
        return untranslatable(param)
    return invalid(param, f"`{param}`: {what[:1].lower()}{what[1:]}", "invalid_type")


def _refuse_duplicates(body: bytes, fields: Mapping[str, Raw]) -> None:
    """A key that is there twice shifts the walk: the member that comes is not the member that was decoded."""
    place = body.index(b"{") + 1
    for name, value in fields.items():
        found = _NEXT_KEY.match(body, place)
        if (
            found is None
            or (found[1] != name.encode() and _key(found[1]) != name)
            or not body.startswith(text := bytes(value), found.end())
        ):
            raise _duplicate(name if found is None else _key(found[1]))
        place = found.end() + len(text)
    if body[place:].strip() != b"}":
        extra = _NEXT_KEY.match(body, place)
        raise _duplicate(_key(extra[1]) if extra else next(iter(fields)))


def _key(text: bytes) -> str:
    return _TEXT.decode(b'"%b"' % text)


def _duplicate(name: str) -> RequestError:
    return invalid(name, f"`{name}` is given twice", "duplicate_parameter")


def _place_of_bad_byte(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f": byte {error.start} is 0x{body[error.start]:02x}"
    return ""


def _plain(error: msgspec.DecodeError) -> str:
    return str(error).removeprefix("JSON is malformed: ")
