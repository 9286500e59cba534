"""What a request costs in this process, without sockets: µs of CPU between the bytes that came and the bytes to go. Prints one JSON object.

Method: a worker's fast lane with its real dispatch, journey, dialects and pool, on `governed.yaml`, between transports that only count; the
client's bytes and the provider's are handed to it as the loop would, and what is gathered for a turn of the loop is flushed after each.
Bursts of requests take turns among the cases, so that what the machine does meanwhile happens to all; of each case the least and
the median burst. The collector is on, and what lives before the first burst is frozen, as in a worker. A frame's cost is the slope between
streams of 20 and of 60 frames. What the system's sockets take comes on top (`gateway.py` has it). Wants nothing but Roteiro.

`python benchmarks/lane.py [--bursts 60] [--profile CASE]`
"""

import argparse
import asyncio
import cProfile
import gc
import hashlib
import json
import os
import pstats
import socket
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import uvicorn
import uvloop
from uvicorn.server import ServerState

from rig import ANSWER, KEY, PLAN, Machine, body, over_the_wire, show
from roteiro.gateway.dispatch import Dispatch
from roteiro.gateway.journey_port import Journey
from roteiro.gateway.lane import Lane
from roteiro.gateway.sweep import Sweep
from roteiro.journey.warm import warm
from roteiro.plan.compile import Grant, compile_plan, fresh_block
from roteiro.plan.read import read
from roteiro.providers.pool import Connection

BURST = 200
FEW, MANY = 20, 60
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


async def nothing_else(scope: object, receive: object, send: object) -> None:
    """The application behind the lane."""


class Transport:
    """Takes what is written, and forgets it. Its socket never has news."""

    def __init__(self) -> None:
        self.socket, self._peer = socket.socketpair()
        self.sent = 0
        self.last = b""

    def write(self, data: bytes) -> None:
        self.sent += len(data)
        self.last = data

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: object = None) -> object:
        if name == "socket":
            return self.socket
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def nothing(self, *_: object) -> None:
        """All else that a transport can be asked for."""

    close = abort = pause_reading = resume_reading = set_protocol = nothing


class Worker:
    """One connection of a client, and one to each provider."""

    def __init__(self, dialect: str) -> None:
        reading = read(PLAN)
        assert reading.plan is not None, reading.problems
        grant = Grant("bench", hashlib.sha256(KEY.encode()).hexdigest(), next(iter(reading.plan.tenants)))
        compiled = compile_plan(reading.plan, reading.digest, [grant])
        _, self.state = fresh_block(compiled, time.time(), time.monotonic())
        loop, journey = asyncio.get_running_loop(), Journey(self.state, 0)
        targets = [
            msgspec.structs.replace(target, base_url="http://127.0.0.1:9/v1", dialect=dialect, key_env=None, key_envs=[])
            for target in compiled.edge.targets
        ]
        edge = msgspec.structs.replace(compiled.edge, targets=targets)
        self.dispatch = Dispatch(edge, journey, Sweep(loop, journey.epoch_monotonic_s), {})
        config = uvicorn.Config(nothing_else, log_config=None)
        config.load()
        self.lane, self.client = Lane(self.dispatch, config, ServerState(), {}, loop), Transport()
        self.lane.connection_made(self.client)  # type: ignore[arg-type]
        self.connections = []
        for target in self.dispatch.targets:
            assert target.pool is not None
            connection = Connection(target.pool)
            connection.connection_made(Transport())  # type: ignore[arg-type]
            target.pool._open.add(connection)
            target.pool._idle.append(connection)
            self.connections.append(connection)

    def serve(self, request: bytes, answer: Sequence[bytes]) -> None:
        """One request; the pieces of its answer arrive one by one."""
        flush = self.dispatch.outbox.flush
        self.lane.data_received(request)
        flush()
        for connection in self.connections:
            if connection.receiver is not None:
                for piece in answer:
                    connection.data_received(piece)
                    flush()
                return
        raise SystemExit(f"the request was not sent on: {self.client.last[:500]!r}")

    def empty_rings(self) -> None:
        header = self.state.header[0]
        header["event_tail"], header["decision_tail"] = header["event_head"], header["decision_head"]


def whole(answer: str) -> list[bytes]:
    head = "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"
    return [f"{head}Content-Length: {len(answer)}\r\n\r\n{answer}".encode()]


def chunk(*events: bytes) -> bytes:
    data = b"".join(events)
    return b"%x\r\n%b\r\n" % (len(data), data)


def openai_stream(frames: int) -> list[bytes]:
    def event(**fields: object) -> bytes:
        rest = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m", **fields}
        return f"data: {json.dumps(rest, separators=(',', ':'))}\n\n".encode()

    pieces = [chunk(event(choices=[{"index": 0, "delta": {"content": f"word {n} "}, "finish_reason": None}])) for n in range(frames)]
    end = event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    return [STREAM_HEAD + pieces[0], *pieces[1:], chunk(end, b"data: [DONE]\n\n") + b"0\r\n\r\n"]


