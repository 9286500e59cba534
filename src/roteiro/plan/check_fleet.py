"""Cross-checks of providers and of the models that lead to them.

What must not live here: tenants and money's budgets (`check_people`), routing logic (`check_rules`).
"""

from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import urlsplit

from roteiro.catalog.prices import similar_models
from roteiro.plan.logical import LogicalModel, Retry
from roteiro.plan.look import Found, Look, checks
from roteiro.plan.resolve import Path
from roteiro.terms.units import format_duration, format_rate, format_tokens


@checks("W202", "there is no provider", "The plan can be checked, and cannot serve.")
def no_provider(look: Look) -> Iterator[Found]:
    if not look.names("providers"):
        yield Found((), "names no provider, so that nothing can be served or simulated", "add providers: …")


@checks("E203", "weights are negative or all zero", "Traffic is shared in proportion to the weights.")
def weights(look: Look) -> Iterator[Found]:
    providers = look.plan.providers
    for name, provider in providers.items():
        if provider.weight < 0:
            yield Found(("providers", name, "weight"), f"is {provider.weight:g}; at least 0", "write 0 for a provider that only stands by")
    if providers and all(provider.weight == 0 for provider in providers.values()):
        yield Found(("providers",), "have no weight above 0, so that none takes traffic", "give one a weight", at_key=True)
    for name, model in look.plan.models.items():
        given = {target: weight for target, weight in model.targets.items() if weight is not None}
        for target, weight in given.items():
            if weight < 0 and look.written("models", name, "targets", target):
                yield Found(("models", name, "targets", target), f"is {weight:g}; at least 0", "write 0 for a target that only stands by")
        if look.written("models", name) and given and all(weight == 0 for weight in given.values()):
            yield Found(("models", name, "targets"), "have no weight above 0, so that none takes traffic", "give one a weight", at_key=True)


@checks("W204", "a provider is never reached", "It weighs nothing, and is no model's fallback and no rule's goal.")
def unreachable(look: Look) -> Iterator[Found]:
    reached = {target for model in look.own_models().values() for target, weight in model.targets.items() if weight}
    reached |= {target for model in look.own_models().values() for target in model.fallbacks}
    reached |= {rule.action.subject for rule in look.plan.routing_logic if rule.action.subject is not None}
    for name in look.plan.providers:
        if name not in reached:
            yield Found(
                ("providers", name),
                "is reached by no model's weight, fallback or rule",
                "give it a weight or make it a fallback",
                at_key=True,
            )


@checks("E205", "models degrade in a circle", "`degrade_to` must come to an end.")
def degrade_circles(look: Look) -> Iterator[Found]:
    models = look.plan.models
    for name in models:
        seen, at = [name], models[name].degrade_to
        while at is not None and at in models and at not in seen:
            seen.append(at)
            at = models[at].degrade_to
        if at == name:
            circle = " → ".join([*seen, name])
            yield Found(("models", name, "degrade_to"), f"leads back to itself: {circle}", "end it at the cheapest model")


@checks(
    "W206",
    "what stands in has a smaller context",
    "A long request that the model takes would be refused by its fallback or by the model it degrades to.",
)
def smaller_context(look: Look) -> Iterator[Found]:
    providers, models = look.plan.providers, look.plan.models
    for name, model in look.own_models().items():
        context = model.context_tokens
        if context is None:
            continue
        for index, target in enumerate(model.fallbacks):
            other = providers[target].context_tokens if target in providers else None
            if other is not None and other < context:
                message = f"{target} has a context of {format_tokens(other)}; the model's is {format_tokens(context)}"
                yield Found(("models", name, "fallbacks", index), message, f"give {target} more context, or write context: {other}")
        to = models.get(model.degrade_to) if model.degrade_to is not None else None
        if to is not None and to.context_tokens is not None and to.context_tokens < context:
            message = f"{model.degrade_to} has a context of {format_tokens(to.context_tokens)}; this model's is {format_tokens(context)}"
            yield Found(("models", name, "degrade_to"), message, "degrade to a model with as much context")


