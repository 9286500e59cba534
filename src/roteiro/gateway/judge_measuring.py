"""How often the judge errs: it is asked of items whose verdict is known, once for each version that it says it is.

What must not live here: what is made of the counts (`quality.judge_rate`).
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from roteiro.gateway.judge import JudgeAsker, judge_name
from roteiro.gateway.quality_store import Measured, QualityStore
from roteiro.quality.judge_rate import Counts
from roteiro.terms.probe import Labelled

__all__ = ["measure", "unmeasured"]


def measure(ask: JudgeAsker, items: Sequence[Labelled], store: QualityStore, clock: Callable[[], float] = time.time) -> list[Measured]:
    """Ask the judge of every item, and keep how it did under the version that most of its answers were of. Raises UnavailableError.

    An item without a verdict counts in no rate: it is told apart.
    """
    versions = Counter[tuple[str, str]]()
    verdicts: list[tuple[Labelled, bool | None, bool | None]] = []
    for item in items:
        said = ask(item.question, item.answer, item.language)
        versions[said.target, said.version] += 1
        good, supported = (None, None) if said.verdict is None else said.verdict
        verdicts.append((item, good, supported))
    (target, text), _ = versions.most_common(1)[0]
    now_s = clock()
    version, _ = store.version(judge_name(target), text, now_s)
    told = [_measured(version.number, "judge", now_s, [(item.good, good) for item, good, _ in verdicts])]
    if ask.spec.factual:
        facts = [(item.good, supported) for item, _, supported in verdicts if item.factual]
        told.append(_measured(version.number, "factual", now_s, facts))
    for one in told:
        store.keep_measured(one)
    return told


def unmeasured(store: QualityStore) -> bool:
    """Whether the judge's last version was never measured, or there is none."""
    judges = [version for version in store.versions() if version.target.startswith(judge_name(""))]
    last = max(judges, key=lambda version: version.last_s, default=None)
    return last is None or all(one.version != last.number for one in store.measured())


def _measured(version: int, kind: str, at_s: float, verdicts: Sequence[tuple[bool, bool | None]]) -> Measured:
    bad = [said for good, said in verdicts if not good and said is not None]
    fine = [said for good, said in verdicts if good and said is not None]
    silent = sum(said is None for _, said in verdicts)
    return Measured(version, kind, at_s, Counts(bad.count(False), len(bad)), Counts(fine.count(True), len(fine)), silent)
