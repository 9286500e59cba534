"""Stand-ins that users may test with too: sandbox providers that are real servers, a load generator, contract tests.

The names below are loaded when first used, so that `python -m roteiro.testing.sandbox` starts lean.
What must not live here: anything that serving a plan needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roteiro.testing.exchange import Record
    from roteiro.testing.load import Caller, Load, LoadPlan
    from roteiro.testing.personality import Personality
    from roteiro.testing.provider_contract import OpenAIProviderContract
    from roteiro.testing.quantiles import Latency, Quantiles
    from roteiro.testing.sandbox import SandboxServer
    from roteiro.testing.sandbox_process import SandboxProcess
    from roteiro.testing.sandbox_settings import SandboxSettings
    from roteiro.testing.script import Phase, Script, load_script, read_script

__all__ = [
    "Caller",
    "Latency",
    "Load",
    "LoadPlan",
    "OpenAIProviderContract",
    "Personality",
    "Phase",
    "Quantiles",
    "Record",
    "SandboxProcess",
    "SandboxServer",
    "SandboxSettings",
    "Script",
    "load_script",
    "read_script",
]

_HOME = {
    "exchange": ("Record",),
    "load": ("Caller", "Load", "LoadPlan"),
    "provider_contract": ("OpenAIProviderContract",),
    "personality": ("Personality",),
    "quantiles": ("Latency", "Quantiles"),
    "sandbox": ("SandboxServer",),
    "sandbox_process": ("SandboxProcess",),
    "sandbox_settings": ("SandboxSettings",),
    "script": ("Phase", "Script", "load_script", "read_script"),
}
_FILE = {name: file for file, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _FILE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILE[name]}"), name)
