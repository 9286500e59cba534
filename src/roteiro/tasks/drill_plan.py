"""The plan that a drill serves: each scenario has copies of the model and of its providers to itself, so that none disturbs another.

The copies keep what faults meet: timeouts, retries, breakers, fallbacks, keys, rescue. What would only get in the way is left out: tenants'
limits and budgets, rules, caches, hedges, tiers, and the fleet's bound on retries, for a drill is nothing but failures.
What must not live here: the playing (`drill`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from roteiro.plan.digest import canonical_json
from roteiro.plan.model import Plan
from roteiro.terms.error import SettingsError
from roteiro.testing.promise import Promise, promise_of
from roteiro.testing.scenario import Scenario
from roteiro.testing.scenarios import SCENARIOS
from roteiro.testing.stage import Case

__all__ = ["TENANT", "LeftOut", "cases_of", "drill_plan"]

TENANT: Final = "drill"
KEPT: Final = ("roteiro", "name", "timezone", "retry", "queue", "request")
LEFT_OUT_OF_MODELS: Final = ("degrade_to", "complexity", "hedge", "batching", "limits", "cache", "context")
LEFT_OUT_OF_PROVIDERS: Final = ("local", "service", "promised_sla", "servers", "provisioned", "quality", "batch_discount")
MOST_CASES: Final = 2000
A_FILE: Final = 250
"""Copies a file: the plan's language bounds a file, and has include for more."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A scenario that is nothing for a model, and a word on why."""

    scenario: Scenario
    model: str
    stream: bool
    why: str


def cases_of(plan: Plan, models: Sequence[str], only: Sequence[str], keys: Mapping[str, str]) -> tuple[list[Case], list[LeftOut]]:
    """What is to be played, and what is not. `only`: names of scenarios, or their beginnings; all where there are none.

    Raises SettingsError for a name that nothing has.
    """
    scenarios = wanted(only)
    unknown = [name for name in models if name not in plan.models]
    if unknown:
        raise SettingsError(f"the plan has no model {unknown[0]!r}; it has {', '.join(plan.models) or 'none'}")
    cases: list[Case] = []
    left: list[LeftOut] = []
    for name in models:
        embeds = plan.kind_of(plan.models[name]) == "embedding"
        promise = None if embeds else promise_of(plan, name)
        for scenario, stream in [(one, stream) for one in scenarios for stream in one.streams]:
            why = "embeddings" if promise is None else scenario.applies(promise)
            if why or promise is None:
                left.append(LeftOut(scenario, name, stream, why))
            else:
                cases.append(case_of(plan, len(cases) + 1, scenario, promise, stream, keys))
    if len(cases) > MOST_CASES:
        raise SettingsError(f"{len(cases)} cases are more than {MOST_CASES}; name models with --model or scenarios with --only")
    return cases, left


def wanted(only: Sequence[str]) -> list[Scenario]:
    """The scenarios that are named, in their order."""
    names: set[str] = set()
    for name in only:
        found = {name} if name in SCENARIOS else {one for one in SCENARIOS if one.startswith(name)}
        if not found:
            raise SettingsError(f"there is no scenario {name!r}; there are {', '.join(SCENARIOS)}")
        names |= found
    return [scenario for name, scenario in SCENARIOS.items() if not only or name in names]


def case_of(plan: Plan, number: int, scenario: Scenario, promise: Promise, stream: bool, keys: Mapping[str, str]) -> Case:
    larger = promise_of(plan, promise.larger).targets if promise.larger is not None else ()
    return Case(
        number=number,
        scenario=scenario,
        promise=promise,
        stream=stream,
        model=f"{promise.model[:180]}-x{number}",
        names={target.name: f"{target.name[:50]}-x{number}" for target in promise.targets},
        larger={f"{target.name[:50]}-x{number}l": target for target in larger},
        keys=keys,
    )


def drill_plan(plan: Plan, cases: Iterable[Case], addresses: Mapping[str, str], folder: Path) -> Path:
    """The plan with a copy of everything for each case, written into a folder → its file. `addresses`: of the sandboxes, by copies."""
    said: dict[str, Any] = json.loads(canonical_json(plan))
    drilled: dict[str, Any] = {name: said[name] for name in KEPT if name in said}
    drilled["retry"] = {**said.get("retry", {}), "ratio": "100%", "min_per_second": 1e6}
    providers: dict[str, Any] = {}
    models: dict[str, Any] = {}
    for case in cases:
        for name, copy in case.names.items():
            providers[copy] = provider_copy(said["providers"][name], addresses[copy])
        model = model_copy(said["models"][case.promise.model], case.promise, case.names, case.struck)
        if case.promise.larger is not None:
            model["larger_context"] = f"{case.model}-larger"
            larger = promise_of(plan, case.promise.larger)
            names = {target.name: copy for copy, target in case.larger.items()}
            for name, copy in names.items():
                providers[copy] = provider_copy(said["providers"][name], addresses[copy])
            copy_of_larger = model_copy(said["models"][larger.model], larger, names)
            models[f"{case.model}-larger"] = {**copy_of_larger, "larger_context": None}
        models[case.model] = model
    parts = []
    for at in range(0, max(len(providers), len(models)), A_FILE):
        part = folder / f"part-{at // A_FILE}.yaml"
        write(part, {"providers": a_part(providers, at), "models": a_part(models, at)})
        parts.append(part.name)
    people = {"tenants": {TENANT: {}}, "workloads": {TENANT: {"priority": "interactive"}}}
    write(folder / "drill.yaml", {"include": parts, **drilled, **people})
    return folder / "drill.yaml"


def a_part(copies: Mapping[str, Any], at: int) -> dict[str, Any]:
    return dict(list(copies.items())[at : at + A_FILE])


def write(file: Path, said: Mapping[str, Any]) -> None:
    file.write_text(
        json.dumps({name: value for name, value in said.items() if value}, ensure_ascii=False, separators=(", ", ": ")), "utf-8"
    )


def without_nulls(said: Any) -> Any:
    """A provider's or a model's part, whose nulls are all defaults."""
    return {name: without_nulls(value) for name, value in said.items() if value is not None} if isinstance(said, dict) else said


def provider_copy(said: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    copy = {name: value for name, value in said.items() if name not in LEFT_OUT_OF_PROVIDERS}
    return {**without_nulls(copy), "base_url": base_url, "weight": 1}  # its share is said by each model


def model_copy(said: Mapping[str, Any], promise: Promise, names: Mapping[str, str], struck: str | None = None) -> dict[str, Any]:
    """A model whose targets are the copies. A target that is not there is the one to be asked first, and the others follow it."""
    model = {name: value for name, value in said.items() if name not in LEFT_OUT_OF_MODELS}
    targets = {names[target.name]: target.weight for target in promise.targets if target.name in said["targets"]}
    fallbacks = [names[name] for name in said["fallbacks"]]
    if struck is not None:
        first = names[struck]
        fallbacks = [name for name in [*targets, *fallbacks] if name != first]
        targets = {first: 1}
    return {**without_nulls(model), "targets": targets, "fallbacks": fallbacks}
