"""Codes that both worlds and every report speak: steps, commands, reasons, outcomes, error classes, priorities, breaker states.

A number here is written to ledgers and to shared memory, so it is never reused for another meaning: append, do not renumber.
What must not live here: anything that decides.
"""

from enum import IntEnum

__all__ = [
    "BreakerState",
    "CacheKind",
    "Command",
    "Complexity",
    "ErrorClass",
    "Operation",
    "Outcome",
    "Priority",
    "Reason",
    "Signal",
    "Step",
    "World",
]


class World(IntEnum):
    """Where an event was born."""

    LIVE = 0
    """The gateway, with real traffic."""
    SIMULATED = 1
    """The simulator, with drawn traffic."""
    REPLAY = 2
    """The simulator, with a recorded run's steps."""


class Step(IntEnum):
    """What happened, as told to the journey."""

    NOTE = 0
    """Not a step: something that another step caused, such as a breaker that opened."""
    BEGIN = 1
    """A request came. a: key; b: route; c: estimated input tokens; d: most output tokens; e: flags (see `journey.step`)."""
    FIRST_BYTE = 2
    """The first byte of an answer has come from the target. a: lane (0 the first attempt, 1 its hedge)."""
    FAILED = 3
    """An attempt has failed. a: error class; b: Retry-After in ms, or -1; c: HTTP status; d: output tokens that reached the client;
    e: bit 0 lane, bit 1 set where a broken stream could go on elsewhere."""
    AGAIN = 4
    """The time that WAIT or QUEUE named has come."""
    END = 5
    """The answer is whole. a: input; b: cached; c: output; d: reasoning tokens; e: bit 0 where usage is an estimate, bit 1 lane."""
    GONE = 6
    """The client has left, and its answer with it or after it. Arguments as of END."""
    WAKE = 7
    """Something came free: which waiting request may go, or is shed?"""
    TEND = 8
    """A tick of the fleet's clock: windows move on, routing rules are measured."""
    REAP = 9
    """A worker has died; what it held is settled. a: worker."""
    ADOPT = 10
    """A new plan version is in the tables. a: version."""
    RESTORE = 11
    """A budget takes up what the ledger says was spent in its period before this run."""
    HEDGE = 12
    """The time that a flow was to be hedged has come: may a second attempt run beside the first?"""
    CAPACITY = 13
    """What a provider with replicas has now. a: target; b: replicas that serve; c: bit 0 set where b is the forecast's floor instead;
    d: milliseconds that the replica which came last took to start, 0 where none came."""
    OBSERVE = 14
    """A signal of quality was observed. a: `Signal` + 256 × (version + 1) + 2³² × (probe + 1); b: request, or -1; c: key, or -1;
    d: value in millionths; e: target + 1, with route + 1 from bit 16 and workload + 1 from bit 32."""
    RECALL = 15
    """An objective takes up what the ledger counted before this run. a: objective; b: the hour, counted from the Unix epoch, or the minute
    with bit 62 set; c: good events; d: bad ones."""


class Command(IntEnum):
    """What the journey tells its driver to do next."""

    NONE = 0
    """Nothing to do."""
    SEND = 1
    """Send to a target. The argument is the target's index + 65,536 × the index of the credential to use."""
    WAIT = 2
    """Come back with AGAIN at the time in the argument."""
    QUEUE = 3
    """Hold the request; WAKE will name it, or AGAIN at the time in the argument gives up."""
    REJECT = 4
    """Answer with an error; the argument is Retry-After in seconds, or 0."""
    DONE = 5
    """The request is settled."""
    RESCUE = 6
    """Continue the broken stream at the target in the argument, from where the client has it."""


