"""What the benchmarks of the gateway share: processes pinned to cores, nginx, a governed worker, load, and figures from /proc.

What must not live here: what is measured (gateway.py, peers.py, noisy.py).
"""

import contextlib
import datetime
import hashlib
import json
import math
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import numpy as np

from roteiro.plan.compile import Grant, compile_plan, fresh_block
from roteiro.plan.read import read
from roteiro.policy.state import State, block_size

HERE: Final = Path(__file__).parent
PLAN: Final = HERE / "governed.yaml"
KEY: Final = "sk-of-the-benchmark"
OTHER_KEYS: Final = 10_000
"""Keys that the worker knows beside ours."""
CONTENDER, OTHERS = 0, 1
"""Cores: the contender has the first to itself; load, provider and this program share the second."""
TICKS_S: Final = 1.0 / os.sysconf("SC_CLK_TCK")
DRAIN_S: Final = 0.25
"""Between two times that the rings are emptied: seldom, because whoever does it stands on the core of the load."""
ANSWER: Final = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "A fixed answer."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 230, "completion_tokens": 9, "total_tokens": 239},
    }
)  # fmt: skip
TEXT: Final = "#000000# " + "vento e mar " * 75
"""Of the request's one message, so that its body is about 1 KB. The digits become the request's number."""

NGINX: Final = """
worker_processes 1; daemon off; master_process off; error_log stderr crit; pid FOLDER/NAME.pid; worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; client_max_body_size 32m;
  client_body_temp_path FOLDER/NAME.1; proxy_temp_path FOLDER/NAME.2; fastcgi_temp_path FOLDER/NAME.3;
  uwsgi_temp_path FOLDER/NAME.4; scgi_temp_path FOLDER/NAME.5;
  CONTENT
}
"""
FIXED: Final = "server { listen 127.0.0.1:PORT backlog=4096; location / { default_type application/json; return 200 'ANSWER'; } }"
PROXY: Final = """
  upstream provider { server 127.0.0.1:UP; keepalive 1024; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:PORT backlog=4096;
    location / { proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering BUFFERING; }
  }
"""


def body(**fields: object) -> bytes:
    """A chat request of 1 KB."""
    chat = {"model": "auto", "messages": [{"role": "user", "content": TEXT}], "max_tokens": 64, **fields}
    return json.dumps(chat, separators=(",", ":")).encode()


def over_the_wire(content: bytes, headers: Mapping[str, str] = {}, path: str = "/v1/chat/completions") -> bytes:
    """A request as `load.c` sends it."""
    told = {"Host": "127.0.0.1", "Content-Type": "application/json", "Authorization": f"Bearer {KEY}", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST {path} HTTP/1.1\r\n{lines}Content-Length: {len(content)}\r\n\r\n".encode() + content


def wrk_script(content: bytes, headers: Mapping[str, str] = {}) -> str:
    """The same request for wrk."""
    told = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}", **headers}
    lines = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in told.items())
    return f"wrk.method = 'POST'\n{lines}wrk.body = '{content.decode()}'\n"


def missing(tools: Iterable[str]) -> str | None:
    """Why nothing can be measured here."""
    lacking = [tool for tool in tools if shutil.which(tool) is None]
    if lacking:
        return f"wants {', '.join(lacking)}; scripts/install-bench-tools installs them"
    return None if len(os.sched_getaffinity(0)) >= 2 else "wants two cores"


