"""One round of canaries: each target is asked some questions with known answers, and what comes back is graded, compared and tested.

What must not live here: when a round is due (`canaries_runner`), and how a question gets to its target.
"""

import http
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from roteiro.gateway.inner_call import InnerAnswer, InnerCallError
from roteiro.gateway.quality_store import Asked, Change, QualityStore, Version
from roteiro.quality.drift import REFERENCES, Alarm, Detector
from roteiro.quality.grading import grade, normalised
from roteiro.quality.refusals import declines
from roteiro.quality.text_distance import distance
from roteiro.terms.codes import Signal
from roteiro.terms.own import PINNED
from roteiro.terms.probe import Probe

__all__ = ["Asks", "Canary", "Embedding", "Finding", "Reply", "Round", "TargetAsker"]

TEXT_KEPT: Final = 2000
"""Characters of an answer that are kept."""
AT_ONCE: Final = 8
"""Targets that are asked at the same time; each one question after the other."""

Vector = npt.NDArray[np.float32]


class Embedding(NamedTuple):
    """A text → its vector of length 1, and what is said of how."""

    name: str
    embed: Callable[[str], Vector]


class Reply(NamedTuple):
    """What a target said. `model` is what it says of itself; `request` its number within the run, -1 where it has none."""

    text: str
    tokens: int
    declined: bool
    logprob: float | None
    model: str
    latency_s: float
    request: int


class Asks(Protocol):
    """Asks a target a question."""

    def __call__(self, target: str, probe: Probe) -> Reply | None:
        """None where no answer came of it. Raises BudgetSpentError."""


class BudgetSpentError(Exception):
    """The canaries' budget is spent: there is no sense in asking on."""


class _Token(msgspec.Struct):
    logprob: float | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(msgspec.Struct):
    completion_tokens: int | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice]
    model: str = ""
    system_fingerprint: str | None = None
    usage: _Usage | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_FORMS: Final[tuple[dict[str, Any], ...]] = (
    {"logprobs": True, "limit": "max_tokens"},
    {"limit": "max_tokens"},
    {"limit": "max_completion_tokens"},
    {"limit": "max_completion_tokens", "logprobs": True},
)
"""How a question is put: the first that a target does not refuse (400) is taken for all that follow."""


class TargetAsker:
    """Asks through the gateway's own port, by the model that is pinned to a target. `call` posts a body to the chat completions."""

    def __init__(self, call: Callable[[bytes], InnerAnswer], clock: Callable[[], float] = time.monotonic) -> None:
        self._call, self._clock = call, clock
        self._forms: dict[str, int] = {}

    def __call__(self, target: str, probe: Probe) -> Reply | None:
        """As `Asks`."""
        first = self._forms.get(target, 0)
        for form in range(first, len(_FORMS)):
            began = self._clock()
            try:
                answer = self._call(_body(target, probe, form))
            except InnerCallError:
                return None
            if answer.status == http.HTTPStatus.BAD_REQUEST and answer.headers.get("x-roteiro-reason") != "context_too_long":
                continue
            if answer.headers.get("x-roteiro-reason") == "budget_spent":
                raise BudgetSpentError
            if answer.status != http.HTTPStatus.OK or answer.headers.get("x-roteiro-target", target) != target:
                return None  # it failed, or a rule sent it elsewhere: nothing is known of this target
            self._forms[target] = form
            return _reply(answer, self._clock() - began)
        return None


def _body(target: str, probe: Probe, form: int) -> bytes:
    how = dict(_FORMS[form])
    messages = [] if probe.system is None else [{"role": "system", "content": probe.system}]
    messages.append({"role": "user", "content": probe.ask})
    return msgspec.json.encode({"model": f"{PINNED}{target}", "messages": messages, how.pop("limit"): probe.most_tokens, **how})


def _reply(answer: InnerAnswer, took_s: float) -> Reply | None:
    try:
        said = _ANSWER.decode(answer.body)
    except msgspec.MsgspecError:
        return None
    if not said.choices:
        return None
    choice = said.choices[0]
    tokens = [] if choice.logprobs is None else [one.logprob for one in choice.logprobs.content or [] if one.logprob is not None]
    text = choice.message.content or choice.message.refusal or ""
    number = answer.request.rpartition("-")[2]
    return Reply(
        text=text,
        tokens=(said.usage.completion_tokens if said.usage is not None else None) or len(text.split()),
        declined=bool(choice.message.refusal) or choice.finish_reason == "content_filter",
        logprob=sum(tokens) / len(tokens) if tokens else None,
        model=" ".join(word for word in (said.model.removeprefix("models/"), said.system_fingerprint) if word) or "unknown",
        latency_s=took_s,
        request=int(number) if number.isdigit() else -1,
    )


class Finding(NamedTuple):
    """One thing observed of one answer: as `terms.observation.Observation`, by the target's name."""

    target: str
    kind: Signal
    value: float
    request: int
    probe: int
    version: int


@dataclass(slots=True)
class Canary:
    """One answer, graded."""

    target: str
    probe: Probe
    asked: Asked


