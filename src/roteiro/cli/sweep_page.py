"""How a sweep is told: which combinations no other beats, a picture of all, and a table.

What must not live here: simulating.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from roteiro.cli.simulate_page import seeds_said
from roteiro.report.chart import Axis, Chart, Dot
from roteiro.report.chart import Quantity as AxisQuantity
from roteiro.report.document import Cell, Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.estimates import about, value_of
from roteiro.report.speech import Speech

if TYPE_CHECKING:
    from roteiro.tasks.sweep import Cell as Combination
    from roteiro.tasks.sweep import SweepEstimate, SweepResult

__all__ = ["begins", "sweep_page"]

MOST_ROWS: Final = 60
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
AXES: Final[dict[str, AxisQuantity]] = {"share": "share", "ms": "ms", "money": "money", "count": "count", "per_s": "per_s"}
USUAL: Final = ("attainment", "cost", "p95", "ttft_p95", "shed")
"""Columns of the table beside the objectives, the first ones kept longest where the room is narrow."""


def sweep_page(result: "SweepResult", speech: Speech) -> Document:
    """All of it."""
    say = speech.say
    marks = marked(result)
    head: list[Part] = [headline(result, marks, speech)]
    if result.interrupted:
        head.append(Note(say("sweep.interrupted", count=len(result.cells), wanted=result.wanted_cells), Tone.WARN))
    head += [Note(say("sweep.idle", path=path), Tone.WARN) for path in result.idle]
    head.append(picture(result, marks, speech))
    told, left = chosen(result.cells)
    parts: list[Part] = [table(result, told, marks, speech)]
    if left:
        parts.append(Note(say("sweep.more", count=speech.number(left)), Tone.QUIET))
    notes = [Note(say("sweep.method"), Tone.QUIET)]
    notes += [Note(say("sim.assumed", what=what), Tone.QUIET) for what in result.assumed]
    notes += [Note(str(problem), Tone.WARN) for problem in result.problems]
    sections = (Section("", tuple(head)), Section(say("sweep.table"), tuple(parts)), Section("", tuple(notes)))
    plan = f"{result.plan} {result.digest[:12]}".strip()
    subtitle = say("sweep.about", plan=plan, demand=result.demand, cells=speech.number(len(result.cells)), requests=speech.number(result.requests), seeds=seeds_said(len(result.seeds), speech))  # fmt: skip # noqa: E501
    return Document(say("sweep.title"), sections, subtitle)


def begins(estimate: "SweepEstimate", speech: Speech) -> str:
    """What a sweep will take, in a line."""
    say = speech.say
    count = estimate.processes
    return say(
        "sweep.begins", cells=speech.number(estimate.cells), seeds=seeds_said(estimate.seeds, speech),
        requests=speech.number(estimate.requests),
        time=value_of(max(1.0, estimate.seconds), "seconds", speech),
        processes=say("sweep.process") if count == 1 else say("sweep.processes", count=count),
    )  # fmt: skip


def marked(result: "SweepResult") -> dict[int, str]:
    """A letter for each cell on the front, in the order of the first objective: position → letters."""
    best = sorted((i for i, one in enumerate(result.cells) if one.best), key=lambda i: result.cells[i].figures[result.x].mean)
    return {i: letters(n) for n, i in enumerate(best)}


def letters(number: int) -> str:
    """A … Z, AA, AB …"""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, len(LETTERS))
        text = LETTERS[rest] + text
    return text


def figure_name(key: str, speech: Speech) -> str:
    kind, _, name = key.partition(".")
    return speech.say(f"figure.{kind}", name=name)


def headline(result: "SweepResult", marks: dict[int, str], speech: Speech) -> Note:
    say = speech.say
    x, y = figure_name(result.x, speech), figure_name(result.y, speech)
    names = ", ".join(f"{mark} ({settings(result.cells[i])})" for i, mark in list(marks.items())[:6])
    if len(marks) > 6:
        names += " …"
    facts = {"cells": speech.number(len(result.cells)), "count": speech.number(len(marks)), "x": x, "y": y, "names": names}
    word = "sweep.no_best" if not marks else "sweep.one_best" if len(marks) == 1 else "sweep.best"
    return Note(say(word, **facts), Tone.STRONG)


def settings(one: "Combination") -> str:
    return ", ".join(f"{setting.path.rsplit('.', 1)[-1]} {setting.value}" for setting in one.settings)


def picture(result: "SweepResult", marks: dict[int, str], speech: Speech) -> Chart:
    """Every cell as a dot, the front joined and lettered."""
    say = speech.say
    x, y = figure_name(result.x, speech), figure_name(result.y, speech)
    units = [result.units[key] for key in (result.x, result.y)]
    dots = tuple(
        Dot(
            one.figures[result.x].mean, one.figures[result.y].mean, marks.get(i, ""), one.best,
            f"{settings(one)}: {', '.join(value_of(one.figures[key].mean, result.units[key], speech) for key in (result.x, result.y))}",
        )
        for i, one in enumerate(result.cells)
    )  # fmt: skip
    told = "; ".join(f"{mark} {dots[i].text}" for i, mark in marks.items())
    return Chart(
        say("sweep.picture", x=x, y=y), Axis(x, AXES[units[0]]), Axis(y, AXES[units[1]]), speech.language, dots=dots, front=True, rows=14,
        description=say("sweep.described", points=told),
    )  # fmt: skip


def chosen(cells: Sequence["Combination"]) -> tuple[list[int], int]:
    """Which cells the table shows, in order, the front always; and how many it leaves out."""
    order = list(range(len(cells)))
    if len(order) <= MOST_ROWS:
        return order, 0
    room = max(0, MOST_ROWS - sum(one.best for one in cells))
    kept = []
    for i in order:
        if cells[i].best:
            kept.append(i)
        elif room:
            room -= 1
            kept.append(i)
    return kept, len(order) - len(kept)


def table(result: "SweepResult", told: Sequence[int], marks: dict[int, str], speech: Speech) -> Table:
    """A row a combination: its values, then the objectives, then what else is usual."""
    say = speech.say
    keys = [result.x, result.y, *(key for key in USUAL if key in result.units and key not in (result.x, result.y))]
    columns = (
        Column(say("sweep.front")),
        *(Column(short(path, result.paths), right=True) for path in result.paths),
        *(Column(figure_name(key, speech), right=True, rank=max(0, place - 1)) for place, key in enumerate(keys)),
    )
    rows = []
    for i in told:
        one = result.cells[i]
        tone = Tone.STRONG if one.best else Tone.PLAIN
        values: list[Cell] = [cell(marks.get(i, ""), Tone.GOOD if one.best else Tone.QUIET)]
        values += [cell(setting.value, tone) for setting in one.settings]
        values += [cell(figure_text(one, key, result, speech), tone) for key in keys]
        rows.append(tuple(values))
    return Table(columns, tuple(rows))


def figure_text(one: "Combination", key: str, result: "SweepResult", speech: Speech) -> str:
    estimate = one.figures[key]
    return "" if math.isnan(estimate.mean) else about(estimate, result.units[key], speech)


def short(path: str, paths: Sequence[str]) -> str:
    """As much of the path's end as tells it from the others."""
    parts = path.split(".")
    for length in range(1, len(parts) + 1):
        end = ".".join(parts[-length:])
        if sum(other == end or other.endswith(f".{end}") for other in paths) == 1 and length >= min(2, len(parts)):
            return end
    return path
