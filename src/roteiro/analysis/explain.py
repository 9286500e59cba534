"""One request's story from the decisions taken about it: each step with its time, what was commanded and why, and the numbers compared.

The two numbers of a decision mean what its reason says (`terms.codes.Reason`); MEANINGS says it for machines, so that a face can show
"primary" and "2.5 s" where the ledger holds 0 and 2.5. What must not live here: words for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import pyarrow as pa

from roteiro.policy.complexity import parts, unpack
from roteiro.terms.codes import CacheKind, Complexity, ErrorClass, Priority, Reason
from roteiro.terms.edge import Names

__all__ = ["DECISION_COLUMNS", "MEANINGS", "Circumstance", "Ending", "Fact", "Kind", "Story", "StoryStep", "tell"]

DECISION_COLUMNS: Final = (
    "seq", "request", "now_s", "step", "command", "reason", "target", "argument", "x", "y", "a", "b", "c", "d", "e", "worker",
)  # fmt: skip
"""The columns of `decisions` that are read."""


class Kind(StrEnum):
    """What sort of thing a number stands for."""

    TARGET = "target"
    RULE = "rule"
    BUDGET = "budget"
    PRIORITY = "priority"
    ERROR_CLASS = "error_class"
    ROUTE = "route"
    COMPLEXITY = "complexity"
    CACHE = "cache"
    SECONDS = "seconds"
    MOMENT = "moment"
    """A time, in seconds after the request's arrival."""
    MILLISECONDS = "milliseconds"
    MONEY = "money"
    SHARE = "share"
    LIMIT = "limit"
    TOKENS = "tokens"
    COUNT = "count"
    NUMBER = "number"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Fact:
    """One number with its meaning: a stable word for what it is, its kind, and the value in the kind's unit or the name it stood for."""

    label: str
    kind: Kind
    value: float | str


Meaning = tuple[str, Kind] | None

