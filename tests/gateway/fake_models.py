"""A server whose local models are sandboxes in processes of their own: quick to start, and otherwise treated as llama.cpp's.

`python -m tests.gateway.fake_models PLAN` serves as `python -m roteiro.tasks.serve` does. A sandbox answers after 0.3 s, or as many seconds
as `FAKE_ANSWER_S` says.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop

from roteiro.gateway.logs import begin
from roteiro.gateway.model_group import ModelProcess
from roteiro.gateway.supervisor import Supervisor
from roteiro.plan.model import LocalModel
from roteiro.providers import local
from roteiro.tasks.serve import announce
from roteiro.tasks.settings import Settings
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox_settings import SandboxSettings

ANSWER_S = float(os.environ.get("FAKE_ANSWER_S", "0.3"))
SETTINGS = SandboxSettings(
    name="own", fixed=True, latency=Latency(Quantiles(ANSWER_S, ANSWER_S * 1.01), Quantiles(0.0001, 0.0002))
)  # fmt: skip


class Sandboxed(local.LocalModel):
    """The process is another; starting, watching and ending it are not."""

    async def start(self) -> str:
        os.environ["FAKE_SETTINGS"] = SETTINGS.to_json()
        return await super().start()

    def command(self) -> list[str]:
        return [sys.executable, "-m", "roteiro.testing.sandbox", "--port", str(self._port), "--settings-env", "FAKE_SETTINGS"]

    def prepare(self) -> None:
        """Nothing is to be installed."""

    async def _is_healthy(self) -> bool:
        return True


def fake(wanted: LocalModel, on_change: Callable[[str | None], None]) -> ModelProcess:
    return Sandboxed(wanted.gguf, slots=wanted.slots, on_change=on_change, backoff_s=0.05)


async def supervise(plan: Path) -> int:
    return await Supervisor(plan, Settings.read(), fake, on_ready=announce).run()


if __name__ == "__main__":
    begin("supervisor")
    sys.exit(uvloop.run(supervise(Path(sys.argv[1]))))