class Outcome(IntEnum):
    """How a request ended. Every request has exactly one."""

    SUCCESS = 0
    """A whole answer was given."""
    FAILED = 1
    """Providers were tried and none gave an answer."""
    LIMITED = 2
    """A requests or tokens limit of the caller."""
    BUDGET = 3
    """A budget of the caller is spent."""
    SHED = 4
    """No capacity: a bulkhead or a queue was full, or a more important request took the place."""
    UNAVAILABLE = 5
    """No healthy target, and the plan says fail fast."""
    CANCELLED = 6
    """The client left."""
    INVALID = 7
    """The provider refused the request itself (400, 404, 413, 422), which no other target would change."""
    ABANDONED = 8
    """The worker that served it died; settled by the supervisor."""


class ErrorClass(IntEnum):
    """What went wrong upstream. Only some classes count against a breaker, and only some are tried again."""

    NONE = 0
    """Nothing went wrong."""
    AUTH = 1
    """The provider refused our key (401, 403)."""
    RATE_LIMIT = 2
    """The provider's own limit (429)."""
    SERVER = 3
    """The provider failed (5xx)."""
    TIMEOUT = 4
    """No connection, no first token, no next frame or no end in time."""
    CONNECTION = 5
    """The connection could not be made, or broke."""
    CONTENT = 6
    """The provider's content filter refused."""
    BAD_REQUEST = 7
    """The provider refused the request itself (400, 404, 413, 422)."""
    PROTOCOL = 8
    """The provider answered nonsense, or half an answer."""
    CONTEXT = 9
    """The request is longer than the model's context; one with a larger context may do."""
    UNFIT = 10
    """The target's dialect cannot say the request; one of another dialect may do. Found before anything is sent."""


class Priority(IntEnum):
    """Lower is more important; the highest number is shed first."""

    CRITICAL = 0
    """Never shed for another."""
    INTERACTIVE = 1
    """A person is waiting."""
    BATCH = 2
    """Nobody is waiting."""
    SANDBOX = 3
    """Experiments; the first to go."""


class BreakerState(IntEnum):
    CLOSED = 0
    """Requests pass; failures are counted."""
    OPEN = 1
    """No request passes until its time is over."""
    HALF_OPEN = 2
    """A bounded number of probes pass; they decide."""


