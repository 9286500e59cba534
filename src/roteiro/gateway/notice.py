"""What someone is told: that an error budget burns too fast, that a step of burn is in force, that it is over, or that this is a test.

A notice is kept as JSON until it is delivered and carries all that its reader needs, so that nothing has to be looked up when it is sent.
What must not live here: when there is one (`episodes`), its words (`notice_text`) and its forms (`notice_forms`).
"""

from typing import Literal

from msgspec import Struct

__all__ = ["Adopted", "BreakerTurn", "Changed", "Kind", "Notice", "Numbers", "ProviderNow", "Severity", "Stage", "VersionTurn"]

Kind = Literal["alert", "step", "test"]
Stage = Literal["firing", "resolved"]
Severity = Literal["page", "ticket"]


class Adopted(Struct, frozen=True, kw_only=True):
    """A plan that was taken up: when (Unix seconds), which, in whose place, by whom."""

    at_s: float
    digest: str
    version: int
    by: str
    before: str = ""
    """Digest of the one before; nothing for a server's first."""
    override: str = ""
    """Why, where plans were frozen."""


class BreakerTurn(Struct, frozen=True, kw_only=True):
    """A circuit breaker that opened, or closed again."""

    at_s: float
    target: str
    what: str
    """`breaker_opened`, `breaker_forced`, `breaker_reopened` or `breaker_closed`: a reason's name."""


class VersionTurn(Struct, frozen=True, kw_only=True):
    """Another model that answers under the same name, or one that behaves differently."""

    at_s: float
    target: str
    kind: str
    """`version` or `drift`."""
    before: str
    after: str


class ProviderNow(Struct, frozen=True, kw_only=True):
    """A provider in the last minute."""

    name: str
    breaker: str
    requests: int
    failed_share: float | None = None
    p95_ms: float | None = None


class Changed(Struct, frozen=True, kw_only=True):
    """What may have brought it about: the plan in force, and what happened in the last 24 hours, the latest first."""

    digest: str = ""
    version: int = 0
    adopted: tuple[Adopted, ...] = ()
    breakers: tuple[BreakerTurn, ...] = ()
    versions: tuple[VersionTurn, ...] = ()
    providers: tuple[ProviderNow, ...] = ()


class Numbers(Struct, frozen=True, kw_only=True):
    """Shares of the window's whole error budget, and what follows from them."""

    spent: float | None = None
    """Spent so far; None where it is not known."""
    lately: float | None = None
    """Spent within the alert's long window."""
    bound: float | None = None
    """That above which the alert fires."""
    burn: float | None = None
    """Times as fast as would spend it exactly by the window's end."""
    long_s: float | None = None
    short_s: float | None = None
    exhausted_at_s: float | None = None
    """When nothing is left at this rate, in Unix seconds."""


class Notice(Struct, frozen=True, kw_only=True):
    """One thing to tell. `key` is the same when it begins and when it is over. Times in Unix seconds."""

    key: str
    kind: Kind
    stage: Stage
    severity: Severity
    objective: str
    at_s: float
    since_s: float
    promise: str = ""
    """The objective in symbols: `availability ≥ 99.9%, month`."""
    numbers: Numbers = Numbers()
    do: str = ""
    """Of a step: notify, degrade, freeze or shed."""
    threshold: float | None = None
    """Of a step: the share of the budget at which it begins."""
    timezone: str = "UTC"
    changed: Changed = Changed()
