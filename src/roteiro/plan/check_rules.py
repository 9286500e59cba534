"""Cross-checks of routing logic: conditions that can never hold, or always do, and rules that are in each other's way.

What must not live here: the conditions' grammar (`condition`).
"""

import re
from collections.abc import Iterator
from typing import Final

from roteiro.plan.action import ActionKind
from roteiro.plan.condition import Comparison, State
from roteiro.plan.look import Found, Look, checks
from roteiro.plan.metric import METRICS
from roteiro.plan.near import did_you_mean
from roteiro.plan.routing import Rule
from roteiro.terms.units import format_duration

TICK_S: Final = 0.25
"""Conditions are looked at four times a second."""


def leaves(look: Look) -> Iterator[tuple[int, Rule, Comparison | State]]:
    for index, rule in enumerate(look.plan.routing_logic):
        for leaf in rule.condition.leaves():
            yield index, rule, leaf


@checks("E111", "a condition or action names an unknown provider", "It could never hold, or never act.")
def unknown_providers(look: Look) -> Iterator[Found]:
    known = look.names("providers")
    for index, rule in enumerate(look.plan.routing_logic):
        path = ("routing_logic", index, "condition")
        for subject in rule.condition.subjects():
            if subject not in known:
                found = re.search(rf"(?<![\w.-]){re.escape(subject)}(?![\w-])", look.mark(path).text)
                remedy = did_you_mean(subject, [*sorted(known), "fleet"]) if known else "add it under providers"
                yield Found(path, f"names the unknown provider {subject!r}", remedy, found.start() if found else None)
        goal = rule.action.subject
        if rule.action.kind is not ActionKind.SHED and goal is not None and goal not in known:
            text = look.mark(("routing_logic", index, "action")).text
            column = text.rfind(goal) if goal in text else None
            remedy = did_you_mean(goal, sorted(known)) if known else "add it under providers"
            yield Found(("routing_logic", index, "action"), f"names the unknown provider {goal!r}", remedy, column)


def bounds(look: Look, leaf: Comparison) -> tuple[float, float, str]:
    """The least and the largest that the metric can ever be, and why."""
    metric, most, why = leaf.metric, METRICS[leaf.metric.name].scale.most, "it is at most"
    provider = look.plan.providers.get(metric.subject)
    if provider is not None and metric.name == "in_flight":
        most, why = float(provider.limits.concurrency), f"{metric.subject}.limits.concurrency is"
    elif provider is not None and metric.name in ("latency", "ttft"):
        most, why = provider.timeouts.attempt_s * 1000, f"{metric.subject}'s attempts are cut at"
    elif provider is None and metric.name in ("latency", "ttft"):
        totals = [model.timeouts.total_s for model in look.plan.models.values()]
        most, why = (max(totals) * 1000, "the longest deadline is") if totals else (most, why)
    return 0.0, most, why


def possible(leaf: Comparison, low: float, high: float) -> tuple[bool, bool]:
    """Whether the comparison can hold, and whether it can fail, for a metric within low..high."""
    value = leaf.value
    return {
        ">": (high > value, low <= value),
        ">=": (high >= value, low < value),
        "<": (low < value, high >= value),
        "<=": (low <= value, high > value),
        "==": (low <= value <= high, low != value or high != value),
        "!=": (low != value or high != value, low <= value <= high),
    }[leaf.operator]


@checks("E209", "a condition can never hold", "What it measures cannot get there.")
def never(look: Look) -> Iterator[Found]:
    for index, _, leaf in leaves(look):
        if isinstance(leaf, Comparison):
            low, high, why = bounds(look, leaf)
            if not possible(leaf, low, high)[0]:
                bound = METRICS[leaf.metric.name].scale.format(high if leaf.operator in (">", ">=", "==") else low)
                reason = f"{why} {bound}" if leaf.operator in (">", ">=", "==") else f"it is at least {bound}"
                yield Found(
                    ("routing_logic", index, "condition"),
                    f"says {leaf}, which can never hold: {reason}",
                    "compare with a value that occurs",
                )


