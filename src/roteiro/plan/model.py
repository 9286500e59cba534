"""The plan: every section, as one frozen value.

What must not live here: reading files, cross-checks, defaults that come from elsewhere (`resolve`).
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field

from roteiro.plan.action import Action, ActionKind
from roteiro.plan.aims import CostScaling, FloorCurve, LatencyScaling, ScalingPolicies, ScalingStep, TokenScaling
from roteiro.plan.caching import Cache, EmbeddingCache, ExactCache, ModelCache, SemanticCache
from roteiro.plan.condition import And, Comparison, Condition, Metric, Not, Or, State
from roteiro.plan.demand import Arrivals, ClientRetry, Clients, Demand, DemandGroup, MixPart, Process, Scenario, SharedPrefixes
from roteiro.plan.demand_shape import Bursts, Daily, DemandShape, Surge
from roteiro.plan.levers import Batch, Batching, Disconnect, Hedge, Tiers
from roteiro.plan.logical import FleetRetry, Limits, LogicalModel, ModelTimeouts, OnExhausted, Retry
from roteiro.plan.money import Currency, CurrencyCode, UnitCosts
from roteiro.plan.notify import Channel
from roteiro.plan.objectives import Maintenance, SlaTier, Slo
from roteiro.plan.outages import Outages, PlannedOutage
from roteiro.plan.part import ModelName, Name, Part, Subject
from roteiro.plan.people import Budget, Period, PriorityName, Queue, Team, Tenant, Workload
from roteiro.plan.provider import (
    Breaker,
    LocalModel,
    OffPeak,
    Price,
    PromisedSla,
    Provider,
    ProviderLimits,
    Timeouts,
)
from roteiro.plan.provisioned import Provisioned
from roteiro.plan.quality import Quality
from roteiro.plan.quantity import Bytes, Seconds, Text, Tokens
from roteiro.plan.regions import Region
from roteiro.plan.routing import Rule
from roteiro.plan.servers import Servers, ServerVariant
from roteiro.plan.service import DurationSpread, ErrorRate, ErrorRates, Load, PrefixCache, Quota, Service, Tail, TokenSpread
from roteiro.plan.vendors import Vendors
from roteiro.plan.zone import ZoneName

__all__ = [
    "LATER",
    "Action",
    "ActionKind",
    "And",
    "Arrivals",
    "Batch",
    "Batching",
    "Breaker",
    "Budget",
    "Bursts",
    "Cache",
    "Channel",
    "ClientRetry",
    "Clients",
    "Comparison",
    "Condition",
    "CostScaling",
    "Currency",
    "CurrencyCode",
    "Daily",
    "DeadLetters",
    "Demand",
    "DemandGroup",
    "DemandShape",
    "DurationSpread",
    "EmbeddingCache",
    "ErrorRate",
    "ErrorRates",
    "ExactCache",
    "FleetRetry",
    "FloorCurve",
    "Hedge",
    "Idempotency",
    "LatencyScaling",
    "Limits",
    "Load",
    "LocalModel",
    "LogicalModel",
    "Maintenance",
    "Metric",
    "MixPart",
    "ModelCache",
    "ModelTimeouts",
    "Not",
    "OffPeak",
    "OnExhausted",
    "Or",
    "Outages",
    "Period",
    "Plan",
    "PlannedOutage",
    "PrefixCache",
    "Price",
    "PriorityName",
    "Process",
    "PromisedSla",
    "Provider",
    "ProviderLimits",
    "Provisioned",
    "Quality",
    "Queue",
    "Quota",
    "Region",
    "Request",
    "Retention",
    "Retry",
    "Rule",
    "ScalingPolicies",
    "ScalingStep",
    "Scenario",
    "SemanticCache",
    "ServerVariant",
    "Servers",
    "Service",
    "SharedPrefixes",
    "SlaTier",
    "Slo",
    "State",
    "Surge",
    "Tail",
    "Team",
    "Tenant",
    "Tiers",
    "Timeouts",
    "TokenScaling",
    "TokenSpread",
    "UnitCosts",
    "Vendors",
    "Workload",
]

LATER = ("environments", "recovery", "governance")
"""Sections that this version keeps, and does not enact."""


class Retention(Part):
    """How long the ledger keeps what."""

    events_s: Seconds = Field(default=90 * 86400.0, alias="events", description="Events.")
    decisions_s: Seconds = Field(default=30 * 86400.0, alias="decisions", description="Decisions, which replay needs.")


class DeadLetters(Part):
    """Requests that failed for good, kept encrypted, of the workloads that say `dead_letter: true`."""

    keep_s: Seconds = Field(default=7 * 86400.0, alias="keep", description="How long they are kept.")


class Idempotency(Part):
    """Answers kept, encrypted, for the Idempotency-Key of their requests."""

    keep_s: Seconds = Field(default=86400.0, alias="keep", description="How long; 0s ignores the header.")


class Request(Part):
    """Bounds on what a client may send, and what it may rely on."""

    body_bytes: Bytes = Field(default=32 * 1024 * 1024, alias="body", description="Largest body.")
    output_tokens: Tokens = Field(default=256, description="Assumed length of an answer whose request sets no maximum, for reservations.")
    idempotency: Idempotency = Field(default_factory=Idempotency, description="Answering a repeated request once.")
    on_disconnect: Disconnect = Field(
        default="cancel", description="When the client leaves: cancel the provider's call, drain it to its end, or drain for so long."
    )


class Plan(Part):
    """One operations plan. Mappings keep the order in which they were written; that order means nothing."""

    roteiro: Literal[1] = Field(default=1, description="Version of the plan's language.")
    name: Text | None = Field(default=None, description="What the plan is called in reports.")
    timezone: ZoneName = Field(default="UTC", description="IANA name; budgets' periods and the hour follow it.")
    providers: dict[Subject, Provider] = Field(default_factory=dict, description="Where answers come from.")
    regions: dict[Name, Region] = Field(default_factory=dict, description="Where providers and clients are, and the latency between.")
    models: dict[ModelName, LogicalModel] = Field(
        default_factory=dict, description="The names clients ask for. `auto`, and each provider's own model, are there unasked."
    )
    routing_logic: tuple[Rule, ...] = Field(default=(), description="Condition → action, in order.")
    retry: FleetRetry = Field(default_factory=FleetRetry, description="Trying again: defaults of every model, and the fleet's bound.")
    queue: Queue = Field(
        default_factory=lambda: Queue.model_validate({"size": 1000, "max_wait": "30s"}), description="The fleet's waiting room."
    )
    request: Request = Field(default_factory=Request, description="What a client may send, and rely on.")
    tenants: dict[Name, Tenant] = Field(default_factory=dict, description="Whose traffic it is.")
    teams: dict[Name, Team] = Field(default_factory=dict, description="Tenants that share a purse.")
    workloads: dict[Name, Workload] = Field(default_factory=dict, description="Kinds of traffic, kept apart.")
    budgets: dict[Name, Budget] = Field(default_factory=dict, description="Budgets over everything.")
    unit_costs: UnitCosts = Field(default_factory=UnitCosts, description="Targets that reports hold unit costs against.")
    currencies: dict[CurrencyCode, Currency] = Field(default_factory=dict, description="Currencies told beside US dollars, by their rates.")
    scaling_policies: ScalingPolicies = Field(default_factory=ScalingPolicies, description="When to add and remove capacity.")
    sla_tiers: dict[Name, SlaTier] = Field(default_factory=dict, description="What is promised to whom.")
    slos: dict[Name, Slo] = Field(default_factory=dict, description="Objectives of one's own, by name.")
    maintenance: tuple[Maintenance, ...] = Field(default=(), description="Stretches of time that no promise counts.")
    notify: dict[Name, Channel] = Field(default_factory=dict, description="Whom notices go to, and how they get there.")
    quality: Quality = Field(default_factory=Quality, description="How the quality of answers is measured.")
    demand: Demand = Field(default_factory=Demand, description="What is expected to arrive.")
    cache: Cache = Field(default_factory=Cache, description="Room for what is remembered of answers.")
    dead_letters: DeadLetters = Field(default_factory=DeadLetters, description="Requests that failed for good.")
    retention: Retention = Field(default_factory=Retention, description="How long the ledger keeps what.")
    environments: dict[str, Any] = Field(default_factory=dict, description="Kept, not enacted by this version.")
    recovery: dict[str, Any] = Field(default_factory=dict, description="Kept, not enacted by this version.")
    vendors: Vendors = Field(default_factory=Vendors, description="What is known of vendors, what they promise, and how they are judged.")
    governance: dict[str, Any] = Field(default_factory=dict, description="Kept, not enacted by this version.")

    def kind_of(self, model: LogicalModel) -> Literal["chat", "embedding"]:
        """What a model gives: embeddings where all that it leads to embeds, else answers."""
        kinds = {self.providers[name].kind for name in (*model.targets, *model.fallbacks) if name in self.providers}
        return "embedding" if kinds == {"embedding"} else "chat"

    def with_addresses(self, base_urls: Mapping[str, str]) -> Self:
        """The plan with the addresses of some providers replaced, as settings may. Raises KeyError for an unknown provider.

        Addresses given so are no part of the plan: take its digest before.
        """
        changed = {name: self.providers[name].model_copy(update={"base_url": url}) for name, url in base_urls.items()}
        return self.model_copy(update={"providers": {**self.providers, **changed}})