def pin() -> None:
    """This program, and what it starts without a core of its own, onto the core of the others; as many open files as the system lets."""
    os.sched_setaffinity(0, {OTHERS})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# --- processes ------------------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def process(
    arguments: Sequence[str],
    core: int,
    port: int,
    *,
    environment: Mapping[str, str] = {},
    cwd: Path | None = None,
    start_within_s: float = 60.0,
    pass_fds: Sequence[int] = (),
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process pinned to a core, in a session of its own, once it listens on `port`. Raises RuntimeError where it does not."""
    log = None if cwd is None else (cwd / "log").open("wb")
    with subprocess.Popen(
        ["taskset", "-c", str(core), *arguments],
        stdin=subprocess.DEVNULL, stdout=log or subprocess.DEVNULL, stderr=log, cwd=cwd, env={**os.environ, **environment},
        start_new_session=True, pass_fds=tuple(pass_fds),
    ) as child:  # fmt: skip
        try:
            give_up = time.monotonic() + start_within_s
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                    break
                if child.poll() is not None:
                    raise RuntimeError(f"{arguments[0]} ended with {child.returncode}")
                if time.monotonic() > give_up:
                    raise RuntimeError(f"{arguments[0]} did not listen within {start_within_s:g} s")
                time.sleep(0.02)
            yield child
        finally:
            pids = family(child.pid)
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10.0)
            for pid in pids:  # what it started and left behind
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if log is not None:
                log.close()


@contextlib.contextmanager
def nginx(folder: Path, name: str, content: str, core: int, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    text = NGINX.replace("CONTENT", content).replace("FOLDER", str(folder)).replace("NAME", name).replace("PORT", str(port))
    (folder / f"{name}.conf").write_text(text)
    with process(["nginx", "-c", str(folder / f"{name}.conf")], core, port) as child:
        yield child


def fixed_provider(folder: Path, port: int) -> contextlib.AbstractContextManager["subprocess.Popen[bytes]"]:
    """nginx with a fixed answer, beside the load."""
    return nginx(folder, "provider", FIXED.replace("ANSWER", ANSWER), OTHERS, port)


def reverse_proxy(
    folder: Path, name: str, provider: int, port: int, *, buffering: bool = True
) -> contextlib.AbstractContextManager["subprocess.Popen[bytes]"]:
    """nginx as the contender; streams want it without buffering."""
    content = PROXY.replace("UP", str(provider)).replace("BUFFERING", "on" if buffering else "off")
    return nginx(folder, name, content, CONTENDER, port)


@dataclass
class Worker:
    """A governed worker that runs. `state` is its block."""

    pid: int
    port: int
    state: State


@contextlib.contextmanager
def worker(
    folder: Path, name: str, provider: int, plan: Path = PLAN, keys: Mapping[str, str] = {}, samples_fd: int = -1
) -> Iterator[Worker]:
    """One gateway worker that serves `plan`; its rings are emptied as long as it runs, as the ledger's writer would.

    `keys` are further ones, each with its tenant; `samples_fd` is where it hands over what is looked at.
    """
    reading = read(plan)
    assert reading.plan is not None, reading.problems
    tenant = next(iter(reading.plan.tenants))
    grants = [Grant("bench", hashlib.sha256(KEY.encode()).hexdigest(), tenant)]
    grants += [Grant(f"key-{n}", hashlib.sha256(b"sk-%d" % n).hexdigest(), tenant) for n in range(OTHER_KEYS)]
    grants += [Grant(f"of-{whose}", hashlib.sha256(key.encode()).hexdigest(), whose) for key, whose in keys.items()]
    compiled = compile_plan(reading.plan, reading.digest, grants)
    block = folder / f"{name}.block"
    with block.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, block_size(compiled.capacities))
    _, state = fresh_block(compiled, time.time(), time.monotonic(), np.memmap(block, np.uint8, "r+"))
    base = f"http://127.0.0.1:{provider}/v1"
    targets = [msgspec.structs.replace(target, base_url=base, key_env=None, key_envs=[]) for target in compiled.edge.targets]
    (folder / f"{name}.edge").write_bytes(msgspec.json.encode(msgspec.structs.replace(compiled.edge, targets=targets)))
    port = free_port()
    spec = {"block": str(block), "edge": str(folder / f"{name}.edge"), "port": port, "drain_s": 1.0, "samples_fd": samples_fd}
    (folder / f"{name}.spec").write_text(json.dumps(spec))
    done = threading.Event()

    def drain() -> None:
        header = state.header[0]
        while not done.wait(DRAIN_S):
            header["event_tail"], header["decision_tail"] = header["event_head"], header["decision_head"]

    threading.Thread(target=drain, daemon=True).start()
    try:
        arguments = [sys.executable, "-m", "roteiro.gateway.worker", "--spec", str(folder / f"{name}.spec")]
        with process(arguments, CONTENDER, port, pass_fds=[samples_fd] if samples_fd >= 0 else []) as child:
            yield Worker(child.pid, port, state)
    finally:
        done.set()


# --- load -----------------------------------------------------------------------------------------------------------------------


class Load:
    """`load.c`, built and running on the core of the others; use it in a `with`. `port` is its provider's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        built = folder / "load"
        subprocess.run(["cc", "-O2", "-o", str(built), str(HERE / "load.c"), "-lm"], check=True)
        how = ["doze"] if Machine.real_time() else []
        self._child = subprocess.Popen(
            ["taskset", "-c", str(OTHERS), str(built), *how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(self._said()["port"])

    def write(self, name: str, request: bytes) -> Path:
        """Keeps a request for `mix` and `streams`."""
        path = self._folder / name
        path.write_bytes(request)
        return path

    def pace(self, frames: int, interval_ms: float) -> None:
        """What streams are from now on."""
        self._ask(f"pace {frames} {interval_ms * 1e3}")

    def delay(self, ms: float) -> None:
        """How long the provider takes for a whole answer from now on."""
        self._ask(f"delay {ms * 1e3}")

    def mix(self, port: int, kinds: Sequence[tuple[Path, float]], *, seconds: float, connections: int = 16) -> dict[str, Any]:
        """Whole answers, of each kind of client a request at a rate: times in µs from the write of a request to its answer's last byte."""
        asked = " ".join(f"{request} {rate}" for request, rate in kinds)
        return self._ask(f"mix {port} {seconds} {connections} {asked}")

    def streams(self, port: int, request: Path, *, seconds: float = 0.0, at_once: int, total: int = 0) -> dict[str, Any]:
        """Streams: times in µs from the write of a request to its first frame, and to its end."""
        return self._ask(f"streams {port} {request} {seconds} {at_once} {total}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        try:
            self._child.wait(5.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _ask(self, command: str) -> dict[str, Any]:
        assert self._child.stdin is not None
        self._child.stdin.write(command + "\n")
        self._child.stdin.flush()
        return self._said()

    def _said(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise SystemExit("the load ended before its time; what it said is above")
        return dict(json.loads(line))


def wrk(port: int, script: Path, seconds: float, connections: int = 32) -> int:
    """Requests that were answered in so many seconds (whole ones), as fast as it goes. Any answer but 200 raises RuntimeError."""
    said = subprocess.run(
        [
            "taskset", "-c", str(OTHERS), "wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "--timeout", "30s",
            "-s", str(script), f"http://127.0.0.1:{port}/v1/chat/completions",
        ],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"the load did not get its answers:\n{said}")
    found = re.search(r"(\d+) requests in", said)
    assert found is not None, said
    return int(found[1])


# --- what is read from /proc ----------------------------------------------------------------------------------------------------


def family(pid: int) -> list[int]:
    """A process and all that descend from it, the youngest first."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in path.read_text().split():
                found += family(int(child))
    return [*found, pid]


def cpu_s(pid: int) -> float:
    """CPU time of a process and of all that descend from it, in user and kernel mode."""
    spent = 0.0
    for member in family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
            spent += (int(fields[11]) + int(fields[12])) * TICKS_S
    return spent


def memory_mb(pid: int) -> dict[str, float]:
    """Resident; what of it is the process's own; and what is of the mapped block, whose rings become resident as they are written."""
    text = Path(f"/proc/{pid}/smaps").read_text()
    block_kb = sum(
        int(found[1]) for part in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", text) if ".block" in part.partition("\n")[0]
        for found in [re.search(r"^Rss:\s+(\d+) kB", part, re.MULTILINE)] if found
    )  # fmt: skip
    rows = dict(re.findall(r"^(\w+):\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE))
    own_kb, resident_kb = int(rows["Anonymous"]), int(rows["Rss"])
    return {
        "resident": round(resident_kb / 1024, 1),
        "anonymous": round(own_kb / 1024, 1),
        "block": round(block_kb / 1024, 1),
        "resident_without_block": round((resident_kb - block_kb) / 1024, 1),
    }


class Machine:
    """The machine, and how quiet it was between the making of this and `said`."""

    def __init__(self) -> None:
        self._load, self._ticks = os.getloadavg()[0], self._stat()

    def said(self) -> dict[str, Any]:
        """For the report. `steal` is the share of CPU time that the hypervisor gave to others."""
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        ticks = [after - before for after, before in zip(self._stat(), self._ticks, strict=True)]
        return {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "processor": found[1] if found else "unknown",
            "cores": os.cpu_count(),
            "python": sys.version.split()[0],
            "nice": os.nice(0),
            "real_time": self.real_time(),
            "load_average_before": round(self._load, 2),
            "quiet": self._load < 0.7,
            "steal": round(ticks[7] / max(1, sum(ticks)), 4),
        }

    @staticmethod
    def real_time() -> bool:
        """Whether this program, and what it starts, goes before all that is not of a real-time policy (`chrt`)."""
        return os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO)

    @staticmethod
    def _stat() -> list[int]:
        return [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


# --- figures --------------------------------------------------------------------------------------------------------------------


def summary(values: Iterable[float], digits: int = 1) -> dict[str, float]:
    """Median, least and most."""
    rows = list(values)
    return {"median": round(statistics.median(rows), digits), "least": round(min(rows), digits), "most": round(max(rows), digits)}


def show(report: Mapping[str, Any]) -> None:
    """Prints one JSON object; what holds no object itself is on one line."""
    print(re.sub(r"\{[^{}]*\}", lambda found: re.sub(r"\s*\n\s*", " ", found[0]), json.dumps(report, indent=1)))
