"""A round: who is asked what, how answers are graded and compared, and when the model behind a name is another."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from roteiro.gateway.canaries_round import Embedding, Reply, Round, TargetAsker
from roteiro.gateway.inner_call import InnerAnswer, InnerCallError
from roteiro.gateway.quality_store import QualityStore
from roteiro.plan.suite import read_suites
from roteiro.quality.text_distance import trigrams
from roteiro.terms.codes import Signal
from roteiro.terms.probe import Expected, Probe
from roteiro.testing.personality import Personality

TRIGRAMS = Embedding("trigrams", trigrams)
PROBES = read_suites([])[0]


class Model:
    """Answers as a personality does, without a server."""

    def __init__(self, personality: Personality, version: str = "m-1") -> None:
        self.personality, self.version, self.asked = personality, version, dict[str, int]()

    def __call__(self, target: str, probe: Probe) -> Reply:
        self.asked[probe.id] = n = self.asked.get(probe.id, 0) + 1
        manner = self.personality.answer(str(probe.example), str(probe.wrong), random.Random(f"{probe.id} {n}"))
        return Reply(manner.text, len(manner.text.split()), False, manner.logprob, self.version, 0.2, n)


def store_in(tmp_path: Path) -> tuple[QualityStore, list[Probe]]:
    store = QualityStore(tmp_path / "quality.sqlite")
    return store, store.numbered(PROBES)


def test_probes_take_turns_and_findings_say_what_was_seen(tmp_path: Path) -> None:
    store, probes = store_in(tmp_path)
    round_ = Round(store, Model(Personality()), TRIGRAMS, 0.01, iter(range(10_000)).__next__)
    seen = set()
    for _ in range(5):
        round_.run(["a", "b"], probes, per_round=10)
        assert len(round_.graded) == 20
        seen |= {canary.probe.number for canary in round_.graded if canary.target == "a"}
    assert len(seen) == len(probes)
    assert round_.changes == []
    kinds = {finding.kind for finding in round_.findings}
    assert {Signal.CANARY, Signal.REFUSED, Signal.LENGTH, Signal.CONFIDENCE} <= kinds
    assert all(finding.value == 1.0 for finding in round_.findings if finding.kind == Signal.CANARY)
    assert {finding.version for finding in round_.findings} == {1, 2}
    store.close()


def test_another_model_under_one_name_is_noticed_once_and_has_another_number(tmp_path: Path) -> None:
    store, probes = store_in(tmp_path)
    model = Model(Personality(accuracy=0.95, words=4))
    round_ = Round(store, model, TRIGRAMS, 0.01, iter(range(10_000)).__next__)
    for _ in range(30):
        round_.run(["a"], probes[:8], per_round=8)
        assert round_.changes == []
    model.personality = Personality(accuracy=0.3, refusals=0.3, words=12, style=1)
    found = []
    for _ in range(30):
        round_.run(["a"], probes[:8], per_round=8)
        found += round_.changes
        if found:
            break
    (change,) = found
    assert (change.kind, change.target, change.before, change.after) == ("drift", "a", "m-1", "m-1")
    assert change.evidence > 700
    assert [version.era for version in store.versions()] == [1, 2]
    assert store.version("a", "m-1", 1.0)[0].number == change.version
    store.close()


def test_what_a_model_says_of_itself_is_noted_at_once(tmp_path: Path) -> None:
    store, probes = store_in(tmp_path)
    model = Model(Personality())
    round_ = Round(store, model, TRIGRAMS, 0.01)
    round_.run(["a"], probes, per_round=1)
    model.version = "m-2"
    round_.run(["a"], probes, per_round=1)
    (change,) = round_.changes
    assert (change.kind, change.before, change.after) == ("version", "m-1", "m-2")
    store.close()


def answer(status: int = 200, text: str = "Canberra", **headers: str) -> InnerAnswer:
    body: dict[str, Any] = {
        "model": "gpt", "system_fingerprint": "fp_1", "usage": {"completion_tokens": 2},
        "choices": [{"message": {"content": text}, "finish_reason": "stop", "logprobs": {"content": [{"logprob": -0.1}, {"logprob": -0.3}]}}],
    }  # fmt: skip
    return InnerAnswer(status, {"x-request-id": "run-7", "x-roteiro-target": "a", **headers}, json.dumps(body).encode())


PROBE = Probe(id="x", kind="factual", language="en", ask="?", expected=Expected(one_of=("x",)), system="Be brief.")


def asker(*answers: InnerAnswer | Exception) -> tuple[TargetAsker, list[dict[str, Any]]]:
    sent: list[dict[str, Any]] = []
    left = list(answers)

    def call(body: bytes) -> InnerAnswer:
        sent.append(json.loads(body))
        one = left.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    return TargetAsker(call, clock=iter(range(100)).__next__), sent


def test_an_answer_is_read() -> None:
    ask, sent = asker(answer())
    reply = ask("a", PROBE)
    assert reply is not None
    assert (reply.text, reply.tokens, reply.model, reply.request, reply.latency_s) == ("Canberra", 2, "gpt fp_1", 7, 1)
    assert reply.logprob is not None
    assert abs(reply.logprob + 0.2) < 1e-9
    assert sent[0]["model"] == "target:a"
    assert sent[0]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (sent[0]["logprobs"], sent[0]["max_tokens"]) == (True, 128)


def test_what_a_target_refuses_is_asked_otherwise_and_remembered() -> None:
    ask, sent = asker(answer(400), answer(400), answer(), answer())
    assert ask("a", PROBE) is not None
    assert ask("a", PROBE) is not None
    assert ["logprobs" in one for one in sent] == [True, False, False, False]
    assert ["max_completion_tokens" in one for one in sent] == [False, False, True, True]


def test_failures_and_answers_of_others_are_nothing() -> None:
    wrong: list[Callable[[], InnerAnswer | Exception]] = [
        lambda: answer(503), lambda: answer(**{"x-roteiro-target": "b"}), lambda: InnerCallError("gone"),
        lambda: InnerAnswer(200, {"x-roteiro-target": "a"}, b"<html>"), lambda: InnerAnswer(200, {"x-roteiro-target": "a"}, b'{"choices":[]}'),
    ]  # fmt: skip
    for make in wrong:
        ask, _ = asker(make())
        assert ask("a", PROBE) is None


def test_a_spent_budget_ends_the_round_and_is_said(tmp_path: Path) -> None:
    store, probes = store_in(tmp_path)
    ask, sent = asker(answer(), answer(429, **{"x-roteiro-reason": "budget_spent"}))
    round_ = Round(store, ask, TRIGRAMS, 0.01)
    round_.run(["a"], probes, per_round=5)
    assert (len(sent), len(round_.graded), round_.spent) == (2, 1, True)
    assert (store.last_round() or (0, ""))[1] == "budget"
    store.close()
