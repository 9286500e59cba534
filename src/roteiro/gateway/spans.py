"""Spans of requests, made from the ledger's rows: one of the request, one of each attempt below it. Names follow the OpenTelemetry GenAI
conventions; what they do not know is under `roteiro.`.

There is no content in a row, and so there can be none in a span: no prompt, no answer, no header, no key; of a credential its index.
What must not live here: OpenTelemetry's own types (`otlp`), and reading the rings.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roteiro.gateway.trace_context import REQUEST, TraceContext
from roteiro.terms.codes import CacheKind, Command, ErrorClass, Operation, Outcome, Reason, Step
from roteiro.terms.edge import Names

__all__ = ["KEPT", "OPERATIONS", "PROVIDERS", "Happening", "Provider", "Span", "is_part_of_a_span", "sampled", "spans_of"]

Rows = NDArray[Any]
Value = str | int | float | bool

OPERATIONS: Final = {
    Operation.CHAT: "chat", Operation.COMPLETION: "text_completion", Operation.EMBEDDINGS: "embeddings", Operation.RESPONSES: "chat",
    Operation.MESSAGES: "chat",
}  # fmt: skip
PROVIDERS: Final = {"openai": "openai", "anthropic": "anthropic", "gemini": "gcp.gemini"}
"""Dialect → the convention's name of who speaks it."""
ALWAYS: Final = [int(o) for o in (Outcome.FAILED, Outcome.SHED, Outcome.UNAVAILABLE, Outcome.INVALID, Outcome.ABANDONED)]
"""Outcomes that are sampled whatever the ratio."""
KEPT: Final = ("request", "now_s", "argument", "a", "c", "e", "step", "command", "reason")
"""Columns of a decision that spans are made from."""
SENDS: Final = (Command.SEND, Command.RESCUE)
STEPS: Final = [int(s) for s in (Step.FIRST_BYTE, Step.FAILED, Step.END, Step.GONE)]
COMMANDS: Final = [int(c) for c in (*SENDS, Command.WAIT, Command.QUEUE)]
CREDENTIALS_FROM: Final = 65_536


@dataclass(frozen=True, slots=True)
class Provider:
    """What a target is: the dialect it speaks, and the name it knows its model by."""

    dialect: str
    model: str


@dataclass(slots=True)
class Happening:
    """Something at a moment of a span, in seconds since the run's epoch."""

    name: str
    at_s: float
    attributes: dict[str, Value]


@dataclass(slots=True)
class Span:
    """Times in seconds since the run's epoch; ids are signed integers of 64 bits; `error`: what went wrong, or nothing."""

    name: str
    trace: tuple[int, int]
    span: int
    parent: int
    is_request: bool
    began_s: float
    ended_s: float
    attributes: dict[str, Value]
    happened: list[Happening] = field(default_factory=list)
    error: str = ""


def sampled(events: Rows, context: TraceContext) -> NDArray[np.bool_]:
    """Which of these requests are: those whose client sampled them, of the others a share, and whatever went wrong."""
    ours = (events["trace_hi"] | events["trace_lo"]) == 0
    by_ratio = context.low_halves(events["request"].astype(np.uint64)) < np.uint64(min(context.bound(), 2**64 - 1))
    if context.bound() > 2**64 - 1:
        by_ratio[:] = True
    return np.where(ours, by_ratio, events["parent_span"] != 0) | np.isin(events["outcome"], ALWAYS)


def is_part_of_a_span(decisions: Rows) -> NDArray[np.bool_]:
    """Which decisions begin or end an attempt, or are worth a word in the request's span."""
    told = np.isin(decisions["step"], STEPS) | np.isin(decisions["command"], COMMANDS)
    return np.asarray(told & (decisions["request"] >= 0))


def spans_of(
    event: Mapping[str, Any], steps: Iterable[Mapping[str, Any]], names: Names, providers: list[Provider], context: TraceContext
) -> Iterator[Span]:
    """The span of a request, then those of its attempts. `steps`: its decisions in order, by KEPT; `providers`: by target."""
    request = int(event["request"])
    hi, lo = int(event["trace_hi"]), int(event["trace_lo"])
    trace = (hi, lo) if hi or lo else context.trace_of(request)
    model = of(names.routes, event["model"])
    operation = OPERATIONS[Operation(event["operation"])]
    whole = Span(
        f"{operation} {model}", trace, context.span_of(request, REQUEST), int(event["parent_span"]), True,
        float(event["arrival_s"]), float(event["ended_s"]), described(event, names, providers, operation, model),
    )  # fmt: skip
    if event["outcome"] != Outcome.SUCCESS:
        error = ErrorClass(event["error_class"])
        whole.error = Reason(event["reason"]).name.lower() if error is ErrorClass.NONE else error.name.lower()
        whole.attributes["error.type"] = whole.error
    attempts = Attempts(whole, request, operation, names, providers, context)
    for step in steps:
        attempts.take(step)
    yield whole
    yield from attempts.whole(whole.ended_s, whole.error)


