"""The commands about dead letters and keys, before a server that answers as told."""

import json
from typing import Any

import pytest
from tests.cli.test_main import call

from roteiro.cli import dlq, keys
from roteiro.terms.error import SettingsError

LETTER = {
    "id": "dl-1", "at": 1_800_000_000.0, "expires": 1_800_600_000.0, "tenant": "acme", "key": "acme-1", "workload": "nightly", "model": "chat",
    "path": "/v1/chat/completions", "reason": "out_of_attempts", "tried": "timeout", "status": 502, "request": "run-1", "bytes": 9,
    "redrives": 0, "redriven": None, "redrive_status": None, "redrive_request": None, "answer_kept": False,
}  # fmt: skip
ANSWERED = {
    **LETTER,
    "id": "dl-2",
    "redrives": 1,
    "redriven": 1_800_000_100.0,
    "redrive_status": 200,
    "redrive_request": "run-9",
    "answer_kept": True,
}
COUNTS = {"letters": 2, "bytes": 18, "open": 1, "kept": 5, "dropped": 2, "expired": 1}


class FakeServer:
    """Answers, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def dead_letters(self, tenant: str | None = None, older_than_s: float | None = None) -> dict[str, Any]:
        self.asked.append(("list", tenant, older_than_s))
        return {"letters": [LETTER, ANSWERED], "most": 1000, "counts": COUNTS}

    def dead_letter(self, id: str, *, content: bool = False, answer: bool = False) -> dict[str, Any]:
        self.asked.append(("show", id, content, answer))
        return {**ANSWERED, **({"body": "the body"} if content else {}), **({"answer": "the answer"} if answer else {})}

    def redrive(self, id: str) -> dict[str, Any]:
        self.asked.append(("redrive", id))
        return {**(ANSWERED if id == "dl-2" else LETTER), "id": id, "redrives": 1}

    def purge(self, ids: Any = (), tenant: str | None = None, older_than_s: float | None = None, all: bool = False) -> int:
        self.asked.append(("purge", list(ids), tenant, older_than_s, all))
        return 3

    def rotate_key(self, name: str, overlap_s: float) -> dict[str, Any]:
        self.asked.append(("rotate", name, overlap_s))
        return {"name": name, "key": "rk-new", "overlap_until": "2027-01-01T00:00:00+00:00" if overlap_s else None}

    def create_key(self, tenant: str, **more: Any) -> dict[str, Any]:
        self.asked.append(("create", tenant, more))
        return {"name": "k", "tenant": tenant, "key": "rk-new", "expires": "2027-01-31T00:00:00+00:00"}

    def revoke_key(self, name: str) -> dict[str, Any]:
        return {"effective_ms": 3.2, "late_workers": [1] if name == "late" else []}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    fake = FakeServer()
    for module in (dlq, keys):
        monkeypatch.setattr(module, "reach", lambda *_: fake)
    return fake


def test_letters_are_listed_without_what_they_say(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("dlq", "list", "--tenant", "acme", "--older-than", "2h") == 0
    told = capsys.readouterr()
    assert server.asked == [("list", "acme", 7200.0)]
    assert "dl-1" in told.out and "out_of_attempts" in told.out
    assert "2 were thrown away for lack of room, 1 went past their time" in told.err
    assert call("dlq", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["counts"] == COUNTS


def test_the_content_is_shown_where_it_is_asked_for(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("dlq", "show", "dl-2") == 0
    told = capsys.readouterr().out
    assert "the body" not in told and "2027-01-15 08:01:40Z" in told
    assert call("dlq", "show", "dl-2", "--content", "--answer") == 0
    told = capsys.readouterr().out
    assert "body:\nthe body" in told and "answer:\nthe answer" in told
    assert server.asked == [("show", "dl-2", False, False), ("show", "dl-2", True, True)]


def test_letters_are_redriven_by_id_or_all_that_are_open(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("dlq", "redrive", "dl-2", "--answer") == 0
    assert "dl-2 answered 200 as run-9\nthe answer" in capsys.readouterr().out
    server.asked.clear()
    assert call("dlq", "redrive", "--all", "--json") == 1, "one of them is not answered yet"
    assert server.asked == [("list", None, None), ("redrive", "dl-1")]
    assert json.loads(capsys.readouterr().out)["letters"][0]["redriven"] is None
    assert call("dlq", "redrive", "dl-1") == 1
    assert "open; tried again 1×, the last: no answer" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["redrive", "purge"])
def test_which_ones_must_be_said(server: FakeServer, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert call("dlq", command) == 2
    assert "say which letters" in capsys.readouterr().err and server.asked == []
    assert call("dlq", command, "--older-than", "soon") == 2
    assert "--older-than" in capsys.readouterr().err


def test_letters_are_thrown_away(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("dlq", "purge", "dl-1", "dl-2") == 0
    assert call("dlq", "purge", "--tenant", "acme", "--older-than", "3d", "--json") == 0
    assert call("dlq", "purge", "--all") == 0
    assert server.asked == [
        ("purge", ["dl-1", "dl-2"], None, None, False), ("purge", [], "acme", 259_200.0, False), ("purge", [], None, None, True),
    ]  # fmt: skip
    assert capsys.readouterr().out == '3 thrown away\n{\n  "purged": 3\n}\n3 thrown away\n'


def test_keys_get_another_secret_and_an_end(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("keys", "rotate", "mine", "--overlap", "30min") == 0
    told = capsys.readouterr()
    assert told.out == "rk-new\n" and "the old secret opens until 2027-01-01" in told.err
    assert call("keys", "rotate", "mine", "--overlap", "0s", "--json") == 0
    assert call("keys", "create", "acme", "--expires", "2027-01-31") == 0
    assert "for acme until 2027-01-31" in capsys.readouterr().err
    assert server.asked == [
        ("rotate", "mine", 1800.0), ("rotate", "mine", 0.0), ("create", "acme", {"name": None, "workload": None, "expires": "2027-01-31"}),
    ]  # fmt: skip
    assert call("keys", "rotate", "mine", "--overlap", "a while") == 2
    assert "--overlap" in capsys.readouterr().err


def test_a_worker_that_is_late_is_told(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("keys", "revoke", "mine") == 0
    assert "mine is revoked; after 3 ms every worker had said so" in capsys.readouterr().out
    assert call("keys", "revoke", "late") == 1
    assert "workers 1 have not said yet" in capsys.readouterr().err


def test_a_server_that_refuses_ends_the_command(
    server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(id: str, **_: Any) -> dict[str, Any]:
        raise SettingsError("the server refuses (404): there is no dead letter 'x'")

    monkeypatch.setattr(server, "dead_letter", refuse)
    assert call("dlq", "show", "x") == 2
    assert "there is no dead letter" in capsys.readouterr().err
