"""What a plan becomes where it is to have the capacity that was found: changes of its keys, and a file that lays them over it.

The file is a plan itself: it includes the plan and says what differs, so that `roteiro diff PLAN FILE` rehearses it.
What must not live here: how much is needed.
"""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from roteiro.plan.model import Plan, Process
from roteiro.plan.servers import MOST_REPLICAS
from roteiro.tasks.capacity_demand import Expected, Flow
from roteiro.tasks.capacity_needs import NOW, Fleet, Period, shares_of
from roteiro.tasks.capacity_offers import Buying

__all__ = ["Change", "changes_of", "overlay_text", "rewarded", "with_weights"]

Why = Literal["weight", "units", "quota", "in_flight", "variant", "replicas", "floor", "ceiling", "scaling", "trace"]

LEAST_WEIGHT: Final = 1
"""A target that nothing is bought of keeps this of 100: it is there when another is lost."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key of the plan. `before` is how it stood, empty where it was not written; `after` as YAML writes it; `why`: a code."""

    path: tuple[str, ...]
    before: str
    after: str
    why: Why


def rewarded(fleet: Fleet, expected: Expected, buyings: Sequence[Buying], written: Mapping[str, bool]) -> dict[str, dict[str, float]]:
    """Weights of each model's targets, in hundredths, by what is bought of whom; those of models that this says nothing of stay. Where a
    plan writes no models, those of `auto`, which are the providers'. Who is too slow for someone who asks for the model gets the least.
    """
    plan = fleet.plan
    served: dict[str, float] = {}
    for one in buyings:
        for name, tokens in one.served().items():
            served[name] = served.get(name, 0.0) + tokens
    found = {}
    for model, given in plan.models.items():
        if not (written.get(model) or (model == "auto" and not any(written.values()))):
            continue
        weighing = [name for name, weight in given.targets.items() if weight]
        asking = {flow.tier for flow in expected.flows if flow.model == model and not flow.patient}
        parts = {
            name: 0.0 if any(fleet.too_slow(name, tier) for tier in asking) else served[name] for name in weighing if name in served
        }  # fmt: skip
        whole = math.fsum(parts.values())
        if len(weighing) > 1 and whole > 0.0 and len(parts) == len(weighing):
            found[model] = {name: float(max(round(100.0 * part / whole), LEAST_WEIGHT)) for name, part in parts.items()}
    return found


def with_weights(plan: Plan, weights: Mapping[str, Mapping[str, float]]) -> Plan:
    """The plan with these weights."""
    models = dict(plan.models)
    for model, own in weights.items():
        models[model] = models[model].model_copy(update={"targets": {**models[model].targets, **own}})
    return plan.model_copy(update={"models": models})


def changes_of(
    fleet: Fleet,
    expected: Expected,
    periods: Sequence[Period],
    buyings: Sequence[Buying],
    weights: Mapping[str, Mapping[str, float]],
    written: Mapping[str, bool],
    *,
    plan: Plan,
    enlarge: float = 1.0,
) -> tuple[Change, ...]:
    """What has to be written so that the plan has what its periods take under these weights, the loss of any one included.

    What is enough stays as it is; nothing but weights and floors is ever made less. `enlarge` multiplies quotas and replicas, for where
    they turned out to be too few. `plan` is the plan as it stands; `written`: the models that a person wrote.
    """  # fmt: skip
    found: list[Change] = []
    for model, own in sorted(weights.items()):
        given = plan.models[model].targets
        if any(given[name] != weight for name, weight in own.items()):
            # All of them: a list of targets gives way to what is laid over it.
            for name, before in given.items():
                path = ("models", model, "targets", name) if written.get(model) else ("providers", name, "weight")
                found.append(Change(path, f"{before or 0:g}", f"{own.get(name, before or 0.0):g}", "weight"))
    units = {
        (one.provider, one.variant): bought.units
        for buying in buyings
        for one, bought in zip(buying.offered, buying.purchase.bought, strict=True)
    }
    variants = {one.provider: one.variant for buying in buyings for one in buying.offered if one.variant is not None}
    for name in sorted({need.provider for period in periods for need in period.needs}):
        provider = plan.providers[name]
        needs = [need for period in periods for need in period.needs if need.provider == name]
        found += quotas(
            plan, name, max(one.lost_requests_per_min for one in needs) * enlarge, max(one.lost_tokens_per_min for one in needs) * enlarge
        )
        flying = math.ceil(max(one.lost_in_flight for one in needs) * enlarge)
        if flying > provider.limits.concurrency:
            found.append(Change(("providers", name, "limits", "concurrency"), f"{provider.limits.concurrency}", f"{flying}", "in_flight"))
        if provider.provisioned is not None:
            count = units.get((name, None), 0)
            if count != provider.provisioned.units:
                found.append(Change(("providers", name, "provisioned", "units"), f"{provider.provisioned.units}", f"{count}", "units"))
        if provider.servers is not None:
            variant = variants.get(name, NOW)
            found += replicas(
                plan,
                name,
                variant,
                [one.lost_replicas.get(variant, 0) for one in needs],
                [one.replicas.get(variant, 0) for one in needs],
                units.get((name, variant), 0),
                enlarge,
            )
    found += isolation(plan, fleet, expected, enlarge)
    found += scaling(plan, fleet, variants, found)
    return tuple(found)


