"""Levers of cost, latency and quality that a model may have: hedging, tiers of complexity, batching, what a leaving client costs.

What must not live here: caches (`caching`), and pulling the levers (`policy`).
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from roteiro.plan.hours import format_hours, parse_hours
from roteiro.plan.part import ModelName, Part
from roteiro.plan.quantity import Count, PositiveSeconds, Share, refuse
from roteiro.terms import units
from roteiro.terms.units import QuantityError, show

__all__ = ["Batch", "Batching", "Disconnect", "Hedge", "Tiers", "drain_s"]

PERCENTILE: Final = re.compile(r"p([5-9][0-9])")


def duration_or(value: object, words: tuple[str, ...], wanted: str, remedy: str) -> object:
    """One of the words, or a duration above zero in its canonical spelling."""
    if isinstance(value, str) and value.strip() in words:
        return value.strip()
    try:
        seconds = units.parse_duration(value, "s") if isinstance(value, str | int | float) else None
    except QuantityError:
        seconds = None
    if seconds is None:
        raise refuse(f"is {show(value)}, {wanted}", remedy)
    if seconds <= 0:
        raise refuse(f"is {show(value)}; more than 0s", remedy, "E105")
    return units.format_duration(float(seconds))


def read_disconnect(value: object) -> object:
    return duration_or(value, ("cancel", "drain"), "neither cancel, drain nor a duration", "write cancel, drain, or for example 10s")


Disconnect = Annotated[
    str,
    BeforeValidator(read_disconnect),
    WithJsonSchema({
        "type": ["string", "number"], "examples": ["cancel", "drain", "10s"],
        "description": "cancel, drain, or a duration to drain for",
    }),
]  # fmt: skip


def drain_s(disconnect: str) -> float | None:
    """Seconds that a call goes on when its client has left: 0 where it is cancelled, None for as long as it takes."""
    return {"cancel": 0.0, "drain": None}[disconnect] if disconnect in ("cancel", "drain") else float(units.parse_duration(disconnect))


def read_after(value: object) -> object:
    if isinstance(value, str) and PERCENTILE.fullmatch(value.strip()):
        return value.strip()
    return duration_or(value, (), "neither a percentile nor a duration", "write p50 to p99, or for example 800ms")


class Hedge(Part):
    """A second attempt beside one whose first byte is late; the first answer is taken."""

    after: Annotated[
        str,
        BeforeValidator(read_after),
        WithJsonSchema({"type": ["string", "number"], "examples": ["p95", "800ms"], "description": "p50 to p99, or a duration"}),
    ] = Field(default="p95", description="How late: a percentile of the model's own times to the first byte, or a duration.")
    at_most: Share = Field(default=0.05, description="Share of requests that may be hedged.")

    @property
    def percentile(self) -> float:
        """0.95 of `p95`; 0 where the delay is fixed."""
        return int(self.after[1:]) / 100.0 if PERCENTILE.fullmatch(self.after) else 0.0

    @property
    def after_s(self) -> float:
        """The fixed delay; 0 where it is a percentile."""
        return 0.0 if self.percentile else float(units.parse_duration(self.after))


class Tiers(Part):
    """Models by how demanding a task looks. One that is left out is the model itself."""

    simple: ModelName | None = Field(default=None, description="Model for short tasks of one turn, with nothing to reason about.")
    medium: ModelName | None = Field(default=None, description="Model for what is in between.")
    complex: ModelName | None = Field(default=None, description="Model for long tasks, and those with tools, code, a schema or reasoning.")

    @property
    def models(self) -> tuple[str | None, str | None, str | None]:
        """In the order of `terms.codes.Complexity`: simple, medium, complex."""
        return self.simple, self.medium, self.complex


class Batching(Part):
    """Texts of several embeddings requests that share one call."""

    wait_s: PositiveSeconds = Field(default=0.005, alias="wait", description="Longest that a text may wait for others.")
    most: Annotated[Count, Field(le=2048)] = Field(default=64, description="Texts of one call.")


def batch_run(value: str) -> str:
    text = value.strip()
    if text in ("always", "off_peak"):
        return text
    hours = parse_hours(text)
    if hours is None:
        raise refuse(f"is {show(value)}, neither always, off_peak nor hours of the day", 'write for example "22:00-06:00"', "E115")
    if hours[0] == hours[1]:
        raise refuse(f"is {show(value)}, which begins when it ends", "write always, or two different times", "E115")
    return format_hours(*hours)


class Batch(Part):
    """How the workload's batches are run."""

    run: Annotated[
        str,
        AfterValidator(batch_run),
        WithJsonSchema({"type": "string", "examples": ["always", "off_peak", "22:00-06:00"], "description": "always, off_peak, or hours"}),
    ] = Field(
        default="always", description="When queued items run: always, while a provider of the model is off-peak, or in hours of the day."
    )

    @property
    def hours(self) -> tuple[float, float] | None:
        """Hours of the plan's day in seconds since midnight, where they were given."""
        return parse_hours(self.run)