MEANINGS: Final[dict[Reason, tuple[Meaning, Meaning]]] = {
    Reason.OK: (None, None),
    Reason.WEIGHTED: (("draw", Kind.NUMBER), ("total_weight", Kind.NUMBER)),
    Reason.RULE: (("rule", Kind.RULE), ("moved_from", Kind.TARGET)),
    Reason.ONLY_TARGET: (("target", Kind.TARGET), ("candidates", Kind.COUNT)),
    Reason.FALLBACK: (("failed_target", Kind.TARGET), ("attempts", Kind.COUNT)),
    Reason.RETRY: (("target", Kind.TARGET), ("attempts", Kind.COUNT)),
    Reason.LEAST_BAD: (("target", Kind.TARGET), ("failure_share", Kind.SHARE)),
    Reason.BACKOFF: (("wait", Kind.SECONDS), ("attempts", Kind.COUNT)),
    Reason.RETRY_AFTER: (("wait", Kind.SECONDS), ("attempts", Kind.COUNT)),
    Reason.KEY_LIMIT: (("wait", Kind.SECONDS), ("limit", Kind.LIMIT)),
    Reason.TENANT_LIMIT: (("wait", Kind.SECONDS), ("limit", Kind.LIMIT)),
    Reason.WORKLOAD_LIMIT: (("wait", Kind.SECONDS), ("limit", Kind.LIMIT)),
    Reason.MODEL_LIMIT: (("wait", Kind.SECONDS), ("limit", Kind.LIMIT)),
    Reason.BUDGET_SPENT: (("spent_reserved_asked", Kind.MONEY), ("amount", Kind.MONEY)),
    Reason.BUDGET_DEGRADED: (("share_used", Kind.SHARE), ("amount", Kind.MONEY)),
    Reason.TENANT_FULL: (("in_flight", Kind.COUNT), ("slots", Kind.COUNT)),
    Reason.WORKLOAD_FULL: (("in_flight", Kind.COUNT), ("slots", Kind.COUNT)),
    Reason.TARGETS_FULL: (("candidates", Kind.COUNT), ("waiting", Kind.COUNT)),
    Reason.QUEUE_FULL: (("waiting", Kind.COUNT), ("bound", Kind.COUNT)),
    Reason.QUEUE_TIMEOUT: (("waited", Kind.SECONDS), ("bound", Kind.SECONDS)),
    Reason.SHED_FOR_PRIORITY: (("own_priority", Kind.PRIORITY), ("other_priority", Kind.PRIORITY)),
    Reason.NO_HEALTHY_TARGET: (("candidates", Kind.COUNT), ("unhealthy", Kind.COUNT)),
    Reason.OUT_OF_ATTEMPTS: (("attempts", Kind.COUNT), ("bound", Kind.COUNT)),
    Reason.PAST_DEADLINE: (("needed", Kind.SECONDS), ("left", Kind.SECONDS)),
    Reason.RETRY_BUDGET: (("balance", Kind.NUMBER), ("ratio", Kind.SHARE)),
    Reason.NOT_RETRYABLE: (("error_class", Kind.ERROR_CLASS), ("attempts", Kind.COUNT)),
    Reason.CLIENT_GONE: (("attempts", Kind.COUNT), ("output_tokens", Kind.TOKENS)),
    Reason.WORKER_DIED: (("worker", Kind.COUNT), None),
    Reason.LEDGER_FULL: (("waiting", Kind.COUNT), ("bound", Kind.COUNT)),
    Reason.FLOWS_FULL: (("in_flight", Kind.COUNT), ("bound", Kind.COUNT)),
    Reason.DEQUEUED: (("waited", Kind.SECONDS), ("target", Kind.TARGET)),
    Reason.BREAKER_OPENED: (("failure_share", Kind.SHARE), ("threshold", Kind.SHARE)),
    Reason.BREAKER_REOPENED: (("succeeded", Kind.COUNT), ("probes", Kind.COUNT)),
    Reason.BREAKER_FORCED: (("rule", Kind.RULE), ("target", Kind.TARGET)),
    Reason.BREAKER_HALF_OPEN: (("target", Kind.TARGET), ("probes", Kind.COUNT)),
    Reason.BREAKER_CLOSED: (("target", Kind.TARGET), ("probes", Kind.COUNT)),
    Reason.RULE_ON: (("rule", Kind.RULE), ("measured", Kind.NUMBER)),
    Reason.RULE_OFF: (("rule", Kind.RULE), ("measured", Kind.NUMBER)),
    Reason.ADOPTED: (("version", Kind.COUNT), None),
    Reason.SHED_BY_RULE: (("own_priority", Kind.PRIORITY), ("shed_from", Kind.PRIORITY)),
    Reason.MONEY_RESTORED: (("spent", Kind.MONEY), ("budget", Kind.BUDGET)),
    Reason.KEY_ROTATED: (("credential", Kind.COUNT), ("attempts", Kind.COUNT)),
    Reason.CREDENTIAL_REFUSED: (("credential", Kind.COUNT), ("rests", Kind.SECONDS)),
    Reason.HEDGED: (("waited", Kind.SECONDS), ("delay", Kind.SECONDS)),
    Reason.RESCUED: (("failed_target", Kind.TARGET), ("output_tokens", Kind.TOKENS)),
    Reason.LARGER_CONTEXT: (("input_tokens", Kind.TOKENS), ("context", Kind.TOKENS)),
    Reason.CONTEXT_TOO_LONG: (("input_tokens", Kind.TOKENS), ("context", Kind.TOKENS)),
    Reason.ALL_TRIED: (("candidates", Kind.COUNT), ("attempts", Kind.COUNT)),
    Reason.CACHE_EXACT: (("saved", Kind.MONEY), None),
    Reason.CACHE_SEMANTIC: (("saved", Kind.MONEY), None),
    Reason.COMPLEXITY: (("complexity", Kind.COMPLEXITY), ("model", Kind.ROUTE)),
    Reason.COST_DEGRADED: (("spent_in_hour", Kind.MONEY), ("bound", Kind.MONEY)),
    Reason.COST_RECOVERED: (("spent_in_hour", Kind.MONEY), ("bound", Kind.MONEY)),
    Reason.PROVIDER_LIMIT: (("wait", Kind.SECONDS), ("candidates", Kind.COUNT)),
    Reason.RESIDENCY: (("candidates", Kind.COUNT), ("regions", Kind.COUNT)),
    Reason.SCALED_UP: (("measured", Kind.NUMBER), ("bound_of_scaling", Kind.NUMBER)),
    Reason.SCALED_DOWN: (("measured", Kind.NUMBER), ("bound_of_scaling", Kind.NUMBER)),
    Reason.SLO_ALERT: (("budget_spent", Kind.SHARE), ("budget_bound", Kind.SHARE)),
    Reason.SLO_CLEARED: (("budget_spent", Kind.SHARE), ("budget_bound", Kind.SHARE)),
    Reason.SLO_STEP: (("budget_spent", Kind.SHARE), ("budget_bound", Kind.SHARE)),
    Reason.OBSERVED: (None, None),
    Reason.RECALLED: (None, None),
    Reason.SHED_FOR_SLO: (("own_priority", Kind.PRIORITY), ("shed_from", Kind.PRIORITY)),
}
"""What `x` and `y` are for each reason; None where they say nothing."""


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One decision. `at_s` is counted from the request's arrival. `given` is what the journey was told, `order` the command's argument,
    `compared` the numbers behind the reason."""

    seq: int
    at_s: float
    step: str
    given: tuple[Fact, ...]
    command: str
    order: Fact | None
    reason: str
    compared: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Circumstance:
    """What was in force when the request arrived: a breaker that was not closed, or a rule that held.

    `since_s` counts from the arrival, and so is below 0.
    """

    reason: str
    subject: str
    since_s: float
    compared: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """The request's event."""

    tenant: str | None
    workload: str | None
    model: str | None
    tier: str | None
    target: str | None
    outcome: str
    reason: str
    status: int
    error_class: str
    attempts: int
    queue_ms: float
    ttft_ms: float | None
    total_ms: float
    input_tokens: int
    output_tokens: int
    cost_nusd: int
    estimated: bool
    degraded: bool
    digest: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of a request. `ending` is None while it is in flight; `steps` are empty where its decisions are no longer kept."""

    run: str
    request: int
    ending: Ending | None
    circumstances: tuple[Circumstance, ...]
    steps: tuple[StoryStep, ...]


def tell(run: str, request: int, events: pa.Table, decisions: pa.Table, notes: pa.Table, names: Names) -> Story:
    """The story of a request.

    `events` and `decisions` are its rows; `notes` the run's notes before its first decision, of breakers and rules; `names` the run's.
    """
    rows = sorted(decisions.to_pylist(), key=lambda row: int(row["seq"]))
    arrival = float(rows[0]["now_s"]) if rows else 0.0
    ended = events.to_pylist()
    return Story(
        run=run,
        request=request,
        ending=ending(ended[0]) if ended else None,
        circumstances=circumstances(notes.to_pylist(), names, arrival),
        steps=tuple(story_step(row, names, arrival) for row in rows),
    )


def ending(row: dict[str, Any]) -> Ending:
    values = {name: row[name] for name in Ending.__dataclass_fields__}
    return Ending(**values | {name: bool(values[name]) for name in ("estimated", "degraded")})


def story_step(row: dict[str, Any], names: Names, arrival_s: float) -> StoryStep:
    return StoryStep(
        seq=row["seq"],
        at_s=row["now_s"] - arrival_s,
        step=row["step"],
        given=given(row, names),
        command=row["command"],
        order=order(row, arrival_s),
        reason=row["reason"],
        compared=compared(row, names),
    )


def given(row: dict[str, Any], names: Names) -> tuple[Fact, ...]:
    """What the step told the journey."""
    match row["step"]:
        case "begin":
            flags = row["e"]
            stream = [Fact("stream", Kind.NAME, "")] if flags & 1 else []
            cached = [Fact("cached", Kind.CACHE, CACHES[flags >> 1 & 3])] if flags >> 1 & 3 else []
            return (
                Fact("key", Kind.NAME, name_of(names.keys, row["a"])),
                Fact("model", Kind.NAME, name_of(names.routes, row["b"])),
                Fact("input_tokens", Kind.TOKENS, row["c"]),
                Fact("output_tokens_reserved", Kind.TOKENS, row["d"]),
                *stream,
                *cached,
                *complexity(flags, row["c"], row["d"]),
            )
        case "failed":
            wait = [Fact("retry_after", Kind.MILLISECONDS, row["b"])] if row["b"] >= 0 else []
            status = [Fact("status", Kind.COUNT, row["c"])] if row["c"] > 0 else []
            return (Fact("error_class", Kind.ERROR_CLASS, name_of(ERRORS, row["a"])), *status, *wait)
        case "end" | "gone":
            return (Fact("input_tokens", Kind.TOKENS, row["a"]), Fact("output_tokens", Kind.TOKENS, row["c"]))
    return ()


def complexity(flags: int, input_tokens: int, output_tokens: int) -> tuple[Fact, ...]:
    """How demanding the task looked, and what made it so; nothing where nobody looked."""
    told = unpack(flags)
    if told.tier == Complexity.UNKNOWN:
        return ()
    points = (Fact(f"points_{name}", Kind.COUNT, count) for name, count in parts(told.features, input_tokens, output_tokens))
    return (Fact("complexity", Kind.COMPLEXITY, told.tier.name.lower()), Fact("complexity_score", Kind.COUNT, told.score), *points)


def order(row: dict[str, Any], arrival_s: float) -> Fact | None:
    """The command's argument."""
    match row["command"]:
        case "send" | "rescue":
            return Fact("target", Kind.NAME, row["target"] or "")
        case "wait" | "queue":
            return Fact("until", Kind.MOMENT, row["argument"] - arrival_s)
        case "reject" if row["argument"] > 0.0:
            return Fact("retry_after", Kind.SECONDS, row["argument"])
    return None


