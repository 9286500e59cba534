"""The report of a rehearsal: each figure foretold beside the one measured, where it is off, and what was fitted.

What must not live here: simulating, and judging.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from roteiro.analysis.fidelity import Answer, Fidelity, Judged, Quantity
from roteiro.report.chart import Axis, Chart, Line
from roteiro.report.comparison import text
from roteiro.report.document import Cell, Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["Rehearsed", "RehearsedRun", "rehearsal_page"]

TONES: Final = {Answer.MET: Tone.GOOD, Answer.CHANCE: Tone.WARN, Answer.MISSED: Tone.BAD}
LISTED: Final = 8
"""Parts of the difference that are told."""


class Fitted(Protocol):
    """One parameter, as `simulator.fit_report` has it."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def error(self) -> float: ...
    @property
    def unit(self) -> str: ...
    @property
    def used(self) -> bool: ...


class FittedTarget(Protocol):
    """One target's parameters."""

    @property
    def target(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def answers(self) -> int: ...
    @property
    def parameters(self) -> Sequence[Fitted]: ...
    @property
    def note(self) -> str: ...


class Fit(Protocol):
    @property
    def targets(self) -> Sequence[FittedTarget]: ...


class RehearsedRun(Protocol):
    """One run, as `tasks.rehearse` has it."""

    @property
    def run(self) -> str: ...
    @property
    def plan(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def fitted_to(self) -> str: ...
    @property
    def split_s(self) -> float: ...
    @property
    def optimistic(self) -> bool: ...
    @property
    def requests(self) -> int: ...
    @property
    def seeds(self) -> Sequence[int]: ...
    @property
    def fidelity(self) -> Fidelity: ...
    @property
    def fit(self) -> Fit: ...
    @property
    def assumed(self) -> Sequence[str]: ...


class Rehearsed(Protocol):
    """All of a rehearsal."""

    @property
    def data(self) -> str: ...
    @property
    def rehearsals(self) -> Sequence[RehearsedRun]: ...
    @property
    def left_out(self) -> Sequence[tuple[str, str]]: ...
    @property
    def medians(self) -> Mapping[str, float]: ...


def rehearsal_page(result: Rehearsed, speech: Speech) -> Document:
    """All of it; of several runs the medians first."""
    say = speech.say
    sections: list[Section] = []
    if len(result.rehearsals) > 1:
        sections.append(Section(say("rehearsal.overall", runs=len(result.rehearsals)), (medians_table(result, speech),)))
    for one in result.rehearsals:
        sections += sections_of(one, speech)
    notes = tuple(Note(say("rehearsal.left_out", run=run, why=why), Tone.WARN) for run, why in result.left_out)
    if notes:
        sections.append(Section("", notes))
    first = result.rehearsals[0]
    return Document(say("rehearsal.title"), tuple(sections), f"{first.plan} {say('check.digest', digest=first.digest[:12])}".strip())


def sections_of(one: RehearsedRun, speech: Speech) -> list[Section]:
    say, fidelity = speech.say, one.fidelity
    told = {"requests": speech.number(one.requests), "seeds": len(one.seeds)}
    if one.optimistic:
        form = Note(say("rehearsal.same", **told), Tone.WARN)
    elif math.isnan(one.split_s):
        form = Note(say("rehearsal.other", other=one.fitted_to, **told))
    else:
        form = Note(say("rehearsal.split", at=speech.seconds(one.split_s), **told))
    missed = [what_of(figure.key, speech) for figure in fidelity.figures if figure.answer is Answer.MISSED]
    verdict = Note(say("rehearsal.broken", figures=", ".join(missed)), Tone.BAD) if missed else Note(say("rehearsal.kept"), Tone.GOOD)
    sections = [
        Section(say("rehearsal.run", run=one.run), (form, verdict, *(Note(why, Tone.QUIET) for why in one.assumed))),
        Section(say("rehearsal.figures"), (figures_table(fidelity.figures, speech),)),
        Section(say("rehearsal.quantiles"), (quantiles_chart(fidelity, speech), quantiles_table(fidelity, speech))),
    ]
    if len(fidelity.periods) > 1:
        sections.append(Section(say("rehearsal.periods"), (periods_chart(fidelity, speech), periods_table(fidelity, speech))))
    if fidelity.culprits:
        parts: tuple[Part, ...] = (culprits_table(fidelity, speech), Note(say("rehearsal.culprits_note"), Tone.QUIET))
        sections.append(Section(say("rehearsal.culprits"), parts))
    sections.append(Section(say("rehearsal.fit"), (fit_table(one.fit, speech),)))
    return sections


def what_of(key: str, speech: Speech) -> str:
    """A figure's key in words."""
    group, _, rest = key.partition(".")
    if group == "tier":
        name, _, part = rest.rpartition(".")
        return speech.say(f"rehearsal.tier.{part}", name=name)
    if group == "provider":
        return speech.say("rehearsal.provider", name=rest)
    if group == "outcome":
        return speech.say("rehearsal.outcome", name=speech.say(f"outcome.{rest}"))
    return speech.say(f"rehearsal.{key}")


def amount(value: float, quantity: Quantity, speech: Speech) -> str:
    if quantity in ("tokens", "count") and not math.isnan(value):
        return speech.trimmed(value, 2)
    return text(None if math.isnan(value) else value, "count" if quantity == "tokens" else quantity, speech)


def error_text(figure: Judged, speech: Speech) -> str:
    if math.isnan(figure.error):
        return ""
    size = speech.number(abs(figure.error) * 100, 2 if figure.quantity == "share" else 1)
    return f"{'+' if figure.error >= 0 else '-'}{size}{' pp' if figure.quantity == 'share' else '%'}"


def goal_text(figure: Judged, speech: Speech) -> str:
    if figure.goal is None:
        return ""
    return f"{speech.trimmed(figure.goal * 100, 1)}{' pp' if figure.quantity == 'share' else '%'}"


def figures_table(figures: Sequence[Judged], speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("rehearsal.figure")), Column(say("rehearsal.measured"), right=True), Column(say("rehearsal.predicted"), right=True),
        Column(say("rehearsal.seeds"), right=True, rank=2), Column(say("rehearsal.error"), right=True),
        Column(say("rehearsal.goal"), right=True, rank=1), Column(say("verdict")),
    )  # fmt: skip
    rows = []
    for figure in figures:
        if figure.key == "requests":
            continue
        tone = TONES.get(figure.answer, Tone.QUIET)
        band = f"{amount(figure.low, figure.quantity, speech)} – {amount(figure.high, figure.quantity, speech)}"
        rows.append(
            (
                cell(what_of(figure.key, speech)), cell(amount(figure.measured, figure.quantity, speech), Tone.STRONG),
                cell(amount(figure.predicted, figure.quantity, speech)), cell("" if figure.low == figure.high else band, Tone.QUIET),
                cell(error_text(figure, speech), tone), cell(goal_text(figure, speech), Tone.QUIET),
                cell(say(f"rehearsal.{figure.answer}"), tone),
            )
        )  # fmt: skip
    return Table(columns, tuple(rows))


def medians_table(result: Rehearsed, speech: Speech) -> Table:
    """The sizes of errors over runs, of figures that have a goal."""
    say = speech.say
    judged = {figure.key: figure for one in result.rehearsals for figure in one.fidelity.figures if figure.goal is not None}
    rows: list[tuple[Cell, ...]] = []
    for key, figure in judged.items():
        if key not in result.medians or figure.goal is None:
            continue
        size, unit = result.medians[key], " pp" if figure.quantity == "share" else "%"
        tone = Tone.GOOD if size <= figure.goal else Tone.BAD
        told = f"{speech.number(size * 100, 2 if figure.quantity == 'share' else 1)}{unit}"
        rows.append((cell(what_of(key, speech)), cell(told, tone), cell(goal_text(figure, speech), Tone.QUIET)))
    columns = (Column(say("rehearsal.figure")), Column(say("rehearsal.error"), right=True), Column(say("rehearsal.goal"), right=True))
    return Table(columns, tuple(rows))


def banded(values: tuple[float, float, float, float], speech: Speech) -> tuple[Cell, Cell]:
    """(measured, predicted with its band); what lies outside the band is marked."""
    measured, predicted, low, high = values
    outside = not math.isnan(measured) and not math.isnan(low) and not low <= measured <= high
    told = amount(predicted, "ms", speech)
    if low < high:
        told += f" ({amount(low, 'ms', speech)} – {amount(high, 'ms', speech)})"
    return cell(amount(measured, "ms", speech), Tone.WARN if outside else Tone.STRONG), cell(told)


def quantiles_chart(fidelity: Fidelity, speech: Speech) -> Chart:
    """Measured and predicted times at each share of the answers, the latter with its band."""
    say, points = speech.say, fidelity.percentiles
    x = tuple(one.percent / 100.0 for one in points)
    low, high = tuple(one.low_ms for one in points), tuple(one.high_ms for one in points)
    predicted = Line(say("rehearsal.predicted"), x, tuple(one.predicted_ms for one in points), low, high)
    measured = Line(say("rehearsal.measured"), x, tuple(one.measured_ms for one in points))
    axes = Axis(say("rehearsal.share"), "share", 0.0, 1.0), Axis("", "ms", 0.0)
    return Chart(say("rehearsal.quantiles"), *axes, speech.language, (predicted, measured))


def periods_chart(fidelity: Fidelity, speech: Speech) -> Chart:
    """The p95 over time: predicted with its band, and measured."""
    say, periods = speech.say, fidelity.periods
    x = tuple((one.start_s + one.end_s) / 2.0 for one in periods)
    measured, predicted, low, high = (tuple(one.p95_ms[i] for one in periods) for i in range(4))
    lines = (Line(f"p95, {say('rehearsal.predicted')}", x, predicted, low, high), Line(f"p95, {say('rehearsal.measured')}", x, measured))
    return Chart(say("rehearsal.periods"), Axis("", "seconds"), Axis("", "ms", 0.0), speech.language, lines)


def quantiles_table(fidelity: Fidelity, speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("rehearsal.share"), right=True), Column(say("rehearsal.measured"), right=True),
        Column(say("rehearsal.predicted"), right=True),
    )  # fmt: skip
    rows = tuple(
        (cell(f"{one.percent}%"), *banded((one.measured_ms, one.predicted_ms, one.low_ms, one.high_ms), speech))
        for one in fidelity.percentiles
    )
    return Table(columns, rows)


