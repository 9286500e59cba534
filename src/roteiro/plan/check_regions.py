"""Cross-checks of regions and residency: names, round trips, data that may go nowhere, and of what scaling is to scale.

What must not live here: demand by region (`check_demand`).
"""

from collections.abc import Iterator
from itertools import combinations

from roteiro.plan.look import Found, Look, checks
from roteiro.plan.near import did_you_mean
from roteiro.plan.regions import round_trip_s
from roteiro.plan.resolve import Path
from roteiro.policy.state import MOST_REGIONS

Bounds = tuple[tuple[str, ...], tuple[str, ...]]
"""Residency of a tenant and of a workload; an empty one allows all."""


def spoken_of(look: Look) -> Iterator[tuple[Path, str]]:
    """Every name of a region, with its place, outside `regions` itself."""
    plan = look.plan
    for name, provider in plan.providers.items():
        yield ("providers", name, "region"), provider.region
    for section in ("tenants", "workloads"):
        for name, owner in getattr(plan, section).items():
            for index, region in enumerate(owner.residency):
                yield (section, name, "residency", index), region
    for at, part in look.mix_parts():
        if part.region is not None:
            yield (*at, "region"), part.region
    for name, group in plan.demand.groups.items():
        if group.region is not None:
            yield ("demand", "groups", name, "region"), group.region


def known(look: Look) -> set[str]:
    """Regions there are: those of the plan, or of its providers where it names none."""
    return look.names("regions") or {provider.region for provider in look.plan.providers.values()}


@checks("E281", "a region is not in the plan", "Nothing is there, and nothing is known of how far it is.")
def unknown_regions(look: Look) -> Iterator[Found]:
    there = known(look)
    for path, region in spoken_of(look):
        if region not in there and there:
            remedy = did_you_mean(region, sorted(there), f"add {region} under regions")
            if path[0] == "providers" and not look.written(*path):
                yield Found(path[:2], f"says no region, and so is in {region!r}, which is not under regions", "say its region", at_key=True)
            else:
                yield Found(path, f"names the unknown region {region!r}", remedy)
    for name, one in look.plan.regions.items():
        for other in one.latency_s:
            if other not in there:
                remedy = did_you_mean(other, sorted(there), f"add {other} under regions")
                yield Found(("regions", name, "latency", other), f"names the unknown region {other!r}", remedy)


@checks(
    "E282", "the round trip between two regions is missing", "Requests may go from one to the other, and take a time that nobody has said."
)
def missing_round_trips(look: Look) -> Iterator[Found]:
    regions = look.plan.regions
    for here, there in combinations(regions, 2):
        if round_trip_s(regions, here, there) is None:
            yield Found(
                ("regions", here), f"says no latency to {there}, nor {there} to it", f"add latency: {{{there}: 120ms}}", at_key=True
            )


def places(look: Look, model: str) -> set[str]:
    """Regions of the providers that a model may lead to."""
    one, providers = look.plan.models[model], look.plan.providers
    names = [*(target for target, weight in one.targets.items() if weight), *one.fallbacks]
    return {providers[name].region for name in names if name in providers}


def fits(bounds: Bounds, regions: set[str]) -> bool:
    """Whether one of the regions is allowed by both."""
    return any(all(not bound or region in bound for bound in bounds) for region in regions)


def asked(look: Look, name: str) -> set[str]:
    """Models that a tenant asks for by what the plan says: those it may ask for, its workloads' defaults, those of the demand."""
    plan, tenant = look.plan, look.plan.tenants[name]
    defaults = {plan.workloads[workload].model for workload in tenant.workloads if workload in plan.workloads}
    mixed = {part.model for part in plan.demand.mix if part.tenant == name}
    return {model for model in {*tenant.models, *defaults, *mixed} if model in plan.models}


@checks(
    "E283", "data may go nowhere", "The residency leaves no provider for a model that is asked for, so that each such request is refused."
)
def nowhere(look: Look) -> Iterator[Found]:
    plan = look.plan
    for name, tenant in plan.tenants.items():
        own = {workload: plan.workloads[workload] for workload in tenant.workloads if workload in plan.workloads}
        stays: list[tuple[Path, Bounds]] = [(("tenants", name, "residency"), (tenant.residency, ()))] if tenant.residency else []
        stays += [
            (("tenants", name, "workloads", tenant.workloads.index(key)), (tenant.residency, workload.residency))
            for key, workload in own.items()
            if workload.residency
        ]
        models = asked(look, name)
        for path, bounds in stays:
            if any(region not in known(look) for bound in bounds for region in bound):  # which E281 tells
                continue
            allowed = " and ".join(", ".join(bound) for bound in bounds if bound)
            if not models and plan.models and not any(fits(bounds, places(look, model)) for model in plan.models):
                yield Found(path, f"allows {allowed}, where no provider is", "add a provider there, or allow another region")
            for model in sorted(models):
                if not fits(bounds, places(look, model)):
                    where = ", ".join(sorted(places(look, model))) or "nowhere"
                    message = f"allows {allowed}; model {model}, which {name} asks for, is in {where}"
                    yield Found(path, message, f"add a target of {model} there, or allow another region")


