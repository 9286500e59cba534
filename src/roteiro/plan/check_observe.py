"""Cross-checks of what is looked at of answers: names that are not there, signals that nothing can give, verdicts that nobody gives.

What must not live here: canaries and judges.
"""

from collections.abc import Iterator

from roteiro.plan.look import Found, Look, checks
from roteiro.plan.near import did_you_mean


@checks("E350", "answers of an unknown model or workload are to be looked at", "None would be.")
def unknown_observed(look: Look) -> Iterator[Found]:
    for field in ("models", "workloads"):
        known = look.names(field)
        for name in getattr(look.plan.quality.observe, field):
            if name not in known:
                path = ("quality", "observe", field, name)
                yield Found(path, f"names the unknown {field[:-1]} {name!r}", did_you_mean(name, sorted(known)), at_key=True)


@checks("W350", "signals are chosen, and no answer is looked at", "The share of the answers that are looked at is 0.")
def nothing_observed(look: Look) -> Iterator[Found]:
    if not look.plan.quality.observe.any and (look.written("quality", "observe", "signals") or look.written("quality", "grounding")):
        where = ("quality", "observe") if look.written("quality", "observe") else ("quality", "grounding")
        yield Found(where, "looks at 0% of the answers", "say a share: observe: {share: 10%}", at_key=True)


@checks("W351", "feedback makes the score, and none is taken", "The quality score would be without a part of what it is made of.")
def feedback_without_takers(look: Look) -> Iterator[Found]:
    if "feedback" in look.plan.quality.score and look.plan.quality.feedback is None:
        yield Found(("quality", "score"), "counts feedback, which the plan does not take", "add feedback: true")
