"""A whole server on loopback for tests: `roteiro serve` in a process, sandboxes as its providers, and plain HTTP to both ports."""

import http.client
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from roteiro.ledger import Ledger

TOKEN = "a-token-for-the-administration"
START_WITHIN_S = 150.0  # a first start compiles the kernel
WITHIN_S = 40.0


def eventually(what: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
    """The first truth of `what`; fails when there is none in time."""
    until = time.monotonic() + within_s
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < until, f"not within {within_s} s: {what}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Server:
    """`roteiro.tasks.serve` as a process. `with Server(...) as server` starts it, and ends it in order."""

    module = "roteiro.tasks.serve"

    def __init__(self, plan: Path, data: Path, base_urls: dict[str, str], workers: int = 2, **environ: str) -> None:
        self.plan, self.data, self.log = plan, data, data.with_suffix(".log")
        self.ready: dict[str, Any] = {}
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ROTEIRO_") or name in ("ROTEIRO_CACHE_DIR", "ROTEIRO_JIT")},
            "ROTEIRO_DATA": str(data), "ROTEIRO_PORT": "0", "ROTEIRO_WORKERS": str(workers), "ROTEIRO_ADMIN_TOKEN": TOKEN,
            "ROTEIRO_DRAIN": "20s", "ROTEIRO_BASE_URLS": ",".join(f"{name}={url}" for name, url in base_urls.items()), **environ,
        }  # fmt: skip
        self.process: subprocess.Popen[bytes]

    def launch(self) -> Self:
        """Start it, and do not wait."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, str(self.plan)], stdout=subprocess.PIPE, stderr=log, env=self._environ
            )
        return self

    def start(self) -> Self:
        """Until it is ready; fails with its log where it does not get so far."""
        self.launch()
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if selector.select(START_WITHIN_S) else b""
        if not line:
            self.kill()
            raise AssertionError(f"the server did not start:\n{self.log.read_text()}")
        self.ready = json.loads(line)
        return self

    def stop(self) -> int:
        """Ask it to end in order → its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(WITHIN_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        """End it at once; its children are to end by themselves."""
        self.process.kill()
        self.process.wait(WITHIN_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()

    # --- administration ---------------------------------------------------------------------------------------------------------------

    def admin(self, method: str, path: str, body: Any = None, token: str | None = TOKEN) -> tuple[int, Any]:
        """(status, answer) of a call; a body that is no text is sent as JSON."""
        content = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        with closing(http.client.HTTPConnection("127.0.0.1", self.ready["admin_port"], timeout=WITHIN_S)) as connection:
            connection.request(method, path, content, {"authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            said = answer.read()
        is_json = (answer.getheader("content-type") or "").startswith("application/json")
        return answer.status, json.loads(said) if is_json else said.decode()

    def state(self) -> dict[str, Any]:
        status, state = self.admin("GET", "/admin/state")
        assert status == 200, state
        return dict(state)

    def key(self, tenant: str, **more: str) -> str:
        """A new key."""
        status, answer = self.admin("POST", "/admin/keys", {"tenant": tenant, **more})
        assert status == 201, answer
        return str(answer["key"])

    def settled(self) -> dict[str, Any]:
        """The state once no request is in flight."""
        return dict(eventually(lambda: (state := self.state())["in_flight"] == 0 and state))

    # --- clients ----------------------------------------------------------------------------------------------------------------------

    def client(self, key: str) -> "Client":
        return Client(self.ready["port"], key)

    def chat(self, key: str, model: str = "chat") -> int:
        """The status of one request on a connection of its own."""
        return self.ask(key, model)[0]

    def ask(self, key: str, model: str = "chat") -> tuple[int, str]:
        """The same with the request's id."""
        with closing(self.client(key)) as client:
            return client.chat(model)

    @contextmanager
    def load(self, key: str, model: str = "chat", clients: int = 4) -> Iterator["Load"]:
        """Clients that send one request after another, for as long as the body runs."""
        load = Load(self, key, model, clients)
        try:
            yield load
        finally:
            load.stop()

    def events(self, where: str = "true") -> list[dict[str, Any]]:
        """Events of this run that are durable, in order."""
        found = Ledger(self.data).events(run=self.ready["run"], where=where)
        return sorted(found.to_pylist(), key=lambda row: row["seq"])

    def written(self) -> list[dict[str, Any]]:
        """All events of this run, once they are durable."""
        self.settled()

        def durable() -> bool:
            ring = self.state()["rings"]["events"]
            return bool(ring["written"] == ring["durable"])

        eventually(durable)
        return self.events()


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int, key: str) -> None:
        self._connection, self.key = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S), key

    def chat(self, model: str = "chat") -> tuple[int, str]:
        """(status, x-request-id)."""
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "oi"}], "max_tokens": 8})
        self._connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {self.key}"})
        answer = self._connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("x-request-id") or ""

    def close(self) -> None:
        self._connection.close()


class Load:
    """Counts of statuses (0: the connection broke), and the requests that were answered with 200."""

    def __init__(self, server: Server, key: str, model: str, clients: int) -> None:
        self.statuses: Counter[int] = Counter()
        self.answered: list[str] = []
        self._server, self._key, self._model = server, key, model
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def more(self, count: int) -> None:
        """Wait for so many more answers."""
        goal = len(self.answered) + count
        eventually(lambda: len(self.answered) >= goal)

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(WITHIN_S)
            assert not thread.is_alive()

    def _send(self) -> None:
        client = self._server.client(self._key)
        while not self._over.is_set():
            try:
                status, request = client.chat(self._model)
            except (OSError, http.client.HTTPException):
                client.close()
                status, request = 0, ""
                self._over.wait(0.02)  # where nobody listens, do not spin
            self.statuses[status] += 1
            if status == 200:
                self.answered.append(request)
        client.close()


def number_of(request: str) -> int:
    """The number within the run that an x-request-id ends with."""
    return int(request.rpartition("-")[2])
