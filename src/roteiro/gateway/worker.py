"""A gateway worker process: `python -m roteiro.gateway.worker --spec FILE`.

Maps the state block, listens, prints one JSON line when it is ready, serves until SIGTERM, drains, and ends with its parent. What it
imports is lean on purpose: no reader of plans, no ledger. What must not live here: starting and tending other workers.
"""

import argparse
import asyncio
import contextlib
import ctypes
import functools
import gc
import hashlib
import json
import logging
import mmap
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import uvicorn
import uvloop

from roteiro.gateway import logs, wake
from roteiro.gateway.acks import Ack
from roteiro.gateway.batches_routes import batch_routes
from roteiro.gateway.caches import Caches
from roteiro.gateway.desk import Desk
from roteiro.gateway.dispatch import Dispatch
from roteiro.gateway.feedback import feedback_routes
from roteiro.gateway.internal import read_secrets
from roteiro.gateway.journey_port import FileLock, Journey
from roteiro.gateway.lane import Lane
from roteiro.gateway.plain import application
from roteiro.gateway.replica_counts import WorkerCounts
from roteiro.gateway.sampler import Sampler
from roteiro.gateway.slim import give_back
from roteiro.gateway.spec import WorkerSpec
from roteiro.gateway.sweep import Sweep
from roteiro.gateway.trace_context import TraceContext
from roteiro.journey.warm import warm
from roteiro.policy.state import State, view
from roteiro.terms.edge import Edge
from roteiro.terms.error import InvariantError, RoteiroError, SettingsError

__all__ = ["main", "serve"]

log = logging.getLogger("roteiro.gateway")

PR_SET_PDEATHSIG: Final = 1
BACKLOG: Final = 4096


def main(arguments: list[str] | None = None) -> int:
    """Runs a worker → exit code: 0 after a drain, 1 where it cannot start (said on stderr)."""
    parser = argparse.ArgumentParser(prog="roteiro-worker", description="One gateway worker; started by `roteiro serve`.")
    parser.add_argument("--spec", required=True, type=Path, help="the worker's specification, a JSON file")
    options = parser.parse_args(arguments)
    logs.begin("worker")
    try:
        spec = msgspec.json.decode(options.spec.read_bytes(), type=WorkerSpec)
        logs.begin(f"worker-{spec.worker}")
        die_with_parent(spec.parent)
        uvloop.run(serve(spec))
    except (RoteiroError, OSError, msgspec.MsgspecError) as error:
        log.error("worker cannot start: %s", error)
        return 1
    return 0


