"""Plan → tables: names to indices, capacities of the block, and the columns that configure each record.

`fill` writes configuration only and leaves live columns (slots in use, money spent, breaker states) as they are, so the same
function lays out a fresh block and adopts a new plan into one that is being used. Indices are stable: a name keeps its place for the
whole run, a name that went is retired, a new one is appended.

What must not live here: reading YAML, and anything that decides about a request.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from roteiro.plan.compile_edge import Grant, budget_in_words, edge_of, limit_in_words
from roteiro.plan.compile_objectives import alert_rows, fill_objectives, step_rows, watched
from roteiro.plan.compile_pools import fill_pools, floor_steps, pool_meters, pooled
from roteiro.plan.compile_prices import fill_prices, price_changes
from roteiro.plan.compile_regions import fill_links, named_regions, residency_bits, side_of
from roteiro.plan.compile_rules import Program, compile_rules
from roteiro.plan.hours import DAY_S
from roteiro.plan.model import Budget, Hedge, Limits, OnExhausted, Plan, Price, ProviderLimits
from roteiro.plan.own import own_names
from roteiro.policy.state import CREDENTIALS, NONE, State, block_size, build
from roteiro.terms.codes import ErrorClass, Priority
from roteiro.terms.edge import Edge, Names
from roteiro.terms.error import PlanError
from roteiro.terms.own import OWN_TENANTS
from roteiro.terms.problem import Problem, Where
from roteiro.terms.units import Rate

__all__ = ["Compiled", "Grant", "RingSizes", "compile_plan", "fresh_block"]

UNBOUNDED: Final = 1 << 40
ON_EXHAUSTED: Final = {OnExhausted.FAIL_FAST: 0, OnExhausted.LEAST_BAD: 1, OnExhausted.QUEUE: 2}
COUNTED: Final = sum(1 << c for c in (ErrorClass.SERVER, ErrorClass.TIMEOUT, ErrorClass.CONNECTION, ErrorClass.PROTOCOL))
PERIOD_S: Final = {"hour": 3600.0, "day": 86_400.0, "week": 604_800.0, "month": 0.0}
MONDAY_S: Final = 4 * 86_400.0  # 1970-01-01 was a Thursday
RETRY_CAP: Final = 100.0
RETRY_START: Final = 10.0
"""What a fresh server may retry before the ratio binds: a few, since nothing is known yet of how often it is asked."""
NEVER: Final = 1e18


@dataclass(frozen=True, slots=True)
class RingSizes:
    """Capacities that are not the plan's: requests at once, and rows that may wait to be written."""

    flows: int = 8192
    events: int = 1 << 16
    decisions: int = 1 << 18
    signals: int = 1 << 14


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan as tables. `fill(state)` writes it into a block whose capacities allow it."""

    plan: Plan
    names: Names
    edge: Edge
    program: Program
    capacities: dict[str, int]
    grants: tuple[Grant, ...]
    limits: dict[str, tuple[Rate, float]]
    budgets: dict[str, Budget]

    def fits(self, state: State) -> Iterable[Problem]:
        """Why this plan cannot be adopted into that block: tables that are too small for it."""
        wanted: dict[str, Sequence[object]] = {
            "targets": self.names.targets, "routes": self.names.routes, "tenants": self.names.tenants, "workloads": self.names.workloads,
            "keys": self.names.keys, "limits": self.names.limits, "budgets": self.names.budgets, "rules": self.program.rules,
            "ops": self.program.ops, "meters": self.program.meters, "candidates": self.candidates(),
            "links": range(len(self.names.regions) ** 2), "pools": list(pooled(self.plan)),
            "prices": price_changes(self.plan, self.names.targets), "floors": floor_steps(self.plan),
            "objectives": self.names.objectives, "burn_alerts": alert_rows(self.plan), "burn_steps": step_rows(self.plan),
            "pauses": self.plan.maintenance,
        }  # fmt: skip
        for table, rows in wanted.items():
            room = len(getattr(state, table))
            if len(rows) > room:
                yield Problem(
                    "E901", Where("plan"), table, f"needs {len(rows)} records; the running server has {room}",
                    "restart the server with this plan: it then makes room",
                )  # fmt: skip

    def candidates(self) -> list[tuple[int, int, int, float]]:
        """(route, target, rank, weight) of all routes, in order of route, rank and name."""
        rows = []
        for r, name in enumerate(self.names.routes):
            model = self.plan.models.get(name)
            if model is None:
                continue
            index, taken = self.names.targets.index, {target: weight for target, weight in sorted(model.targets.items()) if weight}
            rows += [(r, index(target), 0, float(weight)) for target, weight in taken.items()]
            rows += [(r, index(fallback), rank, 1.0) for rank, fallback in enumerate(model.fallbacks, 1) if fallback not in taken]
        return rows

    def fill(self, state: State) -> None:
        """Write the configuration into the state; live columns stay."""
        fill_limits(self, state)
        fill_targets(self, state)
        fill_prices(self.plan, self.names.targets, state)
        fill_routes(self, state)
        fill_people(self, state)
        self.program.fill(state, self.names)
        fill_links(self.plan, self.names.regions, state)
        header = state.header[0]
        offset = local_offset_s(self.plan.timezone, float(header["epoch_unix_s"]))
        header["offset_s"], header["queue_bound"] = offset, self.plan.queue.size
        fill_objectives(self.plan, self.names, state)
        fill_pools(self.plan, self.names.targets, self.program.meters, state)
        fill_cost(self, header)
        header["retry_ratio"], header["retry_per_s"], header["retry_cap"] = self.plan.retry.ratio, self.plan.retry.min_per_second, RETRY_CAP


def compile_plan(
    plan: Plan,
    digest: str,
    grants: Sequence[Grant] = (),
    *,
    before: Names | None = None,
    sizes: RingSizes = RingSizes(),
) -> Compiled:
    """Tables of a checked, resolved plan. `before` are the names of the running server, whose indices are kept.

    Each tenant has an implicit key `tenant:NAME` that no digest opens; the simulator draws arrivals from it.
    """
    old = before or Names(
        targets=[], routes=[], tenants=[], workloads=[], keys=[], tiers=[], regions=[], limits=[], budgets=[], rules=[], plans=[]
    )
    limits, budgets = named_limits(plan, grants), named_budgets(plan)
    targets = kept(old.targets, plan.providers)
    program = compile_rules(plan, targets, pool_meters(plan, targets))
    names = Names(
        targets=targets,
        routes=kept(old.routes, plan.models),
        tenants=kept(old.tenants, plan.tenants),
        workloads=kept(old.workloads, plan.workloads),
        keys=kept(old.keys, [*(f"tenant:{name}" for name in plan.tenants), *(grant.name for grant in grants)]),
        tiers=kept(old.tiers, plan.sla_tiers),
        regions=kept(old.regions, named_regions(plan)),
        limits=kept(old.limits, limits),
        budgets=kept(old.budgets, budgets),
        rules=program.names,
        plans=[*old.plans, digest],
        objectives=kept(old.objectives, [one.name for one in watched(plan)]),
    )
    words = [limit_in_words(name, limits.get(name)) for name in names.limits]
    money = [budget_in_words(name, budgets.get(name)) for name in names.budgets]
    compiled = Compiled(plan, names, edge_of(plan, names, digest, grants, words, money), program, {}, tuple(grants), limits, budgets)
    compiled.capacities.update(capacities(compiled, sizes))
    return compiled


def kept(old: Sequence[str], new: Iterable[str]) -> list[str]:
    return [*old, *sorted(set(new) - set(old))]


def capacities(compiled: Compiled, sizes: RingSizes) -> dict[str, int]:
    def roomy(rows: Sequence[object], least: int = 8) -> int:
        return max(2 * len(rows), least)

    names, program = compiled.names, compiled.program
    return {
        "targets": roomy(names.targets), "breakers": roomy(names.targets),
        "meters": roomy(program.meters, 16), "rules": roomy(program.rules),
        "ops": roomy(program.ops, 32), "routes": roomy(names.routes), "candidates": roomy(compiled.candidates(), 32),
        "limits": roomy(names.limits, 64), "budgets": roomy(names.budgets, 32), "tenants": roomy(names.tenants),
        "workloads": roomy(names.workloads), "queues": len(Priority), "keys": roomy(names.keys, 64),
        "links": side_of(names.regions) ** 2, "pools": roomy(list(pooled(compiled.plan)), 4),
        "prices": roomy(price_changes(compiled.plan, names.targets), 32),
        "floors": roomy(floor_steps(compiled.plan), 1024 if pooled(compiled.plan) else 1),
        "objectives": roomy(names.objectives, 4), "burn_alerts": roomy(alert_rows(compiled.plan), 16),
        "burn_steps": roomy(step_rows(compiled.plan), 8), "pauses": roomy(compiled.plan.maintenance, 8),
        "flows": sizes.flows, "events": sizes.events, "decisions": sizes.decisions, "signals": sizes.signals,
    }  # fmt: skip


def fresh_block(
    compiled: Compiled, epoch_unix_s: float, epoch_monotonic_s: float = 0.0, buffer: npt.NDArray[np.uint8] | None = None
) -> tuple[npt.NDArray[np.uint8], State]:
    """A block for this plan, in `buffer` (zeroed) or in memory of its own → (block, its state).

    Keep the block as long as the state is used.
    """
    if buffer is None:
        buffer = np.zeros(block_size(compiled.capacities), np.uint8)
    state = build(buffer, compiled.capacities)
    header = state.header[0]
    header["epoch_unix_s"], header["epoch_monotonic_s"], header["journal"] = epoch_unix_s, epoch_monotonic_s, 1
    header["plan"] = len(compiled.names.plans) - 1
    compiled.fill(state)
    header["retry_balance"] = RETRY_START
    return buffer, state


def local_offset_s(timezone: str, unix_s: float) -> float:
    offset = datetime.fromtimestamp(unix_s, UTC).astimezone(ZoneInfo(timezone)).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


# --- limits and budgets: named rows, so that adoption finds them again ---------------------------------------------------------------


def named_limits(plan: Plan, grants: Sequence[Grant]) -> dict[str, tuple[Rate, float]]:
    """Name → (rate, seconds of burst)."""
    scopes: list[tuple[str, Limits | ProviderLimits]] = [
        *((f"tenant/{name}", tenant.limits) for name, tenant in plan.tenants.items()),
        *((f"workload/{name}", workload.limits) for name, workload in plan.workloads.items()),
        *((f"model/{name}", model.limits) for name, model in plan.models.items()),
        *((f"provider/{name}", provider.limits) for name, provider in plan.providers.items()),
        *((f"key/{grant.name}", plan.tenants[grant.tenant].key_limits) for grant in grants if grant.tenant in plan.tenants),
        *((f"key/tenant:{name}", tenant.key_limits) for name, tenant in plan.tenants.items()),
    ]
    rows = {}
    for scope, limits in scopes:
        for kind, rate in (("requests", limits.requests), ("tokens", limits.tokens)):
            if rate is not None:
                rows[f"{scope}/{kind}"] = (rate, float(limits.burst_s or rate.period_s))
    return rows


def named_budgets(plan: Plan) -> dict[str, Budget]:
    return {
        **{f"all/{name}": budget for name, budget in plan.budgets.items()},
        **{f"team/{team}/{name}": budget for team, t in plan.teams.items() for name, budget in t.budgets.items()},
        **{f"tenant/{tenant}/{name}": budget for tenant, t in plan.tenants.items() for name, budget in t.budgets.items()},
        **{f"workload/{workload}/{name}": budget for workload, w in plan.workloads.items() for name, budget in w.budgets.items()},
    }


def fill_limits(compiled: Compiled, state: State) -> None:
    for name, (rate, burst_s) in compiled.limits.items():
        row = state.limits[compiled.names.limits.index(name)]
        row["interval_s"], row["burst_s"] = 1.0 / rate.per_second, burst_s
        row["per_minute"] = rate.per_second * 60.0
    offset = local_offset_s(compiled.plan.timezone, float(state.header["epoch_unix_s"][0]))
    for i, name in enumerate(compiled.names.budgets):
        row = state.budgets[i]
        budget = compiled.budgets.get(name)
        if budget is None:  # retired: money in flight is still settled here, and nothing is refused for it
            row["amount_nusd"], row["stop"], row["degrade"], row["warn"] = 0, NEVER, NEVER, NEVER
            continue
        if row["period_s"] != PERIOD_S[budget.period]:
            row["ends_s"] = 0.0  # the kernel finds the new period's end; who adopts says what was spent in it
        row["amount_nusd"], row["period_s"] = budget.amount_nusd, PERIOD_S[budget.period]
        row["offset_s"] = offset - (MONDAY_S if budget.period == "week" else 0.0)
        for column, share in (("warn", budget.warn_at), ("degrade", budget.degrade_at), ("stop", budget.stop_at)):
            row[column] = NEVER if share is None else share


def limit_index(compiled: Compiled, name: str) -> int:
    return compiled.names.limits.index(name) if name in compiled.limits else NONE


# --- targets and routes ----------------------------------------------------------------------------------------------------------------


def fill_targets(compiled: Compiled, state: State) -> None:
    for i, name in enumerate(compiled.names.targets):
        target, breaker = state.targets[i], state.breakers[i]
        provider = compiled.plan.providers.get(name)
        target["retired"] = provider is None
        if provider is None:
            continue
        target["slots"], target["cloud"] = provider.limits.concurrency, provider.is_cloud
        target["region"] = compiled.names.regions.index(provider.region)
        target["requests_limit"] = limit_index(compiled, f"provider/{name}/requests")
        target["tokens_limit"] = limit_index(compiled, f"provider/{name}/tokens")
        target["first_token_s"], target["attempt_s"] = provider.timeouts.first_token_s, provider.timeouts.attempt_s
        price = provider.price
        rules = provider.breaker
        own_time = float(state.header["epoch_unix_s"][0])
        target["off_peak_from_s"], target["off_peak_to_s"], target["off_peak_share"] = off_peak(price, compiled.plan.timezone, own_time)
        target["prefix"] = provider.assistant_prefix and provider.kind == "chat"
        target["context_tokens"], target["most_output"] = provider.context_tokens or 0, provider.max_output_tokens or 0
        fill_credentials(target, len(provider.key_envs))
        breaker["enabled"], breaker["counted"], breaker["window_s"] = 1, COUNTED, rules.window_s
        breaker["minimum_calls"], breaker["failure_share"] = rules.minimum_calls, rules.failure_rate
        breaker["slow_s"], breaker["slow_share"] = rules.slow_call_s or 0.0, rules.slow_rate
        breaker["open_s"], breaker["max_open_s"], breaker["probes"] = rules.open_for_s, rules.max_open_s, rules.half_open_probes


def fill_credentials(target: Any, keys: int) -> None:
    """How many credentials a target has; one that it no longer has is forgotten."""
    count = min(max(keys, 1), CREDENTIALS)
    target["credentials"] = count
    target["next_credential"] %= count
    target["credential_until"][count:] = 0.0
    target["refusals"][count:] = 0
    target["credential_refused"] &= (1 << count) - 1


def off_peak(price: Price | None, timezone: str, unix_s: float) -> tuple[float, float, float]:
    """(from, to, share of the price) of the off-peak hours, in seconds of the plan's own day as it is now; zeros where there are none."""
    window = None if price is None else price.off_peak
    if window is None:
        return 0.0, 0.0, 0.0
    ahead = 0.0 if window.timezone is None else local_offset_s(timezone, unix_s) - local_offset_s(window.timezone, unix_s)
    return (window.from_s + ahead) % DAY_S, (window.to_s + ahead) % DAY_S, 1.0 - window.discount