def quotas(plan: Plan, name: str, requests: float, tokens: float) -> list[Change]:
    """Quotas that are too small; one that is not written is none."""
    limits, found = plan.providers[name].limits, []
    for key, rate, wanted in (("requests", limits.requests, requests), ("tokens", limits.tokens, tokens)):
        if rate is not None and wanted > rate.per_second * 60.0:
            found.append(
                Change(("providers", name, "limits", key), f"{rate.per_second * 60.0:.0f}/min", f"{rounded_up(wanted)}/min", "quota")
            )
    return found


def rounded_up(value: float) -> int:
    """To two figures, as one asks a vendor."""
    step = int(10 ** max(math.floor(math.log10(max(value, 1.0))) - 1, 0))
    return math.ceil(value / step - 1e-9) * step


def replicas(plan: Plan, name: str, variant: str, lost: Sequence[int], alone: Sequence[int], bought: int, enlarge: float) -> list[Change]:
    """The variant, how many there are, and between which bounds they may scale. None where no number keeps the promise."""
    servers = plan.providers[name].servers
    assert servers is not None
    found = []
    if min(lost) < 0:
        return []
    if variant != NOW:
        found.append(Change(("providers", name, "servers", "variant"), servers.variant or "", variant, "variant"))
    running = min(math.ceil(max(*lost, bought, 1) * enlarge), servers.most or MOST_REPLICAS)
    floor = max(min(alone), servers.fewest if servers.least == 0 else 1, 0)
    most = max(servers.highest, running)
    scaled = plan.scaling_policies.token_based is not None or plan.scaling_policies.latency_based is not None
    least = min(floor, running) if scaled else running
    rows: tuple[tuple[str, int, int, Why], ...] = (
        ("replicas", servers.replicas, running, "replicas"),
        ("least", servers.fewest, least, "floor"),
        ("most", servers.highest, most, "ceiling"),
    )
    for key, before, after, why in rows:
        # What is not written follows the number at the beginning, which changes.
        if before != after or getattr(servers, key) is None:
            found.append(Change(("providers", name, "servers", key), f"{before}", f"{after}", why))
    return found


def isolation(plan: Plan, fleet: Fleet, expected: Expected, enlarge: float) -> list[Change]:
    """Bulkheads of workloads and tenants that would shed what providers could serve."""
    found = []
    peaks = {flow: float(paths.max(axis=1).mean()) for flow, paths in zip(expected.flows, expected.paths, strict=True)}
    for section, key in (("workloads", "workload"), ("tenants", "tenant")):
        for name, owner in getattr(plan, section).items():
            if owner.concurrency is None:
                continue
            flying = sum(rate * service_s(plan, fleet, flow) for flow, rate in peaks.items() if getattr(flow, key) == name)
            wanted = math.ceil((flying + 4.0 * math.sqrt(flying) * max(expected.variation, 1.0)) * enlarge)
            if wanted > owner.concurrency:
                found.append(Change((section, name, "concurrency"), f"{owner.concurrency}", f"{wanted}", "in_flight"))
    return found


