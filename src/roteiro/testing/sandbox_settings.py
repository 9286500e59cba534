"""What a sandbox is: its name, pace, faults; in code, as JSON for a child process, or as options of a command line.

What must not live here: anything that serves.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import msgspec

from roteiro.terms.error import SettingsError
from roteiro.testing.fault import AnyFault, Quota, Status
from roteiro.testing.personality import Book, Personality
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.script import Script, load_script

__all__ = ["SandboxSettings", "parse_arguments"]

_SPEECH: Final = Quantiles(64.0, 256.0)
"""Tokens of an answer when nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """What a sandbox is.

    `models`: those it lists; it answers any other too unless `strict_models`. `output_tokens`: how long it speaks if the request's maximum
    does not cut it. `cached_share`: of the prompts of 1,024 tokens or more, how many are found in its prompt cache. `dialect`: `openai`,
    `anthropic` or `gemini`. `api_key`, `api_keys`: when given, a request needs one of them, as its dialect sends keys. `prefix`: what it
    does with the beginning of an answer: go on from it, refuse it, or answer anew. `tls`: with a certificate that nobody vouches for.
    `book`: questions whose answers it knows, and `personality`: how it gives them; a phase of the script may have another.
    `always`: faults and quotas that hold whatever the script says. `fixed`: every chat request gets the
    same ready-made answer at once, unread, for benchmarks; script, key and latency are then not heeded.
    """

    name: str = "sandbox"
    dialect: Literal["openai", "anthropic", "gemini"] = "openai"
    models: tuple[str, ...] = ("sandbox",)
    strict_models: bool = False
    latency: Latency = field(default_factory=Latency)
    output_tokens: Quantiles = _SPEECH
    cached_share: float = 0.5
    api_key: str | None = None
    api_keys: tuple[str, ...] = ()
    prefix: Literal["continue", "refuse", "ignore"] = "continue"
    tls: bool = False
    always: tuple[AnyFault, ...] = ()
    book: Book = field(default_factory=dict)
    personality: Personality = field(default_factory=Personality)
    script: Script = field(default_factory=Script)
    seed: int = 0
    fixed: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that are accepted; none where none is wanted. Faults name them by their places here."""
        return (() if self.api_key is None else (self.api_key,)) + self.api_keys

    def to_json(self) -> str:
        """As `from_json` reads it. Holds the key: for a pipe or an environment, not for a log."""
        return msgspec.json.encode(self).decode()

    @staticmethod
    def from_json(text: str) -> "SandboxSettings":
        """Raises SettingsError naming what is wrong."""
        try:
            return msgspec.json.decode(text, type=SandboxSettings)
        except (msgspec.DecodeError, ValueError) as error:
            raise SettingsError(f"the sandbox's settings cannot be read: {error}") from error


def parse_arguments(arguments: Sequence[str] | None = None) -> tuple[SandboxSettings, int]:
    """Settings and port from a command line; exits with a message where they make no sense."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.settings_env:
            return SandboxSettings.from_json(_secret(options.settings_env)), options.port
        return _settings(options), options.port
    except (SettingsError, ValueError) as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("roteiro.testing.sandbox", description="A sandbox provider on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--name", default="sandbox", help="its name, in answers and counts")
    parser.add_argument("--dialect", choices=("openai", "anthropic", "gemini"), default="openai", help="the API it speaks")
    parser.add_argument("--prefix", choices=("continue", "refuse", "ignore"), default="continue", help="what it does with a begun answer")
    parser.add_argument("--tls", action="store_true", help="with a certificate that nobody vouches for")
    parser.add_argument("--model", action="append", default=[], metavar="NAME", help="a model that it lists; may be given again")
    parser.add_argument("--strict-models", action="store_true", help="answer 404 for a model that it does not list")
    parser.add_argument("--script", type=Path, metavar="FILE", help="script of faults, YAML or JSON")
    for what, unit in (("ttft", "seconds to the first token"), ("itl", "seconds between tokens"), ("output", "tokens of an answer")):
        parser.add_argument(f"--{what}-median", type=float, metavar="X", help=f"{unit}: median")
        parser.add_argument(f"--{what}-p95", type=float, metavar="X", help=f"{unit}: 95th percentile (default: the median)")
    parser.add_argument("--error-rate", type=float, default=0.0, metavar="SHARE", help="share of requests that get a 500")
    parser.add_argument("--rpm", type=int, metavar="N", help="quota: requests a minute")
    parser.add_argument("--tpm", type=int, metavar="N", help="quota: tokens a minute")
    parser.add_argument("--key-env", metavar="NAME", help="environment variable with the key that requests must bear")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fixed", action="store_true", help="the same ready-made answer to all, at once (for benchmarks)")
    parser.add_argument("--settings-env", metavar="NAME", help="environment variable with all settings as JSON; the rest is not heeded")
    return parser


def _settings(options: argparse.Namespace) -> SandboxSettings:
    always: list[AnyFault] = []
    if options.error_rate:
        always.append(msgspec.convert({"fault": "status", "status": 500, "rate": options.error_rate}, Status))
    if options.rpm or options.tpm:
        always.append(Quota(requests_per_minute=options.rpm, tokens_per_minute=options.tpm))
    return SandboxSettings(
        name=options.name,
        dialect=options.dialect,
        prefix=options.prefix,
        tls=options.tls,
        models=tuple(options.model) or (options.name,),
        strict_models=options.strict_models,
        latency=Latency(
            ttft_s=_quantiles(options.ttft_median, options.ttft_p95, Quantiles()),
            itl_s=_quantiles(options.itl_median, options.itl_p95, Quantiles()),
        ),
        output_tokens=_quantiles(options.output_median, options.output_p95, _SPEECH),
        api_key=None if options.key_env is None else _secret(options.key_env),
        always=tuple(always),
        script=Script() if options.script is None else load_script(options.script),
        seed=options.seed,
        fixed=options.fixed,
    )


def _quantiles(median: float | None, p95: float | None, default: Quantiles) -> Quantiles:
    if median is None and p95 is None:
        return default
    middle = default.median if median is None else median
    return Quantiles(middle, middle if p95 is None else p95)


def _secret(name: str) -> str:
    value = os.environ.pop(name, None)  # children shall not inherit it
    if not value:
        raise SettingsError(f"the environment variable {name} is not set")
    return value
