"""Canaries: words that nobody else could have, sent wherever a client or a provider can say something, and looked for wherever a server
writes. Only who said them, and the provider that was asked, may see them again; what is kept of texts is kept sealed.
"""

import base64
import http.client
import json
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.collector import Collector, collecting
from tests.gateway.server import Server, eventually

from roteiro.ledger import Ledger

PLAN = """
roteiro: 1
providers:
  fine:    {name: sandbox, model: fine, weight: 1, on_premises: true, key_env: PROVIDER_KEY}
  refuses: {name: sandbox, model: refuses, weight: 1, on_premises: true, key_env: PROVIDER_KEY}
  breaks:  {name: sandbox, model: breaks, weight: 1, on_premises: true, key_env: PROVIDER_KEY}
  cuts:    {name: sandbox, model: cuts, weight: 1, on_premises: true, key_env: PROVIDER_KEY}
  babbles: {name: sandbox, model: babbles, weight: 1, on_premises: true, key_env: PROVIDER_KEY}
  denies:  {name: sandbox, model: denies, weight: 1, on_premises: true, key_env: PROVIDER_KEY}
  hangs:   {name: sandbox, model: hangs, weight: 1, on_premises: true, key_env: PROVIDER_KEY}
models:
  fine:    {targets: {fine: 1}, cache: {exact: true}}
  refuses: {targets: {refuses: 1}}
  breaks:  {targets: {breaks: 1}, retry: {attempts: 2, backoff: 10ms}}
  cuts:    {targets: {cuts: 1}, retry: {attempts: 2, backoff: 10ms}}
  babbles: {targets: {babbles: 1}, retry: {attempts: 2, backoff: 10ms}}
  denies:  {targets: {denies: 1}, retry: {attempts: 2, backoff: 10ms}}
  hangs:   {targets: {hangs: 1}}
tenants:
  acme:   {workloads: [chat, nightly]}
  others: {workloads: [chat]}
workloads:
  chat:    {priority: interactive, model: fine}
  nightly: {priority: batch, model: breaks, dead_letter: true}
"""
MODELS = ("fine", "refuses", "breaks", "cuts", "babbles", "denies")


def canary(what: str) -> str:
    return f"{what}canary{secrets.token_hex(12)}"


def hidden(text: str) -> list[bytes]:
    """The forms in which it might be written."""
    plain = text.encode()
    return [plain, plain.hex().encode(), *(base64.b64encode(b" " * pad + plain)[4:-4] for pad in range(3))]


@contextmanager
def provider(said: str) -> Iterator[tuple[str, list[bytes]]]:
    """A provider that repeats in its errors and answers all that it was asked, with a word of its own → (base URL, what it heard)."""
    heard: list[bytes] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append(str(self.headers).encode() + body)
            asked = json.loads(body)
            echo = f"{said} was asked {body.decode()} with {self.headers['authorization']}"
            match asked["model"]:
                case "refuses":
                    self.answer(400, json.dumps({"error": {"message": echo, "type": "invalid_request_error", "code": said}}))
                case "breaks":
                    self.answer(500, json.dumps({"error": {"message": echo}}))
                case "denies":
                    self.answer(401, json.dumps({"error": {"message": echo}}))
                case "babbles":
                    self.answer(200, f"<html>{echo}", kind="text/html")
                case "hangs":
                    over.wait(60)
                    self.close_connection = True
                case "cuts":
                    self.stream([{"content": echo}], whole=False)
                case _ if asked.get("stream"):
                    self.stream([{"role": "assistant", "content": "So "}, {"content": echo}], whole=True)
                case _:
                    message = {"role": "assistant", "content": echo}
                    choice = {"index": 0, "message": message, "finish_reason": "stop"}
                    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
                    self.answer(
                        200,
                        json.dumps(
                            {"id": "x", "object": "chat.completion", "created": 1, "model": "fine", "choices": [choice], "usage": usage}
                        ),
                    )

        def answer(self, status: int, body: str, kind: str = "application/json") -> None:
            sent = body.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(sent)))
            self.send_header("x-of-the-provider", said)
            self.end_headers()
            self.wfile.write(sent)

        def stream(self, deltas: list[dict[str, str]], whole: bool) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            for n, delta in enumerate(deltas):
                last = whole and n == len(deltas) - 1
                choice = {"index": 0, "delta": delta, "finish_reason": "stop" if last else None}
                frame = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "fine", "choices": [choice]}
                self.wfile.write(b"data: " + json.dumps(frame).encode() + b"\n\n")
            if whole:
                self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A gateway that hangs up is no news."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1", heard
        finally:
            over.set()
            server.shutdown()
            thread.join()


