"""`roteiro calibrate`: really load one model server, bounded, and fit what an iteration of it takes.

What must not live here: sending (`calibrate_load`), fitting (`analysis.calibration`), and showing.
"""

import asyncio
import ipaddress
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from roteiro.analysis.calibration import NAMES, ServerFit, TooFewError, fit_server
from roteiro.catalog.vendors import VENDORS
from roteiro.plan.provider import LocalModel, Provider
from roteiro.providers.address import Address
from roteiro.tasks.calibrate_load import Design, Load, Loaded, Served
from roteiro.tasks.check import checked
from roteiro.tasks.plugins import local_model
from roteiro.terms.codes import Operation
from roteiro.terms.error import SettingsError
from roteiro.terms.units import format_money, format_number
from roteiro.wire.registry import BACKS

__all__ = ["AT_ONCE", "REQUESTS", "SECONDS", "Calibration", "calibrate"]

REQUESTS: Final = 240
SECONDS: Final = 120.0
AT_ONCE: Final = 8
INPUTS: Final = (32, 128, 512, 1024)
OUTPUTS: Final = (16, 48)
SPARE_TOKENS: Final = 32
"""Of a context, beyond prompt and answer: a prompt's length is not met to the token."""
CHUNK: Final = 512
DIGITS: Final = 4
MTOK: Final = 1_000_000

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A server's parameters, and what they were fitted to. `servers`: the line for the plan, YAML. `left_out`: groups that count for
    nothing, by reason."""

    provider: str
    model: str
    requests: int
    answers: int
    seconds: float
    left_out: tuple[tuple[str, int], ...]
    fit: ServerFit
    servers: str

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null."""
        told: dict[str, Any] = known(asdict(self))
        return told