def periods_table(fidelity: Fidelity, speech: Speech) -> Table:
    say = speech.say
    measured, predicted = say("rehearsal.measured"), say("rehearsal.predicted")
    heads = [f"{what}, {which}" for what in ("p50", "p95") for which in (measured, predicted)]
    columns = (
        Column(say("rehearsal.from"), right=True), Column(say("rehearsal.requests"), right=True, rank=1),
        *(Column(head, right=True) for head in heads),
    )  # fmt: skip
    rows = tuple(
        (
            cell(speech.seconds(one.start_s)), cell(speech.number(one.requests)), *banded(one.p50_ms, speech), *banded(one.p95_ms, speech),
        )
        for one in fidelity.periods
    )  # fmt: skip
    return Table(columns, rows)


def culprits_table(fidelity: Fidelity, speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("rehearsal.target")), Column(say("rehearsal.part")), Column(say("rehearsal.measured"), right=True),
        Column(say("rehearsal.predicted"), right=True), Column(say("rehearsal.adds"), right=True),
    )  # fmt: skip
    rows = tuple(
        (
            cell(one.target or say("rehearsal.cache")), cell(say(f"rehearsal.part.{one.part}")),
            cell(amount(one.measured_ms, "ms", speech)), cell(amount(one.predicted_ms, "ms", speech)),
            cell(f"{'+' if one.adds_ms >= 0 else '-'}{speech.number(abs(one.adds_ms), 1)} ms", Tone.STRONG),
        )
        for one in fidelity.culprits[:LISTED]
    )  # fmt: skip
    return Table(columns, rows)


