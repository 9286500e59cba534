"""The judge: what it says becomes observations, and how often it errs is measured."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.server import eventually

from roteiro.gateway.inner_call import InnerAnswer
from roteiro.gateway.judge import Judge, JudgeAsker, JudgeSpec, judge_spec
from roteiro.gateway.judge_measuring import measure, unmeasured
from roteiro.gateway.quality_store import QualityStore
from roteiro.plan.labelled import read_labelled
from roteiro.plan.read import read_text
from roteiro.quality.judge_rate import Counts, corrected_rate
from roteiro.quality.judging import Sample
from roteiro.terms.codes import Signal
from roteiro.terms.observation import Observation

ITEMS, PROBLEMS = read_labelled([])
SPEC = JudgeSpec(model="wise", own=["own"])
Verdicts = Callable[[str, str], dict[str, Any] | str]


class Seen:
    def __init__(self) -> None:
        self.rows: list[Observation] = []

    def observe(self, seen: Iterable[Observation]) -> None:
        self.rows += seen


def asker(verdict: Verdicts, status: int = 200, version: str = "wise-1", spec: JudgeSpec = SPEC) -> JudgeAsker:
    def call(body: bytes) -> InnerAnswer:
        shown = json.loads(json.loads(body)["messages"][1]["content"])
        said = verdict(shown["question"], shown["answer"])
        content = said if isinstance(said, str) else json.dumps(said)
        answer = {"model": version, "choices": [{"message": {"content": content}}]}
        return InnerAnswer(status, {"x-roteiro-target": "own", "x-roteiro-reason": "budget_spent"}, json.dumps(answer).encode())

    return JudgeAsker(call, spec)


def judged(ask: JudgeAsker, *samples: Sample) -> tuple[list[bool], Seen, Judge]:
    seen = Seen()
    judge = Judge(ask, seen, lambda: ["a", "own"], lambda target, version: 5)
    judge.start()
    taken = [judge.offer(sample) for sample in samples]
    eventually(lambda: judge.judged + judge.silent + judge.passed_over >= len(samples))
    judge.stop()
    return taken, seen, judge


def test_the_labelled_set_is_sound_and_balanced() -> None:
    assert PROBLEMS == []
    assert len(ITEMS) >= 40
    assert sum(item.good for item in ITEMS) * 2 == len(ITEMS)
    assert sum(item.language == "pt" for item in ITEMS) * 2 == len(ITEMS)


def test_a_verdict_becomes_observations_and_silence_none() -> None:
    samples = [Sample("Capital?", "Lisbon", target=0, route=2, key=1, request=9), Sample("Capital?", "Mars", target=0)]
    ask = asker(lambda q, a: {"verdict": "good", "factual": True, "facts": "right"} if a == "Lisbon" else "no idea")
    taken, seen, judge = judged(ask, *samples)
    assert taken == [True, True]
    assert seen.rows == [
        Observation(Signal.JUDGE, 1.0, 9, 1, 0, 2, -1, version=5), Observation(Signal.FACTUAL, 1.0, 9, 1, 0, 2, -1, version=5),
    ]  # fmt: skip
    assert (judge.judged, judge.silent) == (1, 1)


def test_it_never_judges_itself_unless_it_is_told_to() -> None:
    taken, seen, _ = judged(asker(lambda q, a: {"verdict": "good"}), Sample("?", "!", target=1), Sample("?", "!", target=0))
    assert taken == [False, True]
    assert len(seen.rows) == 1


def test_a_spent_budget_makes_it_rest() -> None:
    _, seen, judge = judged(asker(lambda q, a: "", status=429), Sample("?", "!", target=0))
    assert seen.rows == []
    eventually(lambda: not judge.offer(Sample("?", "!", target=0)))


@pytest.mark.parametrize(("itself", "own"), [("false", ["b"]), ("true", [])])
def test_who_judges_is_read_from_the_plan(itself: str, own: list[str]) -> None:
    plan = read_text(
        f"""
        roteiro: 1
        providers:
          a: {{name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}}
          b: {{name: vllm, model: n, base_url: "http://127.0.0.1:1/v1"}}
        quality: {{judge: {{model: n, judges_itself: {itself}}}}}
        """
    ).plan
    assert plan is not None
    spec = judge_spec(plan)
    assert spec is not None
    assert (spec.model, spec.own) == ("n", own)


def test_how_often_it_errs_is_measured_once_a_version(tmp_path: Path) -> None:
    labels = {(item.question, item.answer): item for item in ITEMS}
    misses = {item.answer for item in [item for item in ITEMS if not item.good][:4]}
    blames = {item.answer for item in [item for item in ITEMS if item.good][:2]}

    def verdict(question: str, answer: str) -> dict[str, Any]:
        item = labels[question, answer]
        good = item.good != (answer in misses | blames)
        return {"verdict": "good" if good else "bad", "factual": item.factual, "facts": "right" if good else "wrong"}

    with QualityStore(tmp_path / "q.sqlite") as store:
        assert unmeasured(store)
        judge, factual = measure(asker(verdict), ITEMS, store, lambda: 10.0)
        assert not unmeasured(store)
        assert (judge.sensitivity, judge.specificity, judge.silent) == (Counts(18, 22), Counts(20, 22), 0)
        assert factual.sensitivity.of == sum(item.factual and not item.good for item in ITEMS)
        assert store.measured()[0].at_s == 10.0
        rate = corrected_rate(30, 200, judge.sensitivity, judge.specificity)
        assert rate is not None
        assert rate.rate == pytest.approx((0.15 + 20 / 22 - 1) / (18 / 22 + 20 / 22 - 1))
        store.version("judge:own", "wise-2", 11.0)
        assert unmeasured(store)