class Reason(IntEnum):
    """Why the journey commanded what it did. The numbers compared are kept beside it, in `x` and `y` of a decision.

    Each member's docstring says what `x` and `y` are.
    """

    OK = 0
    """Nothing special."""
    WEIGHTED = 1
    """Target drawn by weight. x: the draw scaled to the total weight; y: the total weight."""
    RULE = 2
    """A routing rule that holds moved the request. x: rule; y: the target it was moved from, or -1 for all."""
    ONLY_TARGET = 3
    """One target could take it. x: target; y: number of candidates."""
    FALLBACK = 4
    """Another target after a failure. x: the target that failed; y: attempts so far."""
    RETRY = 5
    """The same target again. x: target; y: attempts so far."""
    LEAST_BAD = 6
    """No healthy target, the plan says least bad. x: target; y: its share of failures."""
    BACKOFF = 7
    """Wait before the next attempt. x: seconds; y: attempts so far."""
    RETRY_AFTER = 8
    """Wait as the provider asked. x: seconds; y: attempts so far."""
    KEY_LIMIT = 9
    """x: seconds to wait; y: the limit that binds, of requests or of tokens."""
    TENANT_LIMIT = 10
    """x: seconds to wait; y: the limit that binds, of requests or of tokens."""
    WORKLOAD_LIMIT = 11
    """x: seconds to wait; y: the limit that binds, of requests or of tokens."""
    MODEL_LIMIT = 12
    """x: seconds to wait; y: the limit that binds, of requests or of tokens."""
    BUDGET_SPENT = 13
    """x: nano-dollars spent, reserved and asked; y: budget."""
    BUDGET_DEGRADED = 14
    """A budget passed its degrade threshold; the cheaper model was taken. x: share used; y: budget."""
    TENANT_FULL = 15
    """Tenant bulkhead. x: in flight; y: slots."""
    WORKLOAD_FULL = 16
    """Workload bulkhead. x: in flight; y: slots."""
    TARGETS_FULL = 17
    """All healthy targets are at their concurrency or quota. x: candidates; y: waiting."""
    QUEUE_FULL = 18
    """x: waiting; y: bound."""
    QUEUE_TIMEOUT = 19
    """x: seconds waited; y: bound in seconds."""
    SHED_FOR_PRIORITY = 20
    """A more important request took the place. x: own priority; y: the other's."""
    NO_HEALTHY_TARGET = 21
    """x: candidates; y: of them with an open breaker or paused."""
    OUT_OF_ATTEMPTS = 22
    """x: attempts; y: the bound."""
    PAST_DEADLINE = 23
    """x: seconds needed; y: seconds left."""
    RETRY_BUDGET = 24
    """The fleet-wide retry ratio is used up. x: balance; y: ratio."""
    NOT_RETRYABLE = 25
    """x: error class; y: attempts."""
    CLIENT_GONE = 26
    """x: attempts; y: output tokens by then."""
    WORKER_DIED = 27
    """x: worker; y: 0."""
    LEDGER_FULL = 28
    """Events could not be written for too long, so no new request is taken. x: rows waiting; y: bound."""
    FLOWS_FULL = 29
    """More requests at once than the state holds. x: flows; y: bound."""
    DEQUEUED = 30
    """Its turn came in the queue. x: seconds waited; y: target."""
    BREAKER_OPENED = 31
    """x: share of failures; y: threshold."""
    BREAKER_FORCED = 32
    """A routing rule opened a breaker. x: rule; y: target."""
    BREAKER_HALF_OPEN = 33
    """x: target; y: probes allowed."""
    BREAKER_CLOSED = 34
    """x: target; y: successful probes."""
    RULE_ON = 35
    """x: rule; y: what was measured."""
    RULE_OFF = 36
    """x: rule; y: what was measured."""
    ADOPTED = 37
    """A new plan version. x: version; y: 0."""
    SHED_BY_RULE = 38
    """A routing rule refuses this priority for now. x: priority; y: the most important one refused."""
    MONEY_RESTORED = 39
    """A budget took up what the ledger says was spent before this run. x: nano-dollars; y: budget."""
    BREAKER_REOPENED = 40
    """A probe failed while half-open. x: probes that had succeeded; y: probes asked."""
    KEY_ROTATED = 41
    """The same target with another of its credentials. x: credential; y: attempts so far."""
    CREDENTIAL_REFUSED = 42
    """A provider refused a credential. x: credential; y: seconds that it rests for all, 0 until the third refusal in a row."""
    HEDGED = 43
    """A second attempt beside one that is late. x: seconds waited; y: the delay that was set."""
    RESCUED = 44
    """A broken stream goes on elsewhere. x: the target that failed; y: output tokens that the client has."""
    LARGER_CONTEXT = 45
    """The request is longer than the model's context; the larger one was taken. x: estimated input tokens; y: the smaller context."""
    CONTEXT_TOO_LONG = 46
    """No model of the plan has so large a context. x: estimated input tokens; y: the largest context."""
    ALL_TRIED = 47
    """Every candidate was tried and none may be asked again. x: candidates; y: attempts."""
    CACHE_EXACT = 48
    """Answered from the cache: the same request. x: nano-dollars saved, estimated; y: 0."""
    CACHE_SEMANTIC = 49
    """Answered from the cache: a request of the same meaning. x: nano-dollars saved, estimated; y: 0."""
    COMPLEXITY = 50
    """The model for the task's complexity was taken. x: tier (1 simple, 2 medium, 3 complex); y: route."""
    COST_DEGRADED = 51
    """The last hour's cost passed its bound; the cheaper model was taken. x: nano-dollars in the last hour; y: the bound."""
    COST_RECOVERED = 52
    """The last hour's cost is below its bound again. x: nano-dollars in the last hour; y: the bound."""
    PROVIDER_LIMIT = 53
    """All candidates' own rate limits are reached. x: seconds until the first may be asked; y: candidates."""
    RESIDENCY = 54
    """No candidate is in a region where the data may go. x: candidates; y: regions where it may."""
    SCALED_UP = 55
    """More replicas are wanted. x: tokens that wait, or the share of calls that were too slow; y: the threshold. The row's argument is
    how many are wanted now; a: 1 tokens, 2 latency, 3 the plan's bounds or the floor; b: how many were wanted; c: how many serve."""
    SCALED_DOWN = 56
    """Fewer replicas are wanted. x: what was measured, as of SCALED_UP; y: the threshold. The other columns are those of SCALED_UP."""
    SLO_ALERT = 57
    """An error budget burns too fast. x: share of the window's budget that was spent within the alert's long window; y: the share at which
    it fires. a: objective; b: alert; c: 1 page, 2 ticket. The row's argument is the share spent in the whole window."""
    SLO_CLEARED = 58
    """It does no longer. x: the share spent within the long window; y: the share at which it fires. The others are those of SLO_ALERT."""
    SLO_STEP = 59
    """A step of burn began or ended. x: share of the window's budget that is spent; y: the step's. a: objective; b: step; c: 1 began, 0
    ended."""
    OBSERVED = 60
    """A signal of quality was taken in."""
    RECALLED = 61
    """What was counted before this run was taken up."""
    SHED_FOR_SLO = 62
    """A step of burn refuses this priority for now. x: priority; y: the most important one refused. No objective counts it live, or the
    step would keep itself alive."""


