"""Canaries, the judge and drift, asked for by hand or read from what a server has found.

By hand, a server of its own asks on free ports with a data directory that is thrown away, so that nothing of a running server is touched.
What must not live here: asking, grading and testing.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeVar

from roteiro.analysis.spread import Interval, wilson
from roteiro.gateway.quality_store import FILE, Asked, Change, Measured, QualityStore, Version
from roteiro.ledger import Ledger
from roteiro.plan.suite import read_suites
from roteiro.quality.drift import FEATURES, Detector
from roteiro.quality.grading import normalised
from roteiro.quality.judge_rate import Counts, Rate, corrected_rate
from roteiro.tasks.check import checked
from roteiro.tasks.server_process import ServerProcess
from roteiro.terms.error import SettingsError

__all__ = [
    "CanariesAnswer",
    "DriftAnswer",
    "JudgeAnswer",
    "RatesAnswer",
    "ask_canaries",
    "judged_rates",
    "look_at_drift",
    "measure_judge",
    "seen_canaries",
]

WITHIN_S: Final = 900.0
NEVER: Final = "3650d"
"""The time from one round to the next, where one is asked by hand."""
WRONG_SHOWN: Final = 12
EXAMPLES: Final = 3
LAST_S: Final = 24 * 3600.0

JUDGED: Final = """
SELECT target, lower(kind) AS kind, version, count(*) AS judged, count(*) FILTER (value < 0.5) AS bad
FROM signals WHERE lower(kind) IN ('judge', 'factual') AND target IS NOT NULL GROUP BY ALL ORDER BY ALL
"""

FoundT = TypeVar("FoundT")


@dataclass(frozen=True)
class TargetRow:
    """How one version of one target did. Shares are of `asked`; `kinds` has (right, asked) by kind of question."""

    target: str
    version: str
    era: int
    asked: int
    failed: int
    right: int
    interval: Interval | None
    kinds: dict[str, tuple[int, int]]
    refused: int
    formed: tuple[int, int]
    confidence: float | None
    agreement: float | None
    latency_s: float | None


@dataclass(frozen=True)
class WrongAnswer:
    target: str
    probe: str
    text: str
    refused: bool


@dataclass(frozen=True)
class CanariesAnswer:
    """What canaries found: by target, and the last wrong answers. `state` of the last round: `done`, or `budget` where it was spent."""

    about: str
    state: str
    rows: tuple[TargetRow, ...]
    wrong: tuple[WrongAnswer, ...]


@dataclass(frozen=True)
class Example:
    """A question whose answers show a change: what was answered before, and after."""

    probe: str
    before: str
    after: str


@dataclass(frozen=True)
class ChangeRow:
    """A change, as the report of drift shows it. `odds` against the model having stayed the same; 0 where it said so itself."""

    target: str
    kind: str
    noticed: datetime
    since: datetime
    before: str
    after: str
    feature: str
    up: bool
    odds: float
    answers: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class VersionRow:
    """A version as it is watched. `odds`: feature → odds against its law having stayed the same, as they are now."""

    target: str
    version: str
    era: int
    first: datetime
    last: datetime
    answers: int
    rounds: int
    measure: str
    threshold: float
    rate: float
    odds: dict[str, float]
    changed: bool


@dataclass(frozen=True)
class DriftAnswer:
    about: str
    versions: tuple[VersionRow, ...]
    changes: tuple[ChangeRow, ...]


@dataclass(frozen=True)
class JudgeRow:
    """A judge's measure. `example`: what 10 % bad verdicts of 1,000 would stand for; None where the judge tells nothing."""

    target: str
    version: str
    kind: str
    measured: datetime
    sensitivity: Counts
    specificity: Counts
    sensitivity_interval: Interval | None
    specificity_interval: Interval | None
    silent: int
    example: Rate | None


@dataclass(frozen=True)
class JudgeAnswer:
    about: str
    rows: tuple[JudgeRow, ...]


@dataclass(frozen=True)
class RateRow:
    """What a judge's version said of a target's answers: `bad` of `judged`, and what that stands for. `rate` is None where the judge was
    not measured (`measured` is False) or tells nothing."""

    target: str
    kind: str
    judge: str
    judged: int
    bad: int
    measured: bool
    rate: Rate | None


@dataclass(frozen=True)
class RatesAnswer:
    about: str
    rows: tuple[RateRow, ...]