@dataclass(slots=True)
class Round:
    """Asks a round and keeps what it finds. `rate` bounds false alarms for each model version, ever; `clock` gives Unix seconds."""

    store: QualityStore
    asks: Asks
    embedding: Embedding
    rate: float
    clock: Callable[[], float] = time.time
    stopping: Callable[[], bool] = lambda: False
    """Whether to ask no more."""
    graded: list[Canary] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    """Target → questions that got no answer."""
    spent: bool = False
    """Whether it was broken off because the budget was spent."""
    _vectors: dict[tuple[int, int], list[Vector]] = field(default_factory=dict)

    def run(self, targets: Sequence[str], probes: Sequence[Probe], per_round: int, repeats: int = 1) -> None:
        """Ask each target as many of the probes as a round has, those first that it was asked least, and each so often."""
        self.graded, self.findings, self.changes, self.failed, self.spent = [], [], [], {}, False
        began_s = self.clock()
        with ThreadPoolExecutor(AT_ONCE, "canary") as pool:
            chosen = {target: self._chosen(target, probes, per_round) for target in targets}
            waiting = {target: pool.submit(self._ask_all, target, chosen[target], repeats) for target in targets}
            for target, future in waiting.items():
                told = future.result()
                with self.store.together():
                    self._take(target, told)
        for target, count in self.failed.items():
            self.store.note_failures(target, began_s, count)
        self.store.note_round(began_s, "budget" if self.spent else "done")

    def _chosen(self, target: str, probes: Sequence[Probe], per_round: int) -> list[Probe]:
        askings = self.store.askings(target)
        return sorted(probes, key=lambda probe: (askings.get(probe.number, 0), probe.number))[:per_round]

    def _ask_all(self, target: str, probes: Sequence[Probe], repeats: int) -> list[tuple[Probe, Reply | None, float]]:
        """On a thread of its own."""
        told = []
        for probe in [probe for probe in probes for _ in range(repeats)]:
            if self.stopping():
                break
            try:
                told.append((probe, self.asks(target, probe), self.clock()))
            except BudgetSpentError:
                self.spent = True
                break
        return told

    def _take(self, target: str, told: list[tuple[Probe, Reply | None, float]]) -> None:
        """Grade, compare and test one target's answers."""
        begun: dict[int, tuple[Version, Detector]] = {}
        for probe, reply, at_s in told:
            if reply is None:
                self.failed[target] = self.failed.get(target, 0) + 1
                continue
            version, before = self.store.version(target, reply.model, at_s)
            if before is not None:
                self._note(Change(0, at_s, target, version.number, "version", before.text, version.text, at_s))
            if version.number not in begun:
                detector = self.store.detector(version.number, self.embedding.name)
                detector = detector or Detector(rate=self.rate, seed=f"{target} {version.number}")
                detector.begin_round(at_s)
                begun[version.number] = version, detector
            asked, values = self._graded(version, probe, reply, at_s)
            self.store.keep(asked)
            self.graded.append(Canary(target, probe, asked))
            self._find(target, asked, reply)
            version, detector = begun[version.number]
            if alarms := detector.see(probe.number, values):
                self._alarm(version, detector, max(alarms, key=lambda alarm: alarm.evidence), at_s)
                self.store.keep_detector(version.number, self.embedding.name, detector)
                del begun[version.number]
        for version, detector in begun.values():
            self.store.keep_detector(version.number, self.embedding.name, detector)

    def _graded(self, version: Version, probe: Probe, reply: Reply, at_s: float) -> tuple[Asked, dict[str, float]]:
        """The answer as it is kept, and what of it is tested."""
        right, formed = grade(probe, reply.text)
        refused = reply.declined or bool(declines(reply.text))
        references = self.store.references(version.number, probe.number)
        agreement = apart = None
        if references:
            agreement = sum(normalised(one) == normalised(reply.text) for one in references) / len(references)
            vectors = self._vectors_of(version.number, probe.number, references)
            apart = distance(self.embedding.embed(reply.text), vectors)
        confidence = None if reply.logprob is None else math.exp(min(reply.logprob, 0.0))
        asked = Asked(
            version.number, probe.number, at_s, reply.text[:TEXT_KEPT], right, refused, formed, reply.tokens, agreement, apart, confidence,
            reply.latency_s,
        )  # fmt: skip
        values = {"length": float(reply.tokens), "refused": float(refused), "correct": float(right)}
        if formed is not None:
            values["format"] = float(formed)
        if confidence is not None:
            values["confidence"] = round(confidence, 6)
        if agreement is not None and apart is not None and len(references) == REFERENCES:
            values |= {"agreement": agreement, "distance": round(apart, 6)}
        return asked, values

    def _vectors_of(self, version: int, probe: int, references: list[str]) -> list[Vector]:
        known = self._vectors.get((version, probe), [])
        if len(known) != len(references):
            known = self._vectors[version, probe] = [self.embedding.embed(text) for text in references]
        return known

    def _find(self, target: str, asked: Asked, reply: Reply) -> None:
        """What of an answer goes to the ledger and to routing."""
        found: list[tuple[Signal, float | None]] = [
            (Signal.CANARY, asked.right), (Signal.REFUSED, asked.refused), (Signal.FORMAT, asked.formed), (Signal.LENGTH, asked.tokens),
            (Signal.CONFIDENCE, asked.confidence), (Signal.AGREEMENT, asked.agreement), (Signal.DISTANCE, asked.distance),
        ]  # fmt: skip
        self.findings += [
            Finding(target, kind, float(value), reply.request, asked.probe, asked.version) for kind, value in found if value is not None
        ]

    def _alarm(self, version: Version, detector: Detector, alarm: Alarm, at_s: float) -> None:
        """The model behind the same words is another: it has a number of its own from now on."""
        after = self.store.begin_era(version, at_s)
        since_s = detector.began_at(alarm.since_round)
        self._note(
            Change(
                0, at_s, version.target, after.number, "drift", version.text, after.text, since_s, alarm.feature, alarm.up, alarm.evidence,
                detector.seen,
            )
        )  # fmt: skip

    def _note(self, change: Change) -> None:
        self.store.note(change)
        self.changes.append(change)
