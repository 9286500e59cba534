"""A plan with what it leaves unsaid filled in: from the catalogue, from the plan's own defaults, and the models that are there unasked.

Each value filled in has its origin kept, for `explain`. What must not live here: constants (they are the fields' defaults).
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from pydantic import BaseModel

from roteiro.catalog.prices import find_context, find_price
from roteiro.catalog.vendors import Dialect, Vendor, find_vendor
from roteiro.plan.logical import LogicalModel
from roteiro.plan.model import Plan
from roteiro.plan.people import Tenant, Workload
from roteiro.plan.provider import OffPeak, Price, Provider
from roteiro.plan.servers import Servers

__all__ = ["Origins", "Path", "resolve"]

Path = tuple[str | int, ...]
"""A place in the plan: `("models", "chat", "retry", "attempts")`."""


@dataclass(slots=True)
class Origins:
    """Where the values come from that were filled in."""

    rows: dict[Path, str] = field(default_factory=dict)

    def note(self, path: Path, origin: str) -> None:
        self.rows[path] = origin


PartT = TypeVar("PartT", bound=BaseModel)


def changed(part: PartT, updates: dict[str, Any]) -> PartT:
    return part.model_copy(update=updates) if updates else part


def provider(name: str, given: Provider, origins: Origins, on: date | None) -> Provider:
    at: Path = ("providers", name)
    vendor = find_vendor(given.name)
    updates: dict[str, Any] = {}
    if given.on_premises is None:
        updates["on_premises"] = given.local is not None or (vendor is not None and vendor.on_premises)
        origins.note((*at, "on_premises"), "the model is run here" if given.local else f"catalogue: {given.name}" if vendor else "default")
    dialect = dialect_of(given, vendor)
    address = vendor.address(dialect) if vendor is not None and given.local is None else None
    if dialect != given.dialect:
        updates["dialect"] = dialect
    if vendor is not None and given.local is None and vendor.spoken_at(given.base_url or address or "") is not None:
        origins.note((*at, "dialect"), f"catalogue: {vendor.name}")
    if vendor is not None and keeps_no_prefix(given, vendor):
        updates["assistant_prefix"] = False
        origins.note((*at, "assistant_prefix"), f"catalogue: {vendor.name}")
    if given.base_url is None and vendor is not None and address is not None:
        updates["base_url"] = address
        origins.note((*at, "base_url"), f"catalogue: {vendor.name}")
        if not given.key_envs and vendor.key_env is not None:
            updates["key_envs"] = (vendor.key_env,)
            origins.note((*at, "key_env"), f"catalogue: {vendor.name}")
    if given.servers is not None and given.servers.variant is not None:
        updates.update(running(given, given.servers, at, origins))
    if given.price is None:
        price = catalogue_price(given, bool(updates.get("on_premises", given.on_premises)), on)
        if price is not None:
            updates["price"] = price
            origins.note((*at, "price"), f"catalogue: {price.source}")
    if given.context_tokens is None:
        context = given.local.context_tokens if given.local else find_context(given.name, given.model)
        if context is not None:
            updates["context_tokens"] = context
            origins.note((*at, "context_tokens"), "local.context" if given.local else f"catalogue: {given.name} {given.model}")
    return changed(given, updates)


def running(given: Provider, servers: Servers, at: Path, origins: Origins) -> dict[str, Any]:
    """What a provider's own servers are, and its quality, under the variant that runs."""
    chosen, origin = servers.running(servers.variant), f"variant {servers.variant}"
    variant = servers.variants[servers.variant or ""]
    for name, info in type(variant).model_fields.items():
        if name != "quality" and getattr(variant, name) is not None:
            origins.note((*at, "servers", info.alias or name), origin)
    if variant.quality is None:
        return {"servers": chosen}
    origins.note((*at, "quality"), origin)
    return {"servers": chosen, "quality": variant.quality}


def dialect_of(given: Provider, vendor: Vendor | None) -> Dialect:
    """The dialect that was written, else that of the vendor's address. An address of one's own says nothing of its dialect: OpenAI's."""
    if "dialect" in given.model_fields_set or vendor is None or given.local is not None:
        return given.dialect
    return vendor.dialect if given.base_url is None else vendor.spoken_at(given.base_url) or given.dialect


def keeps_no_prefix(given: Provider, vendor: Vendor) -> bool:
    """Whether the vendor itself is asked, and its model is known not to go on from the beginning of an answer."""
    if "assistant_prefix" in given.model_fields_set or given.local is not None or vendor.goes_on(given.model):
        return False
    return given.base_url is None or vendor.base_url is None or vendor.spoken_at(given.base_url) is not None


