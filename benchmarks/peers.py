"""The gateway against others of its kind, in one run: CPU µs a request, requests per second of CPU, CPU a stream. Prints one JSON object.

The peers are LiteLLM's proxy, Portkey's gateway, and TensorZero's gateway embedded in a Python program. Each is installed on first use from
its registry into an environment of its own under the user's cache directory, never into the project's; one that cannot be installed
or started is left out, with its reason. All have one core, the same provider, the same 1 KB request and 32 connections; the embedded
one has 32 tasks that call it, and no server before it. Each runs without what it is not told to do here (`WITHOUT`), while ours does all of
`governed.yaml`. Rounds are interleaved. Wants wrk, a C compiler, and for Portkey node and npm (`scripts/install-bench-tools`).

`python benchmarks/peers.py [--rounds 5] [--seconds 4] [--only litellm portkey tensorzero] [--fresh]`
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rig import (
    CONTENDER,
    HERE,
    TEXT,
    Load,
    Machine,
    body,
    cpu_s,
    family,
    free_port,
    memory_mb,
    missing,
    over_the_wire,
    pin,
    process,
    show,
    summary,
    worker,
    wrk,
    wrk_script,
)
from roteiro.journey.warm import warm

CONNECTIONS, STREAMS = 32, 16
FRAMES, INTERVAL_MS = 53, 5.0
WARM_REQUESTS, WARM_S = 10_000, 20.0
INSTALL_WITHIN_S: Final = 900.0
GOALS: Final = {"litellm": 250.0, "portkey": 22.0, "tensorzero": 3.5}
"""Requests per second of CPU, ours over theirs."""
WITHOUT: Final = {
    "litellm": "keys, database, cache, callbacks, budgets, retries, guardrails; with LITELLM_MODE=PRODUCTION, LITELLM_LOG=ERROR",
    "portkey": "keys, cache, retries, fallbacks, guardrails, log of requests (--headless: no console)",
    "tensorzero": "an HTTP server before it, keys, observability (no ClickHouse, no Postgres), rate limits, retries, fallbacks, cache",
}


PORTKEY: Final = {"dependencies": {"@portkey-ai/gateway": "^1.15.2"}, "overrides": {"@hono/node-server": "1.12.0"}}
"""Its server library is held back: with later ones (1.14.4, 1.19.0 and 1.19.19 were tried) every stream ends in a status 500."""


class Unavailable(Exception):  # noqa: N818 - not a failure: a peer is left out
    """Why a peer takes no part."""


@dataclass
class Contender:
    """Something that is measured. Both functions take seconds and say how many were answered well."""

    pid: int
    requests: Callable[[float], int]
    streams: Callable[[float], int]


@contextlib.contextmanager
def ours(folder: Path, load: Load) -> Iterator[Contender]:
    with worker(folder, "ours", load.port) as it:
        yield over_http(folder, "ours", load, it.pid, it.port, {})


@contextlib.contextmanager
def litellm(folder: Path, load: Load, home: Path) -> Iterator[Contender]:
    config, port = folder / "litellm.yaml", free_port()
    config.write_text(
        "model_list:\n"
        f"  - {{model_name: auto, litellm_params: {{model: openai/m, api_base: 'http://127.0.0.1:{load.port}/v1', api_key: none}}}}\n"
        "litellm_settings: {set_verbose: false, telemetry: false, request_timeout: 600, num_retries: 0}\n"
    )
    environment = {
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # it is measured without keys, which is to its favour
        "LITELLM_DONT_SHOW_FEEDBACK_BOX": "True",
        "NO_DOCS": "True",
        "SCARF_NO_ANALYTICS": "true",
    }
    program = [str(home / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    with serving(folder, program, port, environment) as pid:
        yield over_http(folder, "litellm", load, pid, port, {})


@contextlib.contextmanager
def portkey(folder: Path, load: Load, home: Path) -> Iterator[Contender]:
    port = free_port()
    program = ["node", str(home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"), "--headless", f"--port={port}"]
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"http://127.0.0.1:{load.port}/v1"}
    with serving(folder, program, port, {"NODE_ENV": "production"}) as pid:
        yield over_http(folder, "portkey", load, pid, port, headers)


@contextlib.contextmanager
def tensorzero(folder: Path, load: Load, home: Path) -> Iterator[Contender]:
    config = folder / "tensorzero.toml"
    config.write_text(
        '[gateway]\nobservability.enabled = false\n[models.m]\nrouting = ["up"]\n[models.m.providers.up]\ntype = "openai"\n'
        f'model_name = "m"\napi_base = "http://127.0.0.1:{load.port}/v1/"\napi_key_location = "none"\n'
    )
    with (folder / "tensorzero.log").open("wb") as log:
        child = subprocess.Popen(
            ["taskset", "-c", str(CONTENDER), str(home / "bin" / "python"), str(HERE / "embedded.py"), str(config), TEXT, str(FRAMES)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder,
        )  # fmt: skip
        assert child.stdin is not None and child.stdout is not None
        try:
            if not child.stdout.readline():
                raise Unavailable(f"does not start: {(folder / 'tensorzero.log').read_text()[-400:]}")

            def told(command: str) -> int:
                assert child.stdin is not None and child.stdout is not None
                child.stdin.write(command + "\n")
                child.stdin.flush()
                line = child.stdout.readline()
                if not line:
                    raise Unavailable(f"ended: {(folder / 'tensorzero.log').read_text()[-400:]}")
                counts = json.loads(line)
                if counts["whole"] != counts["asked"]:
                    raise Unavailable(f"not all was answered: {counts}")
                return int(counts["whole"])

            yield Contender(child.pid, lambda s: told(f"whole {s} {CONNECTIONS}"), lambda s: told(f"streams {s} {STREAMS}"))
        finally:
            child.stdin.close()
            try:
                child.wait(10.0)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextlib.contextmanager
def serving(folder: Path, program: list[str], port: int, environment: dict[str, str]) -> Iterator[int]:
    """A peer's server, in a folder of its own → its process id."""
    home = Path(tempfile.mkdtemp(dir=folder))
    try:
        with process(program, CONTENDER, port, environment=environment, cwd=home, start_within_s=180.0) as child:
            yield child.pid
    except RuntimeError as error:
        log = (home / "log").read_text(errors="replace")[-400:]
        raise Unavailable(f"{error}; its log ends: {log}") from None


