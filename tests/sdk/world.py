"""A whole server for official clients: `roteiro serve` in processes of its own, with a sandbox of each dialect behind it.

Models are named after the dialect that serves them; those that are to fail have targets of their own at the same sandboxes, so that no
breaker and no rested credential of one test is met by another.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.gateway.server import Server

from roteiro.testing.fault import AnyFault, CutStream, ErrorFrame, Reset, Stall
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings
from roteiro.testing.script import Phase, Script

BACKS: Final = ("openai", "anthropic", "gemini")
_PRICE: Final = "on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}"
_STEADY: Final = "timeouts: {connect: 10s, first_token: 30s, idle: 30s, attempt: 60s}"
_WEAK: Final = "breaker: {minimum_calls: 1000000}, timeouts: {connect: 10s, first_token: 1s, idle: 500ms, attempt: 20s}"
PLAN: Final = (
    "roteiro: 1\nproviders:\n"
    + "".join(
        f"  {name}: {{name: sandbox, model: {model}, base_url: 'http://127.0.0.1:9', dialect: {dialect}, kind: {kind}, {_PRICE}, {_WEAK if name.startswith('weak') else _STEADY}}}\n"
        for name, model, dialect, kind in (
            *((f"at-{back}", f"upstream-{back}", back, "chat") for back in BACKS),
            *((f"weak-{back}", f"upstream-{back}", back, "chat") for back in BACKS),
            ("vectors-openai", "vectors", "openai", "embedding"),
            ("vectors-gemini", "vectors", "gemini", "embedding"),
        )
    )
    + """
models:
  openai: {targets: {at-openai: 1}}
  anthropic: {targets: {at-anthropic: 1}}
  gemini: {targets: {at-gemini: 1}}
  mixed: {targets: {at-openai: 1, at-anthropic: 1, at-gemini: 1}}
  weak-openai: {targets: {weak-openai: 1}}
  weak-anthropic: {targets: {weak-anthropic: 1}}
  weak-gemini: {targets: {weak-gemini: 1}}
  rescued-openai: {targets: {weak-openai: 1}, fallbacks: [at-anthropic]}
  rescued-anthropic: {targets: {weak-anthropic: 1}, fallbacks: [at-gemini]}
  rescued-gemini: {targets: {weak-gemini: 1}, fallbacks: [at-openai]}
  vectors-openai: {targets: {vectors-openai: 1}, cache: {embeddings: false}}
  vectors-gemini: {targets: {vectors-gemini: 1}, cache: {embeddings: false}}
retry: {attempts: 2, same_target: 1, backoff: 5ms, max_backoff: 10ms, ratio: 100%, min_per_second: 100}
tenants:
  acme: {workloads: [chat, nightly]}
  hasty: {workloads: [chat], limits: {requests: 1/min}}
  hurried: {workloads: [chat], limits: {requests: 1/min}}
  poor: {workloads: [chat], budgets: {daily: {amount: $0.000001, period: day, stop_at: 100%}}}
  narrow: {workloads: [chat], models: [openai]}
workloads:
  chat: {priority: interactive, model: openai}
  nightly: {priority: batch, model: openai}
"""
)
BREAKS: Final = (ErrorFrame(after=3), CutStream(after=3), Reset(at="body", after=3), Stall(at="middle", after=3))
"""The ways in which a stream breaks after three words."""
WORDS: Final = 12
"""Tokens that a sandbox says where nothing cuts it."""
_PACE_S: Final = 0.004
"""Between two words: what came at once may be found broken before any of it was shown, and begin anew."""


@dataclass
class World:
    """The server, its sandboxes by dialect, and a key for each tenant."""

    server: Server
    sandboxes: dict[str, SandboxProcess]
    keys: dict[str, str]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.ready['port']}"

    @contextmanager
    def failing(self, back: str, *faults: AnyFault, requests: int | None = None) -> Iterator[SandboxProcess]:
        """The sandbox of a dialect with these faults, until the body ends or for so many requests."""
        sandbox = self.sandboxes[back]
        sandbox.play(Script(phases=(Phase(faults=faults, requests=requests),)))
        try:
            yield sandbox
        finally:
            sandbox.play(Script())

    @contextmanager
    def asked(self, back: str, times: int) -> Iterator[None]:
        """Holds the body to asking the sandbox of a dialect so many times."""
        before = self.sandboxes[back].stats()["requests"]
        yield
        assert self.sandboxes[back].stats()["requests"] - before == times


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """All of it, running."""
    (folder / "plan.yaml").write_text(PLAN)
    with ExitStack() as stack:
        sandboxes = {back: stack.enter_context(SandboxProcess(_settings(back))) for back in BACKS}
        urls = {
            name: sandboxes[back].base_url
            for name, back in (
                *((f"{part}-{back}", back) for part in ("at", "weak") for back in BACKS),
                ("vectors-openai", "openai"),
                ("vectors-gemini", "gemini"),
            )
        }
        server = stack.enter_context(Server(folder / "plan.yaml", folder / "data", urls))
        yield World(server, sandboxes, {tenant: server.key(tenant) for tenant in ("acme", "hasty", "hurried", "poor", "narrow")})


def _settings(back: str) -> SandboxSettings:
    return SandboxSettings(
        name=back,
        dialect=back,  # type: ignore[arg-type]
        latency=Latency(itl_s=Quantiles(_PACE_S, _PACE_S)),
        output_tokens=Quantiles(WORDS, WORDS),
    )
