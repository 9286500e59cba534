"""The state of all policies: tables of records in one contiguous block of memory, anonymous or a file that processes share.

A decision is passed the block's address and takes records from it (`flow_at(block, f)`): in machine code that is a few loads, and a call
from Python costs 0.6 µs where passing a dozen arrays costs 2.2. What must not live here: decisions.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from roteiro.policy.kernel import JIT, kernel
from roteiro.policy.memory import LINE, buffers, record_at, release
from roteiro.policy.objective_records import BURN_ALERT, BURN_STEP, HOUR_SLOTS, MINUTE_SLOTS, OBJECTIVE, PAUSE, record
from roteiro.terms.error import InvariantError
from roteiro.terms.event import DECISION, EVENT, SIGNAL

__all__ = [
    "ANYWHERE",
    "BREAKER_SLOTS",
    "CREDENTIALS",
    "FLOW_BUDGETS",
    "FLOW_LIMITS",
    "HEADER",
    "HOUR_SLOTS",
    "LAYOUT_VERSION",
    "METER_SLOTS",
    "MINUTES",
    "MINUTE_SLOTS",
    "MOST_REGIONS",
    "NONE",
    "TABLES",
    "TIERS",
    "Flowing",
    "State",
    "block_size",
    "breaker_at",
    "budget_at",
    "build",
    "burn_alert_at",
    "burn_step_at",
    "candidate_at",
    "decision_at",
    "event_at",
    "flow_at",
    "header_of",
    "key_at",
    "limit_at",
    "link_at",
    "meter_at",
    "objective_at",
    "op_at",
    "pause_at",
    "pool_at",
    "price_at",
    "queue_at",
    "release",
    "route_at",
    "rule_at",
    "signal_at",
    "target_at",
    "tenant_at",
    "view",
    "workload_at",
]  # fmt: skip

LAYOUT_VERSION: Final = 7
MAGIC: Final = 0x524F544549524F31  # "ROTEIRO1"
NONE: Final = -1
ANYWHERE: Final = -1
"""A residency that names no region: data may go to all."""
MOST_REGIONS: Final = 62
"""A residency is a set of bits, one a region."""
BREAKER_SLOTS: Final = 10
METER_SLOTS: Final = 12
FLOW_LIMITS: Final = 4
FLOW_BUDGETS: Final = 6
CREDENTIALS: Final = 8
"""Most credentials of one provider."""
TIERS: Final = 3
MINUTES: Final = 60


TARGET: Final = record(
    ("slots", "i8"), ("in_flight", "i8"), ("tokens", "i8"),  # the last: what the requests in flight reserve
    ("paused_until", "f8"),  # all of its credentials rest until then
    ("price_input", "i8"), ("price_cached", "i8"), ("price_output", "i8"), ("price_reasoning", "i8"),  # nano-dollars per million tokens
    ("first_token_s", "f8"), ("attempt_s", "f8"),
    ("calls", "i8"), ("failures", "i8"), ("failure_share", "f8"),  # the last: exponentially weighted, for the least bad
    ("requests_limit", "i4"), ("tokens_limit", "i4"),  # the provider's quota for us
    ("meter_first", "i4"), ("meter_count", "i4"),
    ("redirect", "i4"), ("redirect_rule", "i4"),  # set while a routing rule holds
    ("region", "i2"), ("cloud", "i1"), ("retired", "i1"), ("avoid", "i1"),
    ("prefix", "i1"),  # goes on from the beginning of an answer, so that it can rescue a stream
    ("context_tokens", "i8"), ("most_output", "i8"),  # 0: unknown
    ("credentials", "i8"), ("next_credential", "i8"),  # how many (0 counts as 1), and whose turn it is
    ("credential_until", "f8", (CREDENTIALS,)),  # resting until then: its rate limit is reached, or it was refused
    ("credential_refused", "i8"),  # bit per credential that rests because it was refused
    ("refusals", "i8", (CREDENTIALS,)),  # in a row
    ("off_peak_from_s", "f8"), ("off_peak_to_s", "f8"), ("off_peak_share", "f8"),  # seconds of the local day; price × share; 0: none
)  # fmt: skip

BREAKER: Final = record(
    ("state", "i8"), ("until", "f8"), ("opened", "i8"), ("probes_out", "i8"), ("probes_ok", "i8"),
    ("slot", "i8"), ("calls", "i4", (BREAKER_SLOTS,)), ("failures", "i4", (BREAKER_SLOTS,)), ("slows", "i4", (BREAKER_SLOTS,)),
    ("enabled", "i1"), ("window_s", "f8"), ("minimum_calls", "i8"), ("failure_share", "f8"), ("slow_s", "f8"), ("slow_share", "f8"),
    ("open_s", "f8"), ("max_open_s", "f8"), ("probes", "i8"), ("counted", "i8"),  # bit per ErrorClass that counts as a failure
)  # fmt: skip

METER: Final = record(
    ("target", "i4"), ("metric", "i2"), ("statistic", "i2"), ("window_s", "f8"), ("threshold", "f8"), ("percentile", "f8"),
    ("minimum", "f8"),
    ("slot", "i8"), ("count", "f8", (METER_SLOTS,)), ("above", "f8", (METER_SLOTS,)), ("total", "f8", (METER_SLOTS,)),
)  # fmt: skip

RULE: Final = record(
    ("first", "i4"), ("ops", "i4"), ("action", "i2"), ("argument", "i4"), ("subject", "i4"), ("for_s", "f8"), ("since", "f8"),
    ("active", "i1"), ("measured", "f8"),
)  # fmt: skip

OP: Final = record(("code", "i2"), ("comparator", "i2"), ("index", "i4"), ("low", "f8"), ("high", "f8"))

ROUTE: Final = record(
    ("first", "i4"), ("count", "i4"), ("degrade", "i4"), ("requests_limit", "i4"), ("tokens_limit", "i4"), ("on_exhausted", "i2"),
    ("price_input", "i8"), ("price_output", "i8"),  # the dearest of its candidates: what a reservation assumes
    ("attempts", "i8"), ("same_target", "i8"), ("backoff_s", "f8"), ("max_backoff_s", "f8"), ("retry_after_cap_s", "f8"),
    ("deadline_s", "f8"),
    ("retired", "i1"), ("degrading", "i1"), ("rescue", "i1"),
    ("nearest", "i1"),  # of its ready candidates those of the region nearest to the client go first
    ("larger", "i4"),  # route of the model to take when a request is longer than this one's context
    ("tiers", "i4", (TIERS,)),  # route for simple, medium and complex tasks
    # Hedging: its share of requests (0: none); after a fixed delay, or at a percentile that is followed as answers come.
    ("hedge_share", "f8"), ("hedge_after_s", "f8"), ("hedge_percentile", "f8"), ("hedge_balance", "f8"),
    ("hedge_delay_s", "f8", (2,)), ("hedge_seen", "i8", (2,)),  # of whole answers, and of first bytes of streams
    ("waiting", "i8"), ("waiting_tokens", "i8"),  # in a queue: requests, and the tokens that they reserve
)  # fmt: skip

CANDIDATE: Final = record(("target", "i4"), ("rank", "i4"), ("weight", "f8"))

LIMIT: Final = record(("arrival", "f8"), ("interval_s", "f8"), ("burst_s", "f8"), ("per_minute", "f8"))

BUDGET: Final = record(
    ("amount_nusd", "i8"), ("spent_nusd", "i8"), ("reserved_nusd", "i8"), ("ends_s", "f8"),
    ("period_s", "f8"),  # 0: calendar months
    ("offset_s", "f8"),  # local time minus UTC
    ("warn", "f8"), ("degrade", "f8"), ("stop", "f8"),
)  # fmt: skip

TENANT: Final = record(
    ("slots", "i8"), ("in_flight", "i8"), ("requests_limit", "i4"), ("tokens_limit", "i4"), ("budgets", "i4", (4,)), ("tier", "i2"),
    ("priority", "i2"), ("retired", "i1"),
    ("residency", "i8"),  # bit per region that its data may go to; ANYWHERE
    ("internal", "i1"),  # the operator's own probes: no objective counts them
)  # fmt: skip

WORKLOAD: Final = record(
    ("slots", "i8"), ("in_flight", "i8"), ("queue", "i8"), ("max_wait_s", "f8"), ("waiting", "i8"),
    ("requests_limit", "i4"), ("tokens_limit", "i4"), ("budgets", "i4", (2,)), ("priority", "i2"), ("retired", "i1"),
    ("residency", "i8"),
)  # fmt: skip

QUEUE: Final = record(("waiting", "i8"), ("first", "i4"), ("last", "i4"))  # one a priority

KEY: Final = record(("tenant", "i4"), ("workload", "i4"), ("requests_limit", "i4"), ("tokens_limit", "i4"), ("revoked", "i1"))

LINK: Final = record(("latency_s", "f8"))
"""Round trip from one region to another, at row `from * header.region_side + to`."""

POOL: Final = record(
    ("target", "i4"), ("active", "i1"),  # 0: what it wants is noted for people, and its driver does nothing
    ("least", "i8"), ("most", "i8"), ("floor", "i8"),  # the floor is a forecast's, and never lowers anything
    ("batch", "i8"), ("queue", "i8"),  # answers that one replica works at together; requests that may wait before all of them
    ("cap", "i8"),  # on requests in flight, whatever replicas there are
    ("ready", "i8"), ("wanted", "i8"),  # replicas that serve, as the driver told; and that there should be
    ("step_up", "i8"), ("step_down", "i8"),
    ("token_up", "f8"), ("token_down", "f8"), ("token_cooldown_s", "f8"),  # tokens that wait; up 0: no such policy
    ("latency_up", "i4"), ("latency_down", "i4"), ("latency_cooldown_s", "f8"),  # meters of the percentile; NONE: no such policy
    ("stabilisation_s", "f8"), ("changed", "f8"), ("low_since", "f8"),  # when `wanted` last changed; since when all agree to less, or NaN
    ("queued_tokens", "f8"), ("waiting_tokens", "f8"),  # at the last tick: in the plan's queues; and those before the replicas too
    ("start_up_s", "f8"),  # from asking for a replica until it serves: measured, or the plan's
    ("floor_first", "i4"), ("floor_count", "i4"), ("floor_step_s", "f8"), ("floor_from", "f8"), ("floor_repeats", "i1"),  # rows of FLOOR
)  # fmt: skip
"""The replicas of a target that scales."""

FLOOR: Final = record(("replicas", "i8"))
"""Fewest replicas of a pool within one step of its calendar, which begins at the pool's `floor_from` on the run's clock."""

PRICE: Final = record(
    ("at", "f8"), ("target", "i4"),  # when it begins, seconds since the run's epoch
    ("price_input", "i8"), ("price_cached", "i8"), ("price_output", "i8"), ("price_reasoning", "i8"),  # nano-dollars per million tokens
)  # fmt: skip
"""Prices of a target from a moment on, in order of time."""

FLOW: Final = record(
    ("request", "i8"), ("arrival", "f8"), ("deadline", "f8"), ("sent", "f8"), ("first_byte", "f8"), ("queued", "f8"), ("queue_s", "f8"),
    ("until", "f8"),  # end of a backoff or of the patience in the queue
    ("argument", "f8"), ("x", "f8"), ("y", "f8"),
    ("reserved_nusd", "i8"), ("reserved_tokens", "i8"), ("quota_tokens", "i8"), ("tried", "i8"),
    ("barred", "i8"),  # candidates that this request must not ask again: they stayed silent, or their context is too small
    ("residency", "i8"),  # bit per region that its data may go to, of its tenant and workload together; ANYWHERE
    ("lost_nusd", "i8"), ("saved_nusd", "i8"), ("tried_credentials", "i8"),
    ("hedge_at", "f8"), ("hedge_sent", "f8"), ("hedge_quota", "i8"),  # when to hedge (0: not at all); the second attempt beside the first
    ("trace_hi", "i8"), ("trace_lo", "i8"), ("parent_span", "i8"),  # written by the driver: no decision looks at them
    ("attempts", "i4"), ("same", "i4"), ("fallbacks", "i4"), ("input_tokens", "i4"), ("output_tokens", "i4"),
    ("key", "i4"), ("tenant", "i4"), ("workload", "i4"), ("asked", "i4"), ("route", "i4"), ("target", "i4"), ("first_target", "i4"),
    ("previous", "i4"),
    ("next", "i4"), ("before", "i4"), ("limits", "i4", (FLOW_LIMITS,)), ("budgets", "i4", (FLOW_BUDGETS,)),
    ("worker", "i2"), ("status", "i2"), ("priority", "i1"), ("phase", "i1"), ("stream", "i1"), ("probe", "i1"), ("degraded", "i1"),
    ("error_class", "i1"),
    ("command", "i1"), ("reason", "i1"), ("route_reason", "i1"), ("admitted", "i1"), ("stay", "i1"), ("estimated", "i1"),
    ("hedge_target", "i4"), ("credential", "i4"), ("hedge_credential", "i4"), ("hedge_probe", "i1"), ("hedged", "i1"),
    ("rescues", "i1"), ("cache", "i1"), ("complexity", "i1"), ("operation", "i1"),
    ("lane", "i1"),  # of the attempt in flight, where there is one: 1 where the hedge is what is left
    ("plain", "i1"),  # waits, and may go to any candidate of its route
    ("client_region", "i2"),  # where its client is; NONE where that is not known
    ("relayed", "i4"),  # output tokens that the client had when the attempt in flight began: it is a rescue
)  # fmt: skip

TABLES: Final[dict[str, np.dtype[Any]]] = {
    "targets": TARGET, "breakers": BREAKER, "meters": METER, "rules": RULE, "ops": OP, "routes": ROUTE, "candidates": CANDIDATE,
    "limits": LIMIT,
    "budgets": BUDGET, "tenants": TENANT, "workloads": WORKLOAD, "queues": QUEUE, "keys": KEY, "links": LINK,
    "pools": POOL, "floors": FLOOR, "prices": PRICE, "objectives": OBJECTIVE, "burn_alerts": BURN_ALERT, "burn_steps": BURN_STEP,
    "pauses": PAUSE, "flows": FLOW, "events": EVENT, "decisions": DECISION, "signals": SIGNAL,
}  # fmt: skip

HEADER: Final = record(
    ("magic", "u8"), ("layout", "i8"), ("size", "i8"), ("epoch_unix_s", "f8"), ("epoch_monotonic_s", "f8"),
    ("last_now", "f8"),  # the clock never runs back
    ("generation", "i8"),  # grows when a plan is adopted
    ("plan", "i8"), ("world", "i8"), ("journal", "i8"),
    ("seq", "i8"), ("requests", "i8"),
    ("event_head", "i8"), ("event_tail", "i8"), ("decision_head", "i8"), ("decision_tail", "i8"),
    ("signal_head", "i8"), ("signal_tail", "i8"), ("unsignalled", "i8"),  # the last: signals for whose rows there was no room
    ("free", "i8"), ("live", "i8"),  # free list of flows
    # list of flows dismissed or granted by another's step, whose drivers are yet to be told
    ("waiting", "i8"), ("queue_bound", "i8"), ("news", "i8"),
    ("rows_a_flow", "i8"),  # of the journal that one request may write; 0: to be reckoned from the plan's routes
    ("refused", "i8"), ("unjournaled", "i8"),  # requests that could not even be recorded; decisions for which there was no room
    ("retry_balance", "f8"), ("retry_ratio", "f8"), ("retry_cap", "f8"), ("retry_per_s", "f8"), ("retry_seen", "f8"),
    ("redirect", "i8"), ("redirect_rule", "i8"), ("shed_from", "i8"), ("degrading", "i8"),  # set while a routing rule holds
    ("offset_s", "f8"),  # local time minus UTC, for hours in conditions
    ("fleet_meter_first", "i8"), ("fleet_meter_count", "i8"),
    # The last hour's cost in a ring of minutes, its bound (0: none), and the cheaper model while it is passed.
    ("minute", "i8"), ("minute_nusd", "i8", (MINUTES,)), ("hour_nusd", "i8"), ("hour_bound_nusd", "i8"),
    ("cost_route", "i8"), ("cost_degrading", "i8"), ("cost_since", "f8"), ("cost_cooldown_s", "f8"),
    ("objective_count", "i8"), ("alert_count", "i8"), ("step_count", "i8"), ("pause_count", "i8"),
    ("score_kinds", "i8"),  # bit per Signal whose verdicts make the quality score
    ("step_shed_from", "i8"),  # the most important priority that a step of burn refuses
    ("frozen", "i8"),  # a step of burn says that plans stay as they are
    ("region_side", "i8"),  # of the square of links
    ("pool_count", "i8"),
    ("price_count", "i8"), ("price_next", "i8"), ("next_price_at", "f8"),  # of the prices to come the first, and when it begins
    *((f"n_{name}", "i8") for name in TABLES), *((f"at_{name}", "i8") for name in TABLES),
)  # fmt: skip


class Flowing:
    """Where a flow stands."""

    FREE: Final = 0
    WAITING: Final = 1
    """In a workload's queue."""
    SENT: Final = 2
    BACKOFF: Final = 3
    DISMISSED: Final = 4
    """Shed from a queue; its driver is yet to be told."""
    GRANTED: Final = 5
    """Its turn came in another worker's step; its driver is yet to be told. Slots are taken."""


