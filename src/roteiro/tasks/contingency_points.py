"""Single points of a plan: what several vendors share, so that one failure takes them together; and models that have no second vendor.

What must not live here: how much goes where (it is simulated).
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from roteiro.plan.model import Plan
from roteiro.plan.read import Reading
from roteiro.plan.vendors import Vendor
from roteiro.tasks.contingency_options import written_models

__all__ = ["SinglePoint", "single_points"]

FAMILY: Final = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class SinglePoint:
    """`kind`: region, cloud, family (of models), key, one_vendor (a model has no other), smaller_context (the others' is smaller).

    `what` is shared or concerned, `who` shares it."""

    kind: str
    what: str
    who: tuple[str, ...]


def single_points(plan: Plan, reading: Reading) -> tuple[SinglePoint, ...]:
    """What is shared by more than one vendor, and which of the models that are written hang on one."""
    shared: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    keys: dict[str, dict[str, None]] = defaultdict(dict)
    for name, provider in plan.providers.items():
        if provider.region != "default":
            shared["region", provider.region][provider.name] = None
        cloud = plan.vendors.by_name.get(provider.name, Vendor()).cloud
        if cloud is not None:
            shared["cloud", cloud][provider.name] = None
        family = FAMILY.match(provider.model.lower().rpartition("/")[2])
        if family is not None:
            shared["family", family[0]][provider.name] = None
        for key in provider.key_envs:
            keys[key][name] = None
    found = [SinglePoint(kind, what, tuple(who)) for (kind, what), who in shared.items() if len(who) > 1]
    found += [SinglePoint("key", key, tuple(who)) for key, who in keys.items() if len(who) > 1]
    for model, logical in written_models(plan, reading):
        ways = [plan.providers[one] for one in dict.fromkeys((*logical.targets, *logical.fallbacks)) if one in plan.providers]
        names = tuple(dict.fromkeys(one.name for one in ways))
        if len(names) == 1:
            found.append(SinglePoint("one_vendor", model, names))
        widest = max((one.context_tokens or 0 for one in ways), default=0)
        # A context that nobody wrote is what all of them take, and promises no more.
        bound = logical.context_tokens or 0 if ("models", model, "context") in reading.marks.rows else widest
        for name in names if len(names) > 1 else ():
            others = max((one.context_tokens or 0 for one in ways if one.name != name), default=0)
            wanted = min(widest, bound)
            if 0 < others < wanted:
                found.append(SinglePoint("smaller_context", f"{model}: {others:,} < {wanted:,}", (name,)))
    return tuple(found)