@checks("W284", "a region has no provider", "Clients there are served from elsewhere, and data that stays there is served by nobody.")
def empty_regions(look: Look) -> Iterator[Found]:
    taken = {provider.region for provider in look.plan.providers.values()}
    for name in look.plan.regions:
        if name not in taken and look.plan.providers:
            yield Found(("regions", name), "has no provider", f"say region: {name} of a provider, where one is there", at_key=True)


@checks("E285", "the nearest of what has no distance", "Without regions all are equally near.")
def nearest_of_none(look: Look) -> Iterator[Found]:
    for name, model in look.plan.models.items():
        if model.balance == "nearest" and not look.plan.regions:
            message = "is nearest, and the plan has no regions with their latencies"
            yield Found(("models", name, "balance"), message, "add regions: {sa: {latency: {us: 110ms}}, us: {}}")


@checks("E286", "there are too many regions", "Each is a bit of a set that every request carries.")
def too_many(look: Look) -> Iterator[Found]:
    names = {*look.plan.regions, *(region for _, region in spoken_of(look))}
    if len(names) > MOST_REGIONS:
        yield Found(("regions",), f"are {len(names)}; at most {MOST_REGIONS}", "join those that are near to each other", at_key=True)


@checks("E287", "a scaling policy is for what has no servers", "Only replicas of servers can be added and removed.")
def nothing_to_scale(look: Look) -> Iterator[Found]:
    providers = look.plan.providers
    for index, name in enumerate(look.plan.scaling_policies.providers):
        if name not in look.names("providers"):
            remedy = did_you_mean(name, sorted(providers), "name a provider of the plan")
            yield Found(("scaling_policies", "providers", index), f"names the unknown provider {name!r}", remedy)
        elif name in providers and providers[name].servers is None:
            message = f"is {name}, which has no servers"
            yield Found(("scaling_policies", "providers", index), message, f"add providers.{name}.servers, or leave it out")
    for name in look.plan.scaling_policies.floor:
        if name not in look.names("providers"):
            remedy = did_you_mean(name, sorted(providers), "name a provider of the plan")
            yield Found(("scaling_policies", "floor", name), f"is for the unknown provider {name!r}", remedy, at_key=True)
        elif name in providers and providers[name].servers is None:
            message = f"is for {name}, which has no servers"
            yield Found(("scaling_policies", "floor", name), message, f"add providers.{name}.servers, or leave it out", at_key=True)


def scaled_by(look: Look) -> Iterator[str]:
    """The policies that add and remove replicas, by key."""
    policies = look.plan.scaling_policies
    yield from (key for key, policy in (("token_based", policies.token_based), ("latency_based", policies.latency_based)) if policy)


def scalable(look: Look) -> bool:
    """Whether a provider that they are for has servers of which there may be more or fewer."""
    wanted = look.plan.scaling_policies.providers
    return any(
        one.servers is not None and one.servers.fewest < one.servers.highest and (not wanted or name in wanted)
        for name, one in look.plan.providers.items()
    )


@checks("W288", "a scaling policy has nothing to scale", "No provider that it is for has servers with room between least and most.")
def fixed_fleet(look: Look) -> Iterator[Found]:
    if not scalable(look):
        for key in scaled_by(look):
            message = "has nothing to scale: no provider has servers whose least and most differ"
            yield Found(("scaling_policies", key), message, "add providers.NAME.servers: {least: 1, most: 4}", at_key=True)


@checks(
    "W302",
    "the gateway cannot enact a scaling policy",
    "It starts and stops the servers of local models; those at an address are somebody else's to start, by what it notes.",
)
def advisory(look: Look) -> Iterator[Found]:
    policies = look.plan.scaling_policies
    theirs = [
        name
        for name, one in look.plan.providers.items()
        if one.servers is not None and one.local is None and one.servers.fewest < one.servers.highest
        and (not policies.providers or name in policies.providers)
    ]  # fmt: skip
    if theirs and policies.mode == "active":
        for key in scaled_by(look):
            message = f"is enacted in simulations; the gateway starts no servers of {', '.join(theirs)}, it decides and notes how many"
            yield Found(
                ("scaling_policies", key), message, "give it local: …, write mode: advisory, or use `roteiro export keda`", at_key=True
            )


@checks(
    "W303",
    "a local model works at another number of requests than its servers are said to",
    "Requests wait within it that scaling takes to be worked at, or it is taken to be full while it has room.",
)
def other_batch(look: Look) -> Iterator[Found]:
    for name, one in look.plan.providers.items():
        if one.local is not None and one.servers is not None and one.local.slots != one.servers.batch:
            message = f"is {one.servers.batch}; local.slots is {one.local.slots}"
            yield Found(("providers", name, "servers", "batch"), message, f"write servers.batch: {one.local.slots}")