def fit_table(fit: Fit, speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("rehearsal.target")), Column(say("rehearsal.parameter")), Column(say("rehearsal.value"), right=True),
        Column(say("rehearsal.standard_error"), right=True, rank=1),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for target in fit.targets:
        counts = say("rehearsal.attempts", answers=speech.number(target.answers), attempts=speech.number(target.attempts))
        told = say("rehearsal.as_planned") if target.kind == "plan" else f"{counts}; {target.note}" if target.note else counts
        rows.append((cell(target.target, Tone.STRONG), cell(told, Tone.QUIET), cell(""), cell("")))
        for one in target.parameters:
            name = one.name if one.used else f"{one.name} ({say('rehearsal.unused')})"
            error = "" if math.isnan(one.error) else number(one.error, speech)
            shown = Tone.PLAIN if one.used else Tone.QUIET
            rows.append((cell(""), cell(name, shown), cell(f"{number(one.value, speech)} {one.unit}", shown), cell(error, Tone.QUIET)))
    return Table(columns, tuple(rows))


def number(value: float, speech: Speech) -> str:
    """Four significant digits."""
    if value == 0.0 or not math.isfinite(value):
        return speech.trimmed(value)
    return speech.trimmed(value, max(0, 3 - math.floor(math.log10(abs(value)))))
