"""The tending of the fleet: what is decided on a tick, when a worker dies, and when a plan is adopted.

What must not live here: anything about one request.
"""

from roteiro.journey.journal import note, note_change
from roteiro.journey.request import gone
from roteiro.policy import breaker as breakers
from roteiro.policy import budget as budgets
from roteiro.policy import credential as credentials
from roteiro.policy import hour_cost, price_change, rules, scaling
from roteiro.policy import objective as objectives
from roteiro.policy import queue as queues
from roteiro.policy.kernel import kernel
from roteiro.policy.state import (
    FLOW_BUDGETS,
    NONE,
    Flowing,
    breaker_at,
    budget_at,
    burn_alert_at,
    burn_step_at,
    event_at,
    flow_at,
    header_of,
    objective_at,
    pool_at,
    queue_at,
    route_at,
    rule_at,
    target_at,
    tenant_at,
    workload_at,
)
from roteiro.terms.codes import Reason

__all__ = ["adopt", "capacity", "reap", "recall", "recount", "restore", "tend"]

FREE, WAITING, SENT, BACKOFF, DISMISSED, GRANTED = (
    Flowing.FREE, Flowing.WAITING, Flowing.SENT, Flowing.BACKOFF, Flowing.DISMISSED, Flowing.GRANTED,
)  # fmt: skip
RULE_ON, RULE_OFF, BREAKER_FORCED, WORKER_DIED = (
    int(Reason.RULE_ON), int(Reason.RULE_OFF), int(Reason.BREAKER_FORCED), int(Reason.WORKER_DIED),
)  # fmt: skip
SCALED_UP, SCALED_DOWN = int(Reason.SCALED_UP), int(Reason.SCALED_DOWN)
SLO_ALERT, SLO_CLEARED, SLO_STEP = int(Reason.SLO_ALERT), int(Reason.SLO_CLEARED), int(Reason.SLO_STEP)
LOOK_EVERY_S = 10.0  # at objectives: the shortest window of an alert is a minute
COST_DEGRADED, COST_RECOVERED = int(Reason.COST_DEGRADED), int(Reason.COST_RECOVERED)


@kernel
def tend(block: int, worker: int, now: float, u: float) -> None:
    """A tick: prices change, budgets begin new periods; the hour's cost, rules and replicas are judged; rules that began to hold act."""
    if header_of(block).next_price_at <= now:
        price_change.take_up(block, now)
    epoch = header_of(block).epoch_unix_s
    for b in range(header_of(block).n_budgets):
        if budget_at(block, b).amount_nusd > 0:
            budgets.roll(budget_at(block, b), epoch, now)
    header = header_of(block)
    change = hour_cost.judge(header, now)
    if change != 0:
        reason = COST_DEGRADED if change > 0 else COST_RECOVERED
        note(block, NONE, worker, NONE, NONE, reason, float(header.hour_nusd), float(header.hour_bound_nusd), now)
    for r in range(header_of(block).n_rules):
        rule = rule_at(block, r)
        if rule.ops == 0:
            continue
        change = rules.judge(block, r, now)
        if change != 0:
            note(block, NONE, worker, NONE, NONE, RULE_ON if change > 0 else RULE_OFF, float(r), rule.measured, now)
        if change > 0 and rule.action == rules.CIRCUIT_BREAK and breakers.force_open(breaker_at(block, rule.argument), now, u):
            note(block, NONE, worker, NONE, rule.argument, BREAKER_FORCED, float(r), float(rule.argument), now)
    if header_of(block).objective_count > 0:
        judge_objectives(block, worker, now)
    rules.apply(block)
    objectives.act(block)
    for p in range(header_of(block).pool_count):
        change, why, x, y = scaling.judge(block, p, now)
        if change != 0:
            pool, reason = pool_at(block, p), SCALED_UP if change > 0 else SCALED_DOWN
            before = pool.wanted - change
            note_change(block, NONE, worker, NONE, pool.target, reason, x, y, float(pool.wanted), why, before, pool.ready, now)


@kernel
def judge_objectives(block: int, worker: int, now: float) -> None:
    """Burn alerts and steps of burn, of the objectives where something failed since the last look, or where something holds."""
    epoch = header_of(block).epoch_unix_s
    for o in range(header_of(block).objective_count):
        objective = objective_at(block, o)
        if objective.sli == 0 or now - objective.looked_s < LOOK_EVERY_S:
            objective.due = 0
            continue
        objectives.turn(objective, epoch, now)
        objective.due = 1 if objective.news != 0 or objective.holds != 0 else 0
        objective.looked_s, objective.news, objective.holds = now, 0, 0
    for a in range(header_of(block).alert_count):
        alert = burn_alert_at(block, a)
        objective = objective_at(block, alert.objective)
        if objective.due == 0:
            continue
        change, share = objectives.judge_alert(block, a, now)
        objective.holds += alert.firing
        if change != 0:
            spent = objectives.spent_share(objective, now)
            reason = SLO_ALERT if change > 0 else SLO_CLEARED
            note_change(block, NONE, worker, NONE, NONE, reason, share, alert.share, spent, alert.objective, a, alert.severity, now)
    for s in range(header_of(block).step_count):
        step = burn_step_at(block, s)
        objective = objective_at(block, step.objective)
        if objective.due == 0:
            continue
        change = objectives.judge_step(block, s, now)
        objective.holds += step.active
        if change != 0:
            spent = objectives.spent_share(objective, now)
            note_change(block, NONE, worker, NONE, NONE, SLO_STEP, spent, step.spent, 0.0, step.objective, s, 1 if change > 0 else 0, now)


