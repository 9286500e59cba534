"""Whose traffic it is: tenants, teams, workloads, and their budgets, queues and isolation.

What must not live here: keys (they are secrets, and state).
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from roteiro.plan.levers import Batch
from roteiro.plan.logical import Limits
from roteiro.plan.part import ModelName, Name, Part
from roteiro.plan.quantity import Count, Money, PositiveSeconds, Share, refuse
from roteiro.terms import units
from roteiro.terms.units import QuantityError

__all__ = ["Budget", "Period", "PriorityName", "Queue", "Team", "Tenant", "Workload"]

Period = Literal["hour", "day", "week", "month"]


class PriorityName(StrEnum):
    """Who goes first, and who is shed last. The same words as `terms.codes.Priority`, lower-case."""

    CRITICAL = "critical"
    INTERACTIVE = "interactive"
    BATCH = "batch"
    SANDBOX = "sandbox"


class Budget(Part):
    """Money for a calendar period in the plan's timezone. `$5/day` is the short form."""

    amount_nusd: Money = Field(alias="amount", description="US dollars for the period.")
    period: Period = Field(default="day", description="hour, day, week (from Monday) or month.")
    warn_at: Share | None = Field(default=0.8, description="Share at which to warn.")
    degrade_at: Share | None = Field(default=None, description="Share at which models give way to their `degrade_to`.")
    stop_at: Share | None = Field(default=1.0, description="Share at which requests are refused; null never refuses.")

    @model_validator(mode="before")
    @classmethod
    def shorthand(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            spend = units.parse_spend(value)
        except QuantityError as error:
            raise refuse(error.message, error.remedy) from None
        return {"amount": units.format_money(spend.nusd), "period": spend.period}


class Queue(Part):
    """A bounded waiting room."""

    size: Count = Field(default=100, description="Requests that may wait.")
    max_wait_s: PositiveSeconds = Field(default=10.0, alias="max_wait", description="Longest wait.")


class Workload(Part):
    """A kind of traffic, kept apart from the others."""

    priority: PriorityName = Field(
        default=PriorityName.INTERACTIVE, description="critical > interactive > batch > sandbox; the last is shed first."
    )
    concurrency: Count | None = Field(default=None, description="Requests in flight at once.")
    queue: Queue | None = Field(default=None, description="Waiting room; without one, a full workload refuses at once.")
    limits: Limits = Field(default_factory=Limits, description="Limits over all tenants.")
    budgets: dict[Name, Budget] = Field(default_factory=dict, description="Budgets over all tenants.")
    model: ModelName | None = Field(default=None, description="Model for requests that name none or `default`.")
    dead_letter: bool = Field(default=False, description="Whether requests that failed for good are kept, to be redriven.")
    batch: Batch = Field(default_factory=Batch, description="How its batches are run.")
    residency: tuple[Name, ...] = Field(
        default=(), description="Regions that its data may go to, as one or several of `regions`; without any, all of them."
    )


class Tenant(Part):
    """A customer, inside or outside."""

    tier: Name | None = Field(default=None, description="One of `sla_tiers`.")
    team: Name | None = Field(default=None, description="One of `teams`, whose budgets it shares.")
    workloads: tuple[Name, ...] = Field(default=(), description="Workloads it may use, its default first; without any, all of them.")
    models: tuple[ModelName, ...] = Field(default=(), description="Models it may ask for; without any, all of them.")
    priority: PriorityName | None = Field(default=None, description="Priority in place of its workload's.")
    concurrency: Count | None = Field(default=None, description="Requests in flight at once.")
    limits: Limits = Field(default_factory=Limits, description="Limits over all its keys.")
    key_limits: Limits = Field(default_factory=Limits, description="Limits of each of its keys.")
    budgets: dict[Name, Budget] = Field(default_factory=dict, description="Its budgets, by name.")
    residency: tuple[Name, ...] = Field(
        default=(), description="Regions that its data may go to, as one or several of `regions`; without any, all of them."
    )


class Team(Part):
    """Tenants that share a purse."""

    budgets: dict[Name, Budget] = Field(default_factory=dict, description="Its budgets, by name.")
