"""A notice in words: its title, and the lines below it, in the language of whoever reads it.

What must not live here: the words themselves (`report.words_of_notices`), and the forms that services want (`notice_forms`).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from roteiro.gateway.notice import Adopted, Changed, Notice, ProviderNow
from roteiro.report.speech import Speech

__all__ = ["Part", "Told", "command", "told"]

MOST_OF_EACH: Final = 5
"""Changes of a kind that are told, the latest."""
DIGEST: Final = 12


class Part(NamedTuple):
    """Lines that belong together, under a heading or under none."""

    heading: str
    lines: tuple[str, ...]


class Told(NamedTuple):
    """What is told of one or of several notices."""

    title: str
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All of it below the title, as plain text."""
        return "\n\n".join("\n".join((*([part.heading + ":"] if part.heading else []), *part.lines)) for part in self.parts)


def told(notices: Sequence[Notice], speech: Speech) -> Told:
    """One message of notices that go together; what changed lately is told once, as the last of them has it."""
    title = headline(notices[0], speech)
    if len(notices) > 1:
        first = headline(notices[0], speech)
        title = speech.say("notice.title.several", count=len(notices), first=first)
    parts = [Part(headline(one, speech) if len(notices) > 1 else "", tuple(lines(one, speech))) for one in notices]
    last = notices[-1]
    if last.kind != "test":
        parts.append(Part(speech.say("notice.changed"), tuple(changes(last, speech))))
        if last.changed.providers:
            parts.append(Part(speech.say("notice.providers"), tuple(provider_line(one, speech) for one in last.changed.providers)))
        parts.append(Part("", (speech.say("notice.look", command=command(notices)),)))
    return Told(title, tuple(part for part in parts if part.lines or part.heading))


def command(notices: Sequence[Notice]) -> str:
    """What to type to see more."""
    objectives = {one.objective for one in notices}
    return "roteiro slo status" + (f" --objective {objectives.pop()}" if len(objectives) == 1 and "" not in objectives else "")


def headline(notice: Notice, speech: Speech) -> str:
    """`[PAGE] gold.availability: 6.2% of the error budget spent in 1h`."""
    say, over = speech.say, notice.stage == "resolved"
    mark = say("notice.over" if over else f"notice.{notice.severity}")
    if notice.kind == "test":
        return say("notice.title.test")
    if notice.kind == "step":
        words = {"threshold": speech.share(notice.threshold), "action": say(f"notice.do.{notice.do}")}
        said = say("notice.title.step_over" if over else "notice.title.step", objective=notice.objective, **words)
    elif over:
        said = say("notice.title.alert_over", objective=notice.objective, time=span(notice.at_s - notice.since_s))
    elif notice.numbers.lately is None or notice.numbers.long_s is None:
        said = say("notice.title.alert_plain", objective=notice.objective)
    else:
        lately, window = speech.share(notice.numbers.lately, 1), span(notice.numbers.long_s)
        said = say("notice.title.alert", objective=notice.objective, lately=lately, window=window)
    return f"[{mark}] {said}"


def lines(notice: Notice, speech: Speech) -> Iterator[str]:
    """The numbers of one notice, a line each."""
    say, numbers = speech.say, notice.numbers
    if notice.kind == "test":
        yield say("notice.tested")
        return
    if notice.promise:
        yield say("notice.promise", promise=notice.promise)
    if notice.stage == "firing" and numbers.lately is not None and numbers.long_s is not None:
        yield say(
            "notice.lately", window=span(numbers.long_s), lately=speech.share(numbers.lately, 1), bound=speech.share(numbers.bound, 1),
            burn=speech.trimmed(numbers.burn or 0.0, 1),
        )  # fmt: skip
    if numbers.spent is not None and numbers.spent < 1.0:
        yield say("notice.spent", spent=speech.share(numbers.spent, 1), left=speech.share(1.0 - numbers.spent, 1))
    elif numbers.spent is not None:
        yield say("notice.overspent", spent=speech.share(numbers.spent, 1))
    if notice.stage == "firing" and numbers.exhausted_at_s is not None:
        left = span(numbers.exhausted_at_s - notice.at_s)
        yield say("notice.exhausted", at=moment(numbers.exhausted_at_s, notice.timezone), time=left)
    yield say("notice.since", at=moment(notice.since_s, notice.timezone))


def changes(notice: Notice, speech: Speech) -> Iterator[str]:
    """What changed lately, the latest of each kind first."""
    say, changed, zone = speech.say, notice.changed, notice.timezone
    if changed.digest:
        yield say("notice.in_force", digest=changed.digest[:DIGEST], version=changed.version)
    for adopted in changed.adopted[:MOST_OF_EACH]:
        yield adoption_line(adopted, zone, speech)
    for turn in changed.versions[:MOST_OF_EACH]:
        words = {"at": moment(turn.at_s, zone), "target": turn.target, "after": turn.after}
        yield say("notice.drift", **words) if turn.kind == "drift" else say("notice.version", before=turn.before, **words)
    for breaker in changed.breakers[:MOST_OF_EACH]:
        yield say("notice.breaker", at=moment(breaker.at_s, zone), target=breaker.target, what=say(f"reason.{breaker.what}"))
    if is_quiet(changed):
        yield say("notice.nothing")


def adoption_line(adopted: Adopted, zone: str, speech: Speech) -> str:
    word = "notice.adopted" if adopted.before else "notice.began"
    words = {"at": moment(adopted.at_s, zone), "digest": adopted.digest[:DIGEST], "before": adopted.before[:DIGEST], "by": adopted.by}
    said = speech.say(word, **words)
    return f"{said}, {speech.say('notice.override', reason=adopted.override)}" if adopted.override else said


def is_quiet(changed: Changed) -> bool:
    """Whether nothing happened that may have brought it about."""
    return not (changed.adopted or changed.versions or changed.breakers)


def provider_line(one: ProviderNow, speech: Speech) -> str:
    breaker = speech.say(f"breaker.{one.breaker}")
    if not one.requests:
        return speech.say("notice.provider_quiet", name=one.name, breaker=breaker)
    failed, requests = speech.share(one.failed_share or 0.0, 1), speech.number(one.requests)
    return speech.say("notice.provider", name=one.name, failed=failed, requests=requests, p95=speech.ms(one.p95_ms), breaker=breaker)


def moment(at_s: float, zone: str) -> str:
    """`2026-02-01 14:03:20 -03:00`, in the plan's timezone."""
    local = datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(zone))
    return local.strftime("%Y-%m-%d %H:%M:%S ") + local.strftime("%z")[:3] + ":" + local.strftime("%z")[3:]


def span(seconds: float) -> str:
    """A stretch of time in its two largest units: `45 s`, `12 min`, `3 h 30 min`, `4 d`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    said = [(days, "d"), (hours, "h"), (0 if days else minutes, "min")]
    return " ".join(f"{count} {unit}" for count, unit in said if count)