class State(NamedTuple):
    """Views of the tables of one block, shape (capacity,) each."""

    header: npt.NDArray[Any]
    targets: npt.NDArray[Any]
    breakers: npt.NDArray[Any]
    meters: npt.NDArray[Any]
    rules: npt.NDArray[Any]
    ops: npt.NDArray[Any]
    routes: npt.NDArray[Any]
    candidates: npt.NDArray[Any]
    limits: npt.NDArray[Any]
    budgets: npt.NDArray[Any]
    tenants: npt.NDArray[Any]
    workloads: npt.NDArray[Any]
    queues: npt.NDArray[Any]
    keys: npt.NDArray[Any]
    links: npt.NDArray[Any]
    pools: npt.NDArray[Any]
    floors: npt.NDArray[Any]
    prices: npt.NDArray[Any]
    objectives: npt.NDArray[Any]
    burn_alerts: npt.NDArray[Any]
    burn_steps: npt.NDArray[Any]
    pauses: npt.NDArray[Any]
    flows: npt.NDArray[Any]
    events: npt.NDArray[Any]
    decisions: npt.NDArray[Any]
    signals: npt.NDArray[Any]


def rounded(size: int) -> int:
    return -(-size // LINE) * LINE


def block_size(capacities: dict[str, int]) -> int:
    """Bytes of a block whose tables have these capacities (records; every table is named)."""
    return rounded(HEADER.itemsize) + sum(rounded(capacities[name] * dtype.itemsize) for name, dtype in TABLES.items())


def build(buffer: npt.NDArray[np.uint8], capacities: dict[str, int]) -> State:
    """Lay an empty state out over `buffer` (zeroed, of `block_size(capacities)` bytes), all flows free."""
    if buffer.nbytes < block_size(capacities):
        raise InvariantError(f"a block of {buffer.nbytes} bytes cannot hold a state of {block_size(capacities)}")
    header = buffer[: HEADER.itemsize].view(HEADER)[0]
    header["magic"], header["layout"], header["size"] = MAGIC, LAYOUT_VERSION, buffer.nbytes
    at = rounded(HEADER.itemsize)
    for name, dtype in TABLES.items():
        header[f"n_{name}"], header[f"at_{name}"] = capacities[name], at
        at += rounded(capacities[name] * dtype.itemsize)
    for name in ("redirect", "redirect_rule", "news", "cost_route"):
        header[name] = NONE
    header["shed_from"] = header["step_shed_from"] = 127
    state = view(buffer)
    state.flows["next"] = np.arange(1, len(state.flows) + 1)
    state.flows["next"][-1:] = NONE
    state.queues["first"] = state.queues["last"] = NONE
    return state


def view(buffer: npt.NDArray[np.uint8]) -> State:
    """Views of the tables in a block that was built before. Raises InvariantError where it is not one of this layout."""
    header = buffer[: HEADER.itemsize].view(HEADER)
    if header["magic"][0] != MAGIC or header["layout"][0] != LAYOUT_VERSION:
        raise InvariantError(f"not a state block of layout {LAYOUT_VERSION}")
    tables = [header]
    for name, dtype in TABLES.items():
        n, at = int(header[f"n_{name}"][0]), int(header[f"at_{name}"][0])
        tables.append(buffer[at : at + n * dtype.itemsize].view(dtype))
    if not JIT:
        buffers[buffer.ctypes.data] = buffer
    return State(*tables)


@kernel
def header_of(block: int) -> Any:
    return record_at(block, 0, 0, HEADER)


@kernel
def target_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_targets, i, TARGET)


