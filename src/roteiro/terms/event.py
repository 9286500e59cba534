"""The rows that both worlds write: one EVENT a request, one DECISION a step of the journey, one SIGNAL an observation of quality.

The kernel writes them as packed records into rings; the ledger turns them into Arrow, with the integer codes decoded to words.
What must not live here: pyarrow, because a gateway worker imports this and should stay small.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from roteiro.terms.codes import CacheKind, Command, Complexity, ErrorClass, Operation, Outcome, Priority, Reason, Signal, Step, World

__all__ = ["DECISION", "DECISION_FIELDS", "EVENT", "EVENT_FIELDS", "SIGNAL", "SIGNAL_FIELDS", "Field"]


@dataclass(frozen=True, slots=True)
class Field:
    """One column of the ledger.

    `kind` is the NumPy type in the ring. `decode` names where an integer becomes a word: an enumeration of `terms.codes`,
    or the name of a list in the plan's names (`"targets"`, `"tenants"` …); -1 decodes to null.
    """

    name: str
    kind: str
    unit: str
    doc: str
    decode: type[IntEnum] | str | None = None


EVENT_FIELDS: Final = (
    Field("seq", "i8", "", "order in which requests ended within the run; unique with `run`"),
    Field("request", "i8", "", "number of the request within the run"),
    Field("arrival_s", "f8", "s", "arrival, seconds since the run's epoch"),
    Field("ended_s", "f8", "s", "settlement, seconds since the run's epoch"),
    Field("cost_nusd", "i8", "nano-dollar", "what the provider charges for the usage, at the plan's prices"),
    Field("queue_ms", "f4", "ms", "time in the waiting room before the first attempt"),
    Field("ttft_ms", "f4", "ms", "arrival to the first byte of the answer; NaN where none came or the answer was not streamed"),
    Field("attempt_ms", "f4", "ms", "the last attempt, from its send to its end; NaN where nothing was sent"),
    Field("total_ms", "f4", "ms", "arrival to settlement"),
    Field("quality", "f4", "0..1", "always NaN: quality is measured after a request ended, and lies in `signals`"),
    Field("input_tokens", "i4", "tokens", "as the provider reports, or estimated"),
    Field("cached_tokens", "i4", "tokens", "the part of the input that the provider read from its cache"),
    Field("output_tokens", "i4", "tokens", "reasoning included"),
    Field("reasoning_tokens", "i4", "tokens", "the part of the output that was reasoning"),
    Field("reserved_tokens", "i4", "tokens", "reserved on an estimate at arrival"),
    Field("tenant", "i4", "", "tenant", "tenants"),
    Field("key", "i4", "", "key", "keys"),
    Field("worker", "i2", "", "gateway worker; 0 in the simulator"),
    Field("workload", "i2", "", "workload", "workloads"),
    Field("tier", "i2", "", "SLA tier of the tenant", "tiers"),
    Field("region", "i2", "", "region of the target", "regions"),
    Field("model", "i2", "", "the logical model asked for", "routes"),
    Field("target", "i2", "", "provider that gave the answer, or was tried last", "targets"),
    Field("first_target", "i2", "", "provider tried first", "targets"),
    Field("plan", "i2", "", "plan version within the run; its digest is in the segment", "plans"),
    Field("status", "i2", "", "HTTP status for the client"),
    Field("world", "i1", "", "live, simulated or replay", World),
    Field("outcome", "i1", "", "how the request ended", Outcome),
    Field("error_class", "i1", "", "of the last failed attempt", ErrorClass),
    Field("reason", "i1", "", "why it ended so", Reason),
    Field("route_reason", "i1", "", "why the last target was chosen", Reason),
    Field("priority", "i1", "", "priority of the workload", Priority),
    Field("attempts", "i1", "", "sends to providers"),
    Field("fallbacks", "i1", "", "sends to another target than the one before"),
    Field("stream", "i1", "", "1 where the client asked for a stream"),
    Field("estimated", "i1", "", "1 where usage is an estimate because the provider did not report it"),
    Field("degraded", "i1", "", "1 where a cheaper model was taken for the budget's sake, 2 for the hour's cost"),
    Field("cache", "i1", "", "whether the answer came from a cache", CacheKind),
    Field("complexity", "i1", "", "how demanding the task looked", Complexity),
    Field("operation", "i1", "", "endpoint that was asked", Operation),
    Field("rescues", "i1", "", "times that a broken stream went on elsewhere"),
    Field("hedged", "i1", "", "1 where a second attempt ran beside the first, 2 where it was the one that answered"),
    Field("lost_nusd", "i8", "nano-dollar", "estimated cost of attempts that were given up: broken streams and lost hedges"),
    Field("saved_nusd", "i8", "nano-dollar", "estimated cost that the cache saved"),
    Field("trace_hi", "i8", "", "first half of the W3 trace id that the client sent, or 0"),
    Field("trace_lo", "i8", "", "second half of it"),
    Field("parent_span", "i8", "", "the client's span id, or 0"),
    Field("client_region", "i2", "", "region of the client, where it is known", "regions"),
)

DECISION_FIELDS: Final = (
    Field("seq", "i8", "", "order of decisions within the run; gapless, unique with `run`"),
    Field("request", "i8", "", "request it is about, or -1 for the fleet"),
    Field("now_s", "f8", "s", "the clock reading that was decided on, seconds since the run's epoch"),
    Field("u", "f8", "0..1", "the random number that was decided on"),
    Field("a", "i8", "", "first argument of the step"),
    Field("b", "i8", "", "second argument"),
    Field("c", "i8", "", "third argument"),
    Field("d", "i8", "", "fourth argument"),
    Field("e", "i8", "", "fifth argument"),
    Field("argument", "f8", "", "argument of the command"),
    Field("x", "f8", "", "first number compared; its meaning is the reason's"),
    Field("y", "f8", "", "second number compared"),
    Field("flow", "i4", "", "slot of the request in the state"),
    Field("worker", "i2", "", "worker that asked"),
    Field("target", "i2", "", "target concerned", "targets"),
    Field("step", "i1", "", "what happened", Step),
    Field("command", "i1", "", "what was commanded", Command),
    Field("reason", "i1", "", "why", Reason),
    Field("answered", "i4", "", "slot of the flow that the command is about (WAKE names another than it was asked for)"),
)

SIGNAL_FIELDS: Final = (
    Field("seq", "i8", "", "order of observations within the run; unique with `run`"),
    Field("request", "i8", "", "number of the request within the run that is spoken of, or -1"),
    Field("at_s", "f8", "s", "when it was observed, seconds since the run's epoch"),
    Field("value", "f8", "", "what was observed; its meaning is the kind's"),
    Field("tenant", "i4", "", "tenant", "tenants"),
    Field("key", "i4", "", "key", "keys"),
    Field("probe", "i4", "", "number of the canary question, or -1"),
    Field("version", "i4", "", "number of the model's version in the registry of those that were seen, or -1"),
    Field("workload", "i2", "", "workload", "workloads"),
    Field("tier", "i2", "", "SLA tier of the tenant", "tiers"),
    Field("model", "i2", "", "the logical model asked for", "routes"),
    Field("target", "i2", "", "provider that gave the answer", "targets"),
    Field("region", "i2", "", "region of the target", "regions"),
    Field("worker", "i2", "", "process that observed"),
    Field("world", "i1", "", "live, simulated or replay", World),
    Field("kind", "i1", "", "what was observed", Signal),
)

EVENT: Final = np.dtype([(f.name, f.kind) for f in EVENT_FIELDS], align=True)
DECISION: Final = np.dtype([(f.name, f.kind) for f in DECISION_FIELDS], align=True)
SIGNAL: Final = np.dtype([(f.name, f.kind) for f in SIGNAL_FIELDS], align=True)
