"""What a server is told by its machine, and what it tells when it serves.

What must not live here: what the plan says, and the environment (`tasks.settings`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roteiro.gateway.upkeep import EVERY_S

__all__ = ["Ready", "Serving"]


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What a server is told by its machine: where, with what, how many. Times in seconds; port 0 takes a free one."""

    directory: Path
    host: str = "127.0.0.1"
    port: int = 8080
    admin_host: str = "127.0.0.1"
    admin_port: int | None = None
    """None: the port after `port`."""
    workers: int = 1
    environment: str | None = None
    """Names the plan's overlay, `plan.<environment>.yaml`."""
    region: str | None = None
    """Where this server is, and its clients with it: one of the plan's regions. Models with `balance: nearest` go by it."""
    base_urls: Mapping[str, str] = field(default_factory=dict)
    """Addresses of providers in place of the plan's."""
    drain_s: float = 30.0
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    admin_token: str | None = None
    """None: the one in the data directory, made up at the first start."""
    state_url: str | None = None
    """Database of the keys; None: SQLite in the data directory."""
    state_key: str | None = None
    """Seals what the vault keeps (`vault_keys`); None: the key in the data directory, made up at the first start."""
    upkeep_s: float = EVERY_S
    reuse_port: bool = True
    """A listening socket for each worker, where there are several and the system can; else one for all."""
    otlp_endpoint: str | None = None
    """An OpenTelemetry collector's OTLP over HTTP, for traces and metrics; None: OTEL_EXPORTER_OTLP_ENDPOINT, or nowhere."""
    trace_ratio: float = 1.0
    """Share of the requests whose client sent no trace that are traced; errors always are."""
    log_format: str = "text"
    """`text` or `json`."""
    access_log: bool = False
    """A line in the log for each request."""

    @property
    def admin_port_wanted(self) -> int:
        if self.admin_port is not None:
            return self.admin_port
        return self.port + 1 if self.port else 0


@dataclass(frozen=True, slots=True)
class Ready:
    """A server that serves."""

    run: str
    pid: int
    port: int
    admin_port: int
    workers: tuple[int, ...]
    digest: str
    version: int
    directory: Path
    token_file: Path | None
