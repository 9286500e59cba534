"""Routing rules: condition → action, judged at ticks and read by routing as flags on the records.

Records: RULE, OP. A condition is a postfix program of at most a few operations over meters, breakers and the clock.
What must not live here: what a flagged target means for a request (see `routing`).
"""

from enum import IntEnum
from typing import Any

import numpy as np

from roteiro.policy import breaker as breakers
from roteiro.policy import meter as meters
from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE, breaker_at, flow_at, header_of, meter_at, op_at, queue_at, rule_at, target_at

__all__ = ["Action", "Comparator", "OpCode", "apply", "holds", "judge"]


class OpCode(IntEnum):
    METER = 1
    """index: meter; compares its value with low, or the percentile's own verdict."""
    BREAKER = 2
    """index: target; low: BreakerState."""
    UNAVAILABLE = 3
    """index: target."""
    ALL_CLOUD_UNAVAILABLE = 4
    ALL_UNAVAILABLE = 5
    IN_FLIGHT = 6
    """index: target, or -1 for the fleet."""
    QUEUE_DEPTH = 7
    QUEUE_TOKENS = 8
    HOUR = 9
    """low <= hour of the day <= high, local; high below low runs past midnight."""
    AND = 10
    OR = 11
    NOT = 12


class Comparator(IntEnum):
    GREATER = 1
    GREATER_EQUAL = 2
    LESS = 3
    LESS_EQUAL = 4
    EQUAL = 5
    NOT_EQUAL = 6


class Action(IntEnum):
    ROUTE_TO = 1
    """argument: target. subject: the target whose traffic moves, or -1 for all."""
    CIRCUIT_BREAK = 2
    """argument: target."""
    AVOID = 3
    """argument: target."""
    DEGRADE = 4
    """Every route that has a cheaper one takes it."""
    SHED = 5
    """argument: the most important priority that is refused."""


METER, BREAKER, UNAVAILABLE, ALL_CLOUD_UNAVAILABLE, ALL_UNAVAILABLE, IN_FLIGHT, QUEUE_DEPTH, QUEUE_TOKENS, HOUR, AND, OR, NOT = (
    int(code) for code in OpCode
)
GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, EQUAL, NOT_EQUAL = (int(c) for c in Comparator)
ROUTE_TO, CIRCUIT_BREAK, AVOID, DEGRADE, SHED = (int(a) for a in Action)
NOBODY = 127  # a priority below all


@kernel
def compare(value: float, comparator: int, bound: float) -> bool:
    if comparator == GREATER:
        return value > bound
    if comparator == GREATER_EQUAL:
        return value >= bound
    if comparator == LESS:
        return value < bound
    if comparator == LESS_EQUAL:
        return value <= bound
    if comparator == EQUAL:
        return value == bound
    return value != bound


@kernel
def unavailable(block: int, i: int, now: float) -> bool:
    target = target_at(block, i)
    return target.retired != 0 or target.paused_until > now or not breakers.allows(breaker_at(block, i), now)


@kernel
def none_available(block: int, cloud_only: bool, now: float) -> bool:
    """Whether every target in use (or every cloud one) is unavailable; False where there is none."""
    any_at_all = False
    for i in range(header_of(block).n_targets):
        if target_at(block, i).retired == 0 and target_at(block, i).slots > 0 and (target_at(block, i).cloud != 0 or not cloud_only):
            any_at_all = True
            if not unavailable(block, i, now):
                return False
    return any_at_all


@kernel
def queued_tokens(block: int) -> float:
    total = 0.0
    for p in range(header_of(block).n_queues):
        f = queue_at(block, p).first
        while f != NONE:
            total += flow_at(block, f).reserved_tokens
            f = flow_at(block, f).next
    return total


@kernel
def holds(block: int, rule: Any, now: float) -> tuple[bool, float]:
    """Whether the condition is true now, and the last number that was measured for it."""
    stack, top = 0, 0  # a stack of truths, a bit each
    measured = 0.0
    for o in range(rule.first, rule.first + rule.ops):
        op = op_at(block, o)
        if op.code == NOT:
            stack ^= 1 << (top - 1)
            continue
        if op.code == AND or op.code == OR:
            right, left = (stack >> (top - 1)) & 1, (stack >> (top - 2)) & 1
            top -= 2
            stack &= (1 << top) - 1
            stack |= (left & right if op.code == AND else left | right) << top
            top += 1
            continue
        truth = False
        if op.code == METER:
            value, measured, enough = meters.read(meter_at(block, op.index), now)
            truth = enough and compare(value, op.comparator, op.low)
        elif op.code == BREAKER:
            measured = float(breaker_at(block, op.index).state)
            truth = compare(measured, op.comparator, op.low)
        elif op.code == UNAVAILABLE:
            truth = unavailable(block, op.index, now)
        elif op.code == ALL_CLOUD_UNAVAILABLE:
            truth = none_available(block, True, now)
        elif op.code == ALL_UNAVAILABLE:
            truth = none_available(block, False, now)
        elif op.code == IN_FLIGHT:
            measured = float(header_of(block).live if op.index == NONE else target_at(block, op.index).in_flight)
            truth = compare(measured, op.comparator, op.low)
        elif op.code == QUEUE_DEPTH:
            measured = float(header_of(block).waiting)
            truth = compare(measured, op.comparator, op.low)
        elif op.code == QUEUE_TOKENS:
            measured = queued_tokens(block)
            truth = compare(measured, op.comparator, op.low)
        elif op.code == HOUR:
            measured = ((header_of(block).epoch_unix_s + now + header_of(block).offset_s) % 86_400.0) // 3600.0
            truth = op.low <= measured <= op.high if op.low <= op.high else (measured >= op.low or measured <= op.high)
        stack |= (1 if truth else 0) << top
        top += 1
    return stack & 1 != 0, measured


@kernel
def judge(block: int, r: int, now: float) -> int:
    """Bring rule `r` up to date → 1 where it began to hold, -1 where it ceased, 0 otherwise."""
    rule = rule_at(block, r)
    truth, rule.measured = holds(block, rule, now)
    if not truth:
        rule.since = np.nan
        if rule.active:
            rule.active = 0
            return -1
        return 0
    if rule.since != rule.since:
        rule.since = now
    if rule.active or now - rule.since < rule.for_s:
        return 0
    rule.active = 1
    return 1


@kernel
def apply(block: int) -> None:
    """Write the flags of all rules that hold; where two move the same traffic, the one written first in the plan wins."""
    header = header_of(block)
    header.redirect, header.redirect_rule, header.degrading, header.shed_from = NONE, NONE, 0, NOBODY
    for i in range(header_of(block).n_targets):
        target_at(block, i).redirect, target_at(block, i).redirect_rule, target_at(block, i).avoid = NONE, NONE, 0
    for r in range(header_of(block).n_rules - 1, -1, -1):
        rule = rule_at(block, r)
        if rule.active == 0:
            continue
        if rule.action == ROUTE_TO:
            if rule.subject == NONE:
                header.redirect, header.redirect_rule = rule.argument, r
            else:
                target_at(block, rule.subject).redirect, target_at(block, rule.subject).redirect_rule = rule.argument, r
        elif rule.action == AVOID:
            target_at(block, rule.argument).avoid = 1
        elif rule.action == DEGRADE:
            header.degrading = 1
        elif rule.action == SHED:
            header.shed_from = rule.argument