@checks("W210", "a part of a condition always holds", "It says nothing, and is perhaps written the wrong way round.")
def always(look: Look) -> Iterator[Found]:
    for index, _, leaf in leaves(look):
        if isinstance(leaf, Comparison) and leaf.metric.name != "hour":
            low, high, _ = bounds(look, leaf)
            if not possible(leaf, low, high)[1]:
                yield Found(("routing_logic", index, "condition"), f"says {leaf}, which always holds", "turn it round, or leave it out")


@checks("W211", "a rule holds shorter than a tick", "Conditions are looked at every 250 ms, so less is as nothing.")
def short_hold(look: Look) -> Iterator[Found]:
    for index, rule in enumerate(look.plan.routing_logic):
        if 0 < rule.hold_s < TICK_S:
            key = "for" if rule.for_s else "condition"
            yield Found(
                ("routing_logic", index, key),
                f"holds for {format_duration(rule.hold_s)}; a tick is {format_duration(TICK_S)}",
                "write 1s or more",
            )


def classes(rule: Rule) -> frozenset[str]:
    """What kinds of things the condition is about, whomever it asks."""
    return frozenset(leaf.metric.name if isinstance(leaf, Comparison) else leaf.name for leaf in rule.condition.leaves())


@checks("W226", "two rules send traffic in a circle", "When both hold, each undoes the other, and traffic swings to and fro.")
def circles(look: Look) -> Iterator[Found]:
    routes = [(index, rule) for index, rule in enumerate(look.plan.routing_logic) if rule.action.kind is ActionKind.ROUTE_TO]
    for place, (index, rule) in enumerate(routes):
        for earlier, other in routes[:place]:
            there = rule.action.subject in other.condition.subjects() and other.action.subject in rule.condition.subjects()
            if there and classes(rule) & classes(other) and rule.action.subject != other.action.subject:
                message = f"sends traffic to {rule.action.subject}, from where routing_logic[{earlier}] sends it back for the same cause"
                yield Found(
                    ("routing_logic", index, "action"), message, "send it to a third provider, or give the conditions different bounds"
                )


@checks("W227", "a rule is shadowed", "An earlier rule with the same condition already moves the traffic.")
def shadowed(look: Look) -> Iterator[Found]:
    rules = look.plan.routing_logic
    for index, rule in enumerate(rules):
        for earlier, other in enumerate(rules[:index]):
            same = str(rule.condition.expression) == str(other.condition.expression) and rule.hold_s >= other.hold_s
            routes = rule.action.kind is ActionKind.ROUTE_TO and other.action.kind is ActionKind.ROUTE_TO
            if same and (routes or rule.action == other.action):
                yield Found(
                    ("routing_logic", index),
                    f"never acts: routing_logic[{earlier}] has the same condition and goes first",
                    "remove one of them",
                )
                break


@checks("W228", "a rule sends traffic to whom it complains of", "It makes the trouble worse.")
def towards_trouble(look: Look) -> Iterator[Found]:
    for index, rule in enumerate(look.plan.routing_logic):
        goal = rule.action.subject
        if rule.action.kind is not ActionKind.ROUTE_TO or goal is None:
            continue
        for leaf in rule.condition.leaves():
            worse = isinstance(leaf, State) or (leaf.operator in (">", ">=")) != (leaf.metric.name == "availability")
            subject = leaf.subject if isinstance(leaf, State) else leaf.metric.subject
            if subject == goal and worse:
                yield Found(("routing_logic", index, "action"), f"sends traffic to {goal} because {leaf}", "send it to another provider")
                break


@checks("W229", "no provider is in the cloud", "all_cloud_unavailable asks of providers off premises, and there are none.")
def no_cloud(look: Look) -> Iterator[Found]:
    if any(provider.is_cloud for provider in look.plan.providers.values()):
        return
    for index, _, leaf in leaves(look):
        if isinstance(leaf, State) and leaf.subject == "cloud" and look.plan.providers:
            yield Found(
                ("routing_logic", index, "condition"),
                "asks for all_cloud_unavailable, and every provider is on premises",
                "write all_unavailable",
            )
