"""Cross-checks of demand and of scaling.

What must not live here: forecasts.
"""

from collections.abc import Iterator, Sequence

from roteiro.plan.demand import Process
from roteiro.plan.look import Found, Look, checks
from roteiro.plan.near import did_you_mean
from roteiro.plan.resolve import Path
from roteiro.terms.units import format_share, format_tokens


@checks("E235", "the shares of the mix do not add up", "They are shares of one whole.")
def mix(look: Look) -> Iterator[Found]:
    demand = look.plan.demand
    yield from not_whole(("demand", "mix"), [part.share for part in demand.mix])
    for name, group in demand.groups.items():
        yield from not_whole(("demand", "groups", name, "mix"), [part.share for part in group.mix])


def not_whole(at: Path, shares: Sequence[float]) -> Iterator[Found]:
    total = sum(shares)
    if shares and abs(total - 1) > 0.001:
        yield Found(at, f"adds up to {format_share(round(total, 6))}, not 100%", "make the shares add up", at_key=True)


@checks("W236", "a tenant asks for what it may not", "Its requests would be refused, and the simulation would say so.")
def forbidden_mix(look: Look) -> Iterator[Found]:
    for at, part in look.mix_parts():
        tenant = look.plan.tenants.get(part.tenant) if part.tenant is not None else None
        if tenant is None:
            continue
        for key, asked, allowed in (("workload", part.workload, tenant.workloads), ("model", part.model, tenant.models)):
            if asked is not None and allowed and asked not in allowed:
                message = f"is {asked}, which is not among the {key}s of tenant {part.tenant}"
                yield Found((*at, key), message, f"add it to tenants.{part.tenant}.{key}s, or ask for another")


@checks("E401", "the shares of the groups do not add up", "They are shares of the demand's rate.")
def group_shares(look: Look) -> Iterator[Found]:
    yield from not_whole(("demand", "groups"), [one.share for one in look.plan.demand.groups.values() if one.share is not None])


@checks("E402", "a group has a share of no rate", "A share wants a rate that it is of, which a trace's is not.")
def share_of_nothing(look: Look) -> Iterator[Found]:
    arrivals = look.plan.demand.arrivals
    for name, group in look.plan.demand.groups.items():
        if group.share is not None and (arrivals is None or arrivals.process is Process.TRACE):
            message = "is a share, and demand.arrivals has no rate of a process"
            yield Found(("demand", "groups", name, "share"), message, "write for example rate: 2/s in its place")


@checks("E403", "lengths are correlated that nothing tells of", "A correlation is of two lengths; here targets draw that of answers.")
def correlated(look: Look) -> Iterator[Found]:
    demand = look.plan.demand
    by_targets = any(provider.service is not None and provider.service.output_tokens for provider in look.plan.providers.values())
    if not by_targets or demand.output_tokens is not None:
        return
    if demand.correlation != 0.0:
        yield Found(("demand", "correlation"), "has no output_tokens to go with", "write demand.output_tokens")
    for name, group in demand.groups.items():
        if group.correlation and group.output_tokens is None:
            yield Found(("demand", "groups", name, "correlation"), "has no output_tokens to go with", "write the group's output_tokens")


@checks("W404", "a shared prefix is longer than most requests", "What a request does not have cannot be read from a cache.")
def long_prefix(look: Look) -> Iterator[Found]:
    demand = look.plan.demand
    everywhere: Path = ("demand",)
    looked = [(everywhere, demand.prefixes, demand.input_tokens)]
    looked += [
        ((*everywhere, "groups", name), one.prefixes, one.input_tokens or demand.input_tokens) for name, one in demand.groups.items()
    ]
    for at, prefixes, spread in looked:
        if prefixes is not None and spread is not None and prefixes.tokens > spread.median:
            message = f"is {format_tokens(prefixes.tokens)}; half of the requests are shorter than {format_tokens(spread.median)}"
            yield Found((*at, "prefixes", "tokens"), message, "expect longer requests, or shorter prefixes")