def described(event: Mapping[str, Any], names: Names, providers: list[Provider], operation: str, model: str) -> dict[str, Value]:
    """What the request's span says."""
    said: dict[str, Value] = {
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": int(event["input_tokens"]),
        "gen_ai.usage.output_tokens": int(event["output_tokens"]),
        "http.response.status_code": int(event["status"]),
        "roteiro.request": int(event["request"]),
        "roteiro.outcome": Outcome(event["outcome"]).name.lower(),
        "roteiro.reason": Reason(event["reason"]).name.lower(),
        "roteiro.tenant": of(names.tenants, event["tenant"]),
        "roteiro.workload": of(names.workloads, event["workload"]),
        "roteiro.plan": of(names.plans, event["plan"]),
        "roteiro.worker": int(event["worker"]),
        "roteiro.stream": bool(event["stream"]),
        "roteiro.attempts": int(event["attempts"]),
        "roteiro.cost_usd": int(event["cost_nusd"]) / 1e9,
    }
    target = int(event["target"])
    if target >= 0:
        said["roteiro.target"] = of(names.targets, target)
        said.update(spoken(providers, target, "gen_ai.response.model"))
    for name, column in (("gen_ai.usage.cache_read.input_tokens", "cached_tokens"), ("roteiro.reasoning_tokens", "reasoning_tokens")):
        if event[column]:
            said[name] = int(event[column])
    for name, column in (("roteiro.time_to_first_token_ms", "ttft_ms"), ("roteiro.queue_ms", "queue_ms")):
        if event[column] > 0.0:  # neither NaN nor nothing
            said[name] = round(float(event[column]), 3)
    for name, column in (("roteiro.estimated", "estimated"), ("roteiro.degraded", "degraded"), ("roteiro.hedged", "hedged")):
        if event[column]:
            said[name] = True
    if event["cache"]:
        said["roteiro.cache"] = CacheKind(event["cache"]).name.lower()
    return said


class Attempts:
    """A request's attempts, told step by step. Two at most are under way: lane 0, and its hedge in lane 1."""

    def __init__(
        self, request_span: Span, request: int, operation: str, names: Names, providers: list[Provider], context: TraceContext
    ) -> None:
        self._of, self._request, self._operation = request_span, request, operation
        self._names, self._providers, self._context = names, providers, context
        self._done: list[Span] = []
        self._lanes: dict[int, Span] = {}
        self._count = 0

    def take(self, step: Mapping[str, Any]) -> None:
        """One decision."""
        kind, at_s = step["step"], float(step["now_s"])
        if kind == Step.FAILED:
            self._end(int(step["e"]) & 1, at_s, ErrorClass(int(step["a"])).name.lower(), int(step["c"]))
        elif kind == Step.FIRST_BYTE:
            lane = int(step["a"]) & 1
            if lane in self._lanes:
                self._lanes[lane].happened.append(Happening("first byte", at_s, {}))
            self._end(1 - lane, at_s, "", 0, {"roteiro.lost": True})  # the other was faster
        elif kind == Step.END:
            lane = (int(step["e"]) >> 1) & 1
            self._end(lane, at_s, "", 200)
            self._end(1 - lane, at_s, "", 0, {"roteiro.lost": True})
        elif kind == Step.GONE:
            for lane in (0, 1):
                self._end(lane, at_s, "cancelled", 0)
        command, reason = step["command"], Reason(int(step["reason"])).name.lower()
        if command in SENDS:
            self._begin(1 if kind == Step.HEDGE else 0, at_s, int(step["argument"]), reason, command == Command.RESCUE)
        elif command in (Command.WAIT, Command.QUEUE):
            waits = "wait" if command == Command.WAIT else "queue"
            self._of.happened.append(Happening(waits, at_s, {"roteiro.reason": reason}))

    def whole(self, ended_s: float, error: str) -> list[Span]:
        """All of them; those that nothing ended ended with the request."""
        for lane in (0, 1):
            self._end(lane, ended_s, error, 0)
        return self._done

    def _begin(self, lane: int, at_s: float, argument: int, reason: str, is_rescue: bool) -> None:
        self._end(lane, at_s, "", 0)  # it never does so unended; if it did, time goes on
        self._count += 1
        credential, target = divmod(argument, CREDENTIALS_FROM)
        name = of(self._names.targets, target)
        said: dict[str, Value] = {
            "gen_ai.operation.name": self._operation,
            "roteiro.target": name,
            "roteiro.attempt": self._count,
            "roteiro.reason": reason,
            "roteiro.credential": credential,
            **spoken(self._providers, target, "gen_ai.request.model"),
        }
        if self._count > 1:
            said["http.request.resend_count"] = self._count - 1
        if is_rescue:
            said["roteiro.rescue"] = True
        model = said.get("gen_ai.request.model", name)
        self._lanes[lane] = Span(
            f"{self._operation} {model}", self._of.trace, self._context.span_of(self._request, self._count), self._of.span, False,
            at_s, at_s, said,
        )  # fmt: skip

    def _end(self, lane: int, at_s: float, error: str, status: int, more: Mapping[str, Value] | None = None) -> None:
        span = self._lanes.pop(lane, None)
        if span is None:
            return
        span.ended_s, span.error = at_s, error
        if error:
            span.attributes["error.type"] = error
        if status:
            span.attributes["http.response.status_code"] = status
        span.attributes.update(more or {})
        self._done.append(span)
        self._done.sort(key=lambda each: int(each.attributes["roteiro.attempt"]))


def spoken(providers: list[Provider], target: int, model: str) -> dict[str, Value]:
    if not 0 <= target < len(providers):
        return {}
    provider = providers[target]
    return {"gen_ai.provider.name": PROVIDERS.get(provider.dialect, provider.dialect), model: provider.model}


def of(names: list[str], number: int) -> str:
    return names[number] if 0 <= number < len(names) else "none"
