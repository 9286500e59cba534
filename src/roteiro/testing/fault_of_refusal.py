"""Faults that refuse: error statuses, rate limits, contexts that are too short, content filters.

What must not live here: how a dialect writes a refusal (the dialects).
"""

import math
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Annotated, Literal

from msgspec import Meta

from roteiro.testing.fault_base import Fault, Scene
from roteiro.testing.tape import Tape, json_tape, stream_tape

__all__ = ["ContentRefused", "ContextTooLong", "PrefixRefused", "Quota", "Status", "Throttle"]


class Status(Fault, frozen=True, tag="status"):
    """An error status with an error body. `message` and `code`: what it says."""

    status: Annotated[int, Meta(ge=400, le=599)] = 500
    message: str = ""
    code: str | None = None

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        return scene.dialect.refusal(self.status, self.message or f"the sandbox's script answers {self.status}", self.code)


class Throttle(Fault, frozen=True, tag="throttle"):
    """429, and when to come back in one of the forms that providers use.

    `seconds`, `date`: `retry-after`; `ms`: `retry-after-ms`; `reset`: `x-ratelimit-reset-requests`; `anthropic`: that vendor's reset as a
    moment; `gemini`: a `RetryInfo` in the body; `none`: not at all.
    """

    wait_s: Annotated[float, Meta(ge=0.0)] = 1.0
    form: Literal["seconds", "date", "ms", "reset", "anthropic", "gemini", "none"] = "seconds"

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        body = scene.dialect.throttled_body(self.wait_s if self.form == "gemini" else None)
        return json_tape(429, body, headers=self._headers(scene.unix_s))

    def _headers(self, unix_s: float) -> dict[str, str]:
        match self.form:
            case "seconds":
                return {"retry-after": str(math.ceil(self.wait_s))}  # RFC 9110: whole seconds
            case "date":
                return {"retry-after": formatdate(math.ceil(unix_s + self.wait_s), usegmt=True)}
            case "ms":
                return {"retry-after-ms": f"{self.wait_s * 1000:.0f}"}
            case "reset":
                return {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{self.wait_s:g}s"}
            case "anthropic":
                moment = datetime.fromtimestamp(unix_s + self.wait_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
                return {"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": moment}
        return {}


class Quota(Fault, frozen=True, tag="quota"):
    """Requests and tokens a minute that are really counted; what is over them gets 429. `rate` is not heeded: a quota holds for all."""

    requests_per_minute: Annotated[int, Meta(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Meta(ge=1)] | None = None

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        return json_tape(429, scene.dialect.throttled_body(None))


class ContextTooLong(Fault, frozen=True, tag="context"):
    """400 for a request of more than `most_tokens`, in the dialect's own words."""

    most_tokens: Annotated[int, Meta(ge=0)] = 0

    def concerns(self, scene: Scene) -> bool:
        return Fault.concerns(self, scene) and scene.tokens > self.most_tokens

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        return scene.dialect.too_long(scene.tokens, self.most_tokens)


class ContentRefused(Fault, frozen=True, tag="content"):
    """A filter refuses: the request itself, or (`answer`) under status 200 with a finish reason that says so."""

    reason: str = "the text was flagged by the content filter"
    form: Literal["request", "answer"] = "request"

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        if self.form == "request" or scene.answer is None:
            return scene.dialect.content_refused(self.reason)
        withheld = scene.answer.withheld(self.reason)
        if tape.is_stream:
            return replace(stream_tape(scene.dialect.frames(withheld), tape.head_after_s, ()), headers=tape.headers)
        return replace(json_tape(200, scene.dialect.body(withheld), headers=tape.headers), head_after_s=tape.head_after_s)


class PrefixRefused(Fault, frozen=True, tag="prefix"):
    """400 for a request that gives the beginning of its answer, as newer models do."""

    def concerns(self, scene: Scene) -> bool:
        return Fault.concerns(self, scene) and bool(scene.prefix)

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        return scene.dialect.prefix_refused()
