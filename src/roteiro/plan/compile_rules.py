"""Routing rules → postfix programs over meters.

What must not live here: parsing (`condition`), judging (`policy.rules`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from roteiro.plan.condition import And, Comparison, Condition, Expression, Metric, Not, Or
from roteiro.plan.metric import METRICS as KINDS
from roteiro.plan.model import ActionKind, Plan, Rule
from roteiro.policy import meter as meters
from roteiro.policy.rules import Action, Comparator, OpCode
from roteiro.policy.state import NONE, State
from roteiro.terms.codes import BreakerState, Priority
from roteiro.terms.edge import Names

__all__ = ["MeterRow", "Program", "compile_rules"]

COMPARATORS: Final = {
    ">": Comparator.GREATER, ">=": Comparator.GREATER_EQUAL, "<": Comparator.LESS, "<=": Comparator.LESS_EQUAL,
    "==": Comparator.EQUAL, "!=": Comparator.NOT_EQUAL,
}  # fmt: skip
MIRRORED: Final = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
ACTIONS: Final = {
    ActionKind.ROUTE_TO: Action.ROUTE_TO, ActionKind.CIRCUIT_BREAK: Action.CIRCUIT_BREAK, ActionKind.AVOID: Action.AVOID,
    ActionKind.DEGRADE: Action.DEGRADE, ActionKind.SHED: Action.SHED,
}  # fmt: skip
MEANS: Final = {"quality": meters.Metric.QUALITY, "confidence": meters.Metric.CONFIDENCE}
METRICS: Final = {"latency": meters.Metric.LATENCY_MS, "ttft": meters.Metric.TTFT_MS}
HOUR_S: Final = 3600.0
HALF: Final = 0.5  # a percentile's verdict reads 0 or 1


@dataclass(frozen=True, slots=True)
class MeterRow:
    """Configuration of one METER record; target -1 is the fleet."""

    target: int
    metric: int
    statistic: int
    window_s: float
    threshold: float
    percentile: float
    minimum: float


@dataclass(frozen=True, slots=True)
class OpRow:
    code: int
    comparator: int = 0
    index: int = NONE
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class RuleRow:
    first: int
    ops: int
    action: int
    argument: int
    subject: int
    for_s: float


@dataclass(slots=True)
class Program:
    """All rules of a plan. `meters` are sorted by target, so that each target's lie side by side."""

    rules: list[RuleRow] = field(default_factory=list)
    ops: list[OpRow] = field(default_factory=list)
    meters: list[MeterRow] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def fill(self, state: State, names: Names) -> None:
        """Write rules, operations and meters; a meter that was there before keeps what it has counted."""
        columns = [*MeterRow.__slots__]
        counted = {tuple(float(row[c]) for c in columns): row.copy() for row in state.meters if row["window_s"] > 0.0}
        state.meters[:] = np.zeros(1, state.meters.dtype)
        for i, meter in enumerate(self.meters):
            key = tuple(float(getattr(meter, c)) for c in columns)
            if key in counted:
                state.meters[i] = counted[key]
            for column in columns:
                state.meters[i][column] = getattr(meter, column)
        owners = [meter.target for meter in self.meters]
        for t in range(len(names.targets)):
            state.targets[t]["meter_first"], state.targets[t]["meter_count"] = span(owners, t)
        state.header["fleet_meter_first"], state.header["fleet_meter_count"] = span(owners, NONE)
        state.ops[:] = np.zeros(1, state.ops.dtype)
        for i, op in enumerate(self.ops):
            state.ops[i] = (op.code, op.comparator, op.index, op.low, op.high)
        state.rules[:] = np.zeros(1, state.rules.dtype)
        for i, rule in enumerate(self.rules):
            state.rules[i] = (rule.first, rule.ops, rule.action, rule.argument, rule.subject, rule.for_s, np.nan, 0, 0.0)
        header = state.header[0]  # no rule holds until the next tick says so
        header["redirect"], header["redirect_rule"], header["degrading"], header["shed_from"] = NONE, NONE, 0, 127
        for column, value in (("redirect", NONE), ("redirect_rule", NONE), ("avoid", 0)):
            state.targets[column] = value


def span(owners: Sequence[int], owner: int) -> tuple[int, int]:
    return (owners.index(owner) if owner in owners else 0), owners.count(owner)


def compile_rules(plan: Plan, targets: Sequence[str], others: Iterable[MeterRow] = ()) -> Program:
    """The program of `plan.routing_logic`; `targets` are the names in order of index, `others` meters that are wanted beside."""
    wanted = {
        meter
        for rule in plan.routing_logic
        for leaf in rule.condition.leaves()
        if isinstance(leaf, Comparison) and (meter := meter_of(leaf, rule.condition, targets)) is not None
    }
    program = Program(meters=sorted(wanted | set(others), key=lambda m: tuple(getattr(m, c) for c in MeterRow.__slots__)))
    for i, rule in enumerate(plan.routing_logic):
        first = len(program.ops)
        emit(rule.condition.expression, rule.condition, targets, program)
        argument, subject = effect(rule, targets)
        program.rules.append(RuleRow(first, len(program.ops) - first, ACTIONS[rule.action.kind], argument, subject, rule.hold_s))
        program.names.append(rule.name or f"{i + 1}: {rule.condition} → {rule.action}")
    return program