@checks("E213", "a breaker contradicts itself", "Its times must fit each other and the fleet's tick of 250 ms.")
def breakers(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        breaker, at = provider.breaker, ("providers", name, "breaker")
        if breaker.open_for_s > breaker.max_open_s:
            message = f"is {format_duration(breaker.open_for_s)}; at most max_open, {format_duration(breaker.max_open_s)}"
            yield Found((*at, "open_for"), message, "raise max_open")
        if breaker.window_s < 1:
            yield Found((*at, "window"), f"is {format_duration(breaker.window_s)}; at least 1s", "widen it")
        if breaker.failure_rate == 0:
            yield Found((*at, "failure_rate"), "is 0%, at which any call opens it", "write for example 50%")


@checks(
    "W214", "a breaker can never open", "Quota and window let fewer calls through than its minimum, or no call can be as slow as it says."
)
def deaf_breakers(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        breaker, at, quota = provider.breaker, ("providers", name, "breaker"), provider.limits.requests
        if quota is not None and max(quota.per_second * breaker.window_s, float(quota.amount)) < breaker.minimum_calls:
            message = (
                f"is {breaker.minimum_calls}; a quota of {format_rate(quota)} lets fewer through in {format_duration(breaker.window_s)}"
            )
            yield Found((*at, "minimum_calls"), message, "lower it, or widen the window")
        if breaker.slow_call_s is not None and breaker.slow_call_s >= provider.timeouts.attempt_s:
            message = f"is {format_duration(breaker.slow_call_s)}; an attempt is cut at {format_duration(provider.timeouts.attempt_s)}"
            yield Found((*at, "slow_call"), message, "lower it below timeouts.attempt")


def longest_waits(retry: Retry) -> float:
    """Seconds that the waits between attempts take at most."""
    return sum(min(retry.backoff_s * 2.0**n, retry.max_backoff_s) for n in range(retry.attempts - 1))


def tries(look: Look) -> Iterator[tuple[Path, LogicalModel]]:
    """The models that a person wrote, and once for all of those there unasked, which differ in nothing that matters here."""
    unasked = None
    for name, model in look.plan.models.items():
        if look.written("models", name):
            yield ("models", name, "retry"), model
        else:
            unasked = model
    if unasked is not None and look.written("retry"):
        yield ("retry",), unasked


@checks("E215", "retries outlast the deadline", "The waits between attempts alone take longer than the client has patience.")
def waits(look: Look) -> Iterator[Found]:
    for path, model in tries(look):
        total, longest = model.timeouts.total_s, longest_waits(model.retry)
        if longest >= total:
            waiting = f"{format_duration(round(longest, 3))} between {model.retry.attempts} attempts"
            message = f"allows waits of {waiting}; the deadline is {format_duration(total)}"
            yield Found(path, message, "fewer attempts, a shorter backoff, or a later deadline")


@checks(
    "W216", "there is no time for all attempts", "If each attempt waits for its first byte as long as it may, the deadline comes first."
)
def attempts(look: Look) -> Iterator[Found]:
    for path, model in tries(look):
        waits_s = [look.plan.providers[target].timeouts.first_token_s for target in model.targets if target in look.plan.providers]
        each, total = max(waits_s, default=0.0), model.timeouts.total_s
        if model.retry.attempts > 1 and each * model.retry.attempts > total:
            fit = max(1, int(total // each))
            reason = f"each may wait {format_duration(each)} for its first byte; the deadline is {format_duration(total)}"
            message = f"is {model.retry.attempts}; at most {fit} ({reason})"
            yield Found((*path, "attempts"), message, "lower timeouts.first_token of the targets, or attempts, or raise timeouts.total")


@checks("W217", "a timeout or wait can never be reached", "Another one, shorter, always comes first.")
def unreached_times(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        times = provider.timeouts
        for key, value in (("connect", times.connect_s), ("first_token", times.first_token_s), ("idle", times.idle_s)):
            if value > times.attempt_s:
                message = f"is {format_duration(value)}; the whole attempt is cut at {format_duration(times.attempt_s)}"
                yield Found(("providers", name, "timeouts", key), message, "lower it, or raise timeouts.attempt")
    retry = look.plan.retry
    if retry.backoff_s > retry.max_backoff_s:
        message = f"is {format_duration(retry.backoff_s)}; max_backoff is {format_duration(retry.max_backoff_s)}"
        yield Found(("retry", "backoff"), message, "raise max_backoff")
    for name, model in look.plan.models.items():
        if look.written("models", name, "retry") and model.retry.backoff_s > model.retry.max_backoff_s:
            message = f"is {format_duration(model.retry.backoff_s)}; max_backoff is {format_duration(model.retry.max_backoff_s)}"
            yield Found(("models", name, "retry", "backoff"), message, "raise max_backoff")


@checks("W230", "a provider has no price", "Its cost is reported as unverified, and budgets cannot count it.")
def priceless(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        if provider.price is None:
            near = similar_models(provider.name, provider.model)
            meant = f"did you mean the model {', '.join(near)}? else " if near else ""
            message = f"has no price: the catalogue does not know {provider.name} {provider.model}, so its cost stays unverified"
            yield Found(("providers", name, "model"), message, f"{meant}add price: {{input: $1/1M tokens, output: $2/1M tokens}}")


@checks("W231", "a provider has no key", "A vendor's https address is seldom open to all.")
def keyless(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        open_perhaps = provider.dialect == "openai"  # the other dialects are never open: `check_levers`
        if (
            open_perhaps
            and provider.key_env is None
            and provider.is_cloud
            and provider.base_url is not None
            and provider.base_url.startswith("https:")
        ):
            message = f"has no key_env, though {urlsplit(provider.base_url).hostname} is not on premises"
            yield Found(("providers", name), message, "name the environment variable that holds the key", at_key=True)


@checks("W232", "a provider has no address", "It must then come from the settings, as in the demo, or requests to it fail.")
def addressless(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        if provider.base_url is None and provider.local is None:
            message = f"has neither base_url nor a local model, and the catalogue has no address for {provider.name}"
            yield Found(("providers", name), message, "add base_url: https://…/v1, or local: smollm2", at_key=True)


@checks("E233", "a provider is both local and elsewhere", "A local model's address is made when it starts.")
def local_and_remote(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        if provider.local is not None and provider.base_url is not None:
            yield Found(("providers", name, "base_url"), "stands beside a local model", "keep one of base_url and local")


@checks("W234", "a key would travel unencrypted", "http to another machine shows the key to everyone on the way.")
def bare_http(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        url = urlsplit(provider.base_url or "")
        if url.scheme == "http" and provider.key_env and url.hostname not in ("localhost", "127.0.0.1", "::1"):
            yield Found(("providers", name, "base_url"), f"sends the key of {provider.key_env} over http to {url.hostname}", "use https")


@checks("E244", "answers leave no room for a question", "Input and output share the context.")
def no_room(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        most, context = provider.max_output_tokens, provider.context_tokens
        if most is not None and context is not None and most >= context:
            message = f"is {format_tokens(most)}; the context is {format_tokens(context)}, input included"
            yield Found(("providers", name, "max_output_tokens"), message, "lower it, or raise context_tokens")


@checks("W249", "a fallback is already a target", "A failed target is not tried again as its own fallback.")
def fallback_is_target(look: Look) -> Iterator[Found]:
    for name, model in look.own_models().items():
        for index, target in enumerate(model.fallbacks):
            if model.targets.get(target) or target in model.fallbacks[:index]:
                yield Found(("models", name, "fallbacks", index), f"{target} is already among the targets or fallbacks", "leave it out")


@checks("W250", "two providers share an address, a model and a key", "They fail together, though the plan counts them as two.")
def twins(look: Look) -> Iterator[Found]:
    known = [
        (one.base_url, one.model, one.key_envs, name)
        for name, one in look.plan.providers.items()
        if one.base_url and look.written("providers", name)
    ]
    for first, second in pairwise(sorted(known, key=lambda row: (str(row[0]), row[1], str(row[2])))):
        if first[:3] == second[:3]:
            yield Found(
                ("providers", second[3]),
                f"is the same model at the same address with the same key as {first[3]}",
                "merge them",
                at_key=True,
            )