def service_s(plan: Plan, fleet: Fleet, flow: Flow) -> float:
    return sum(share * fleet.service_s[name] for name, share in shares_of(plan, flow).items())


def scaling(plan: Plan, fleet: Fleet, variants: Mapping[str, str], others: Sequence[Change]) -> list[Change]:
    """A policy by waiting tokens where own servers may become more or fewer (`others` being changed) and none scales them: a replica's
    batch waiting asks for another."""
    policies = plan.scaling_policies
    if not fleet.running or policies.token_based is not None or policies.latency_based is not None:
        return []
    batches, starts = [], []
    for name, forms in fleet.running.items():
        one = next((each for each in forms if each.variant == variants.get(name, NOW)), forms[0])
        bounds = {"least": one.servers.fewest, "most": one.servers.highest}
        bounds |= {change.path[-1]: int(change.after) for change in others if change.path[:-1] == ("providers", name, "servers") and change.path[-1] in bounds}  # noqa: E501 # fmt: skip
        if one.pool is not None and bounds["least"] < bounds["most"]:
            batches.append(one.pool.slots * (one.machine.input_tokens + one.machine.output_tokens))
            starts.append(one.servers.start_up_s)
    if not batches:
        return []
    up = rounded_up(min(batches))
    keys = {"scale_up_threshold": up, "scale_down_threshold": max(up // 10, 1), "cooldown": f"{math.ceil(max(starts))}s"}
    return [Change(("scaling_policies", "token_based", key), "", str(value), "scaling") for key, value in keys.items()]


# -- the file ---------------------------------------------------------------------------------------------------------------------------


def overlay_text(changes: Sequence[Change], plan: Plan, files: Sequence[Path], to: Path, comments: Mapping[str, str], head: str) -> str:
    """The file: it includes `files` by their way from where it will be (`to`), and lays the changes over them, each with why.
    `comments`: by `Change.why`, and `was` with {before}."""
    base = to.resolve().parent
    names = [Path(os.path.relpath(file.resolve(), base)).as_posix() for file in files]
    lines = [f"# {line}" for line in head.splitlines()]
    lines.append(f"include: [{', '.join(quoted(name) for name in names)}]")
    arrivals = plan.demand.arrivals
    told = list(changes)
    if arrivals is not None and arrivals.process is Process.TRACE and arrivals.trace and files[0].resolve().parent != base:
        trace = Path(os.path.relpath((files[0].parent / arrivals.trace).resolve(), base)).as_posix()
        told.append(Change(("demand", "arrivals", "trace"), arrivals.trace, trace, "trace"))
    tree: dict[str, Any] = {}
    for change in told:
        at = tree
        for key in change.path[:-1]:
            at = at.setdefault(key, {})
        at[change.path[-1]] = change
    lines += written(tree, comments, 0)
    return "\n".join(lines) + "\n"


def written(tree: Mapping[str, Any], comments: Mapping[str, str], depth: int) -> list[str]:
    lines = []
    for key, value in tree.items():
        indent = "  " * depth
        if isinstance(value, Change):
            was = f"; {comments['was'].format(before=value.before)}" if value.before and comments else ""
            comment = f"  # {comments[value.why]}{was}" if value.why in comments else ""
            scalar = value.after if value.why != "variant" and key != "trace" else quoted(value.after)
            lines.append(f"{indent}{quoted(key)}: {scalar}{comment}")
        else:
            lines += [f"{indent}{quoted(key)}:", *written(value, comments, depth + 1)]
    return lines


def quoted(word: str) -> str:
    """A word as YAML takes it for text, whatever it is."""
    plain = (
        word.replace("_", "a").replace("-", "a").isalnum()
        and not word[0].isdigit()
        and word.lower() not in ("true", "false", "null", "yes", "no", "on", "off")
    )
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return word if plain else f'"{escaped}"'
