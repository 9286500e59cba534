"""Whose word on an answer is taken: the caller's own, of an answer that was given, once, and in time."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roteiro.gateway.examination import EdgeFile
from roteiro.gateway.feedback import read, value_of
from roteiro.gateway.feedback_desk import FeedbackDesk, Given
from roteiro.gateway.feedback_question import FeedbackQuestion
from roteiro.terms.codes import Outcome, Signal
from roteiro.terms.error import RequestError

from .test_examination import Seen
from .world import PLAN, compiled, world

DAY_S = 86400.0


class Kept:
    """A ledger of one old request."""

    def events(self, run: str, where: str) -> Any:
        class Rows:
            def to_pylist(self) -> list[dict[str, Any]]:
                row = {
                    "tenant": "acme",
                    "outcome": "success",
                    "time": datetime.now(UTC),
                    "total_ms": 5.0,
                    "key": "acme-1",
                    "target": "two",
                    "model": "chat",
                    "workload": "gone",
                }
                return [row] if run == "old" and where.startswith("request = 3 ") else []

        return Rows()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[FeedbackDesk, Any, Seen, list[float]]]:
    it, seen, clock = world(compiled(PLAN + "quality: {feedback: {within: 2d}}\n")), Seen(), [time.time()]
    path = tmp_path / "edge.json"
    path.write_bytes(msgspec.json.encode(it.edge))
    with closing(Given(tmp_path / "feedback.sqlite")) as given:
        yield FeedbackDesk("run", it.state, EdgeFile(path), lambda: Kept(), given, seen, lambda: clock[0]), it, seen, clock  # type: ignore[arg-type, return-value]


def happened(it: Any, request: int, tenant: int = 0, outcome: int = Outcome.SUCCESS) -> None:
    row = it.state.events[request % len(it.state.events)]
    for name, value in {
        "request": request,
        "tenant": tenant,
        "outcome": outcome,
        "ended_s": 1.0,
        "key": 0,
        "target": 1,
        "model": 2,
        "workload": 1,
    }.items():
        row[name] = value


def asked(request: int = 5, tenant: str = "acme", run: str = "run", value: float = 0.75) -> FeedbackQuestion:
    return FeedbackQuestion(run, request, tenant, value)


def test_the_latest_requests_are_known_before_they_are_on_the_disk(desk: Any) -> None:
    it, world, seen, _ = desk
    happened(world, 5)
    assert it.take(asked(tenant="beta")) == "unknown"
    assert it.take(asked(request=6)) == "unknown"
    assert it.take(asked()) == "taken"
    assert it.take(asked(value=0.0)) == "given"
    assert [tuple(one) for one in seen] == [(Signal.FEEDBACK, 0.75, 5, 0, 1, 2, 1, -1, -1)]


def test_a_request_without_an_answer_has_none_to_speak_of(desk: Any) -> None:
    it, world, seen, _ = desk
    happened(world, 5, outcome=Outcome.SHED)
    assert (it.take(asked()), seen) == ("unanswered", [])


def test_a_row_that_was_never_written_is_nobodys_request(desk: Any) -> None:
    it, _, seen, _ = desk
    assert (it.take(asked(request=0)), seen) == ("unknown", [])


def test_feedback_has_its_time(desk: Any) -> None:
    it, world, _, clock = desk
    happened(world, 5)
    clock[0] += 2 * DAY_S + 10
    assert it.take(asked()) == "late"


def test_an_earlier_runs_request_is_looked_for_in_the_ledger(desk: Any) -> None:
    it, _, seen, _ = desk
    assert it.take(asked(3, run="old", tenant="beta")) == "unknown"
    assert it.take(asked(3, run="old")) == "taken"
    assert it.take(asked(3, run="old")) == "given"
    (one,) = seen
    assert (one.request, one.key, one.target, one.workload) == (-1, 0, 1, -1), (
        "its number is another run's; names that are gone have no index"
    )


def test_what_was_given_is_known_after_a_restart_and_holds_no_words(tmp_path: Path) -> None:
    with closing(Given(tmp_path / "f")) as given:
        assert given.add("run", 1, 100.0) and not given.add("run", 1, 200.0)
    with closing(Given(tmp_path / "f")) as again:
        assert not again.add("run", 1, 300.0)
        again.forget(150.0)
        assert again.add("run", 1, 300.0)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('"thumb": "up"', 1.0),
        ('"thumb": "down"', 0.0),
        ('"rating": 1', 0.0),
        ('"rating": 4', 0.75),
        ('"score": 0.3', 0.3),
        ('"score": 0', 0.0),
    ],
)
def test_the_scale(body: str, value: float) -> None:
    assert value_of(read(b'{"request": "run-1", "comment": "x", %b}' % body.encode())) == value


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None), (b'{"request": "run-1"}', "score"), (b'{"request": "run-1", "score": 2}', "score"), (b'{"score": 1}', None),
        (b'{"request": "run-1", "thumb": "up", "score": 1}', "score"), (b'{"request": "run-1", "thumb": "sideways"}', "thumb"),
        (b'{"request": "run-1", "score": 1, "text": "x"}', None), (b'{"request": 5, "score": 1}', "request"), (b'"\xff"', None),
    ],
)  # fmt: skip
def test_what_is_no_feedback_is_refused(body: bytes, param: str | None) -> None:
    with pytest.raises(RequestError) as refused:
        read(body)
    assert (refused.value.status, refused.value.param) == (400, param)
