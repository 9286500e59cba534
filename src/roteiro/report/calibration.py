"""The report of a calibration: the parameters with their intervals, how well they fit, what was measured, and the line for the plan.

What must not live here: loading, and fitting.
"""

import math
from collections.abc import Sequence
from typing import Final, Protocol

from roteiro.analysis.calibration import ServerFit, Spread
from roteiro.report.document import Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["Calibrated", "calibration_page"]


SCATTERED: Final = 0.1
"""Median error of points held out above which a fit is warned of."""


class Calibrated(Protocol):
    """A calibration, as `tasks.calibrate` has it."""

    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def requests(self) -> int: ...
    @property
    def answers(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def left_out(self) -> Sequence[tuple[str, int]]: ...
    @property
    def fit(self) -> ServerFit: ...
    @property
    def servers(self) -> str: ...


def calibration_page(result: Calibrated, speech: Speech) -> Document:
    """All of it."""
    say, fit = speech.say, result.fit
    counts = {"answers": speech.number(result.answers), "requests": speech.number(result.requests)}
    told = say("calibration.load", **counts, seconds=speech.seconds(result.seconds), between=fit.between, first=fit.first)
    notes = [Note(told), *(Note(say("calibration.left_out", count=n, reason=why), Tone.WARN) for why, n in result.left_out)]
    if fit.batch is None:
        batch = Note(say("calibration.no_batch", tried=fit.tried), Tone.WARN)
    else:
        batch = Note(say("calibration.batch", batch=fit.batch))
    scattered = (Note(say("calibration.scattered"), Tone.WARN),) if fit.held_out.median > SCATTERED else ()
    sections = (
        Section("", tuple(notes)),
        Section(say("calibration.parameters"), (parameters_table(fit, speech),)),
        Section(say("calibration.errors"), (errors_table(fit, speech), *scattered)),
        Section(say("calibration.measured"), (cells_table(fit, speech),)),
        Section(say("calibration.yaml"), (batch, Note(result.servers, Tone.STRONG))),
    )
    return Document(say("calibration.title", provider=result.provider), sections, result.model)


def time_text(seconds: float, speech: Speech) -> str:
    """Milliseconds to four significant digits."""
    if math.isnan(seconds):
        return ""
    ms = seconds * 1e3
    return f"{speech.trimmed(ms, 0 if ms == 0.0 else max(0, 3 - math.floor(math.log10(abs(ms)))))} ms"


def parameters_table(fit: ServerFit, speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("calibration.parameter")), Column(say("calibration.value"), right=True),
        Column(say("calibration.interval"), right=True), Column(say("calibration.meaning"), rank=1),
    )  # fmt: skip
    rows = tuple(
        (
            cell(one.name), cell(time_text(one.value_s, speech), Tone.STRONG),
            cell(
                say("calibration.bound") if math.isnan(one.low_s) else f"{time_text(one.low_s, speech)} – {time_text(one.high_s, speech)}",
                Tone.QUIET,
            ),
            cell(say(f"calibration.{one.name}"), Tone.QUIET),
        )
        for one in fit.parameters
    )  # fmt: skip
    return Table(columns, rows)


def errors_table(fit: ServerFit, speech: Speech) -> Table:
    say = speech.say

    def share(value: float) -> str:
        return "" if math.isnan(value) else f"{speech.number(value * 100, 1)}%"

    kinds: tuple[tuple[str, Spread], ...] = (("fitted", fit.fitted), ("held_out", fit.held_out), ("several", fit.several))
    columns = (
        Column(""), Column(say("calibration.points"), right=True), Column(say("calibration.median"), right=True),
        Column(say("calibration.p95"), right=True),
    )  # fmt: skip
    rows = tuple(
        (cell(say(f"calibration.{kind}")), cell(speech.number(one.points)), cell(share(one.median), Tone.STRONG), cell(share(one.p95)))
        for kind, one in kinds
        if one.points
    )
    return Table(columns, rows)


def cells_table(fit: ServerFit, speech: Speech) -> Table:
    say = speech.say
    heads = ("input", "at_once", "groups", "ttft", "itl")
    columns = tuple(Column(say(f"calibration.{head}"), right=True, rank=2 if head == "groups" else 0) for head in heads)
    rows = tuple(
        (
            cell(speech.number(one.input_tokens)), cell(speech.number(one.at_once)), cell(speech.number(one.groups), Tone.QUIET),
            cell(time_text(one.first_s, speech)), cell(time_text(one.between_s, speech)),
        )
        for one in fit.cells
    )  # fmt: skip
    return Table(columns, rows)