def over_http(folder: Path, name: str, load: Load, pid: int, port: int, headers: dict[str, str]) -> Contender:
    script = folder / f"{name}.lua"
    script.write_text(wrk_script(body(), headers))
    stream = load.write(f"{name}.http", over_the_wire(body(stream=True), headers))

    def streams(seconds: float) -> int:
        row = load.streams(port, stream, seconds=seconds, at_once=STREAMS)
        if row["whole"] != row["streams"]:
            raise RuntimeError(f"{name}: not all streams came whole: {row}")
        return int(row["whole"])

    return Contender(pid, lambda s: wrk(port, script, s, CONNECTIONS), streams)


# --- installing -----------------------------------------------------------------------------------------------------------------


def cache() -> Path:
    """Where the peers' environments are."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "roteiro" / "peers"


def environment(name: str, fresh: bool) -> Path:
    """The folder of a peer's environment, installed where it is not there. Raises Unavailable."""
    home = cache() / name
    if fresh:
        shutil.rmtree(home, ignore_errors=True)
    if not (home / "installed").exists():
        python = str(home / "bin" / "python")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if name == "portkey":
            for tool in ("node", "npm"):
                if shutil.which(tool) is None:
                    raise Unavailable(f"wants {tool}; scripts/install-bench-tools installs it")
            npm = [
                "npm",
                "install",
                "--silent",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--prefix",
                str(home),
                "@portkey-ai/gateway",
            ]
            steps = [npm]
        elif name == "litellm":
            steps = [[sys.executable, "-m", "venv", str(home)], [*pip, "litellm[proxy]"]]
        else:
            steps = [[sys.executable, "-m", "venv", str(home)], [*pip, "tensorzero", "uvloop"]]
        home.mkdir(parents=True, exist_ok=True)
        give_up = time.monotonic() + INSTALL_WITHIN_S
        for step in steps:
            try:
                subprocess.run(
                    step, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=max(1.0, give_up - time.monotonic())
                )
            except subprocess.TimeoutExpired:
                raise Unavailable(f"could not be installed within {INSTALL_WITHIN_S:g} s") from None
            except subprocess.CalledProcessError as error:
                raise Unavailable(f"could not be installed: {error.stderr.decode(errors='replace')[-400:]}") from None
        (home / "installed").touch()
    return home


def version(name: str, home: Path) -> str:
    if name == "portkey":
        return str(json.loads((home / "node_modules" / "@portkey-ai" / "gateway" / "package.json").read_text())["version"])
    asked = f"import importlib.metadata; print(importlib.metadata.version({name!r}))"
    return subprocess.run([str(home / "bin" / "python"), "-c", asked], capture_output=True, text=True, check=True).stdout.strip()