def anthropic_stream(frames: int) -> list[bytes]:
    def event(kind: str, **fields: object) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields}, separators=(',', ':'))}\n\n".encode()

    message: dict[str, object] = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 230, "output_tokens": 1},
    }  # fmt: skip
    start = event("message_start", message=message) + event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    pieces = [chunk(event("content_block_delta", index=0, delta={"type": "text_delta", "text": f"word {n} "})) for n in range(frames)]
    end = event("content_block_stop", index=0)
    end += event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": frames})
    return [STREAM_HEAD + chunk(start), *pieces, chunk(end, event("message_stop")) + b"0\r\n\r\n"]


ANTHROPIC_ANSWER = json.dumps(
    {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "A fixed answer."}],
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 230, "output_tokens": 9},
    }
)  # fmt: skip


def cases() -> tuple[dict[str, Callable[[], None]], list[Worker]]:
    """Name of a case → serves one request of it; and the workers."""
    chat, stream = over_the_wire(body()), over_the_wire(body(stream=True))
    told = {"anthropic-version": "2023-06-01"}
    messages, message_stream = over_the_wire(body(), told, "/v1/messages"), over_the_wire(body(stream=True), told, "/v1/messages")
    workers = {dialect: Worker(dialect) for dialect in ("openai", "anthropic")}
    wanted: dict[str, tuple[str, bytes, list[bytes]]] = {
        "chat_whole": ("openai", chat, whole(ANSWER)),
        "chat_stream": ("openai", stream, openai_stream(FEW)),
        "chat_stream_long": ("openai", stream, openai_stream(MANY)),
        "messages_whole": ("anthropic", messages, whole(ANTHROPIC_ANSWER)),
        "messages_stream": ("anthropic", message_stream, anthropic_stream(FEW)),
        "messages_stream_long": ("anthropic", message_stream, anthropic_stream(MANY)),
        "chat_to_anthropic_whole": ("anthropic", chat, whole(ANTHROPIC_ANSWER)),
        "chat_to_anthropic_stream": ("anthropic", stream, anthropic_stream(FEW)),
        "chat_to_anthropic_stream_long": ("anthropic", stream, anthropic_stream(MANY)),
    }

    def one(worker: Worker, request: bytes, answer: list[bytes]) -> Callable[[], None]:
        def serve() -> None:
            worker.serve(request, answer)

        return serve

    made = {name: one(workers[which], request, answer) for name, (which, request, answer) in wanted.items()}
    for name, serve in made.items():  # each answers, and well
        which = workers[wanted[name][0]]
        before = int(which.state.header["event_head"][0])
        for _ in range(20):
            serve()
        events = which.state.events[before : int(which.state.header["event_head"][0])]
        if len(events) != 20 or events["status"].max() != 200 or events["outcome"].max() != 0:
            raise SystemExit(f"{name} is not answered well: {which.client.last[:500]!r}")
    return made, list(workers.values())


async def measure(bursts: int, profile: str | None) -> dict[str, Any]:
    made, workers = cases()

    async def between() -> None:
        for worker in workers:
            worker.empty_rings()
        await asyncio.sleep(0)  # the loop forgets the flushes that it was asked for

    await between()
    gc.collect()
    gc.freeze()
    times: dict[str, list[float]] = {name: [] for name in made}
    if profile is not None:
        profiler = cProfile.Profile()
        for _ in range(bursts):
            profiler.enable()
            for _ in range(BURST):
                made[profile]()
            profiler.disable()
            await between()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
    for _ in range(bursts):
        for name, serve in made.items():
            start = time.thread_time()
            for _ in range(BURST):
                serve()
            times[name].append((time.thread_time() - start) / BURST * 1e6)
            await between()
    for worker in workers:
        worker.dispatch.close()
    figures: dict[str, Any] = {name: figure(rows) for name, rows in times.items()}
    for name in list(figures):
        if name.endswith("_stream"):
            slopes = {
                which: round((figures[f"{name}_long"][which] - figures[name][which]) / (MANY - FEW), 2) for which in ("least", "median")
            }
            figures[name]["a_frame"] = slopes
            del figures[f"{name}_long"]
    return figures


def figure(rows: list[float]) -> dict[str, Any]:
    return {"least": round(min(rows), 2), "median": round(statistics.median(rows), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bursts", type=int, default=60, help=f"of {BURST} requests, of each case")
    parser.add_argument("--profile", metavar="CASE", help="print where the time of this case goes, first")
    options = parser.parse_args()
    machine = Machine()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    warm()
    figures = uvloop.run(measure(options.bursts, options.profile))
    show({"benchmark": "lane", "frames_of_a_stream": FEW, "us_a_request": figures, "machine": machine.said()})


if __name__ == "__main__":
    main()
