"""Cross-checks of what measures quality by asking: canaries, the judge, and what either costs.

What must not live here: reading suites (`suite`, `labelled`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from roteiro.plan.labelled import read_labelled
from roteiro.plan.look import Found, Look, checks
from roteiro.plan.own import canary_targets, own_names
from roteiro.plan.resolve import Path as Place
from roteiro.plan.suite import read_suites
from roteiro.terms.probe import Probe
from roteiro.terms.problem import Problem
from roteiro.terms.units import format_money

PERIOD_S: Final = {"hour": 3600.0, "day": 86_400.0, "week": 604_800.0, "month": 2_592_000.0}
BYTES_PER_TOKEN: Final = 4
TOKENS_OF_A_TURN: Final = 8
PER_MILLION: Final = 1_000_000


def beside(look: Look, names: tuple[str, ...]) -> list[Path]:
    """Files that the plan names, relative to its own."""
    return [Path(look.marks.file).parent / name for name in names]


def told(at: Place, problems: list[Problem]) -> Iterator[Found]:
    for problem in problems:
        yield Found(at, f"leads to {problem}", "mend the file")


def asked(look: Look) -> list[Probe]:
    canaries = look.plan.quality.canaries
    return read_suites(beside(look, canaries.suites))[0] if canaries is not None else []


@checks("E363", "a suite of canaries cannot be used", "Each problem is told with its place in the suite's own file.")
def broken_suites(look: Look) -> Iterator[Found]:
    canaries = look.plan.quality.canaries
    if canaries is not None and canaries.suites:
        yield from told(("quality", "canaries", "suites"), read_suites(beside(look, canaries.suites))[1])


@checks("E364", "labelled items cannot be used", "Each problem is told with its place in the items' own file.")
def broken_labels(look: Look) -> Iterator[Found]:
    judge = look.plan.quality.judge
    if judge is not None and judge.labelled:
        yield from told(("quality", "judge", "labelled"), read_labelled(beside(look, judge.labelled))[1])


@checks("E365", "a canary's target does not chat", "It could not answer any question.")
def mute_targets(look: Look) -> Iterator[Found]:
    canaries, plan = look.plan.quality.canaries, look.plan
    for index, name in enumerate(canaries.targets if canaries is not None else ()):
        if name in plan.providers and plan.providers[name].kind != "chat":
            yield Found(("quality", "canaries", "targets", index), f"names {name}, which embeds", "leave it out")


def cost_of_round(look: Look, probes: list[Probe]) -> int:
    """Nano-dollars that the kernel reserves for one round: the questions' mean, each with its most tokens, at every target's own price."""
    canaries = look.plan.quality.canaries
    if canaries is None or not probes:
        return 0
    given = sum(len((probe.ask + (probe.system or "")).encode()) / BYTES_PER_TOKEN + TOKENS_OF_A_TURN for probe in probes) / len(probes)
    most = sum(probe.most_tokens for probe in probes) / len(probes)
    prices = [look.plan.providers[name].price for name in canary_targets(look.plan)]
    each = sum(given * price.input_nusd_per_mtok + most * price.output_nusd_per_mtok for price in prices if price is not None)
    return round(each * min(canaries.per_round, len(probes)) * canaries.repeats / PER_MILLION)


@checks("E366", "the canaries' budget cannot pay one round", "No round would ever be asked to its end.")
def poor_canaries(look: Look) -> Iterator[Found]:
    canaries = look.plan.quality.canaries
    cost = cost_of_round(look, asked(look))
    if canaries is not None and cost > canaries.budget.amount_nusd:
        message = f"is {format_money(canaries.budget.amount_nusd)}; one round may cost {format_money(cost)}"
        yield Found(("quality", "canaries", "budget"), message, "raise it, or lower per_round or repeats")


@checks("W367", "the canaries' budget ends before its period", "Asking stops until the next period, and nothing is measured meanwhile.")
def short_budget(look: Look) -> Iterator[Found]:
    canaries = look.plan.quality.canaries
    cost = cost_of_round(look, asked(look))
    if canaries is None or not 0 < cost <= canaries.budget.amount_nusd:
        return
    rounds = PERIOD_S[canaries.budget.period] / canaries.every_s
    if cost * rounds > canaries.budget.amount_nusd:
        pays = canaries.budget.amount_nusd // cost
        message = f"pays {pays:,} of {rounds:,.0f} rounds a {canaries.budget.period}, if every answer takes its most tokens"
        yield Found(("quality", "canaries", "budget"), message, "raise it, or ask less often")


@checks("E368", "the judge does not answer", "A model that embeds gives no verdict.")
def mute_judge(look: Look) -> Iterator[Found]:
    judge, plan = look.plan.quality.judge, look.plan
    if judge is not None and judge.model in plan.models and plan.kind_of(plan.models[judge.model]) != "chat":
        yield Found(("quality", "judge", "model"), f"is {judge.model}, which embeds", "name a model that answers")


@checks("E369", "the judge would judge nothing", "It is never shown the answers of the provider that judges, unless it is told to.")
def idle_judge(look: Look) -> Iterator[Found]:
    judge, plan = look.plan.quality.judge, look.plan
    if judge is None or judge.model not in plan.models:
        return
    model = plan.models[judge.model]
    judging = {*model.targets, *model.fallbacks}
    others = [name for name, one in plan.providers.items() if one.kind == "chat" and name not in judging]
    if not others and not judge.judges_itself:
        message = f"is {judge.model}, which every provider of the plan may answer for"
        yield Found(("quality", "judge", "model"), message, "name a model of a provider apart, or write judges_itself: true")
    if judge.share == 0:
        yield Found(("quality", "judge", "share"), "is 0%, which shows it nothing", "write for example 1%, or leave judge out")


@checks(
    "W370", "a judge prefers its own answers", "Models rate answers of their own kind higher than people do; the measured rates hide that."
)
def vain_judge(look: Look) -> Iterator[Found]:
    judge = look.plan.quality.judge
    if judge is not None and judge.judges_itself:
        yield Found(("quality", "judge", "judges_itself"), "is true", "name a model of another provider, and leave this out")


@checks("E371", "what the server asks itself is in a customer's tier", "Its requests would count in what customers were promised.")
def tiered_own(look: Look) -> Iterator[Found]:
    for name in own_names(look.plan):
        tenant = look.plan.tenants.get(name)
        if tenant is not None and tenant.tier is not None:
            message = f"is {tenant.tier}; tenant {name} is the server itself where the plan has quality.{name}"
            yield Found(("tenants", name, "tier"), message, "leave it out, or give your tenant another name")
