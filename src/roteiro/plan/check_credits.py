"""Cross-checks of credits: brackets without a promise, above it, or that never apply.

What must not live here: what is owed (`analysis.sla_credit`).
"""

from collections.abc import Iterator

from roteiro.plan.look import Found, Look, checks
from roteiro.plan.objectives import Credit, SlaTier
from roteiro.plan.resolve import Path
from roteiro.terms.units import format_share


def brackets(look: Look) -> Iterator[tuple[Path, Credit, SlaTier]]:
    """Every bracket with its place and its tier."""
    for name, tier in look.plan.sla_tiers.items():
        for index, credit in enumerate(tier.credits):
            yield ("sla_tiers", name, "credits", index), credit, tier


@checks("E330", "credits without a promise", "They are owed where availability falls below what is promised.")
def without_promise(look: Look) -> Iterator[Found]:
    for name, tier in look.plan.sla_tiers.items():
        if tier.credits and tier.availability is None:
            yield Found(
                ("sla_tiers", name, "credits"), "is owed on availability, which the tier does not promise", "add availability", at_key=True
            )


@checks("W331", "a credit is due though the promise is kept", "Its bracket begins above the promised availability.")
def above_promise(look: Look) -> Iterator[Found]:
    for path, credit, tier in brackets(look):
        if tier.availability is not None and credit.below > tier.availability:
            promised = format_share(tier.availability)
            yield Found((*path, "below"), f"is {format_share(credit.below)}; {promised} is promised", f"write {promised}, or less")


@checks("W332", "a bracket of credits that never applies", "Of the brackets that apply the largest credit is due.")
def never_applies(look: Look) -> Iterator[Found]:
    for path, credit, tier in brackets(look):
        others = [one for one in tier.credits if one is not credit and one.below >= credit.below and one.credit >= credit.credit]
        if others:
            one = max(others, key=lambda each: each.credit)
            own, theirs, below = (format_share(share) for share in (credit.credit, one.credit, credit.below))
            message = f"owes {own} below {below}, where {theirs} is due by another"
            yield Found(path, message, "raise its credit, or leave it out", at_key=True)
