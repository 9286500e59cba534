"""Watching a server: asked at its times, shown each time, and a server that is gone for a while is no end."""

from typing import Any

import pytest

from roteiro.tasks.top import watch
from roteiro.terms.error import SettingsError


class Server:
    """Answers with its count of calls; refuses those named."""

    def __init__(self, *refuses: int) -> None:
        self.calls, self.refuses = 0, refuses

    def overview(self) -> dict[str, Any]:
        self.calls += 1
        if self.calls in self.refuses:
            raise SettingsError("no server administers here; is it running?")
        return {"n": self.calls}


def test_it_shows_what_is_there_until_a_key_quits() -> None:
    server: Any = Server(2)
    shown, keys = [], iter(["", "", "s", "", "q"])
    obeyed: list[str] = []

    def obey(key: str) -> bool:
        obeyed.append(key)
        return key != "q"

    watch(server, lambda seen, why: shown.append((seen["n"], why)), lambda _: next(keys), obey, every_s=0.0)
    assert shown == [(1, ""), (1, "no server administers here"), (3, ""), (4, ""), (5, "")]
    assert obeyed == ["s", "q"]


def test_a_server_that_was_never_there_is_an_error() -> None:
    server: Any = Server(1)
    with pytest.raises(SettingsError, match="is it running"):
        watch(server, lambda *_: None, lambda _: "q", lambda _: False)
