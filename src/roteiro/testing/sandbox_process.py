"""A sandbox in a process of its own, for tests and demos that are not to share an event loop or a core with it.

    with SandboxProcess(SandboxSettings(name="primary")) as primary:
        primary.base_url; primary.play(Script(phases=(...,))); primary.stats()

What must not live here: what a sandbox answers.
"""

import http.client
import os
import selectors
import subprocess
import sys
from typing import Any, Final, Self

import msgspec

from roteiro.terms.error import SettingsError
from roteiro.testing.sandbox_settings import SandboxSettings
from roteiro.testing.script import Script

__all__ = ["SandboxProcess"]

_VARIABLE: Final = "ROTEIRO_SANDBOX_SETTINGS"
_START_WITHIN_S: Final = 30.0
_STOP_WITHIN_S: Final = 5.0
_CONTROL_WITHIN_S: Final = 10.0


class SandboxProcess:
    """Starts a sandbox on entry, ends it on exit. Blocking; from a coroutine use `asyncio.to_thread` for each call.

    The child ends by itself when this process does, however that comes.
    """

    def __init__(self, settings: SandboxSettings | None = None, port: int = 0) -> None:
        self.settings = settings or SandboxSettings()
        self.port = port
        self.pid = 0
        self.base_url = ""
        """What a client of the dialect is given: the origin and the version. Known once started."""
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start the child and wait until it listens; answers the base URL. Raises SettingsError with what it said when it does not."""
        command = [sys.executable, "-m", "roteiro.testing.sandbox", "--port", str(self.port), "--settings-env", _VARIABLE]
        environment = {**os.environ, _VARIABLE: self.settings.to_json()}
        # standard input stays open and unused: its end of file tells the child that this process is gone
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        self._child, self.pid = child, child.pid
        try:
            ready = msgspec.json.decode(_first_line(child))
        except (TimeoutError, msgspec.DecodeError) as error:
            self.stop()
            raise SettingsError(f"sandbox {self.settings.name} did not start: {error}") from error
        self.port, self.base_url = int(ready["port"]), str(ready["base_url"])
        return self.base_url

    def stop(self) -> None:
        """End the child: by SIGTERM, and if that is not heeded by SIGKILL."""
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()

    def play(self, script: Script) -> None:
        """Begin another script now. An empty one: healthy."""
        self._call("POST", "/_sandbox/script", msgspec.json.encode(script))

    def stats(self) -> dict[str, Any]:
        """As `SandboxServer.stats`."""
        return self._call("GET", "/_sandbox/stats")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _call(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_CONTROL_WITHIN_S)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            answer: dict[str, Any] = msgspec.json.decode(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise SettingsError(f"sandbox {self.settings.name} answers {response.status}: {answer['error']['message']}")
        return answer


def _first_line(child: subprocess.Popen[bytes]) -> bytes:
    """The child's ready line; raises TimeoutError with its last words when none comes."""
    assert child.stdout is not None
    assert child.stderr is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        line = child.stdout.readline() if selector.select(_START_WITHIN_S) else b""
    if not line:
        child.kill()
        raise TimeoutError(child.stderr.read().decode(errors="replace").strip()[-2000:] or f"no ready line within {_START_WITHIN_S:g} s")
    return line