def compared(row: dict[str, Any], names: Names) -> tuple[Fact, ...]:
    """The numbers behind the reason; of an end, what it cost and what was reserved for it."""
    if row["step"] == "end" and row["command"] == "done":
        return (Fact("cost", Kind.MONEY, row["x"]), Fact("reserved", Kind.MONEY, row["y"]))
    reason = REASONS.get(row["reason"])
    pairs = zip(MEANINGS[reason], (row["x"], row["y"]), strict=True) if reason is not None else ()
    return tuple(fact(*meaning, value, names) for meaning, value in pairs if meaning is not None and value is not None)


def fact(label: str, kind: Kind, value: float, names: Names) -> Fact:
    lists: dict[Kind, Sequence[str]] = {
        Kind.TARGET: names.targets, Kind.RULE: names.rules, Kind.BUDGET: names.budgets, Kind.LIMIT: names.limits,
        Kind.PRIORITY: PRIORITIES, Kind.ERROR_CLASS: ERRORS, Kind.ROUTE: names.routes, Kind.COMPLEXITY: COMPLEXITIES,
    }  # fmt: skip
    return Fact(label, kind, name_of(lists[kind], int(value)) if kind in lists else value)


def circumstances(notes: list[dict[str, Any]], names: Names, arrival_s: float) -> tuple[Circumstance, ...]:
    """The last word on each breaker and each rule, where it is not that all is well."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(notes, key=lambda row: int(row["seq"])):
        if row["reason"].startswith("breaker_"):
            last["breaker", row["target"] or ""] = row
        elif row["reason"] in ("rule_on", "rule_off"):
            last["rule", name_of(names.rules, int(row["x"]))] = row
    return tuple(
        Circumstance(row["reason"], subject, row["now_s"] - arrival_s, compared(row, names))
        for (_, subject), row in last.items()
        if row["reason"] not in ("breaker_closed", "rule_off")
    )


def name_of(names: Sequence[str], index: int) -> str:
    """The name; `all` for -1, which stands for no one in particular, and `#n` for an index without a name."""
    return names[index] if 0 <= index < len(names) else "all" if index == -1 else f"#{index}"


REASONS: Final = {reason.name.lower(): reason for reason in Reason}
CACHES: Final = tuple(kind.name.lower() for kind in CacheKind)
COMPLEXITIES: Final = tuple(tier.name.lower() for tier in Complexity)
PRIORITIES: Final = tuple(priority.name.lower() for priority in Priority)
ERRORS: Final = tuple(error.name.lower() for error in ErrorClass)