def catalogue_price(given: Provider, on_premises: bool, on: date | None) -> Price | None:
    if on_premises:
        return Price.model_validate({"input": 0, "output": 0, "source": "no price of tokens on premises"})
    found = find_price(given.name, given.model, on, answers=given.kind == "chat")
    if found is None:
        return None
    window = found.off_peak
    since = f", since {found.since.isoformat()}" if found.since else ""
    return Price.model_construct(
        input_nusd_per_mtok=found.input_nusd_per_mtok,
        output_nusd_per_mtok=found.output_nusd_per_mtok,
        cached_input_nusd_per_mtok=found.cached_input_nusd_per_mtok,
        reasoning_nusd_per_mtok=found.reasoning_nusd_per_mtok,
        off_peak=None
        if window is None
        else OffPeak.model_construct(from_s=window.from_s, to_s=window.to_s, discount=window.discount, timezone="UTC"),
        source=f"{found.source}{since}",
    )


def logical(name: str, given: LogicalModel, plan: Plan, origins: Origins) -> LogicalModel:
    at: Path = ("models", name)
    targets: dict[str, float | None] = {}
    for target, weight in given.targets.items():
        known = plan.providers.get(target)
        if weight is None:
            origins.note((*at, "targets", target), f"providers.{target}.weight")
        targets[target] = weight if weight is not None else known.weight if known else 1.0
    # A field that the model itself sets stays; the rest are the plan's.
    own = given.retry.model_fields_set
    inherited = {key: getattr(plan.retry, key) for key in type(given.retry).model_fields if key not in own}
    for key, info in type(given.retry).model_fields.items():
        if key not in own and key in plan.retry.model_fields_set:
            origins.note((*at, "retry", info.alias or key), f"retry.{info.alias or key}")
    updates: dict[str, Any] = {"targets": targets, "retry": changed(given.retry, inherited)}
    if given.on_disconnect is None:
        updates["on_disconnect"] = plan.request.on_disconnect
        if "on_disconnect" in plan.request.model_fields_set:
            origins.note((*at, "on_disconnect"), "request.on_disconnect")
    if given.context_tokens is None:
        contexts = [plan.providers[target].context_tokens for target in targets if target in plan.providers]
        least = min((tokens for tokens in contexts if tokens is not None), default=None)
        if least is not None and None not in contexts:
            updates["context_tokens"] = least
            origins.note((*at, "context"), "least of its targets'")
    return changed(given, updates)


def implicit_models(plan: Plan) -> dict[str, LogicalModel]:
    """`auto` over all that chat, and one model for each that providers name, unless the plan has models of those names."""
    by_weight = sorted(plan.providers.items(), key=lambda item: (-item[1].weight, item[0]))
    models: dict[str, LogicalModel] = {}
    chatting = [(name, one) for name, one in by_weight if one.kind == "chat"]
    if chatting:
        weighing = {name: one.weight for name, one in chatting if one.weight > 0} or {name: 1.0 for name, _ in chatting}
        models["auto"] = LogicalModel.model_construct(
            targets=weighing, fallbacks=tuple(name for name, _ in chatting if name not in weighing), _fields_set=set()
        )
    for upstream in dict.fromkeys(one.model for _, one in by_weight):
        own = {name: one.weight for name, one in by_weight if one.model == upstream}
        weighing = {name: weight for name, weight in own.items() if weight > 0} or dict.fromkeys(own, 1.0)
        models.setdefault(upstream, LogicalModel.model_construct(targets=weighing, _fields_set=set()))
    return {name: model for name, model in models.items() if name not in plan.models}


def resolve(plan: Plan, on: date | None = None) -> tuple[Plan, Origins]:
    """The plan complete, and where what was filled in comes from. `on` is the day whose catalogue prices are meant. Idempotent."""
    origins = Origins()
    providers = {name: provider(name, given, origins, on) for name, given in plan.providers.items()}
    plan = changed(plan, {"providers": providers})
    implicit = implicit_models(plan)
    for name in implicit:
        origins.note(("models", name), "there unasked")
    models = {name: logical(name, given, plan, origins) for name, given in {**plan.models, **implicit}.items()}
    updates: dict[str, Any] = {"models": models}
    if not plan.tenants:
        updates["tenants"] = {"default": Tenant()}
        origins.note(("tenants", "default"), "there unasked")
    if not plan.workloads:
        updates["workloads"] = {"default": Workload()}
        origins.note(("workloads", "default"), "there unasked")
    return changed(plan, updates), origins