@kernel
def recall(block: int, objective: int, slot: int, good: int, bad: int, now: float) -> None:
    """An objective takes up what was counted before this run."""
    objectives.recall(block, objective, slot, good, bad, now)


@kernel
def capacity(block: int, target: int, replicas: int, flags: int, start_up_ms: int) -> None:
    """A driver tells how many replicas of a target serve, and how long the last one took to start where that is above 0; bit 0 of `flags`:
    a forecast tells how many there should be at least."""
    p = scaling.pool_of(block, target)
    if p == NONE:
        return
    if flags & 1:
        pool_at(block, p).floor = max(replicas, 0)
    else:
        scaling.told(block, p, replicas)
        if start_up_ms > 0:
            scaling.started(block, p, start_up_ms / 1000.0)


@kernel
def adopt(block: int, plan: int, now: float) -> None:
    """A new plan is in the tables: what is derived from them is derived anew."""
    header = header_of(block)
    header.plan, header.rows_a_flow = plan, 0
    header.generation += 1
    if header.next_price_at <= now:  # it came between the last step, up to which the tables were filled, and this one
        price_change.take_up(block, now)
    for t in range(header.n_targets):
        credentials.settle(target_at(block, t))
    for f in range(header.n_flows):  # where data may go is asked of the plan that is in force
        flow = flow_at(block, f)
        if flow.phase == FREE:
            continue
        flow.residency = tenant_at(block, flow.tenant).residency & workload_at(block, flow.workload).residency
        if flow.phase == WAITING:
            flow.plain = 1 if queues.is_plain(block, f) else 0


@kernel
def restore(block: int, b: int, spent_nusd: int, now: float) -> None:
    """Take up what was spent in the current period before this run."""
    budget = budget_at(block, b)
    budgets.roll(budget, header_of(block).epoch_unix_s, now)
    budget.spent_nusd = spent_nusd


@kernel
def reap(block: int, worker: int, now: float, u: float) -> int:
    """Settle all flows of a worker that died, then count anew what a step cut short may have left wrong → flows settled."""
    recount(block)
    settled = 0
    for f in range(header_of(block).n_flows):
        flow = flow_at(block, f)
        if flow.phase == FREE or flow.worker != worker:
            continue
        sent = flow.phase == SENT
        input_tokens = flow.input_tokens if sent else 0
        output_tokens = flow.output_tokens if sent and flow.first_byte > 0.0 else 0
        gone(block, f, input_tokens, 0, output_tokens, 0, 1, WORKER_DIED, now, u)
        settled += 1
    return settled


@kernel
def recount(block: int) -> None:
    """Derive all counts and lists from the flows, which are the truth: a process killed within a step leaves no slot taken for ever."""
    header = header_of(block)
    for i in range(header_of(block).n_targets):
        target_at(block, i).in_flight, target_at(block, i).tokens = 0, 0
        breaker_at(block, i).probes_out = 0
    for i in range(header_of(block).n_tenants):
        tenant_at(block, i).in_flight = 0
    for i in range(header_of(block).n_workloads):
        workload = workload_at(block, i)
        workload.in_flight, workload.waiting = 0, 0
    for i in range(header.n_queues):
        queue = queue_at(block, i)
        queue.waiting, queue.first, queue.last = 0, NONE, NONE
    for i in range(header_of(block).n_budgets):
        budget_at(block, i).reserved_nusd = 0
    for i in range(header_of(block).n_routes):
        route_at(block, i).waiting, route_at(block, i).waiting_tokens = 0, 0
    header.live, header.waiting, header.news, header.free = 0, 0, NONE, NONE
    last = event_at(block, (header.event_head - 1) % header.n_events).request if header.event_head > 0 else NONE
    for f in range(header_of(block).n_flows - 1, -1, -1):
        flow = flow_at(block, f)
        if flow.request == last:  # its event was written, and the process killed before it could free the flow
            flow.phase = FREE
        if flow.phase == FREE:
            flow.next = header.free
            header.free = f
            continue
        header.live += 1
        for i in range(FLOW_BUDGETS):
            if flow.budgets[i] != NONE:
                budget_at(block, flow.budgets[i]).reserved_nusd += flow.reserved_nusd
        if flow.admitted != 0:
            tenant_at(block, flow.tenant).in_flight += 1
            workload_at(block, flow.workload).in_flight += 1
        if flow.phase == SENT or flow.phase == GRANTED:
            if flow.target == NONE:  # cut short before anything was taken
                flow.phase = BACKOFF
                continue
            target_at(block, flow.target).in_flight += 1
            target_at(block, flow.target).tokens += flow.input_tokens + flow.output_tokens
            if flow.probe != 0:
                breaker_at(block, flow.target).probes_out += 1
            if flow.hedge_target != NONE:
                target_at(block, flow.hedge_target).in_flight += 1
                target_at(block, flow.hedge_target).tokens += flow.input_tokens + flow.output_tokens
                if flow.hedge_probe != 0:
                    breaker_at(block, flow.hedge_target).probes_out += 1
        if flow.phase == GRANTED or flow.phase == DISMISSED:
            flow.next = header.news
            header.news = f
        elif flow.phase == WAITING:
            line_up(block, f)


@kernel
def line_up(block: int, f: int) -> None:
    """Insert flow `f` into the queue of its priority by the time it joined."""
    flow = flow_at(block, f)
    before = queue_at(block, flow.priority).last
    while before != NONE and flow_at(block, before).queued > flow.queued:
        before = flow_at(block, before).before
    queues.insert(block, f, before)
