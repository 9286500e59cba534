"""The story of one request, told in words.

What must not live here: finding out what happened (`analysis.explain`).
"""

from roteiro.analysis.explain import Ending, Fact, Kind, Story, StoryStep
from roteiro.report.document import Cell, Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["fact_text", "story_page"]

NAMED = {Kind.PRIORITY: "priority.", Kind.ERROR_CLASS: "error.", Kind.COMPLEXITY: "complexity.", Kind.CACHE: "cache."}
COMMAND_TONES = {"send": Tone.STRONG, "rescue": Tone.STRONG, "reject": Tone.BAD, "done": Tone.GOOD, "wait": Tone.WARN, "queue": Tone.WARN}


def story_page(story: Story, speech: Speech) -> Document:
    """What became of the request, what was in force when it came, and each step with the numbers compared."""
    say = speech.say
    sections = [Section("", (summary(story, speech),))]
    if story.circumstances:
        rows = tuple(
            (
                cell(one.subject, Tone.STRONG), cell(say(f"reason.{one.reason}"), Tone.WARN),
                cell(say("story.since", time=speech.seconds(-one.since_s))), cell(facts(one.compared, speech), Tone.QUIET),
            )
            for one in story.circumstances
        )  # fmt: skip
        sections.append(Section(say("story.circumstances"), (Table((Column(""), Column(""), Column(""), Column("", rank=1)), rows),)))
    if story.steps:
        columns = (
            Column(say("story.after"), right=True), Column(say("story.happened")), Column(say("story.decided")), Column(say("story.why")),
        )  # fmt: skip
        told = [step for step in story.steps if step.command != "none" or step.reason != "ok" or step.step == "first_byte"]
        sections.append(Section(say("story.steps"), (Table(columns, tuple(step_row(step, speech) for step in told)),)))
    else:
        sections.append(Section(say("story.steps"), (Note(say("story.no_steps"), Tone.QUIET),)))
    return Document(say("story.title", request=story.request, run=story.run), tuple(sections))


def step_row(step: StoryStep, speech: Speech) -> tuple[Cell, ...]:
    say = speech.say
    happened = with_facts(say(f"step.{step.step}"), step.given, speech)
    if step.step == "note":
        return cell(after(step.at_s, speech)), cell(happened, Tone.QUIET), cell(""), why(step, speech)
    if step.command == "none":
        decided = cell("")
    else:
        order = "" if step.order is None else f" {fact_text(step.order, speech)}"
        decided = cell(say(f"command.{step.command}") + order, COMMAND_TONES.get(step.command, Tone.PLAIN))
    return cell(after(step.at_s, speech)), cell(happened), decided, why(step, speech)


def why(step: StoryStep, speech: Speech) -> Cell:
    word = "" if step.reason == "ok" else speech.say(f"reason.{step.reason}")
    return cell(with_facts(word, step.compared, speech))


def after(seconds: float, speech: Speech) -> str:
    return f"{speech.number(seconds * 1e3, 1)} ms" if seconds < 10.0 else f"{speech.number(seconds, 2)} s"


def with_facts(text: str, known: tuple[Fact, ...], speech: Speech) -> str:
    told = facts(known, speech)
    return f"{text}: {told}" if text and told else text or told


def facts(known: tuple[Fact, ...], speech: Speech) -> str:
    return ", ".join(labelled(fact, speech) for fact in known)


def labelled(fact: Fact, speech: Speech) -> str:
    """The fact with what it is; a class of errors says so itself."""
    text = fact_text(fact, speech, bare=True)
    return text if fact.kind is Kind.ERROR_CLASS else f"{speech.say(f'fact.{fact.label}')} {text}".strip()


def fact_text(fact: Fact, speech: Speech, bare: bool = False) -> str:
    """The value of a fact with its unit; `bare` leaves out what its label says already."""
    value = fact.value
    if isinstance(value, str):
        named = NAMED.get(fact.kind)
        return speech.say(named + value) if named and not value.startswith("#") else speech.say("all") if value == "all" else value
    match fact.kind:
        case Kind.SECONDS:
            text = speech.seconds(value)
        case Kind.MOMENT:
            text = after(value, speech)
        case Kind.MILLISECONDS:
            text = speech.ms(value)
        case Kind.MONEY:
            text = speech.money(int(value))
        case Kind.SHARE:
            text = speech.share(value)
        case Kind.TOKENS | Kind.COUNT:
            text = speech.number(value)
        case _:
            text = speech.trimmed(value)
    return text if bare or fact.kind not in (Kind.MOMENT, Kind.SECONDS) else f"{speech.say(f'fact.{fact.label}')} {text}"


def summary(story: Story, speech: Speech) -> Table:
    """Label and value, one a row."""
    say = speech.say
    if story.ending is None:
        pairs = [(say("story.ended"), cell(say("story.in_flight"), Tone.WARN))]
    else:
        pairs = ending(story.ending, speech)
    return Table((Column(""), Column("")), tuple((cell(label, Tone.QUIET), value) for label, value in pairs))


def ending(end: Ending, speech: Speech) -> list[tuple[str, Cell]]:
    say = speech.say
    good = end.outcome == "success"
    ended = f"{say(f'outcome.{end.outcome}')}, {say('status')} {end.status}"
    if end.reason != "ok":
        ended += f": {say(f'reason.{end.reason}')} ({end.reason})"
    if end.error_class != "none":
        ended += f"; {say(f'error.{end.error_class}')}"
    took = speech.ms(end.total_ms)
    if end.ttft_ms is not None:
        took = say("story.first_token", total=took, ttft=speech.ms(end.ttft_ms))
    usage = say("story.usage_text", input=speech.number(end.input_tokens), output=speech.number(end.output_tokens))
    pairs = [
        (say("story.ended"), cell(ended, Tone.GOOD if good else Tone.BAD)),
        (say("story.asked"), cell(" · ".join(part for part in (end.tenant, end.tier, end.workload, end.model) if part))),
        (say("provider"), cell(end.target or say("no_provider"), Tone.STRONG)),
        (say("story.attempts"), cell(speech.number(end.attempts))),
        (say("story.took"), cell(took)),
    ]
    if end.queue_ms > 0.0:
        pairs.append((say("story.queued"), cell(speech.ms(end.queue_ms))))
    pairs += [
        (say("story.usage"), cell(f"{usage} ({say('estimated')})" if end.estimated else usage)),
        (say("cost"), cell(speech.money(end.cost_nusd))),
    ]
    if end.digest:
        pairs.append((say("story.plan"), cell(end.digest[:12], Tone.QUIET)))
    return pairs
