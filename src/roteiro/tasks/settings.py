"""Settings: where a server listens and keeps its data, with what secrets. From arguments, else from ROTEIRO_* in the environment.

What must not live here: anything of the plan.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, Self

from roteiro.gateway.serving import Serving
from roteiro.terms.error import SettingsError
from roteiro.terms.units import QuantityError, parse_duration

__all__ = ["VARIABLES", "Settings"]

MOST_WORKERS: Final = 256
MOST_PORT: Final = 65_535
MOST_DRAIN_S: Final = 86_400.0
LOG_FORMATS: Final = ("text", "json")


class Settings(Serving):
    """What a server is told by its machine."""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ, **arguments: Any) -> Self:
        """Arguments that are not None win over the environment, and that over the defaults. Raises SettingsError naming what is wrong."""
        given: dict[str, Any] = {}
        for name, (variable, meaning) in VARIABLES.items():
            value, source = (arguments[name], name) if arguments.get(name) is not None else (environ.get(variable, ""), variable)
            if value != "":
                given[name] = meaning(source, value) if isinstance(value, str) else value
        given.setdefault("directory", Path("roteiro-data"))
        unknown = set(arguments) - {field.name for field in fields(cls)}
        if unknown:
            raise TypeError(f"no such settings: {', '.join(sorted(unknown))}")
        settings = cls(**{**given, **{n: v for n, v in arguments.items() if v is not None and n not in VARIABLES}})
        settings.check()
        return settings

    def check(self) -> None:
        """Raises SettingsError where a value is out of its bounds."""
        within("port", self.port, 0, MOST_PORT)
        within("admin_port", self.admin_port_wanted, 0, MOST_PORT)
        within("workers", self.workers, 1, MOST_WORKERS)
        within("trace_ratio", self.trace_ratio, 0.0, 1.0)
        if self.log_format not in LOG_FORMATS:
            raise SettingsError(f"the log's format is {self.log_format[:40]!r}; it may be {' or '.join(LOG_FORMATS)}")
        within("drain", self.drain_s, 0.0, MOST_DRAIN_S)
        if self.port and self.port == self.admin_port_wanted and self.host == self.admin_host:
            raise SettingsError(f"clients and administration want the same port {self.port}; choose another with --admin-port")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise SettingsError("TLS wants both a certificate and its key; one of them is missing")
        for path in (self.tls_certificate, self.tls_key):
            if path is not None and not os.access(path, os.R_OK):
                raise SettingsError(f"the TLS file {path} cannot be read")
        if self.admin_token is not None and len(self.admin_token) < 16:
            raise SettingsError(f"the token of the administration has {len(self.admin_token)} characters; at least 16")


def within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise SettingsError(f"{name} is {value:g}; from {least:g} to {most:g}")


def text(source: str, value: str) -> str:
    return value


def path(source: str, value: str) -> Path:
    return Path(value).expanduser()


def number(source: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise SettingsError(f"{source} is {value[:40]!r}, not a whole number") from None


def share(source: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise SettingsError(f"{source} is {value[:40]!r}, not a number from 0 to 1") from None


def switch(source: str, value: str) -> bool:
    if value.lower() not in ("0", "1", "true", "false"):
        raise SettingsError(f"{source} is {value[:40]!r}; write 1 or 0")
    return value.lower() in ("1", "true")


def seconds(source: str, value: str) -> float:
    try:
        return float(parse_duration(value, default="s"))
    except QuantityError as error:
        raise SettingsError(f"{source} {error}") from None


def addresses(source: str, value: str) -> dict[str, str]:
    """`primary=http://…/v1,secondary=…`."""
    found = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        provider, sign, base_url = part.partition("=")
        if not sign or not provider or not base_url:
            raise SettingsError(f"{source} has {part[:80]!r}; write PROVIDER=URL, with commas between")
        found[provider.strip()] = base_url.strip()
    return found


VARIABLES: Final[dict[str, tuple[str, Callable[[str, str], Any]]]] = {
    "directory": ("ROTEIRO_DATA", path),
    "host": ("ROTEIRO_HOST", text),
    "port": ("ROTEIRO_PORT", number),
    "admin_host": ("ROTEIRO_ADMIN_HOST", text),
    "admin_port": ("ROTEIRO_ADMIN_PORT", number),
    "workers": ("ROTEIRO_WORKERS", number),
    "environment": ("ROTEIRO_ENVIRONMENT", text),
    "region": ("ROTEIRO_REGION", text),
    "base_urls": ("ROTEIRO_BASE_URLS", addresses),
    "drain_s": ("ROTEIRO_DRAIN", seconds),
    "tls_certificate": ("ROTEIRO_TLS_CERTIFICATE", path),
    "tls_key": ("ROTEIRO_TLS_KEY", path),
    "admin_token": ("ROTEIRO_ADMIN_TOKEN", text),
    "state_url": ("ROTEIRO_STATE_URL", text),
    "state_key": ("ROTEIRO_STATE_KEY", text),
    "upkeep_s": ("ROTEIRO_UPKEEP", seconds),
    "reuse_port": ("ROTEIRO_REUSE_PORT", switch),
    "otlp_endpoint": ("ROTEIRO_OTLP_ENDPOINT", text),
    "trace_ratio": ("ROTEIRO_TRACE_RATIO", share),
    "log_format": ("ROTEIRO_LOG_FORMAT", text),
    "access_log": ("ROTEIRO_ACCESS_LOG", switch),
}
"""Setting → its variable in the environment, and what reads it from text."""
