"""Cross-checks of levers: contexts, complexity, hedges, rescues, caches, batching, credentials, off-peak hours, dead letters, cost.

What must not live here: targets, retries and breakers (`check_fleet`).
"""

from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from roteiro.plan.levers import drain_s
from roteiro.plan.logical import LogicalModel
from roteiro.plan.look import Found, Look, checks
from roteiro.plan.resolve import Path
from roteiro.policy.state import CREDENTIALS
from roteiro.terms.units import format_duration, format_money, format_share, format_tokens

TOKENS_PER_PRICE: Final = 1_000_000
TIERS: Final = ("simple", "medium", "complex")
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def written_models(look: Look) -> Iterator[tuple[str, LogicalModel]]:
    """The models that a person wrote."""
    return ((name, model) for name, model in look.plan.models.items() if look.written("models", name))


def reached(look: Look, model: LogicalModel) -> list[str]:
    """The providers that take the model's traffic, or step in."""
    taken = [target for target, weight in model.targets.items() if weight]
    return [name for name in dict.fromkeys([*taken, *model.fallbacks]) if name in look.plan.providers]


def contexts(look: Look, model: LogicalModel) -> list[int]:
    """Of its targets; empty where one of them is unknown."""
    listed = [look.plan.providers[name].context_tokens for name in reached(look, model)]
    known = [tokens for tokens in listed if tokens is not None]
    return known if len(known) == len(listed) else []