def fill_routes(compiled: Compiled, state: State) -> None:
    rows = compiled.candidates()
    for c, (_, target, rank, weight) in enumerate(rows):
        state.candidates[c] = (target, rank, weight)
    for r, name in enumerate(compiled.names.routes):
        route = state.routes[r]
        model = compiled.plan.models.get(name)
        route["retired"] = model is None
        route["larger"], route["tiers"], route["degrade"] = NONE, NONE, NONE
        mine = [c for c, row in enumerate(rows) if row[0] == r]
        route["first"], route["count"] = (mine[0] if mine else 0), len(mine)
        if model is None:
            route["rescue"], route["hedge_share"] = 0, 0.0
            continue
        targets = [rows[c][1] for c in mine]
        route["price_input"] = max((int(state.targets[t]["price_input"]) for t in targets), default=0)
        route["price_output"] = max(
            (max(int(state.targets[t]["price_output"]), int(state.targets[t]["price_reasoning"])) for t in targets), default=0
        )
        index = compiled.names.routes.index
        route["degrade"] = NONE if model.degrade_to is None else index(model.degrade_to)
        route["larger"] = NONE if model.larger_context is None else index(model.larger_context)
        if model.complexity is not None:
            route["tiers"] = [NONE if tier is None or tier == name else index(tier) for tier in model.complexity.models]
        route["nearest"] = model.balance == "nearest"
        route["rescue"] = model.rescue and compiled.plan.kind_of(model) == "chat"
        fill_hedge(route, model.hedge)
        route["requests_limit"] = limit_index(compiled, f"model/{name}/requests")
        route["tokens_limit"] = limit_index(compiled, f"model/{name}/tokens")
        route["on_exhausted"], route["deadline_s"] = ON_EXHAUSTED[model.on_exhausted], model.timeouts.total_s
        retry = model.retry
        route["attempts"], route["same_target"], route["backoff_s"] = retry.attempts, retry.same_target, retry.backoff_s
        route["max_backoff_s"], route["retry_after_cap_s"] = retry.max_backoff_s, retry.retry_after_cap_s