def known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: known(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [known(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def calibrate(
    plan: str | Path | None = None,
    *,
    provider: str | None = None,
    base_url: str | None = None,
    model: str | None = None,
    environment: str | None = None,
    requests: int = REQUESTS,
    seconds: float = SECONDS,
    at_once: int | None = None,
    chunk: int | None = None,
    yes: bool = False,
    on_progress: Progress | None = None,
) -> Calibration:
    """Load a plan's provider, or the server at `base_url` that knows `model`, and fit it. A provider with `local` is started, and ended.

    At most `requests` requests, `seconds` seconds and `at_once` requests at once; `chunk`: prompt tokens that an iteration reads at most.
    Raises PlanError, and SettingsError where the server cannot be measured, or costs money and `yes` was not said.
    """
    if (base_url is None) == (provider is None):
        raise SettingsError("give either a plan and --provider NAME, or --base-url URL and --model NAME")
    if provider is None:
        if not model:
            raise SettingsError("--base-url needs --model NAME, as the server knows it")
        given = Provider.model_validate({"name": "own", "model": model, "base_url": base_url, "on_premises": not sells(base_url or "")})
        label = base_url or ""
    else:
        if plan is None:
            raise SettingsError("--provider needs the plan that has it: roteiro calibrate PLAN --provider NAME")
        given, label = provider_of(plan, provider, environment), provider
    if given.dialect != "openai" or given.kind != "chat":
        raise SettingsError(f"{label} speaks {given.dialect} and gives {given.kind}; only chat of the OpenAI dialect is calibrated")
    design = design_of(given, requests, seconds, at_once)
    ask_first(given, label, design, yes)
    loaded = asyncio.run(load(given, label, design, on_progress or (lambda _share, _label: None)))
    reads = chunk or (given.servers.chunk if given.servers is not None else CHUNK)
    try:
        fit = fit_server(loaded.groups, chunk=reads)
    except TooFewError as error:
        reasons = "".join(f"; left out: {reason}" for reason in loaded.left_out)
        raise SettingsError(f"too few points to fit {label}: {error}{reasons}; give it more --requests or --seconds") from None
    return Calibration(
        label, given.model, loaded.sent, loaded.answered, loaded.seconds, tuple(loaded.left_out.items()), fit, servers_line(fit)
    )


def provider_of(plan: str | Path, name: str, environment: str | None) -> Provider:
    read = checked(plan, environment).plan
    assert read is not None
    if name not in read.providers:
        raise SettingsError(f"{plan} has no provider {name[:60]!r}; it has {', '.join(read.providers)}")
    return read.providers[name]


def sells(base_url: str) -> bool:
    """Whether it is the address of a vendor that sells tokens."""
    host = urlsplit(base_url).hostname
    vendors = (url for row in VENDORS.values() if not row.on_premises for url in (row.base_url, row.openai_url) if url)
    return host is not None and any(urlsplit(url).hostname == host for url in vendors)


def is_near(base_url: str) -> bool:
    """Whether an address is of this machine or of a private network."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def design_of(given: Provider, requests: int, seconds: float, at_once: int | None) -> Design:
    """Lengths that the context holds; one, two, four … at once, up to twice the slots of a local model."""
    context = given.local.context_tokens if given.local is not None else given.context_tokens
    room = max(OUTPUTS) + SPARE_TOKENS
    inputs = tuple(n for n in INPUTS if context is None or n + room <= context)
    if len(inputs) < 2:
        raise SettingsError(f"a context of {context} tokens is too short to calibrate; at least {INPUTS[1] + room}")
    most = at_once or (2 * given.local.slots if given.local is not None else AT_ONCE)
    if most < 2:
        raise SettingsError(f"{most} request at once does not tell what a further one adds; at least 2")
    levels = sorted({most, *(1 << k for k in range(most.bit_length()) if 1 << k < most)})
    return Design(inputs, OUTPUTS, tuple(levels), requests, seconds)


def ask_first(given: Provider, label: str, design: Design, yes: bool) -> None:
    """Raises SettingsError, with the estimate, for a server that costs money and was not agreed to."""
    price = given.price
    free = price is not None and price.input_nusd_per_mtok == 0 and price.output_nusd_per_mtok == 0
    if yes or given.local is not None or given.on_premises or free or is_near(given.base_url or ""):
        return
    tokens_in, tokens_out = design.tokens()
    much = "an unknown amount: its price is not known"
    if price is not None:
        cost = (tokens_in * price.input_nusd_per_mtok + tokens_out * price.output_nusd_per_mtok) // MTOK
        much = f"up to about {format_money(cost)}"
    raise SettingsError(
        f"{label} is paid for: {design.requests} requests with about {tokens_in} input and {tokens_out} output tokens cost {much}; "
        "add --yes to agree, or fewer --requests. A vendor's servers have other people's load too: what is fitted is no server of yours"
    )


async def load(given: Provider, label: str, design: Design, on_progress: Progress) -> Loaded:
    if given.local is None:
        return await load_at(given.base_url or "", given, label, design, on_progress)
    return await load_local(given, given.local, label, design, on_progress)


async def load_local(given: Provider, local: LocalModel, label: str, design: Design, on_progress: Progress) -> Loaded:
    on_progress(0.0, local.gguf)
    process = local_model(local, lambda _: None)
    try:
        return await load_at(await process.start(), given, label, design, on_progress)
    finally:
        await process.stop()


async def load_at(base_url: str, given: Provider, label: str, design: Design, on_progress: Progress) -> Loaded:
    if not base_url:
        raise SettingsError(f"{label} has no address; give it a base_url in the plan")
    key = "" if given.key_env is None else os.environ.get(given.key_env, "").strip()
    if given.key_env is not None and not (key and key.isascii() and key.isprintable()):
        raise SettingsError(f"provider {label} needs a key: set the environment variable {given.key_env}")
    back = BACKS["openai"]
    served = Served(
        Address(base_url, os.environ), back.path(given.model, stream=True, operation=Operation.CHAT), back.head(key), given.model, label
    )
    return await Load(served, design, on_progress).run()


def servers_line(fit: ServerFit) -> str:
    """The provider's `servers` in the plan, one line of YAML. Where the batch was not met, as many as were tried at once."""
    times = ", ".join(f"{name}: {milliseconds(fit.value(name))}" for name in NAMES)
    return f"servers: {{replicas: 1, batch: {fit.batch or fit.tried}, chunk: {fit.chunk}, {times}}}"


def milliseconds(seconds: float) -> str:
    """As the plan writes it, four significant digits."""
    return f"{format_number(Decimal(f'{seconds * 1e3:.{DIGITS}g}'))}ms"
