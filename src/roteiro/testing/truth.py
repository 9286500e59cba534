"""What a client was told, and whether it is true: a whole answer, an honest error, or a lie.

An answer is whole if it ends as its dialect ends answers and says, word for word, what the sandboxes have to say to the question. An
error is honest if the official clients raise on it. Whatever looks whole and is not, is a lie; what just breaks off is a cut.
What must not live here: sockets, and what was wanted of the gateway (`scenario`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from roteiro.testing.stream_check import StreamCheck

__all__ = ["Told", "Truth", "truth_of"]


class Truth(StrEnum):
    """What became of a request, as its client sees it."""

    ANSWER = "answer"
    """Whole, and word for word what was to be said."""
    ERROR = "error"
    """An error in the dialect's form, in place of an answer or at the end of one that broke off."""
    CUT = "cut"
    """The connection ended in the middle: clients raise, but nobody told them why."""
    SILENT = "silent"
    """Nothing came to an end in time."""
    LIE = "lie"
    """It looks whole and is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One answer as it came. Times in seconds from the sending; `ttft_s` to the first content of a stream."""

    truth: Truth
    status: int = 0
    headers: Mapping[str, str]
    text: str = ""
    finish: str | None = None
    code: str = ""
    """Of the error."""
    message: str = ""
    """Of the error, or what is wrong with the answer."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    ttft_s: float | None = None
    total_s: float = 0.0
    broke: str = ""
    """How the connection ended, where it did in the middle."""
    body: bytes = b""


def truth_of(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    expected: str,
    *,
    stream: bool,
    ttft_s: float | None = None,
    total_s: float = 0.0,
    broke: str = "",
) -> Told:
    """Judge what came. `expected`: the text that a whole answer has; `broke`: why the connection ended too early, or nothing."""

    def told(truth: Truth, **more: Any) -> Told:
        return Told(truth=truth, status=status, headers=headers, ttft_s=ttft_s, total_s=total_s, broke=broke, body=body, **more)

    if broke.startswith("timeout"):
        return told(Truth.SILENT, message=broke)
    if status == 0:
        return told(Truth.CUT, message=broke)
    if status >= 400:
        return _refused(told, body, broke)
    if stream and headers.get("content-type", "").startswith("text/event-stream"):
        return _streamed(told, body, expected, broke)
    if broke:
        return told(Truth.CUT, message=broke)
    return _whole(told, body, expected)


def _refused(told: Callable[..., Told], body: bytes, broke: str) -> Told:
    if broke:
        return told(Truth.CUT, message=broke)
    try:
        error = msgspec.json.decode(body)["error"]
        return told(Truth.ERROR, code=str(error.get("code") or error.get("type") or ""), message=str(error["message"]))
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return told(Truth.LIE, message=f"an error that is not in the dialect's form: {body[:80]!r}")


def _whole(told: Callable[..., Told], body: bytes, expected: str) -> Told:
    try:
        value = msgspec.json.decode(body)
        choice = value["choices"][0]
        text, finish = choice["message"]["content"] or "", choice["finish_reason"]
        usage = value.get("usage") or {}
    except (msgspec.DecodeError, KeyError, TypeError, IndexError):
        return told(Truth.LIE, message=f"status 200, and no answer: {body[:80]!r}")
    said = {"text": text, "finish": finish, "input_tokens": usage.get("prompt_tokens"), "output_tokens": usage.get("completion_tokens")}
    if finish is None:
        return told(Truth.LIE, message="an answer without a finish reason", **said)
    if text != expected and finish != "content_filter":
        return told(Truth.LIE, message=_difference(text, expected), **said)
    return told(Truth.ANSWER, **said)


def _streamed(told: Callable[..., Told], body: bytes, expected: str, broke: str) -> Told:
    check = StreamCheck(wants_usage=False, counts=False)
    check.feed(body)
    said = {
        "text": check.text, "finish": check.finish_reason, "input_tokens": check.input_tokens, "output_tokens": check.output_tokens,
    }  # fmt: skip
    if check.error is not None:
        after = check.done or check.finish_reason is not None
        # The official client raises as it comes to the error, whatever follows; but an answer that was finished needs none.
        truth = Truth.LIE if after and check.text != expected else Truth.ERROR
        return told(truth, message=check.error, code=check.error_code, **said)
    if broke:
        return told(Truth.CUT, message=broke, **said)
    if faults := check.faults():
        return told(Truth.LIE, message=", ".join(faults), **said)
    if check.text != expected and check.finish_reason != "content_filter":
        return told(Truth.LIE, message=_difference(check.text, expected), **said)
    return told(Truth.ANSWER, **said)


def _difference(text: str, expected: str) -> str:
    if expected.startswith(text):
        return f"it ends after {len(text)} of {len(expected)} characters and says that it is whole"
    same = next((at for at, (one, other) in enumerate(zip(text, expected, strict=False)) if one != other), min(len(text), len(expected)))
    return f"it says something else from character {same} on: {text[same : same + 40]!r}, not {expected[same : same + 40]!r}"