def ask_canaries(
    plan: Path,
    environment: str | None = None,
    targets: Sequence[str] = (),
    repeats: int = 1,
    base_urls: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> CanariesAnswer:
    """Ask every question of the plan's suites of its targets, once or several times. Raises PlanError, SettingsError."""
    found = checked(plan, environment).plan
    assert found is not None
    unknown = [name for name in targets if name not in found.providers]
    if unknown:
        raise SettingsError(f"the plan has no provider {unknown[0]!r}; it has {', '.join(sorted(found.providers))}")
    canaries = found.quality.canaries
    suites = [str((plan.parent / name).resolve()) for name in (canaries.suites if canaries is not None else ())]
    probes, _ = read_suites([Path(name) for name in suites])
    asking: dict[str, Any] = {"every": NEVER, "per_round": len(probes), "repeats": repeats, "suites": suites}
    if targets:
        asking["targets"] = list(targets)
    with _served(plan, environment, {"canaries": asking, "judge": None}, base_urls or {}, say) as store:
        state = _awaited(store, lambda one: one.last_round())[1]
        return _canaries(str(plan), store, state, 0.0)


def seen_canaries(data: Path, clock: Callable[[], float] = time.time) -> CanariesAnswer:
    """What a server's canaries found in the last 24 hours. Raises SettingsError."""
    with _kept(data) as store:
        last = store.last_round()
        return _canaries(str(data), store, last[1] if last is not None else "none", clock() - LAST_S)


def look_at_drift(data: Path) -> DriftAnswer:
    """What is known of the models behind a server's targets, and what has changed. Raises SettingsError."""
    with _kept(data) as store:
        detectors, changes = store.detectors(), store.changes()
        names = store.names()
        versions = [one for one in store.versions() if one.number in detectors]
        ended = {(change.target, change.after): change for change in changes if change.kind == "drift"}
        latest = {(one.target, one.text): one.era for one in versions}
        rows = tuple(
            _version_row(one, *detectors[one.number], (one.target, one.text) in ended and one.era < latest[one.target, one.text])
            for one in versions
        )
        return DriftAnswer(str(data), rows, tuple(_change_row(store, change, names) for change in changes))


def measure_judge(
    plan: Path,
    environment: str | None = None,
    base_urls: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> JudgeAnswer:
    """Ask the plan's judge of the labelled items. Raises PlanError, SettingsError."""
    found = checked(plan, environment).plan
    assert found is not None
    judge = found.quality.judge
    if judge is None:
        raise SettingsError(f"{plan} has no judge; write quality: {{judge: {{model: …}}}}")
    labelled = [str((plan.parent / name).resolve()) for name in judge.labelled]
    with _served(plan, environment, {"canaries": None, "judge": {"labelled": labelled}}, base_urls or {}, say) as store:
        _awaited(store, lambda one: one.measured() or None)
        texts = {one.number: one for one in store.versions()}
        return JudgeAnswer(str(plan), tuple(_judge_row(one, texts[one.version]) for one in store.measured()))


def judged_rates(data: Path) -> RatesAnswer:
    """What a server's judge said of each target's answers, corrected for its own errors. Raises SettingsError, LedgerError."""
    with _kept(data) as store:
        measures = {(one.version, one.kind): one for one in store.measured()}
        texts = {one.number: one.text for one in store.versions()}
    rows = []
    for one in Ledger(data).sql(JUDGED).to_pylist():
        measure = measures.get((one["version"], one["kind"]))
        rate = None if measure is None else corrected_rate(one["bad"], one["judged"], measure.sensitivity, measure.specificity)
        judge = texts.get(one["version"], "")
        rows.append(RateRow(one["target"], one["kind"], judge, one["judged"], one["bad"], measure is not None, rate))
    return RatesAnswer(str(data), tuple(rows))


# --- a server of its own -----------------------------------------------------------------------------------------------------------------


@contextmanager
def _served(
    plan: Path, environment: str | None, quality: dict[str, Any], base_urls: Mapping[str, str], say: Callable[[str], None]
) -> Iterator[QualityStore]:
    """The store of a server that runs the plan with another section of quality."""
    with tempfile.TemporaryDirectory(prefix="roteiro-quality-") as folder:
        laid = {"include": [str(one.resolve()) for one in _files(plan, environment)], "roteiro": 1, "quality": quality}
        path = Path(folder) / "plan.yaml"
        path.write_text(json.dumps(laid, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
        with (
            ServerProcess(path, Path(folder) / "data", base_urls=base_urls, say=say),
            QualityStore(Path(folder) / "data" / FILE) as store,
        ):
            yield store


def _files(plan: Path, environment: str | None) -> list[Path]:
    return [plan] if environment is None else [plan, plan.with_name(f"{plan.stem}.{environment}{plan.suffix}")]


def _awaited(store: QualityStore, look: Callable[[QualityStore], FoundT | None]) -> FoundT:
    give_up = time.monotonic() + WITHIN_S
    while time.monotonic() < give_up:
        if (found := look(store)) is not None:
            return found
        time.sleep(0.1)
    raise SettingsError(f"nothing was answered within {WITHIN_S:g} s")


@contextmanager
def _kept(data: Path) -> Iterator[QualityStore]:
    store = QualityStore.there(data / FILE)
    if store is None:
        raise SettingsError(f"{data} holds no canaries; serve a plan with quality: {{canaries: true}}, or name another --data")
    with store:
        yield store


# --- rows --------------------------------------------------------------------------------------------------------------------------------


def _canaries(about: str, store: QualityStore, state: str, since_s: float) -> CanariesAnswer:
    names, kinds = store.names(), store.kinds()
    failures = store.failures(since_s)
    rows, wrong = [], list[WrongAnswer]()
    for version in store.versions():
        answers = store.answers(version.number, since_s)
        if answers:
            rows.append(_target_row(version, answers, failures.get(version.target, 0), kinds))
            wrong += [WrongAnswer(version.target, names[one.probe], one.text, one.refused) for one in answers if not one.right]
    silent = sorted(set(failures) - {row.target for row in rows})
    rows += [_target_row(Version(0, name, "", 1, 0.0, 0.0), [], failures[name], kinds) for name in silent]
    return CanariesAnswer(about, state, tuple(rows), tuple(wrong[-WRONG_SHOWN:]))


def _target_row(version: Version, answers: Sequence[Asked], failed: int, kinds: Mapping[int, str]) -> TargetRow:
    by_kind: dict[str, tuple[int, int]] = {}
    for one in answers:
        right, of = by_kind.get(kinds[one.probe], (0, 0))
        by_kind[kinds[one.probe]] = right + one.right, of + 1
    right = sum(one.right for one in answers)
    formed = [one.formed for one in answers if one.formed is not None]
    return TargetRow(
        target=version.target, version=version.text, era=version.era, asked=len(answers), failed=failed, right=right,
        interval=wilson(right, len(answers)), kinds=dict(sorted(by_kind.items())), refused=sum(one.refused for one in answers),
        formed=(sum(formed), len(formed)), confidence=_mean([one.confidence for one in answers]),
        agreement=_mean([one.agreement for one in answers]),
        latency_s=median(one.latency_s for one in answers) if answers else None,
    )  # fmt: skip


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _version_row(version: Version, measure: str, detector: Detector, changed: bool) -> VersionRow:
    return VersionRow(
        target=version.target, version=version.text, era=version.era, first=_moment(version.first_s), last=_moment(version.last_s),
        answers=detector.seen, rounds=detector.rounds, measure=measure, threshold=detector.threshold, rate=detector.rate,
        odds={name: detector.evidence(name) for name in FEATURES}, changed=changed,
    )  # fmt: skip


def _change_row(store: QualityStore, change: Change, names: Mapping[int, str]) -> ChangeRow:
    return ChangeRow(
        change.target, change.kind, _moment(change.at_s), _moment(change.since_s), change.before, change.after, change.feature, change.up,
        change.evidence, change.probes, _examples(store, change, names),
    )  # fmt: skip


def _examples(store: QualityStore, change: Change, names: Mapping[int, str]) -> tuple[Example, ...]:
    """Questions that are answered as none of the first answers was; wrong ones first."""
    earlier = [one for one in store.versions() if (one.target, one.text) == (change.target, change.before) and one.number < change.version]
    if change.kind != "drift" or not earlier:
        return ()
    before = max(earlier).number
    found = dict[int, Example]()
    for one in sorted([*store.answers(before, change.since_s), *store.answers(change.version)], key=lambda one: (one.right, -one.at_s)):
        first = store.references(before, one.probe)
        if first and all(normalised(text) != normalised(one.text) for text in first):
            found.setdefault(one.probe, Example(names[one.probe], first[0], one.text))
    return tuple(found.values())[:EXAMPLES]


def _judge_row(one: Measured, version: Version) -> JudgeRow:
    return JudgeRow(
        target=version.target.removeprefix("judge:"), version=version.text, kind=one.kind, measured=_moment(one.at_s),
        sensitivity=one.sensitivity, specificity=one.specificity, sensitivity_interval=wilson(*one.sensitivity),
        specificity_interval=wilson(*one.specificity), silent=one.silent,
        example=corrected_rate(100, 1000, one.sensitivity, one.specificity),
    )  # fmt: skip


def _moment(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
