"""The plan: every section, as one frozen value.

What must not live here: reading files, cross-checks, defaults that come from elsewhere (`resolve`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field

from roteiro.plan.action import Action, ActionKind
from roteiro.plan.aims import CostScaling, LatencyScaling, ScalingPolicies, SlaTier, TokenScaling
from roteiro.plan.condition import And, Comparison, Condition, Metric, Not, Or, State
from roteiro.plan.demand import Arrivals, Demand, MixPart, Process, Scenario
from roteiro.plan.logical import FleetRetry, Limits, LogicalModel, ModelTimeouts, OnExhausted, Retry
from roteiro.plan.part import ModelName, Name, Part, Subject
from roteiro.plan.people import Budget, Period, PriorityName, Queue, Team, Tenant, Workload
from roteiro.plan.provider import (
    Breaker,
    DurationSpread,
    LocalModel,
    Price,
    PromisedSla,
    Provider,
    ProviderLimits,
    Service,
    Timeouts,
    TokenSpread,
)
from roteiro.plan.quantity import Bytes, Seconds, Text, Tokens, refuse
from roteiro.plan.routing import Rule
from roteiro.plan.zone import zone_problem

__all__ = [
    "LATER",
    "Action",
    "ActionKind",
    "And",
    "Arrivals",
    "Breaker",
    "Budget",
    "Comparison",
    "Condition",
    "CostScaling",
    "Demand",
    "DurationSpread",
    "FleetRetry",
    "LatencyScaling",
    "Limits",
    "LocalModel",
    "LogicalModel",
    "Metric",
    "MixPart",
    "ModelTimeouts",
    "Not",
    "OnExhausted",
    "Or",
    "Period",
    "Plan",
    "Price",
    "PriorityName",
    "Process",
    "PromisedSla",
    "Provider",
    "ProviderLimits",
    "Queue",
    "Request",
    "Retention",
    "Retry",
    "Rule",
    "ScalingPolicies",
    "Scenario",
    "Service",
    "SlaTier",
    "State",
    "Team",
    "Tenant",
    "Timeouts",
    "TokenScaling",
    "TokenSpread",
    "Workload",
]

LATER = ("cache", "environments", "recovery", "vendors", "governance")
"""Sections that this version keeps, and does not enact."""


class Retention(Part):
    """How long the ledger keeps what."""

    events_s: Seconds = Field(default=90 * 86400.0, alias="events", description="Events.")
    decisions_s: Seconds = Field(default=30 * 86400.0, alias="decisions", description="Decisions, which replay needs.")


class Request(Part):
    """Bounds on what a client may send."""

    body_bytes: Bytes = Field(default=32 * 1024 * 1024, alias="body", description="Largest body.")
    output_tokens: Tokens = Field(default=256, description="Assumed length of an answer whose request sets no maximum, for reservations.")


def known_zone(value: str) -> str:
    problem = zone_problem(value)
    if problem is not None:
        raise refuse(*problem)
    return value


class Plan(Part):
    """One operations plan. Mappings keep the order in which they were written; that order means nothing."""

    roteiro: Literal[1] = Field(default=1, description="Version of the plan's language.")
    name: Text | None = Field(default=None, description="What the plan is called in reports.")
    timezone: Annotated[Text, AfterValidator(known_zone)] = Field(
        default="UTC", description="IANA name; budgets' periods and the hour follow it."
    )
    providers: dict[Subject, Provider] = Field(default_factory=dict, description="Where answers come from.")
    models: dict[ModelName, LogicalModel] = Field(
        default_factory=dict, description="The names clients ask for. `auto`, and each provider's own model, are there unasked."
    )
    routing_logic: tuple[Rule, ...] = Field(default=(), description="Condition → action, in order.")
    retry: FleetRetry = Field(default_factory=FleetRetry, description="Trying again: defaults of every model, and the fleet's bound.")
    queue: Queue = Field(
        default_factory=lambda: Queue.model_validate({"size": 1000, "max_wait": "30s"}), description="The fleet's waiting room."
    )
    request: Request = Field(default_factory=Request, description="Bounds on what a client may send.")
    tenants: dict[Name, Tenant] = Field(default_factory=dict, description="Whose traffic it is.")
    teams: dict[Name, Team] = Field(default_factory=dict, description="Tenants that share a purse.")
    workloads: dict[Name, Workload] = Field(default_factory=dict, description="Kinds of traffic, kept apart.")
    budgets: dict[Name, Budget] = Field(default_factory=dict, description="Budgets over everything.")
    scaling_policies: ScalingPolicies = Field(default_factory=ScalingPolicies, description="When to add and remove capacity.")
    sla_tiers: dict[Name, SlaTier] = Field(default_factory=dict, description="What is promised to whom.")
    demand: Demand = Field(default_factory=Demand, description="What is expected to arrive.")
    retention: Retention = Field(default_factory=Retention, description="How long the ledger keeps what.")
    cache: dict[str, Any] = Field(default_factory=dict, description="Kept, not enacted by this version.")
    environments: dict[str, Any] = Field(default_factory=dict, description="Kept, not enacted by this version.")
    recovery: dict[str, Any] = Field(default_factory=dict, description="Kept, not enacted by this version.")
    vendors: dict[str, Any] = Field(default_factory=dict, description="Kept, not enacted by this version.")
    governance: dict[str, Any] = Field(default_factory=dict, description="Kept, not enacted by this version.")

    def with_addresses(self, base_urls: Mapping[str, str]) -> Self:
        """The plan with the addresses of some providers replaced, as settings may. Raises KeyError for an unknown provider.

        Addresses given so are no part of the plan: take its digest before.
        """
        changed = {name: self.providers[name].model_copy(update={"base_url": url}) for name, url in base_urls.items()}
        return self.model_copy(update={"providers": {**self.providers, **changed}})
