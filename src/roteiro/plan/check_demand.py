"""Cross-checks of demand and of scaling.

What must not live here: forecasts.
"""

from collections.abc import Iterator

from roteiro.plan.look import Found, Look, checks
from roteiro.plan.near import did_you_mean
from roteiro.terms.units import format_share, format_tokens


@checks("E235", "the shares of the mix do not add up", "They are shares of one whole.")
def mix(look: Look) -> Iterator[Found]:
    parts = look.plan.demand.mix
    total = sum(part.share for part in parts)
    if parts and abs(total - 1) > 0.001:
        yield Found(("demand", "mix"), f"adds up to {format_share(round(total, 6))}, not 100%", "make the shares add up", at_key=True)


@checks("W236", "a tenant asks for what it may not", "Its requests would be refused, and the simulation would say so.")
def forbidden_mix(look: Look) -> Iterator[Found]:
    for index, part in enumerate(look.plan.demand.mix):
        tenant = look.plan.tenants.get(part.tenant) if part.tenant is not None else None
        if tenant is None:
            continue
        for key, asked, allowed in (("workload", part.workload, tenant.workloads), ("model", part.model, tenant.models)):
            if asked is not None and allowed and asked not in allowed:
                message = f"is {asked}, which is not among the {key}s of tenant {part.tenant}"
                yield Found(("demand", "mix", index, key), message, f"add it to tenants.{part.tenant}.{key}s, or ask for another")


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
