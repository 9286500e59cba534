"""What a plan promises of one model to those who call it, as far as faults are concerned: how often, where, how long, what is rescued.

What must not live here: whether it is kept (`scenario`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from roteiro.plan.model import LogicalModel, OnExhausted, Plan

__all__ = ["Promise", "Promised", "promise_of"]


@dataclass(frozen=True, slots=True)
class Promised:
    """Of one target. Times in seconds."""

    name: str
    dialect: Literal["openai", "anthropic", "gemini"]
    keys: tuple[str, ...]
    """Environment variables of its keys."""
    weight: float
    prefix: bool
    connect_s: float
    first_token_s: float
    idle_s: float
    attempt_s: float


@dataclass(frozen=True, slots=True)
class Promise:
    """Of one model. `targets`: the heaviest first, fallbacks last, in the order in which they are taken."""

    model: str
    targets: tuple[Promised, ...]
    attempts: int
    same_target: int
    deadline_s: float
    retry_after_cap_s: float
    rescue: bool
    larger: str | None
    on_disconnect: str
    on_exhausted: OnExhausted
    minimum_calls: int
    """Calls after which a breaker may open, the most of the targets'."""
    idempotent: bool

    @property
    def may_retry(self) -> bool:
        """Whether one passing failure is survived."""
        return self.attempts > 1 and (self.same_target > 0 or len(self.targets) > 1)

    @property
    def may_fail_over(self) -> bool:
        """Whether a target that stays down is survived."""
        return len(self.targets) > 1 and self.attempts > self.same_target + 1

    @property
    def may_move(self) -> bool:
        """Whether another target can be taken at once, after a failure that the first is not asked about again."""
        return len(self.targets) > 1 and self.attempts > 1

    @property
    def may_rescue(self) -> bool:
        """Whether a stream that breaks can go on, whichever target is asked first."""
        firsts = [target for target in self.targets if target.weight > 0.0]
        return self.rescue and self.attempts > 1 and all(any(t.prefix for t in self.targets if t is not first) for first in firsts)

    @property
    def why_no_rescue(self) -> str:
        """The reason, as a word of reports."""
        if not self.rescue:
            return "rescue_off"
        return "one_attempt" if self.attempts < 2 else "no_second_prefix"

    @property
    def silence_s(self) -> float:
        """The longest that silent targets may cost: one attempt each, or the deadline."""
        return min(self.deadline_s, sum(sorted((target.attempt_s for target in self.targets), reverse=True)[: self.attempts]))


def promise_of(plan: Plan, name: str) -> Promise:
    """What the plan promises of its model `name`. Raises KeyError where it has none of that name."""
    model = plan.models[name]
    weights = {target: weight if weight is not None else plan.providers[target].weight for target, weight in model.targets.items()}
    order = sorted(weights, key=lambda target: -weights[target])
    order += [target for target in model.fallbacks if target not in weights]
    return Promise(
        model=name,
        targets=tuple(_promised(plan, target, weights) for target in order),
        attempts=model.retry.attempts,
        same_target=model.retry.same_target,
        deadline_s=model.timeouts.total_s,
        retry_after_cap_s=model.retry.retry_after_cap_s,
        rescue=model.rescue,
        larger=model.larger_context,
        on_disconnect=_on_disconnect(plan, model),
        on_exhausted=model.on_exhausted,
        minimum_calls=max(plan.providers[target].breaker.minimum_calls for target in order),
        idempotent=plan.request.idempotency.keep_s > 0.0,
    )


def _promised(plan: Plan, name: str, weights: Mapping[str, float]) -> Promised:
    provider = plan.providers[name]
    times = provider.timeouts
    return Promised(
        name=name,
        dialect=provider.dialect if provider.local is None else "openai",
        keys=provider.key_envs,
        weight=weights.get(name, 0.0),
        prefix=provider.assistant_prefix,
        connect_s=times.connect_s,
        first_token_s=times.first_token_s,
        idle_s=times.idle_s,
        attempt_s=times.attempt_s,
    )


def _on_disconnect(plan: Plan, model: LogicalModel) -> str:
    return model.on_disconnect or plan.request.on_disconnect