@kernel
def breaker_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_breakers, i, BREAKER)


@kernel
def meter_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_meters, i, METER)


@kernel
def rule_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_rules, i, RULE)


@kernel
def op_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_ops, i, OP)


@kernel
def route_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_routes, i, ROUTE)


@kernel
def candidate_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_candidates, i, CANDIDATE)


@kernel
def limit_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_limits, i, LIMIT)


@kernel
def budget_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_budgets, i, BUDGET)


@kernel
def tenant_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_tenants, i, TENANT)


@kernel
def workload_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_workloads, i, WORKLOAD)


@kernel
def queue_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_queues, i, QUEUE)


@kernel
def key_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_keys, i, KEY)


@kernel
def link_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_links, i, LINK)


@kernel
def pool_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_pools, i, POOL)


@kernel
def floor_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_floors, i, FLOOR)


@kernel
def price_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_prices, i, PRICE)


@kernel
def flow_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_flows, i, FLOW)


@kernel
def event_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_events, i, EVENT)


@kernel
def decision_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_decisions, i, DECISION)


@kernel
def objective_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_objectives, i, OBJECTIVE)


@kernel
def burn_alert_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_burn_alerts, i, BURN_ALERT)


@kernel
def burn_step_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_burn_steps, i, BURN_STEP)


@kernel
def pause_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_pauses, i, PAUSE)


@kernel
def signal_at(block: int, i: int) -> Any:
    return record_at(block, header_of(block).at_signals, i, SIGNAL)
