"""How a replay is told.

What must not live here: replaying.
"""

from typing import TYPE_CHECKING

from roteiro.report.document import Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.speech import Speech

if TYPE_CHECKING:
    from roteiro.simulator.replay import Difference
    from roteiro.tasks.replay import ReplayResult

__all__ = ["replay_page", "replay_section"]


def replay_page(result: "ReplayResult", speech: Speech) -> Document:
    section = replay_section(result, speech)
    return Document(section.title, (Section("", section.parts),), f"{speech.say('run')} {result.run}")


def replay_section(result: "ReplayResult", speech: Speech) -> Section:
    """That all is identical; or the first difference side by side, and why not all could be compared."""
    say = speech.say
    told = {"decisions": speech.number(result.decisions), "events": speech.number(result.events)}
    parts: list[Part] = []
    if result.identical:
        parts.append(Note(say("replay.identical", **told), Tone.GOOD))
    parts += [Note(say("replay.gap", why=why), Tone.WARN) for why in result.gaps]
    if result.first_difference is not None:
        same = speech.number(result.same_decisions)
        parts.append(Note(say("replay.differs", identical=same, seq=result.first_difference.seq, **told), Tone.BAD))
        parts.append(side_by_side(result.first_difference, speech))
        parts += told_of(result.first_difference, speech)
        parts.append(Note(say("replay.fault"), Tone.BAD))
    return Section(say("replay.title"), tuple(parts))


def side_by_side(difference: "Difference", speech: Speech) -> Table:
    say = speech.say
    recorded, replayed = difference.recorded or {}, difference.replayed or {}
    names = list(dict.fromkeys([*recorded, *replayed]))
    rows = tuple(
        (
            cell(name, Tone.STRONG if name in difference.fields else Tone.PLAIN), cell(str(recorded.get(name, ""))),
            cell(str(replayed.get(name, "")), Tone.BAD if name in difference.fields else Tone.PLAIN),
        )
        for name in names
    )  # fmt: skip
    return Table((Column(say("replay.field")), Column(say("replay.recorded")), Column(say("replay.replayed"))), rows)


def told_of(difference: "Difference", speech: Speech) -> list[Part]:
    """The step that wrote the row when it was taken again: what it was told, and the state of its flow just before."""
    cause, say = difference.cause, speech.say
    if cause is None:
        return []
    columns = (Column(say("replay.field")), Column(say("replay.value")))
    tables: list[Part] = [Note(say("replay.inputs", seq=cause.seq))]
    tables.append(Table(columns, tuple((cell(name), cell(str(value))) for name, value in cause.inputs.items())))
    if cause.flow is not None:
        tables.append(Note(say("replay.flow")))
        tables.append(Table(columns, tuple((cell(name), cell(str(value))) for name, value in cause.flow.items())))
    return tables