def effect(rule: Rule, targets: Sequence[str]) -> tuple[int, int]:
    """(argument, subject) of an action. The traffic that `route_to` moves is that of the one provider its condition speaks of, else all."""
    kind, name = rule.action.kind, rule.action.subject
    if kind is ActionKind.SHED:
        return Priority[str(name).upper()], NONE
    if name is None:
        return NONE, NONE
    others = [subject for subject in rule.condition.subjects() if subject != name]
    return targets.index(name), targets.index(others[0]) if kind is ActionKind.ROUTE_TO and len(others) == 1 else NONE


def meter_of(leaf: Comparison, condition: Condition, targets: Sequence[str]) -> MeterRow | None:
    """The meter that a comparison reads, or None where it reads the state itself."""
    metric: Metric = leaf.metric
    target = NONE if metric.subject == "fleet" else targets.index(metric.subject) if metric.subject in targets else NONE
    minimum = float(condition.minimum_calls or KINDS[metric.name].calls)
    if metric.name in METRICS:
        kind = int(METRICS[metric.name])
        if metric.statistic == "mean":
            return MeterRow(target, kind, int(meters.Statistic.MEAN), metric.window_s, 0.0, 0.0, minimum)
        percentile = float(metric.statistic.removeprefix("p")) / 100.0
        return MeterRow(target, kind, int(meters.Statistic.PERCENTILE), metric.window_s, leaf.value, percentile, minimum)
    if metric.name in ("error_rate", "availability"):
        return MeterRow(target, int(meters.Metric.ERROR), int(meters.Statistic.MEAN), metric.window_s, 0.0, 0.0, minimum)
    if metric.name in MEANS:
        return MeterRow(target, int(MEANS[metric.name]), int(meters.Statistic.MEAN), metric.window_s, 0.0, 0.0, minimum)
    if metric.name == "cost_per_hour":
        return MeterRow(target, int(meters.Metric.COST_NUSD), int(meters.Statistic.PER_HOUR), HOUR_S, 0.0, 0.0, 0.0)
    return None


def emit(expression: Expression, condition: Condition, targets: Sequence[str], program: Program) -> None:
    """Append the operations of an expression in postfix order."""
    if isinstance(expression, And | Or):
        for i, operand in enumerate(expression.operands):
            emit(operand, condition, targets, program)
            if i > 0:
                program.ops.append(OpRow(OpCode.AND if isinstance(expression, And) else OpCode.OR))
    elif isinstance(expression, Not):
        emit(expression.operand, condition, targets, program)
        program.ops.append(OpRow(OpCode.NOT))
    elif isinstance(expression, Comparison):
        program.ops.append(comparison(expression, condition, targets, program))
    elif expression.subject in ("all", "cloud"):
        program.ops.append(OpRow(OpCode.ALL_UNAVAILABLE if expression.subject == "all" else OpCode.ALL_CLOUD_UNAVAILABLE))
    elif expression.name == "unavailable":
        program.ops.append(OpRow(OpCode.UNAVAILABLE, index=targets.index(expression.subject)))
    else:
        state = float(BreakerState[expression.name.upper()])
        program.ops.append(OpRow(OpCode.BREAKER, Comparator.EQUAL, targets.index(expression.subject), state))


def comparison(leaf: Comparison, condition: Condition, targets: Sequence[str], program: Program) -> OpRow:
    metric, operator, value = leaf.metric, leaf.operator, leaf.value
    meter = meter_of(leaf, condition, targets)
    if meter is not None:
        index = program.meters.index(meter)
        if meter.statistic == meters.Statistic.PERCENTILE:  # its own threshold was counted; what is left is yes or no
            return OpRow(OpCode.METER, Comparator.GREATER if operator in (">", ">=") else Comparator.LESS, index, HALF)
        if metric.name == "availability":
            operator, value = MIRRORED[operator], 1.0 - value
        return OpRow(OpCode.METER, COMPARATORS[operator], index, value)
    if metric.name == "hour":
        low, high = {
            ">": (value + 1, 23.0), ">=": (value, 23.0), "<": (0.0, value - 1), "<=": (0.0, value),
            "==": (value, value), "!=": (value + 1, value - 1),
        }[operator]  # fmt: skip
        return OpRow(OpCode.HOUR, 0, NONE, low, high)
    code = {"in_flight": OpCode.IN_FLIGHT, "queue_depth": OpCode.QUEUE_DEPTH, "queue_depth_tokens": OpCode.QUEUE_TOKENS}[metric.name]
    return OpRow(code, COMPARATORS[operator], targets.index(metric.subject) if metric.subject in targets else NONE, value)
