"""Samples become signals, or counts of why they did not."""

import json
import math
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roteiro.gateway.examination import EdgeFile, Examination, answer_of
from roteiro.gateway.sampler import Sample
from roteiro.terms.codes import Operation, Signal
from roteiro.terms.observation import Observation

from .world import PLAN, compiled

ASKED = {"model": "chat", "messages": [{"role": "user", "content": "<source>Custa R$ 10,50.</source> Quanto custa?"}]}
LOGPROBS = {"content": [{"token": "x", "logprob": math.log(0.5)}]}


class Seen(list[Observation]):
    def observe(self, seen: Any) -> None:
        self.extend(seen)


def body(text: str, finish: str = "stop") -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": {"content": text}, "finish_reason": finish, "logprobs": LOGPROBS}]}).encode()


def sample(**more: Any) -> Sample:
    fields: dict[str, Any] = {
        "request": 7, "key": 0, "route": 0, "workload": 1, "operation": int(Operation.CHAT), "stream": False, "target": "two",
        "logprob": math.nan, "asked": json.dumps(ASKED).encode(), "answered": body("Custa R$ 10,50."), "worker": 0, "dropped": 0, "too_long": 0,
    }  # fmt: skip
    return Sample(**{**fields, **more})


@pytest.fixture
def seen() -> Seen:
    return Seen()


def examination(folder: Path, seen: Seen, more: str = "share: 100%", judged: Any = None) -> Examination:
    path = folder / "edge.json"
    path.write_bytes(msgspec.json.encode(compiled(f"{PLAN}quality: {{observe: {{{more}}}}}\n").edge))
    return Examination(EdgeFile(path), seen, judged)


def look(it: Examination, one: Sample) -> None:
    it.look(msgspec.msgpack.encode(one))


def test_a_sample_becomes_its_signals(tmp_path: Path, seen: Seen) -> None:
    it = examination(tmp_path, seen)
    look(it, sample())
    found = {one.kind: one.value for one in seen}
    assert found[Signal.CONFIDENCE] == pytest.approx(0.5)
    assert (found[Signal.GROUNDED], found[Signal.REFUSED], found[Signal.TRUNCATED], found[Signal.LEAKS]) == (1.0, 0.0, 0.0, 0.0)
    assert Signal.FORMAT not in found
    assert {one[2:] for one in seen} == {(7, 0, 1, 0, 1, -1, -1)}, "request, key, target, route, workload; no probe, no version"
    assert it.counts.looked_at == 1


def test_what_cannot_be_read_is_counted_and_no_harm_is_done(tmp_path: Path, seen: Seen) -> None:
    it = examination(tmp_path, seen)
    it.look(b"nonsense")
    look(it, sample(asked=b"["))
    look(it, sample(answered=b"{}"))
    look(it, sample(stream=True))
    assert (seen, it.counts.unreadable, it.counts.looked_at) == ([], 4, 0)


def test_a_pattern_that_takes_for_ever_is_left(tmp_path: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roteiro.gateway.examination.LOOK_WITHIN_S", 0.1)
    form = {"type": "json_schema", "json_schema": {"schema": {"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}}}}
    it = examination(tmp_path, seen)
    began = time.monotonic()
    look(it, sample(asked=json.dumps({**ASKED, "response_format": form}).encode(), answered=body(json.dumps({"a": "a" * 60 + "!"}))))
    assert time.monotonic() - began < 5.0
    assert (it.counts.too_slow, seen) == (1, [])
    look(it, sample())
    assert it.counts.looked_at == 1


def test_what_workers_lost_is_added_up(tmp_path: Path, seen: Seen) -> None:
    it = examination(tmp_path, seen)
    for worker, dropped, too_long in ((0, 2, 0), (1, 5, 1), (0, 3, 0), (0, 1, 4)):  # the last is a worker in the place of one that died
        look(it, sample(worker=worker, dropped=dropped, too_long=too_long))
    assert (it.counts.dropped, it.counts.too_long) == (2 + 5 + 1 + 1, 5)


def test_the_provider_tells_of_the_whole_what_the_clients_dialect_cannot() -> None:
    told = answer_of(
        sample(answered=json.dumps({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}).encode(), logprob=-0.25)
    )
    assert told is not None and told.logprob == -0.25


def test_a_new_plan_is_followed(tmp_path: Path, seen: Seen) -> None:
    it = examination(tmp_path, seen)
    edge = compiled(f"{PLAN}quality: {{observe: {{share: 100%, signals: [refused]}}}}\n").edge
    later = tmp_path / "later"
    later.write_bytes(msgspec.json.encode(edge))
    later.replace(tmp_path / "edge.json")
    look(it, sample(target="of a plan that it has not seen"))
    seen.clear()
    look(it, sample())
    assert [one.kind for one in seen] == [Signal.REFUSED]


def test_a_judge_is_offered_its_share_alone(tmp_path: Path, seen: Seen) -> None:
    offered: list[int] = []
    it = examination(tmp_path, seen, "share: 0%", lambda sample, target, asked, answered: offered.append(sample.request))
    it._edge.edge = msgspec.structs.replace(it._edge.edge, observe=msgspec.structs.replace(it._edge.edge.observe, judge=0.5))
    for number in range(20):
        look(it, sample(request=number))
    assert len(offered) == 10 and seen == []