class CacheKind(IntEnum):
    """Whether, and how, an answer came from the cache."""

    NONE = 0
    """From a provider."""
    EXACT = 1
    """The same request was answered before."""
    SEMANTIC = 2
    """A request of the same meaning was answered before."""
    EMBEDDING = 3
    """All texts of an embeddings request were embedded before."""


class Complexity(IntEnum):
    """How demanding a task looks, from features of its request; see `policy.complexity`."""

    UNKNOWN = 0
    """Not looked at: the model has no tiers."""
    SIMPLE = 1
    """Short, one turn, nothing to reason about."""
    MEDIUM = 2
    """In between."""
    COMPLEX = 3
    """Long, many turns, tools, code, a schema or reasoning asked for."""


class Operation(IntEnum):
    """What a client asked for, by its endpoint."""

    CHAT = 0
    """OpenAI chat completions."""
    COMPLETION = 1
    """OpenAI completions."""
    EMBEDDINGS = 2
    """OpenAI embeddings."""
    RESPONSES = 3
    """OpenAI responses."""
    MESSAGES = 4
    """Anthropic messages."""


class Signal(IntEnum):
    """What was observed of an answer's quality. Each member's docstring says what the value is."""

    CONFIDENCE = 1
    """The model's own: exp of the mean log-probability of the answer's tokens, 0..1."""
    REFUSED = 2
    """1 where the model declined to answer, else 0."""
    TRUNCATED = 3
    """1 where the answer was cut off at its most tokens, else 0."""
    FORMAT = 4
    """1 where the answer has the form that was asked for, else 0."""
    LANGUAGE = 5
    """1 where it is in the language of the question, else 0."""
    REPETITION = 6
    """1 where it goes round in circles, else 0."""
    FEEDBACK = 7
    """What its user said of it, 0..1."""
    CANARY = 8
    """1 where the answer to a question with a known answer was right, else 0."""
    AGREEMENT = 9
    """How far it agrees with earlier answers to the same question, 0..1."""
    JUDGE = 10
    """A judge's verdict, 1 good or 0 bad, as it was given: the judge errs too."""
    GROUNDED = 11
    """Share of the claims that can be checked by rule that the request's sources support, 0..1. A proxy."""
    LEAKS = 12
    """Personal data that was found in it, a count."""
    LENGTH = 13
    """Tokens of the answer to a canary question."""
    DISTANCE = 14
    """Distance of its meaning to that of earlier answers to the same question, 0..2."""
    FACTUAL = 15
    """A judge's verdict on the answer to a factual question: 1 what it says holds, 0 it is made up."""
