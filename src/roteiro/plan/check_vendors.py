"""Cross-checks of vendors: whether they are anybody's, what their SLAs say beside the providers', and whether claims can be proved in time.

What must not live here: scores.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from roteiro.catalog.criteria import CRITERIA
from roteiro.plan.look import Found, Look, checks
from roteiro.plan.model import Plan
from roteiro.plan.near import did_you_mean
from roteiro.plan.problems import register
from roteiro.plan.resolve import Path
from roteiro.plan.vendors import Declared, Vendor, VendorSla
from roteiro.terms.units import format_duration, format_share

__all__ = ["STALE", "declared", "stale_facts"]

STALE: Final = register(
    "W385", "a declared fact is stale", "It is too old or has ended, and gives no score until someone looks again."
).code
LONGEST_S: Final = {"month": 31 * 86_400.0, "quarter": 92 * 86_400.0}


def slas(look: Look) -> Iterator[tuple[Path, str, VendorSla]]:
    """(place, vendor, promise) of every SLA."""
    for name, vendor in look.plan.vendors.by_name.items():
        for index, sla in enumerate(vendor.sla):
            yield ("vendors", "by_name", name, "sla", index), name, sla


def declared(vendor: Vendor) -> Iterator[tuple[Path, Declared]]:
    """Every declared fact of a vendor, with its place below it."""
    for section in ("certifications", "benchmarks"):
        for name, fact in getattr(vendor, section).items():
            yield (section, name), fact
    for section in ("privacy", "support", "documentation", "ecosystem", "community", "negotiated"):
        if (fact := getattr(vendor, section)) is not None:
            yield (section,), fact
    for index, sla in enumerate(vendor.sla):
        yield ("sla", index), sla


def is_stale(fact: Declared, on: date, after_s: float) -> bool:
    """Whether a fact is too old on a day, or has ended."""
    return on - fact.as_of > timedelta(seconds=after_s) or (fact.until is not None and fact.until < on)


def stale_facts(plan: Plan, on: date) -> Iterator[Found]:
    """What is stale on a day. It is no cross-check, as it needs a calendar."""
    for name, vendor in plan.vendors.by_name.items():
        for path, fact in declared(vendor):
            at = ("vendors", "by_name", name, *path)
            if fact.until is not None and fact.until < on:
                yield Found((*at, "until"), f"is {fact.until}, which is over", "look again, and renew it")
            elif is_stale(fact, on, plan.vendors.stale_after_s):
                bound = format_duration(plan.vendors.stale_after_s)
                yield Found((*at, "as_of"), f"is {fact.as_of}; older than vendors.stale_after, {bound}", "look again, write the new day")
            elif fact.as_of > on:
                yield Found((*at, "as_of"), f"is {fact.as_of}, which is yet to come", "mend the day")


@checks("W380", "a vendor is nobody's", "No provider has its name, so that nothing of it can be measured.")
def unknown_vendors(look: Look) -> Iterator[Found]:
    known = sorted({provider.name for provider in look.plan.providers.values()})
    for name in look.plan.vendors.by_name:
        if name not in known:
            remedy = did_you_mean(name, known, "name it as a provider's `name`, or keep it as a candidate")
            yield Found(("vendors", "by_name", name), "is the name of no provider", remedy, at_key=True)


@checks("W381", "a provider promises otherwise than its vendor's SLA", "One of the two numbers is wrong; plans are checked by the first.")
def contradictions(look: Look) -> Iterator[Found]:
    for path, vendor, sla in slas(look):
        for name, provider in look.plan.providers.items():
            promised = None if provider.promised_sla is None else provider.promised_sla.availability
            covered = provider.name == vendor and (not sla.models or provider.model in sla.models)
            if covered and promised is not None and abs(promised - sla.target) > 1e-9:
                message = f"is {format_share(sla.target)}; providers.{name}.promised_sla.availability is {format_share(promised)}"
                yield Found((*path, "target"), message, "write what the contract says in both places")


@checks("E382", "an SLA's credits contradict themselves", "The less is attained, the more is owed; and nothing is owed above the target.")
def credits_in_order(look: Look) -> Iterator[Found]:
    for path, _, sla in slas(look):
        for index, one in enumerate(sla.credits):
            at = (*path, "credits", index)
            if one.below > sla.target + 1e-12:
                yield Found(at, f"is due below {format_share(one.below)}; the target is {format_share(sla.target)}", "lower `below`")
            for other in sla.credits[:index]:
                if (one.below - other.below) * (one.credit - other.credit) > 0.0 or one.below == other.below:
                    pair = f"{format_share(one.credit)} below {format_share(one.below)}"
                    beside = f"{format_share(other.credit)} below {format_share(other.below)}"
                    yield Found(at, f"is {pair}, beside {beside}", "owe more where less is attained")


@checks("W383", "evidence is gone before a claim must be made", "Failed attempts are told by decisions; no claim is proved without.")
def evidence_in_time(look: Look) -> Iterator[Found]:
    kept_s = look.plan.retention.decisions_s
    for path, _, sla in slas(look):
        needed_s = LONGEST_S[sla.period] + (sla.claim_within_s or 0.0)
        if sla.credits and kept_s < needed_s:
            message = f"leaves claims open for {format_duration(needed_s)} from a {sla.period}'s first day; decisions are kept for"
            yield Found(path, f"{message} {format_duration(kept_s)}", f"write retention: {{decisions: {format_duration(needed_s)}}}")


@checks("E384", "a class of failures counts and is excluded", "It can be only one of the two.")
def both_ways(look: Look) -> Iterator[Found]:
    for path, _, sla in slas(look):
        both = sorted(set(sla.failures) & set(sla.excluded))
        if both:
            yield Found((*path, "excluded"), f"names {', '.join(both)}, which `failures` names too", "take it out of one of them")


@checks("W386", "an SLA covers no model of the plan", "Nothing can be measured or claimed under it.")
def covered_models(look: Look) -> Iterator[Found]:
    for path, vendor, sla in slas(look):
        models = {provider.model for provider in look.plan.providers.values() if provider.name == vendor}
        if models and sla.models and not models & set(sla.models):
            yield Found((*path, "models"), f"are {', '.join(sla.models)}; the plan's are {', '.join(sorted(models))}", "name one of those")


@checks("E387", "all criteria weigh nothing", "Then there is no total score.")
def weightless(look: Look) -> Iterator[Found]:
    if not any(look.plan.vendors.weight(criterion) for criterion in CRITERIA):
        yield Found(("vendors", "criteria"), "have no weight above 0", "give one a weight")


@checks("E388", "a fact was read after its end", "One of the two days is wrong.")
def ended_before(look: Look) -> Iterator[Found]:
    for name, vendor in look.plan.vendors.by_name.items():
        for path, fact in declared(vendor):
            if fact.until is not None and fact.until < fact.as_of:
                yield Found(("vendors", "by_name", name, *path, "until"), f"is {fact.until}, before as_of, {fact.as_of}", "mend the days")
