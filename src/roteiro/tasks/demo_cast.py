"""Who plays in the demonstration: sandboxes for the clouds, the real local model where it is installed, the traffic of the tenants.

What must not live here: the order of the play (`demo`).
"""

import importlib.util
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from roteiro.plan.model import DurationSpread, Plan, Provider, TokenSpread
from roteiro.providers.local import find_weights
from roteiro.terms.error import SettingsError
from roteiro.testing.fault import Slow, Status
from roteiro.testing.load import Caller, LoadPlan
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox_settings import SandboxSettings
from roteiro.testing.script import Phase, Script

__all__ = ["Casting", "cast", "has_openai", "load_of", "storm"]

OPENAI_SHARE: Final = 0.4
"""Of the requests, through the official client; the rest over plain HTTP."""

LEAST_RATE_PER_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Casting:
    """`sandboxes` by provider, `keys` for the environment of the server, `local` the provider played by the real local model, or None.

    `why_not` says why there is no real model where the plan wants one.
    """

    sandboxes: Mapping[str, SandboxSettings]
    keys: Mapping[str, str]
    local: str | None
    why_not: str


def cast(plan: Plan, seed: int) -> Casting:
    """A sandbox for each provider of the plan that is not a local model, and for those whose model is not installed."""
    local, why_not = None, ""
    played: dict[str, Provider] = {}
    for name, provider in plan.providers.items():
        if provider.local is not None:
            why_not = missing(provider.local.gguf)
            if not why_not:
                local = name
                continue
        played[name] = provider
    keys = {key_env: secrets.token_urlsafe(16) for provider in played.values() for key_env in provider.key_envs}
    sandboxes = {
        name: sandbox(name, provider, tuple(keys[key_env] for key_env in provider.key_envs), seed + i)
        for i, (name, provider) in enumerate(played.items())
    }
    return Casting(sandboxes, keys, local, why_not)


def missing(gguf: str) -> str:
    """Why the local model cannot be run here; empty where it can."""
    if importlib.util.find_spec("xllamacpp") is None:
        return "the extra `local` is not installed: pip install 'roteiro[local]'"
    try:
        find_weights(gguf)
    except SettingsError as error:
        return str(error)
    return ""


def sandbox(name: str, provider: Provider, keys: tuple[str, ...], seed: int) -> SandboxSettings:
    """A sandbox that serves as the plan says the provider does."""
    service = provider.service
    latency = Latency(seconds(service.ttft), seconds(service.itl)) if service is not None else Latency()
    errors = (Status(status=500, rate=service.error_rate),) if service is not None and service.error_rate else ()
    speech = tokens(service.output_tokens if service is not None else None, Quantiles(40.0, 90.0))
    return SandboxSettings(
        name=name, dialect=provider.dialect, models=(provider.model,), latency=latency, output_tokens=speech, api_keys=keys,
        always=errors, seed=seed,
    )  # fmt: skip


def storm(seconds: float) -> Script:
    """For so long a provider answers every second request with 503, and the others slowly; then all is well."""
    return Script(phases=(Phase(name="storm", seconds=seconds, faults=(Status(status=503, rate=0.5), Slow(factor=6.0))),))


def load_of(plan: Plan, base_url: str, key_of: Callable[[str], str], seconds_long: float, seed: int) -> LoadPlan:
    """The plan's own demand: who asks for what, how often and how burstily. `key_of(tenant)` gives a client's key."""
    demand = plan.demand
    arrivals = demand.arrivals
    callers = [
        Caller(key_of(part.tenant or next(iter(plan.tenants))), part.share, part.workload, f"{part.tenant}/{part.workload or 'default'}")
        for part in demand.mix
    ]
    if not callers:
        callers = [Caller(key_of(tenant), 1.0, None, tenant) for tenant in plan.tenants]
    rate = arrivals.rate.per_second if arrivals is not None and arrivals.rate is not None else LEAST_RATE_PER_S
    return LoadPlan(
        base_url=base_url,
        duration_s=seconds_long,
        rate_per_s=rate,
        cv=arrivals.cv if arrivals is not None and arrivals.process == "gamma" else 1.0,
        seed=seed,
        callers=tuple(callers),
        models=(("default", 1.0),),
        stream_share=demand.stream,
        prompt_tokens=tokens(demand.input_tokens, Quantiles(60.0, 240.0)),
        output_tokens=tokens(demand.output_tokens, Quantiles(40.0, 90.0)),
        openai_share=OPENAI_SHARE if has_openai() else 0.0,
    )


def has_openai() -> bool:
    """Whether the official client is installed (extra `demo`)."""
    return importlib.util.find_spec("openai") is not None


def seconds(spread: DurationSpread | None) -> Quantiles:
    return Quantiles(0.0, 0.0) if spread is None else Quantiles(spread.median_s, spread.p95_s)


def tokens(spread: TokenSpread | None, otherwise: Quantiles) -> Quantiles:
    return otherwise if spread is None else Quantiles(float(spread.median), float(spread.p95))