def fill_hedge(route: Any, hedge: Hedge | None) -> None:
    """A delay that was followed for one percentile says nothing of another, and is followed anew."""
    share, after_s, percentile = (hedge.at_most, hedge.after_s, hedge.percentile) if hedge is not None else (0.0, 0.0, 0.0)
    if route["hedge_percentile"] != percentile:
        route["hedge_seen"], route["hedge_delay_s"] = 0, 0.0
    route["hedge_share"], route["hedge_after_s"], route["hedge_percentile"] = share, after_s, percentile


def fill_cost(compiled: Compiled, header: Any) -> None:
    """The bound on an hour's cost; without a model to give way to there is none."""
    policy = compiled.plan.scaling_policies.cost_based
    route = NONE
    if policy is not None and policy.fallback_model in compiled.plan.models:
        route = compiled.names.routes.index(policy.fallback_model)
    bound = policy.max_budget_nusd if policy is not None and route != NONE else 0
    header["cost_route"], header["hour_bound_nusd"] = route, bound
    header["cost_cooldown_s"] = policy.cooldown_s if policy is not None else 0.0
    if not bound:
        header["cost_degrading"] = 0


# --- people ------------------------------------------------------------------------------------------------------------------------------


def fill_people(compiled: Compiled, state: State) -> None:
    plan, names = compiled.plan, compiled.names
    for i, name in enumerate(names.tenants):
        row, tenant = state.tenants[i], plan.tenants.get(name)
        row["retired"] = tenant is None
        row["budgets"] = NONE
        if tenant is None:
            continue
        row["slots"] = tenant.concurrency or UNBOUNDED
        row["residency"] = residency_bits(names.regions, tenant.residency)
        row["internal"] = name in OWN_TENANTS
        row["tier"] = NONE if tenant.tier is None else names.tiers.index(tenant.tier)
        row["priority"] = NONE if tenant.priority is None else Priority[tenant.priority.name]
        row["requests_limit"] = limit_index(compiled, f"tenant/{name}/requests")
        row["tokens_limit"] = limit_index(compiled, f"tenant/{name}/tokens")
        prefixes = ["all/", *([f"team/{tenant.team}/"] if tenant.team else []), f"tenant/{name}/"]
        put_budgets(row, [b for prefix in prefixes for b in compiled.budgets if b.startswith(prefix)], names, f"tenants.{name}.budgets")
    for i, name in enumerate(names.workloads):
        row, workload = state.workloads[i], plan.workloads.get(name)
        row["retired"] = workload is None
        row["budgets"] = NONE
        if workload is None:
            continue
        row["slots"], row["priority"] = workload.concurrency or UNBOUNDED, Priority[workload.priority.name]
        row["residency"] = residency_bits(names.regions, workload.residency)
        row["queue"], row["max_wait_s"] = (workload.queue.size, workload.queue.max_wait_s) if workload.queue else (0, 0.0)
        row["requests_limit"] = limit_index(compiled, f"workload/{name}/requests")
        row["tokens_limit"] = limit_index(compiled, f"workload/{name}/tokens")
        put_budgets(row, [b for b in compiled.budgets if b.startswith(f"workload/{name}/")], names, f"workloads.{name}.budgets")
    for k, (tenant_name, workload_name, limits_name) in enumerate(key_owners(compiled)):
        row = state.keys[k]
        row["revoked"] = tenant_name is None
        if tenant_name is None:
            continue
        row["tenant"] = names.tenants.index(tenant_name)
        row["workload"] = names.workloads.index(workload_name or default_workload(plan, tenant_name))
        row["requests_limit"] = limit_index(compiled, f"key/{limits_name}/requests")
        row["tokens_limit"] = limit_index(compiled, f"key/{limits_name}/tokens")


def put_budgets(row: Any, rows: Sequence[str], names: Names, path: str) -> None:
    room = len(row["budgets"])
    if len(rows) > room:
        raise PlanError([
            Problem("E902", Where("plan"), path, f"are {len(rows)} with those of all and of the team; at most {room}", "join some of them")
        ])  # fmt: skip
    row["budgets"][: len(rows)] = [names.budgets.index(name) for name in rows]


def key_owners(compiled: Compiled) -> Iterable[tuple[str | None, str | None, str]]:
    """(tenant, workload, name) of each key in order of index; tenant None where it is revoked or its tenant went."""
    granted = {grant.name: grant for grant in compiled.grants}
    for name in compiled.names.keys:
        grant = granted.get(name)
        tenant = grant.tenant if grant else name.removeprefix("tenant:") if name.startswith("tenant:") else None
        workload = grant.workload if grant else None
        if tenant not in compiled.plan.tenants or (workload is not None and workload not in compiled.plan.workloads):
            tenant = None
        yield tenant, workload, name


def default_workload(plan: Plan, tenant: str) -> str:
    own = plan.tenants[tenant].workloads
    return own[0] if own else min(plan.workloads.keys() - own_names(plan))