@checks("W405", "a trace has a shape of its own", "What was recorded comes as it was recorded.")
def shaped_trace(look: Look) -> Iterator[Found]:
    demand = look.plan.demand
    if demand.arrivals is not None and demand.arrivals.process is Process.TRACE and not demand.groups and look.written("demand", "shape"):
        message = "changes no recorded arrival"
        yield Found(("demand", "shape"), message, "leave it out, or fit a process to the trace", at_key=True)


@checks("W406", "a process of variation 1 is a Poisson process", "Gamma and Weibull gaps of variation 1 are exponential.")
def plain_process(look: Look) -> Iterator[Found]:
    demand = look.plan.demand
    named: list[tuple[Path, Process, float]] = [
        (("demand", "groups", name), one.process, one.cv) for name, one in demand.groups.items()
    ]  # fmt: skip
    if demand.arrivals is not None:
        named.append((("demand", "arrivals"), demand.arrivals.process, demand.arrivals.cv))
    for at, process, cv in named:
        if process in (Process.GAMMA, Process.WEIBULL) and cv == 1.0 and not look.written(*at, "cv"):
            yield Found((*at, "process"), f"is {process.value}, without a cv", "write for example cv: 2", at_key=False)
        elif process is Process.POISSON and cv != 1.0:
            yield Found((*at, "cv"), f"is {cv:g}, and the process is poisson", "write process: gamma")


@checks("W407", "uncertainty or growth is said of no factor", "A misspelt name would otherwise do nothing in silence.")
def of_no_factor(look: Look) -> Iterator[Found]:
    demand = look.plan.demand
    named = sorted({*demand.factors, *(name for one in demand.scenarios.values() for name in one.factors)})
    said: list[Path] = [("demand", "spread", name) for name in demand.spread]
    said += [("demand", "kinds", name) for name in demand.kinds]
    said += [("demand", "scenarios", at, "spread", name) for at, one in demand.scenarios.items() for name in one.spread]
    for at in said:
        if at[-1] not in named:
            remedy = did_you_mean(str(at[-1]), named, "write the factor too")
            yield Found(at, f"is of {at[-1]}, and there is no such factor", remedy, at_key=True)


@checks("E238", "a policy scales up and down at once", "Down must be below up, with room between them.")
def thresholds(look: Look) -> Iterator[Found]:
    policies = look.plan.scaling_policies
    for key, policy in (("token_based", policies.token_based), ("latency_based", policies.latency_based)):
        if policy is not None and policy.scale_down_threshold >= policy.scale_up_threshold:
            message = f"is {policy.scale_down_threshold:g}; below scale_up_threshold, {policy.scale_up_threshold:g}"
            yield Found(("scaling_policies", key, "scale_down_threshold"), message, "lower it")


@checks("W239", "the cheaper model is not in the plan", "The policy would have nothing to fall back to.")
def fallback_model(look: Look) -> Iterator[Found]:
    policy = look.plan.scaling_policies.cost_based
    if policy is not None and policy.fallback_model is not None and policy.fallback_model not in look.names("models"):
        remedy = did_you_mean(policy.fallback_model, sorted(look.names("models")), "add it under models, or as a provider's model")
        message = f"is {policy.fallback_model}, which no provider or model of the plan has"
        yield Found(("scaling_policies", "cost_based", "fallback_model"), message, remedy)


@checks("W241", "the demand does not fit the context", "One request in twenty is longer than the model asked for can take.")
def too_long(look: Look) -> Iterator[Found]:
    spread = look.plan.demand.input_tokens
    if spread is None:
        return
    for name, model in look.own_models().items():
        if model.context_tokens is not None and spread.p95 > model.context_tokens:
            message = f"is {format_tokens(spread.p95)}; model {name} has a context of {format_tokens(model.context_tokens)}"
            yield Found(("demand", "input_tokens", "p95"), message, "expect shorter requests, or take a model with more context")