def circle(start: str, following: Callable[[str], list[str]]) -> list[str]:
    """The way from a name back to it, the name itself at both ends; empty where there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        for name in following(way[-1]):
            if name == start:
                return [*way, start]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


@checks("E251", "the larger context is not larger", "A request that is too long for one model would be too long for the other.")
def no_larger(look: Look) -> Iterator[Found]:
    for name, model in written_models(look):
        to = look.plan.models.get(model.larger_context) if model.larger_context is not None else None
        here, there = contexts(look, model), contexts(look, to) if to is not None else []
        if here and there and max(there) <= min(here):
            message = (
                f"{model.larger_context} takes {format_tokens(max(there))} tokens at most; this model takes {format_tokens(min(here))}"
            )
            yield Found(("models", name, "larger_context"), message, "name a model with a larger context")


@checks("E252", "larger contexts lead in a circle", "A request that is too long everywhere would be sent round for ever.")
def larger_circles(look: Look) -> Iterator[Found]:
    models = look.plan.models

    def larger(name: str) -> list[str]:
        to = models[name].larger_context if name in models else None
        return [to] if to is not None else []

    for name, _ in written_models(look):
        way = circle(name, larger)
        if way:
            yield Found(("models", name, "larger_context"), f"leads back to itself: {' → '.join(way)}", "end it at the largest model")


@checks("E253", "complexity leads in a circle", "A task would be simple for one model and complex for the other; it is looked at once.")
def tier_circles(look: Look) -> Iterator[Found]:
    models = look.plan.models

    def tiers(name: str) -> list[str]:
        given = models[name].complexity if name in models else None
        return [tier for tier in (given.models if given else ()) if tier not in (None, name)]

    for name, _ in written_models(look):
        way = circle(name, tiers)
        if way:
            message = f"leads back to itself: {' → '.join(way)}"
            yield Found(("models", name, "complexity"), message, "give complexity to the one model that clients ask for")


@checks("W254", "complexity changes nothing", "Every tier is the model itself, and every request is looked at for nothing.")
def idle_tiers(look: Look) -> Iterator[Found]:
    for name, model in written_models(look):
        if model.complexity is not None and all(tier in (None, name) for tier in model.complexity.models):
            yield Found(("models", name, "complexity"), "names no other model", "name a model for simple tasks, or leave it out")


@checks("E255", "a hedge can never be made", "It takes a second provider, and a share of requests above zero.")
def idle_hedges(look: Look) -> Iterator[Found]:
    for name, model in written_models(look):
        if model.hedge is None:
            continue
        if model.hedge.at_most == 0:
            yield Found(("models", name, "hedge", "at_most"), "is 0%, which allows none", "write for example 5%, or leave hedge out")
        if len(reached(look, model)) < 2:
            message = "asks for a second attempt beside a late one, and there is one provider only"
            yield Found(("models", name, "hedge"), message, "add a target or a fallback")
        if model.retry.attempts < 2:
            yield Found(("models", name, "hedge"), "is a second attempt, and retry.attempts is 1", "raise retry.attempts")


@checks("W256", "a hedge comes too late", "The deadline, or the end of the attempt that is late, comes first.")
def late_hedges(look: Look) -> Iterator[Found]:
    for name, model in written_models(look):
        delay = model.hedge.after_s if model.hedge is not None else 0.0
        waits = [look.plan.providers[target].timeouts.first_token_s for target in reached(look, model)]
        bounds = [(model.timeouts.total_s, "the deadline"), (max(waits, default=delay + 1), "timeouts.first_token of its targets")]
        for bound, what in bounds:
            if delay >= bound:
                message = f"is {format_duration(delay)}; {what} is {format_duration(bound)}"
                yield Found(("models", name, "hedge", "after"), message, "hedge sooner")
                break


@checks(
    "W257",
    "a stream cannot be rescued",
    "No second provider goes on from the beginning of an answer, so a broken stream ends with an error.",
)
def no_rescuer(look: Look) -> Iterator[Found]:
    for name, model in written_models(look):
        able = [target for target in reached(look, model) if look.plan.providers[target].assistant_prefix]
        if look.written("models", name, "rescue") and model.rescue and not (len(able) >= 1 and len(reached(look, model)) >= 2):
            message = f"is true, and {'no target goes' if not able else f'only {able[0]} goes'} on from the beginning of an answer"
            yield Found(("models", name, "rescue"), message, "add a target with assistant_prefix: true, or write rescue: false")


@checks("E258", "a lever is for models of another kind", "Answers and embeddings are kept, batched and chosen differently.")
def wrong_kind(look: Look) -> Iterator[Found]:
    for name, model in written_models(look):
        at: Path = ("models", name)
        if look.plan.kind_of(model) == "embedding":
            levers = (
                (("cache", "semantic"), model.cache.semantic), (("cache", "exact"), model.cache.exact), (("complexity",), model.complexity),
            )  # fmt: skip
            what, remedy = "is for models that answer, and this one embeds", "write cache: {embeddings: true}, or leave it out"
        else:
            levers = ((("cache", "embeddings"), model.cache.embeddings), (("batching",), model.batching))  # type: ignore[assignment]
            what, remedy = "is for models that embed, and this one answers", "leave it out, or give its providers kind: embedding"
        for path, lever in levers:
            if lever is not None:
                yield Found((*at, *path), what, remedy, at_key=True)


@checks("E259", "a model both answers and embeds", "A request for the one would be sent to a provider of the other.")
def mixed_kinds(look: Look) -> Iterator[Found]:
    plan = look.plan
    for name, model in written_models(look):
        by_kind: dict[str, str] = {}
        for target in reached(look, model):
            by_kind.setdefault(plan.providers[target].kind, target)
        if len(by_kind) > 1:
            message = f"mixes {by_kind['chat']}, which answers, with {by_kind['embedding']}, which embeds"
            yield Found(("models", name, "targets"), message, "make two models of them", at_key=True)
            continue
        tiers = zip((("complexity", tier) for tier in TIERS), model.complexity.models if model.complexity else (), strict=False)
        leads = [(("degrade_to",), model.degrade_to), (("larger_context",), model.larger_context), *tiers]
        for path, to in leads:
            if to in plan.models and plan.kind_of(plan.models[to]) != plan.kind_of(model):
                yield Found(("models", name, *path), f"leads to {to}, a model of another kind", "name a model of the same kind")


@checks("E260", "what is cached is forgotten at once", "A lifetime of zero keeps nothing.")
def empty_caches(look: Look) -> Iterator[Found]:
    for name, model in written_models(look):
        for key in ("exact", "semantic", "embeddings"):
            cache = getattr(model.cache, key)
            if cache is not None and cache.ttl_s == 0:
                yield Found(("models", name, "cache", key, "ttl"), "is 0s, which keeps nothing", f"write a lifetime, or {key}: false")


@checks("W261", "hits are expected and nothing is cached", "The simulator would answer requests from a cache that is not there.")
def unfounded_hits(look: Look) -> Iterator[Found]:
    for name, model in written_models(look):
        if model.cache.expected_hits and not model.cache.any:
            message = f"is {format_share(model.cache.expected_hits)}, and no cache is on"
            yield Found(("models", name, "cache", "expected_hits"), message, "write exact: true, or leave it out")


@checks("E262", "a provider has too many keys", "The kernel rests each of at most 8 keys by itself.")
def many_keys(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        if len(provider.key_envs) > CREDENTIALS:
            message = f"has {len(provider.key_envs)} keys; at most {CREDENTIALS}"
            yield Found(("providers", name, "key_env"), message, "make a second provider with the rest")


@checks("E263", "a key is named twice", "It would be taken for two, and be asked again right after its limit was reached.")
def twin_keys(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        for index, key in enumerate(provider.key_envs):
            if key in provider.key_envs[:index]:
                yield Found(("providers", name, "key_env", index), f"names {key} a second time", "leave it out")


@checks("E264", "off-peak hours begin when they end", "They would be none, or the whole day.")
def empty_hours(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        window = provider.price.off_peak if provider.price is not None else None
        if window is not None and window.from_s == window.to_s:
            yield Found(("providers", name, "price", "off_peak", "to"), "is the same as from", "write when they end")


@checks("W265", "a drain outlasts the attempt", "The attempt is cut first, so the drain never takes so long; `drain` says the same.")
def long_drains(look: Look) -> Iterator[Found]:
    cut = {name: provider.timeouts.attempt_s for name, provider in look.plan.providers.items()}
    asked: list[tuple[Path, str, list[float]]] = [(("request", "on_disconnect"), look.plan.request.on_disconnect, list(cut.values()))]
    asked += [
        (("models", name, "on_disconnect"), model.on_disconnect or "cancel", [cut[target] for target in reached(look, model)])
        for name, model in written_models(look)
        if look.written("models", name, "on_disconnect")
    ]
    for path, disconnect, attempts in asked:
        seconds = drain_s(disconnect)
        if seconds and attempts and seconds > max(attempts):
            message = f"is {format_duration(seconds)}; an attempt is cut at {format_duration(max(attempts))}"
            yield Found(path, message, "write drain, or less")


@checks("E266", "dead letters are kept for no time", "A workload asks for them, and they would be gone at once.")
def lost_letters(look: Look) -> Iterator[Found]:
    if look.plan.dead_letters.keep_s > 0:
        return
    for name, workload in look.plan.workloads.items():
        if workload.dead_letter:
            message = "is true, and dead_letters.keep is 0s"
            yield Found(("workloads", name, "dead_letter"), message, "write dead_letters: {keep: 7d}, or dead_letter: false")


@checks("W267", "a dialect that always wants a key has none", "The vendors' own APIs of this dialect refuse every request without one.")
def keyless_dialect(look: Look) -> Iterator[Found]:
    for name, provider in look.plan.providers.items():
        host = urlsplit(provider.base_url or "").hostname
        if provider.dialect != "openai" and not provider.key_envs and provider.is_cloud and host and host not in LOOPBACK:
            message = f"speaks {provider.dialect} to {host} without key_env"
            yield Found(("providers", name), message, "name the environment variable that holds the key", at_key=True)


@checks("W268", "a repeated request outlives its first answer", "A client that waits out its deadline and repeats would be answered anew.")
def short_memory(look: Look) -> Iterator[Found]:
    keep = look.plan.request.idempotency.keep_s
    longest = max((model.timeouts.total_s for model in look.own_models().values()), default=0.0)
    if 0 < keep < longest:
        message = f"is {format_duration(keep)}; the longest deadline of a model is {format_duration(longest)}"
        yield Found(("request", "idempotency", "keep"), message, "keep answers longer, or write 0s to ignore Idempotency-Key")


@checks(
    "W269",
    "the bound on an hour's cost is below one request's",
    "One request would pass it, and the cheaper model would be taken for good.",
)
def tight_bound(look: Look) -> Iterator[Found]:
    plan, policy = look.plan, look.plan.scaling_policies.cost_based
    if policy is None:
        return
    demand = plan.demand
    asked = demand.input_tokens.median if demand.input_tokens is not None else 0
    given = demand.output_tokens.median if demand.output_tokens is not None else plan.request.output_tokens
    prices = [provider.price for provider in plan.providers.values() if provider.price is not None]
    costs = [(p.input_nusd_per_mtok * asked + p.output_nusd_per_mtok * given) // TOKENS_PER_PRICE for p in prices]
    dearest = max(costs, default=0)
    if policy.max_budget_nusd < dearest:
        size = f"{asked:,} and {given:,} tokens"
        message = f"is {format_money(policy.max_budget_nusd)} an hour; one request of {size} costs up to {format_money(dearest)}"
        yield Found(("scaling_policies", "cost_based", "max_budget"), message, "raise it")


@checks("W270", "a bound on cost has nothing to give way to", "Without a cheaper model, passing it changes nothing.")
def toothless_bound(look: Look) -> Iterator[Found]:
    policy = look.plan.scaling_policies.cost_based
    if policy is not None and policy.fallback_model is None:
        yield Found(("scaling_policies", "cost_based"), "names no fallback_model", "add fallback_model: a cheaper model", at_key=True)


@checks("E271", "batches wait for hours that never come", "No provider of the model has off-peak hours, so queued items would never run.")
def endless_wait(look: Look) -> Iterator[Found]:
    for name, workload in look.plan.workloads.items():
        if workload.batch.run != "off_peak":
            continue
        model = look.plan.models.get(workload.model or "auto")
        names = reached(look, model) if model is not None else list(look.plan.providers)
        prices = [look.plan.providers[target].price for target in names]
        if not any(price.off_peak for price in prices if price is not None):
            message = f"is off_peak, and no provider of {workload.model or 'the plan'} has price.off_peak"
            yield Found(("workloads", name, "batch", "run"), message, 'write always, or hours as "22:00-06:00"')
