"""The judge: a model that says of sampled answers whether they are good, off the loop and within a budget.

It is asked through the gateway itself, under the server's own tenant `judge`, whose budget the gateway keeps. What it says is observed as
it stands: how often it errs is measured apart (`judge_measuring`). What must not live here: which answers are sampled, and the prompt.
"""

import http
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from roteiro.gateway.inner_call import InnerAnswer, InnerCallError, InnerPort
from roteiro.gateway.observing import Observes
from roteiro.quality.judging import MOST_TOKENS, Sample, Verdict, prompt, read_verdict
from roteiro.terms.codes import Signal
from roteiro.terms.observation import Observation
from roteiro.terms.own import JUDGE

if TYPE_CHECKING:
    from roteiro.plan.model import Plan

__all__ = ["Judge", "JudgeAsker", "JudgeSpec", "Judged", "UnavailableError", "inner_call", "inner_judge", "judge_name", "judge_spec"]

log = logging.getLogger("roteiro.gateway")

CHAT: Final = "/v1/chat/completions"
WITHIN_S: Final = 90.0
WAITING: Final = 200
"""Samples that may wait; more are not judged."""
REST_S: Final = 60.0
"""After a budget was found spent, or the judge did not answer, nothing is asked for so long."""


class JudgeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a process that judges is told of the plan."""

    model: str
    rubric: str | None = None
    factual: bool = True
    own: list[str] = []
    """Providers that may judge, whose own answers are not judged."""


def judge_spec(plan: "Plan") -> JudgeSpec | None:
    """Of a plan that has a judge."""
    judge = plan.quality.judge
    if judge is None:
        return None
    model = plan.models[judge.model]
    own = [] if judge.judges_itself else sorted({*model.targets, *model.fallbacks})
    return JudgeSpec(model=judge.model, rubric=judge.rubric, factual=judge.factual, own=own)


def judge_name(target: str) -> str:
    """What a target is called in the registry of versions as a judge, apart from what it is to canaries."""
    return f"judge:{target}"


def inner_judge(
    spec: JudgeSpec, port: InnerPort, observes: Observes, targets: Callable[[], Sequence[str]], seen: Callable[[str, str], int]
) -> "Judge":
    """The judge of a server, asked at its own port."""
    return Judge(JudgeAsker(inner_call(port), spec), observes, targets, seen)


def inner_call(port: InnerPort) -> Callable[[bytes], InnerAnswer]:
    """Posts a body to the server's own port, in the judge's name."""
    return lambda body: port.call(CHAT, body, f"tenant:{JUDGE}", {"x-roteiro-dead-letter": "no"}, WITHIN_S)


class Judged(NamedTuple):
    """What came of a question to the judge. `version` is what the judge says of itself, `target` who answered for it."""

    verdict: Verdict | None
    version: str
    target: str


class UnavailableError(Exception):
    """The judge cannot be asked now: its budget is spent, or it does not answer."""


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Answer(msgspec.Struct):
    choices: list[_Choice]
    model: str = ""
    system_fingerprint: str | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)


class JudgeAsker:
    """Asks the judge. `call` posts a body to the chat completions of the gateway."""

    def __init__(self, call: Callable[[bytes], InnerAnswer], spec: JudgeSpec) -> None:
        self.spec, self._call = spec, call
        self._limit = "max_tokens"

    def __call__(self, question: str, answer: str, language: str | None) -> Judged:
        """Raises UnavailableError."""
        asked = prompt(question, answer, language, self.spec.rubric, self.spec.factual)
        messages = [{"role": "system", "content": asked.system}, {"role": "user", "content": asked.user}]
        try:
            said = self._call(msgspec.json.encode({"model": self.spec.model, "messages": messages, self._limit: MOST_TOKENS}))
            if said.status == http.HTTPStatus.BAD_REQUEST and self._limit == "max_tokens":
                self._limit = "max_completion_tokens"  # models that reason want it so
                said = self._call(msgspec.json.encode({"model": self.spec.model, "messages": messages, self._limit: MOST_TOKENS * 10}))
        except InnerCallError as error:
            raise UnavailableError(str(error)) from None
        if said.status != http.HTTPStatus.OK:
            raise UnavailableError(f"status {said.status} ({said.headers.get('x-roteiro-reason', 'no reason given')})")
        try:
            body = _ANSWER.decode(said.body)
        except msgspec.MsgspecError:
            body = _Answer([])
        text = body.choices[0].message.content or "" if body.choices else ""
        version = " ".join(word for word in (body.model, body.system_fingerprint) if word) or "unknown"
        return Judged(read_verdict(text), version, said.headers.get("x-roteiro-target", ""))


class Judge:
    """Judges samples one after another on a thread of its own. `targets` are the plan's providers, by index.

    `seen(target, version)` is told what the judge says of itself → its number in the registry of versions (`SeenVersions`).
    """

    def __init__(self, ask: JudgeAsker, observes: Observes, targets: Callable[[], Sequence[str]], seen: Callable[[str, str], int]) -> None:
        self._ask, self._observes, self._targets, self._seen = ask, observes, targets, seen
        self._samples: queue.Queue[Sample | None] = queue.Queue(WAITING)
        self._rests_until = 0.0
        self._thread = threading.Thread(target=self._work, name="judge", daemon=True)
        self.judged = self.silent = self.passed_over = 0

    def start(self) -> None:
        self._thread.start()

    def offer(self, sample: Sample) -> bool:
        """Whether the sample will be judged: not where too many wait, while nothing can be asked, and where it is the judge's own."""
        targets = self._targets()
        own = 0 <= sample.target < len(targets) and targets[sample.target] in self._ask.spec.own
        if own or time.monotonic() < self._rests_until:
            self.passed_over += 1
            return False
        try:
            self._samples.put_nowait(sample)
        except queue.Full:
            self.passed_over += 1
            return False
        return True

    def stop(self, within_s: float = 5.0) -> None:
        """What waits is given up."""
        while True:
            try:
                self._samples.get_nowait()
            except queue.Empty:
                break
        self._samples.put(None)
        self._thread.join(within_s)

    def _work(self) -> None:
        while (sample := self._samples.get()) is not None:
            if time.monotonic() < self._rests_until:
                self.passed_over += 1
                continue
            try:
                self._judge(sample)
            except UnavailableError as error:
                self.passed_over += 1
                self._rests_until = time.monotonic() + REST_S
                log.warning("the judge cannot be asked, and it is tried again in %g s: %s", REST_S, error)

    def _judge(self, sample: Sample) -> None:
        said = self._ask(sample.question, sample.answer, sample.language)
        if said.verdict is None:
            self.silent += 1
            return
        self.judged += 1
        version = self._seen(judge_name(said.target), said.version)
        at = Observation(
            Signal.JUDGE, float(said.verdict.good), sample.request, sample.key, sample.target, sample.route, sample.workload,
            version=version,
        )  # fmt: skip
        seen = [at]
        if said.verdict.supported is not None:
            seen.append(at._replace(kind=Signal.FACTUAL, value=float(said.verdict.supported)))
        self._observes.observe(seen)
