"""Every fault there is a scenario of, on a real server: a client gets a whole answer from somewhere, or an honest error."""

import contextlib
import http.server
import threading
from collections.abc import Iterator

import openai
import pytest
from tests.gateway.faults import Drilled, Name, drilled, names

from roteiro.tasks.drill_result import Verdict
from roteiro.testing.truth import Told, Truth

NAMES = names()
PENDING: dict[str, str] = {}
"""Promises that the gateway does not keep yet, by case, and what it lacks. One that comes to be kept fails here, so that it is struck out."""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Drilled:
    return drilled(tmp_path_factory.mktemp("drill"))


def case(name: Name) -> object:
    why = PENDING.get(str(name))
    return pytest.param(name, id=str(name), marks=pytest.mark.xfail(strict=True, reason=why) if why else ())


@pytest.mark.timeout(600)  # the first of them plays all
@pytest.mark.parametrize("name", [case(name) for name in NAMES])
def test_the_promise_is_kept(result: Drilled, name: Name) -> None:
    row = result.rows[name]
    assert row.verdict is Verdict.KEPT, f"{row.must}: {'; '.join(row.complaints)} (asked {row.asked}, {row.truth} {row.status} {row.code})"


def test_nothing_looks_whole_that_is_not(result: Drilled) -> None:
    """A cut stream is never reported as success."""
    assert [str(name) for name, row in result.rows.items() if row.truth is Truth.LIE and str(name) not in PENDING] == []


def test_what_is_pending_is_a_case_that_is_played(result: Drilled) -> None:
    assert set(PENDING) <= {str(name) for name in NAMES}
    assert {name for name, row in result.rows.items() if row.verdict is not Verdict.NOT_APPLICABLE} == set(NAMES)


def test_official_clients_raise_exactly_where_there_is_no_answer(result: Drilled) -> None:
    """What came over the wire, given to the official client again."""
    wrong = []
    for name, played in result.played.items():
        told = played.told
        if name.stream and told.status == 200 and not told.broke:
            with replaying(told) as base_url:
                raised = raises(base_url)
            if raised == (told.truth is Truth.ANSWER) and str(name) not in PENDING:
                wrong.append(f"{name}: {told.truth}, and the client {'raises' if raised else 'does not raise'}")
    assert wrong == []


def raises(base_url: str) -> bool:
    with openai.OpenAI(base_url=base_url, api_key="any", max_retries=0) as client:
        try:
            for _ in client.chat.completions.create(model="m", messages=[{"role": "user", "content": "again"}], stream=True):
                pass
        except openai.APIError:
            return True
    return False


@contextlib.contextmanager
def replaying(told: Told) -> Iterator[str]:
    """A server that answers what was told, again."""

    class Again(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(told.status)
            self.send_header("content-type", told.headers["content-type"])
            self.send_header("content-length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Again) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        thread.join()