class Drive:
    """One server, all that went wrong with it, and all that others were told."""

    def __init__(self, server: Server, words: dict[str, str]) -> None:
        self.server, self.words = server, words
        self.told_to_others: list[bytes] = []
        self.statuses: dict[str, int] = {}

    def ask(self, key: str, body: bytes, path: str = "/v1/chat/completions", **headers: str) -> tuple[int, bytes]:
        named = {
            "authorization": f"Bearer {key}",
            "content-type": "application/json",
            **{n.replace("_", "-"): v for n, v in headers.items()},
        }
        with closing(http.client.HTTPConnection("127.0.0.1", self.server.ready["port"], timeout=40)) as connection:
            connection.request("POST", path, body, named)
            answer = connection.getresponse()
            try:
                said = answer.read()
            except http.client.IncompleteRead as error:
                said = error.partial
            return answer.status, str(answer.headers).encode() + said

    def body(self, model: str, **more: Any) -> bytes:
        prompt, arguments = self.words["prompt"], self.words["arguments"]
        call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"word": arguments})}}
        messages = [
            {"role": "system", "content": prompt}, {"role": "user", "content": prompt},
            {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_1", "content": prompt},
        ]  # fmt: skip
        return json.dumps({"model": model, "messages": messages, "max_tokens": 8, "user": self.words["user"], **more}).encode()

    def everything(self) -> None:
        """All ways in which a request may go, each with its canaries."""
        words, server = self.words, self.server
        key = server.key("acme")
        words["key"] = key
        headers = {"x_secret": words["header"], "user_agent": words["header"], "idempotency_key": words["idempotency"]}
        for model in MODELS:
            for stream in (False, True):
                self.statuses[f"{model}{stream}"] = self.ask(key, self.body(model, stream=stream), x_secret=words["header"])[0]
        for _ in range(2):  # kept, and told again
            self.statuses["again"] = self.ask(key, self.body("fine"), **headers)[0]
        self.statuses["dead"] = self.ask(key, self.body("breaks"), x_roteiro_workload="nightly", x_secret=words["header"])[0]
        self.statuses["malformed"] = self.ask(key, b'{"model": "fine", "messages": [' + words["malformed"].encode())[0]
        self.statuses["typed"] = self.ask(key, json.dumps({"model": "fine", "messages": words["malformed"]}).encode())[0]
        self.statuses["unknown"] = self.ask(key, self.body(words["model"]))[0]
        self.statuses["refused"] = self.ask(words["wrong_key"], self.body("fine"))[0]
        self.statuses["elsewhere"] = self.ask(key, self.body("fine"), f"/v1/{words['path']}?q={words['path']}")[0]
        for path in ("/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/completions"):
            self.ask(key, self.body("fine", input=words["prompt"], prompt=words["prompt"]), path, x_api_key=key)
        self.batch(key)
        self.no_http()
        status, answer = server.admin(
            "POST", "/admin/plan", PLAN.replace("{targets: {refuses: 1}}", "{targets: {refuses: 1}, timeouts: {total: 61s}}")
        )
        assert status == 200 and answer["adopted"], answer
        self.killed(key)
        self.others()

    def batch(self, key: str) -> None:
        """One of messages, run to its end: its file, its items and its results are kept."""
        params = {"model": "fine", "max_tokens": 8, "messages": [{"role": "user", "content": self.words["prompt"]}]}
        requests = [{"custom_id": self.words["custom"], "params": params}]
        status, answer = self.ask(key, json.dumps({"requests": requests}).encode(), "/v1/messages/batches")
        assert status == 200, answer
        made = json.loads(answer.partition(b"\n\n")[2])["id"]

        def ended() -> bool:
            with closing(http.client.HTTPConnection("127.0.0.1", self.server.ready["port"], timeout=40)) as connection:
                connection.request("GET", f"/v1/messages/batches/{made}", headers={"authorization": f"Bearer {key}"})
                return bool(json.loads(connection.getresponse().read())["processing_status"] == "ended")

        eventually(ended)

    def no_http(self) -> None:
        """A request line that is none."""
        import socket

        with socket.create_connection(("127.0.0.1", self.server.ready["port"]), timeout=40) as raw:
            raw.sendall(f"{self.words['malformed']} ? \r\n\r\n".encode())
            with suppress(OSError):
                raw.recv(1000)

    def killed(self, key: str) -> None:
        """A worker dies with a request in its hands."""
        threads = [threading.Thread(target=self._lost, args=(key,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        eventually(lambda: self.server.state()["in_flight"] >= 6)
        for worker in self.server.state()["workers"]:
            os.kill(worker["pid"], signal.SIGKILL)
        for thread in threads:
            thread.join()
        eventually(lambda: all(w["pid"] is not None and w["restarts"] == 1 for w in self.server.state()["workers"]))

    def _lost(self, key: str) -> None:
        with suppress(OSError, http.client.HTTPException):
            self.ask(key, self.body("hangs"))

    def others(self) -> None:
        """Another tenant asks all models; what it is told is its own, its provider's echo of it included."""
        key = self.server.key("others")
        for model in (*MODELS, "nothing"):
            body = json.dumps({"model": model, "messages": [{"role": "user", "content": "oi"}], "max_tokens": 8}).encode()
            self.told_to_others.append(self.ask(key, body)[1])


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Drive, Collector, dict[str, bytes]]]:
    """A server that all was done to, and that ended in order → what was seen while it ran."""
    folder = tmp_path_factory.mktemp("canary")
    (folder / "plan.yaml").write_text(PLAN)
    told = (
        "prompt",
        "arguments",
        "user",
        "header",
        "idempotency",
        "malformed",
        "custom",
        "model",
        "path",
        "wrong_key",
        "provider_key",
        "provider",
    )
    words = {name: canary(name.replace("_", "")) for name in told}
    with collecting() as collector, provider(words["provider"]) as (base_url, heard):
        urls = dict.fromkeys((*MODELS, "hangs"), base_url)
        environ = {
            "PROVIDER_KEY": words["provider_key"], "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "ROTEIRO_ACCESS_LOG": "1",
            "ROTEIRO_LOG_FORMAT": "json",
        }  # fmt: skip
        with Server(folder / "plan.yaml", folder / "data", urls, workers=2, **environ) as server:
            drive = Drive(server, words)
            drive.everything()
            server.written()
            seen = {
                f"admin {path}": json.dumps(server.admin("GET", path)[1]).encode()
                for path in ("/metrics", "/admin/state", "/admin/overview", "/admin/plan", "/admin/keys", "/admin/dlq")
            }
            letters = json.loads(seen["admin /admin/dlq"])["letters"]
            assert letters, "a dead letter is kept, sealed"
            seen |= {f"letter {each['id']}": json.dumps(server.admin("GET", f"/admin/dlq/{each['id']}")[1]).encode() for each in letters}
            seen |= {f"running {path}": path.read_bytes() for path in Path(server.data).rglob("*") if path.is_file()}
        assert any(words["prompt"].encode() in each and words["provider_key"].encode() in each for each in heard), "the birds did fly"
        yield drive, collector, seen


def find(drive: Drive, where: dict[str, bytes], besides: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """(place, canary) of each that got out."""
    forms = {name: hidden(word) for name, word in drive.words.items() if name not in besides}
    return [(place, name) for place, content in where.items() for name, ways in forms.items() if any(way in content for way in ways)]


def test_all_of_it_happened(driven: Any) -> None:
    drive, _, _ = driven
    got = drive.statuses
    assert (got["fineFalse"], got["fineTrue"], got["again"], got["refusesFalse"]) == (200, 200, 200, 400)
    assert got["breaksFalse"] >= 500 and got["babblesFalse"] >= 500 and got["deniesFalse"] >= 500 and got["dead"] >= 500
    assert (got["malformed"], got["typed"], got["unknown"], got["refused"], got["elsewhere"]) == (400, 400, 404, 401, 404)


def test_nothing_is_in_what_the_running_server_wrote_or_told(driven: Any) -> None:
    drive, _, seen = driven
    assert any(place.endswith("/block") for place in seen), "the state that workers share is among it"
    assert find(drive, seen) == []


def test_a_bird_that_got_out_would_be_found(driven: Any) -> None:
    drive, _, _ = driven
    word = drive.words["prompt"]
    kept = {
        "plain": f"x{word}y",
        "hex": word.encode().hex(),
        **{str(n): base64.b64encode(b"." * n + f"{word}...".encode()).decode() for n in range(3)},
    }
    assert find(drive, {place: content.encode() for place, content in kept.items()}) == [(place, "prompt") for place in kept]


def test_nothing_is_in_what_it_left(driven: Any) -> None:
    """Logs of all processes, the ledger, the run, the vault."""
    drive, _, _ = driven
    server = drive.server
    left = {str(path): path.read_bytes() for path in Path(server.data).rglob("*") if path.is_file()}
    assert find(drive, {**left, "log": server.log.read_bytes()}) == []


def test_nothing_is_in_the_ledgers_rows(driven: Any) -> None:
    """Read, and not as bytes: columns are compressed."""
    drive, _, _ = driven
    server = drive.server
    ledger = Ledger(server.data)
    rows = {
        "events": str(ledger.events(run=server.ready["run"]).to_pylist()).encode(),
        "decisions": str(ledger.decisions(run=server.ready["run"]).to_pylist()).encode(),
    }
    assert len(rows["decisions"]) > 1000 and find(drive, rows) == []


def test_nothing_is_in_the_traces(driven: Any) -> None:
    drive, collector, _ = driven
    assert len(collector.spans) > 20
    assert find(drive, {"traces": b"".join(collector.raw), "headers": str(collector.headers).encode()}) == []


def test_nothing_is_told_to_others(driven: Any) -> None:
    """A provider's own words reach whoever asked it, where they are an answer; another client's never do, nor any key."""
    drive, _, _ = driven
    told = {str(n): said for n, said in enumerate(drive.told_to_others)}
    # This provider repeats our key in its answers and errors, which no gateway can know of an answer; of an error it must.
    of_answers = {place: said for place, said in told.items() if b"chat.completion" in said}
    assert find(drive, of_answers, besides=("provider", "provider_key")) == []
    refusals = {place: said for place, said in told.items() if place not in of_answers}
    assert find(drive, refusals, besides=("provider",)) == [], "errors tell no upstream key"


def test_every_line_of_the_log_is_json(driven: Any) -> None:
    drive, _, _ = driven
    lines = [json.loads(line) for line in drive.server.log.read_text().splitlines()]
    assert all({"ts", "level", "logger"} <= set(line) for line in lines)
    by_request = [line for line in lines if line["logger"] == "roteiro.access"]
    assert len(by_request) == len(drive.server.events()), "each request has its line"
    assert {line["level"] for line in lines} <= {"info", "warning", "error"}