# --- measuring ------------------------------------------------------------------------------------------------------------------


def rounds(contenders: dict[str, Contender], count: int, seconds: float, skipped: dict[str, str]) -> dict[str, dict[str, list[float]]]:
    """CPU µs a request, requests/s and CPU ms a stream of each, round by round; who fails is left out from then on."""
    found: dict[str, dict[str, list[float]]] = {name: {"us": [], "per_s": [], "stream_ms": []} for name in contenders}

    def leave_out(name: str, error: Exception) -> None:
        if name == "ours":
            raise error
        skipped[name] = str(error)
        del contenders[name], found[name]

    for name in list(contenders):
        try:
            get_warm(contenders[name])
        except (Unavailable, RuntimeError) as error:
            leave_out(name, error)
    for i in range(count):
        for name in list(contenders)[:: 1 if i % 2 == 0 else -1]:
            it, row = contenders[name], found[name]
            try:
                before, began = cpu_s(it.pid), time.monotonic()
                answered = it.requests(seconds)
                spent, took = cpu_s(it.pid) - before, time.monotonic() - began
                before = cpu_s(it.pid)
                streams = it.streams(seconds)
                stream_s = cpu_s(it.pid) - before
            except (Unavailable, RuntimeError) as error:
                leave_out(name, error)
                continue
            row["us"].append(spent / answered * 1e6)
            row["per_s"].append(answered / took)
            row["stream_ms"].append(stream_s / streams * 1e3)
    return found


def get_warm(it: Contender) -> None:
    """Some of them compile what they run, as they run it."""
    began, answered = time.monotonic(), 0
    while answered < WARM_REQUESTS and time.monotonic() - began < WARM_S:
        answered += it.requests(3.0)
    it.streams(3.0)


def over(row: dict[str, list[float]], ours: dict[str, list[float]], what: str) -> dict[str, float]:
    """How much more CPU time they take, round by round."""
    return summary((theirs / mine for theirs, mine in zip(row[what], ours[what], strict=True)), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a round, once for requests and once for streams")
    parser.add_argument("--only", nargs="+", choices=sorted(GOALS), default=list(GOALS))
    parser.add_argument("--fresh", action="store_true", help="install the peers anew")
    options = parser.parse_args()
    if why := missing(["wrk", "cc", "taskset"]):
        show({"benchmark": "peers", "skipped": why})
        return
    machine, makers = Machine(), {"litellm": litellm, "portkey": portkey, "tensorzero": tensorzero}
    skipped: dict[str, str] = {}
    versions: dict[str, str] = {}
    warm()
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        folder = Path(temporary)
        load = stack.enter_context(Load(folder))
        load.pace(FRAMES, INTERVAL_MS)
        contenders: dict[str, Contender] = {}
        for name in options.only:
            try:
                home = environment(name, options.fresh)
                contenders[name] = stack.enter_context(makers[name](folder, load, home))
                versions[name] = version(name, home)
            except Unavailable as error:
                skipped[name] = str(error)
        pin()
        contenders["ours"] = stack.enter_context(ours(folder, load))
        found = rounds(contenders, max(1, options.rounds), options.seconds, skipped)
        memory = {name: round(sum(memory_mb(pid)["resident"] for pid in family(it.pid)), 1) for name, it in contenders.items()}
    ratios = {
        name: {
            "requests_per_cpu_s": summary((theirs / mine for theirs, mine in zip(row["us"], found["ours"]["us"], strict=True)), 2),
            "goal": GOALS[name],
            "streams_per_cpu_s": summary(
                (theirs / mine for theirs, mine in zip(row["stream_ms"], found["ours"]["stream_ms"], strict=True)), 2
            ),
        }
        for name, row in found.items()
        if name != "ours"
    }
    show(
        {
            "benchmark": "peers",
            "versions": versions,
            "without": {name: WITHOUT[name] for name in versions},
            "skipped": skipped,
            "cpu_us_a_request": {name: summary(row["us"]) for name, row in found.items()},
            "requests_per_s": {name: summary(row["per_s"], 0) for name, row in found.items()},
            "cpu_ms_a_stream": {name: summary(row["stream_ms"], 2) for name, row in found.items()},
            "resident_mb": memory,
            "ours_over_theirs": ratios,
            "machine": machine.said(),
        }
    )


if __name__ == "__main__":
    main()