async def serve(spec: WorkerSpec) -> None:
    """Serves until told to stop. Raises SettingsError and OSError where it cannot start."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its start and its end are the supervisor's to tell
    loop = asyncio.get_running_loop()
    lock = FileLock(Path(spec.lock)) if spec.lock is not None else None
    journey = Journey(map_block(Path(spec.block)), spec.worker, lock)
    warm()
    sweep = Sweep(loop, journey.epoch_monotonic_s)
    edge, desk, caches = read_edge(Path(spec.edge)), None, None
    if spec.secrets_fd >= 0:
        known = read_secrets(spec.secrets_fd)
        desk = Desk(loop, known, spec.run, spec.worker)
        key = hashlib.sha256(b"cache " + known.token.encode()).digest()  # lives as long as the run, like the token
        caches = Caches(edge, Path(spec.block).parent / "cache", key, loop, time.time)
    counts = WorkerCounts(spec.counts_fd, spec.worker) if spec.counts_fd >= 0 else None
    dispatch = Dispatch(
        edge,
        journey,
        sweep,
        os.environ,
        run=spec.run,
        worker=spec.worker,
        notify=lambda worker: wake.ring(spec.wake_fds[worker]),
        desk=desk,
        caches=caches,
        region=spec.region,
        calls=counts,
        trace=None if spec.trace_ratio is None else TraceContext(spec.run, spec.trace_ratio),
        sampler=Sampler(edge, socket.socket(fileno=spec.samples_fd), spec.worker, journey.workload_of_key)
        if spec.samples_fd >= 0
        else None,
    )
    server = Server(
        uvicorn.Config(
            application(dispatch, [*batch_routes(dispatch, desk, spec.secrets_fd), *feedback_routes(dispatch)]),
            http=functools.partial(Lane, dispatch),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=max(1, round(spec.drain_s)),
            ssl_certfile=spec.tls_certificate,
            ssl_keyfile=spec.tls_key,
        )
    )
    listener = listening(spec)

    def tidy() -> None:
        dispatch.draining = server.should_exit
        now = sweep.now()
        for connection in list(server.server_state.connections):
            if isinstance(connection, Lane):
                connection.tidy(now)

    sweep.every_second(tidy)
    ack = Ack(spec.acks_fd, spec.acks_bell, spec.worker) if spec.acks_fd >= 0 else None
    loop.add_signal_handler(signal.SIGUSR1, reload_edge, dispatch, Path(spec.edge), ack, counts)
    if spec.wake_fds:
        wake.listen(loop, spec.wake_fds[spec.worker], dispatch.wake)
    announcing = asyncio.create_task(announce(server, listener.getsockname()[1], spec.worker))
    if ack is not None:  # what was adopted while this process started is adopted before it accepts anyone
        ack.reading()
        reload_edge(dispatch, Path(spec.edge), ack, counts)
    give_back()
    gc.freeze()  # what lives by now lives on; a collection need not look at it
    try:
        await server.serve([listener])
    finally:
        announcing.cancel()
        for connection in list(server.server_state.connections):  # those that the drain did not wait for
            if isinstance(connection, Lane):
                connection.cut_off()
        dispatch.close()
        await dispatch.counter.close()
        await asyncio.sleep(0)  # connections that were cut off close
        if desk is not None:
            desk.close()


class Server(uvicorn.Server):
    """Uvicorn's, but a signal to stop is obeyed and not raised again after the drain: a drained worker ended well."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


async def announce(server: uvicorn.Server, port: int, worker: int) -> None:
    """Prints the ready line once connections are accepted."""
    while not server.started:
        await asyncio.sleep(0.005)
    sys.stdout.write(json.dumps({"ready": True, "worker": worker, "pid": os.getpid(), "port": port}) + "\n")
    sys.stdout.flush()


def map_block(path: Path) -> State:
    """The shared state in a file. Raises SettingsError where it is none of this version."""
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        memory = mmap.mmap(file, 0)
    finally:
        os.close(file)
    try:
        return view(np.frombuffer(memory, np.uint8))
    except (InvariantError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from None


def read_edge(path: Path) -> Edge:
    """Raises SettingsError where the file is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Edge)
    except msgspec.MsgspecError as error:
        raise SettingsError(f"{path} is not a plan's edge: {error}") from None


def reload_edge(dispatch: Dispatch, path: Path, ack: Ack | None = None, counts: WorkerCounts | None = None) -> None:
    """Adopts the edge file's new content, and says so; a bad one leaves the old edge in force, and the log says why."""
    before = dispatch.edge.version
    try:
        dispatch.adopt(read_edge(path))
    except (RoteiroError, OSError, ValueError) as error:
        log.error("the new edge is refused, the old one stays: %s", error)
    else:
        if dispatch.edge.version != before:
            log.info("edge of plan version %d adopted", dispatch.edge.version)
    if ack is not None:
        ack.adopted(dispatch.edge.version)
    if counts is not None:
        counts.adopted(dispatch.edge.serial)


def listening(spec: WorkerSpec) -> socket.socket:
    """The socket to accept on. Raises SettingsError where the port is taken."""
    if spec.fd is not None:
        return socket.socket(fileno=spec.fd)
    family = socket.AF_INET6 if ":" in spec.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((spec.host, spec.port))
    except OSError as error:
        listener.close()
        raise SettingsError(f"cannot listen on {spec.host}:{spec.port}: {error.strerror}; choose another port with --port") from None
    return listener


def die_with_parent(parent: int | None) -> None:
    """Asks the system to kill this process when its parent dies, however that happens (Linux)."""
    before = os.getppid() if parent is None else parent
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != before:  # it died before we could ask
        raise SettingsError("the process that started this worker is gone")


if __name__ == "__main__":
    sys.exit(main())
