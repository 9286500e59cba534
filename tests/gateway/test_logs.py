"""The log: one schema, and nothing in it that somebody else said."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from tests.gateway.events import events
from tests.gateway.world import compiled

from roteiro.gateway import logs
from roteiro.gateway.access_log import AccessLog
from roteiro.terms.codes import CacheKind, ErrorClass, Outcome, Reason
from roteiro.terms.error import SettingsError

CANARY = "what a client said"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(form: str, error: Exception | None = None, name: str = "roteiro.gateway", text: str = "worker %d ended", **extra: object) -> str:
    stream = io.StringIO()
    logs.begin("worker-1", form, stream)
    try:
        if error is not None:
            raise error
        logging.getLogger(name).error(text, *([3] if "%" in text else []), extra=extra)
    except Exception:
        logging.getLogger(name).exception(text, *([3] if "%" in text else []))
    return stream.getvalue()


def test_json_lines_have_one_schema() -> None:
    line = logged("json", request="run-7")
    assert line.endswith("\n") and line.count("\n") == 1
    said = json.loads(line)
    assert set(said) == {"ts", "level", "logger", "process", "pid", "message", "request"}
    assert (said["level"], said["logger"], said["process"], said["message"]) == ("error", "roteiro.gateway", "worker-1", "worker 3 ended")
    assert said["ts"].endswith("Z") and len(said["ts"]) == 24 and said["request"] == "run-7"


def test_text_lines_are_as_ever() -> None:
    assert logged("text").endswith(" ERROR roteiro.gateway worker 3 ended\n")


@pytest.mark.parametrize("form", ["text", "json"])
def test_of_a_foreign_exception_the_message_is_left_out(form: str) -> None:
    line = logged(form, ValueError(CANARY))
    assert CANARY not in line and "ValueError" in line and "test_logs.py:" in line
    assert "the port is taken" in logged(form, SettingsError("the port is taken")), "ours is told"
    assert "No space left" in logged(form, OSError(28, "No space left", CANARY)) and CANARY not in logged(form, OSError(28, "No", CANARY))


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_asyncio_adds_is_left_out(form: str) -> None:
    line = logged(form, name="asyncio", text=f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{CANARY}')>")
    assert "never retrieved" in line and CANARY not in line


def test_children_log_as_the_server_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.FORMAT_VARIABLE, "json")
    assert json.loads(logged(None))["process"] == "worker-1"  # type: ignore[arg-type]


def lines(form: str) -> list[str]:
    written: list[str] = []
    AccessLog("run-1", 1.8e9, lambda: compiled().names, form, written.append).take(
        events(
            2, first=5, tenant=[0, -1], model=[0, -1], target=[1, -1], key=-1, outcome=[0, Outcome.LIMITED], reason=[0, Reason.KEY_LIMIT],
            status=[200, 429], input_tokens=[120, 0], output_tokens=[9, 0], cost_nusd=[1_250_000, 0], total_ms=[402.125, 0.1],
            ttft_ms=[50.0, float("nan")], trace_hi=[1, 0], trace_lo=[-1, 0], cache=[CacheKind.EXACT, 0], error_class=[ErrorClass.SERVER, 0],
            attempts=[2, 0],
        )
    )  # fmt: skip
    assert len(written) == 1, "one write for all"
    return written[0].splitlines()


def test_the_access_log_tells_of_each_request() -> None:
    first, second = map(json.loads, lines("json"))
    names = compiled().names
    assert (first["request"], first["tenant"], first["model"], first["target"]) == ("run-1-5", names.tenants[0], names.routes[0], "two")
    assert (first["status"], first["outcome"], first["total_ms"], first["ttft_ms"]) == (200, "success", 402.1, 50.0)
    assert (first["cost_usd"], first["cache"], first["error_class"]) == (0.00125, "exact", "server")
    assert first["trace_id"] == "0000000000000001ffffffffffffffff"
    assert (second["tenant"], second["reason"], second["ttft_ms"], second["key"]) == (None, "key_limit", None, None)
    assert "trace_id" not in second and "cache" not in second


def test_the_access_log_as_text() -> None:
    first, second = lines("text")
    model = compiled().names.routes[0]
    assert f"chat {model}>two 200 success ok 402.1 ms, first 50 ms, 120+9 tokens, $0.00125" in first
    assert "- chat ->- 429 limited key_limit 0.1 ms, 0+0 tokens, $0" in second
