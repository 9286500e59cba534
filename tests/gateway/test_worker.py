"""A worker as a process: ready, serving, reading a new edge, draining, dying with its parent; and lean."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from .world import PLAN, compiled, world, write_edge

HEAVY = ("pyarrow", "duckdb", "pydantic", "scipy.stats", "rich", "ruamel", "lark", "sqlalchemy", "typer")


def start(folder: Path, **spec: object) -> "subprocess.Popen[str]":
    it = world(compiled(), folder / "block")
    write_edge(folder / "edge.json", it.edge)
    whole = {"block": str(folder / "block"), "edge": str(folder / "edge.json"), "lock": str(folder / "lock"), "drain_s": 5.0, **spec}
    (folder / "spec.json").write_text(json.dumps(whole))
    arguments = [sys.executable, "-m", "roteiro.gateway.worker", "--spec", str(folder / "spec.json")]
    fds = [fd for fd in (spec.get("fd"),) if isinstance(fd, int)]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log, text=True, pass_fds=fds)


def ready(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the worker ended before it was ready"
    return json.loads(line)


def get(port: int, path: str) -> tuple[int, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return answer.status, json.load(answer)


def until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = start(tmp_path)
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_serves_takes_a_new_edge_and_drains(worker: "subprocess.Popen[str]", tmp_path: Path) -> None:
    said = ready(worker)
    assert (said["ready"], said["worker"], said["pid"]) == (True, 0, worker.pid)
    assert get(said["port"], "/health/ready") == (
        200,
        {"status": "ready", "plan": compiled().edge.digest, "version": 0, "events_unwritten": 0},
    )

    newer = msgspec.structs.replace(compiled().edge, version=7)
    write_edge(tmp_path / "next", newer)
    (tmp_path / "next").rename(tmp_path / "edge.json")
    worker.send_signal(signal.SIGUSR1)
    until(lambda: get(said["port"], "/health/ready")[1]["version"] == 7)

    (tmp_path / "edge.json").write_text("{")  # refused, and nothing changes
    worker.send_signal(signal.SIGUSR1)
    until(lambda: "the new edge is refused" in (tmp_path / "log").read_text())
    assert get(said["port"], "/health/ready")[1]["version"] == 7

    worker.terminate()
    assert worker.wait(20) == 0


def test_listens_on_an_inherited_socket(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = start(tmp_path, fd=listener.fileno())
        try:
            assert ready(process)["port"] == listener.getsockname()[1]
            assert get(listener.getsockname()[1], "/health/live")[0] == 200
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def test_says_why_it_cannot_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(tmp_path, port=taken.getsockname()[1])
        assert process.wait(30) == 1
        assert process.stdout is not None
        process.stdout.close()
        assert "choose another port" in (tmp_path / "log").read_text()
    (tmp_path / "log").write_text("")
    process = start(tmp_path, parent=1)
    assert process.wait(30) == 1
    assert process.stdout is not None
    process.stdout.close()
    assert "is gone" in (tmp_path / "log").read_text()


def test_a_block_or_edge_that_is_none_is_said(tmp_path: Path) -> None:
    for name in ("block", "edge.json"):
        process = start(tmp_path, drain_s=1.0)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        (tmp_path / name).write_bytes(b"x" * 10_000)
        done = subprocess.run(
            [sys.executable, "-m", "roteiro.gateway.worker", "--spec", str(tmp_path / "spec.json")],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert name in done.stderr
        assert "Traceback" not in done.stderr


def test_ends_with_its_parent(tmp_path: Path) -> None:
    it = world(compiled(), tmp_path / "block")
    write_edge(tmp_path / "edge.json", it.edge)
    (tmp_path / "spec.json").write_text(json.dumps({"block": str(tmp_path / "block"), "edge": str(tmp_path / "edge.json")}))
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'roteiro.gateway.worker', '--spec', {str(tmp_path / 'spec.json')!r}], stdout=subprocess.PIPE)\n"
        "print(child.stdout.readline().decode(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = json.loads(parent.stdout.readline())["pid"]
        parent.kill()
        parent.wait()
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0])


def test_imports_nothing_heavy() -> None:
    code = f"import sys, roteiro.gateway.worker; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env={**os.environ})
    assert done.stdout.strip() == "[]"


def test_the_plan_of_these_tests_is_sound() -> None:
    assert "lonely" in PLAN
    assert compiled().edge.models["chat"] != compiled().edge.models["lonely"]
