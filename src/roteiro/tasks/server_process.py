"""A server in a process of its own: started, waited for, and ended in order. For the demonstration, and for whoever tests a plan.

What must not live here: what a server does.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from roteiro.providers.lifeline import kill_with_parent
from roteiro.tasks.administer import Administration
from roteiro.terms.error import SettingsError

__all__ = ["ServerProcess"]

LAST_WORDS: Final = 40
"""Lines of its log that are kept for a message."""


@dataclass
class ServerProcess:
    """`roteiro serve` for `plan` on free ports of this machine, with its data in `data`. Use it in a `with`.

    `keys` are variables for its environment alone, such as providers' keys. `say` is told each line of its log. It is in a session of its
    own, so that Ctrl-C reaches us and we end it in order; the system ends it when the thread that started it is gone.
    """

    plan: Path
    data: Path
    base_urls: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1
    start_within_s: float = 240.0
    drain_s: float = 10.0
    say: Callable[[str], None] = lambda _: None
    ready: dict[str, Any] = field(default_factory=dict)
    _child: subprocess.Popen[bytes] | None = None
    _log: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_WORDS))

    @property
    def run(self) -> str:
        return str(self.ready["run"])

    @property
    def base_url(self) -> str:
        """As clients want it."""
        return f"http://127.0.0.1:{self.ready['port']}/v1"

    @property
    def administration(self) -> Administration:
        return Administration.of(self.data, int(self.ready["admin_port"]))

    def start(self) -> Self:
        """Start it and wait until it serves. Raises SettingsError with its last words where it does not."""
        # Settings of ours come from here alone, and not from the ROTEIRO_* of whoever calls; what the kernel is told stays.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROTEIRO_") or name == "ROTEIRO_JIT"}
        settings = {
            "ROTEIRO_DATA": str(self.data),
            "ROTEIRO_PORT": "0",
            "ROTEIRO_ADMIN_PORT": "0",
            "ROTEIRO_WORKERS": str(self.workers),
            "ROTEIRO_DRAIN": f"{self.drain_s:g}s",
            "ROTEIRO_BASE_URLS": ",".join(f"{name}={url}" for name, url in self.base_urls.items()),
        }
        self._child = subprocess.Popen(
            [sys.executable, "-m", "roteiro.tasks.serve", str(self.plan)],
            env={**inherited, **settings, **self.keys},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=kill_with_parent,
        )
        threading.Thread(target=self._listen, args=(self._child,), daemon=True, name="log of the server").start()
        try:
            self.ready = self._await_ready(self._child)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> int | None:
        """End it: it drains, and is killed where that takes too long → its exit code, None where it never ran."""
        child, self._child = self._child, None
        if child is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
        try:
            code = child.wait(self.drain_s + 20.0)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        if child.stdout is not None:
            child.stdout.close()
        return code

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self._log)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _await_ready(self, child: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert child.stdout is not None
        give_up = time.monotonic() + self.start_within_s
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while time.monotonic() < give_up:
                if not selector.select(0.5):
                    continue
                line = child.stdout.readline()
                if not line:
                    break
                with contextlib.suppress(msgspec.DecodeError):
                    words = msgspec.json.decode(line, type=dict[str, Any])
                    if words.get("ready"):
                        return words
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(1.0)
        raise SettingsError(f"the server did not start:\n{self.last_words or 'it said nothing'}")

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stderr is not None
        for raw in child.stderr:
            line = raw.decode(errors="replace").rstrip()
            self._log.append(line)
            self.say(line)
        child.stderr.close()
