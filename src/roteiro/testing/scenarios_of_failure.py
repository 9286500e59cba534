"""Scenarios of providers that fail, refuse or stay silent before anything was shown to the client.

What must not live here: streams that break (`scenarios_of_streams`), clients that misbehave (`scenarios_of_clients`).
"""

from collections.abc import Callable, Sequence
from typing import Final

from roteiro.testing.fault import (
    AnyFault,
    ChunkGarbage,
    ContentRefused,
    ContextTooLong,
    CutStream,
    Empty,
    ErrorFrame,
    Gzip,
    HalfBody,
    Http10,
    Huge,
    Malformed,
    Nonsense,
    Reset,
    Stall,
    Status,
    Throttle,
    Trickle,
    WrongType,
)
from roteiro.testing.promise import Promise
from roteiro.testing.scenario import (
    WELL,
    Check,
    Scenario,
    Seen,
    Strike,
    all_of,
    answered,
    answered_or_refused,
    asked,
    lasting,
    no_upstream_words,
    passing,
    refused,
)
from roteiro.testing.script import Phase, Script

__all__ = ["FAILURES"]

_BAD_GATEWAY: Final = (502, 503, 504)
_REASON: Final = "the text speaks of a reef that may not be named"
_MEGABYTE: Final = 1024 * 1024


# -- what applies --------------------------------------------------------------------------------------------------------------------------


def _can_retry(promise: Promise) -> str:
    return "" if promise.may_retry else "no_retry"


def _has_keys(promise: Promise) -> str:
    return "" if any(len(target.keys) > 1 for target in promise.targets[:1]) else "one_key"


def _one_way(promise: Promise) -> str:
    """Where neither another target nor another key is there to turn to."""
    return "other_ways" if len(promise.targets) > 1 or len(promise.targets[0].keys) > 1 else ""


def _speaks(dialect: str) -> Callable[[Promise], str]:
    return lambda promise: "" if any(target.dialect == dialect for target in promise.targets) else "other_dialect"


# -- checks -------------------------------------------------------------------------------------------------------------------------------


def _survived(seen: Seen) -> Sequence[str]:
    """One failure that passes: the same target again, or the next."""
    if seen.promise.same_target > 0:
        return all_of(answered(0), asked(2, others=0))(seen)
    return all_of(answered(1), asked(1, 1, others=0))(seen)


def _failed_over(seen: Seen) -> Sequence[str]:
    """A target that stays down: asked as often as the plan says, then another one; or an honest error where there is none."""
    if seen.promise.may_fail_over:
        return all_of(answered(1), asked(seen.promise.same_target + 1, 1, others=0))(seen)
    return all_of(refused(*_BAD_GATEWAY), no_upstream_words)(seen)


def _moved_on(seen: Seen) -> Sequence[str]:
    """A target that is not asked again for this request: another one at once, or an honest error."""
    if seen.promise.may_move:
        return all_of(answered(1), asked(1, 1, others=0))(seen)
    return all_of(refused(*_BAD_GATEWAY), asked(1), no_upstream_words)(seen)


def _found_another(seen: Seen) -> Sequence[str]:
    """The target asked first is not there at all, so nobody counts how often it was asked."""
    if seen.promise.may_fail_over:
        return answered(1)(seen)
    return all_of(refused(*_BAD_GATEWAY), no_upstream_words)(seen)


def _not_blamed(seen: Seen) -> list[str]:
    """What a request is at fault for never counts against a provider's breaker."""
    return [f"{name} is blamed for {count} failures" for name, count in seen.failures.items() if count]


def _says_why(seen: Seen) -> list[str]:
    """The filter's own text, or the word that stands for it where the dialect's API has but that."""
    shown = seen.told.message + seen.told.text + seen.told.body.decode("utf-8", "replace")
    told = _REASON in shown or "SAFETY" in shown
    return [] if told else [f"the provider's reason is not told: {seen.told.message!r}"]


def _turned_away(status: int) -> Check:
    return all_of(refused(status), asked(1, others=0), _not_blamed)


def _rotated(seen: Seen) -> list[str]:
    """Another key of the same target."""
    used = seen.acted[0].keys
    return [*answered(0)(seen), *asked(2, others=0)(seen), *([] if used > 1 else [f"{used} key of the target was used, not 2"])]


def _throttled(seen: Seen) -> Sequence[str]:
    """The first target says 429 once: another key of it, another target, or the wait that it asked for."""
    promise = seen.promise
    if seen.promise.attempts < 2:
        return refused(429, *_BAD_GATEWAY, retry=None)(seen)
    if len(seen.acted) and seen.acted[0].keys > 1:
        return all_of(answered(0), asked(2, others=0))(seen)
    if len(promise.targets) > 1:
        return all_of(answered(1), asked(1, 1, others=0))(seen)
    early = seen.told.total_s < 0.9
    return [*answered(0)(seen), *asked(2)(seen), *(["the provider's wish to wait a second was not honoured"] if early else [])]


def _waited(seen: Seen) -> Sequence[str]:
    """All targets say 429 once, and when to come back."""
    if seen.promise.attempts > len(seen.promise.targets):
        return answered()(seen)
    return answered_or_refused(seen)


def _another_credential(seen: Seen) -> Sequence[str]:
    """All keys of a target are refused: each is used once, then another target; else an honest error that names no key."""
    keys = max(1, seen.acted[0].keys)
    tries = min(keys, seen.promise.attempts)
    if seen.promise.may_move and seen.promise.attempts > keys:
        return all_of(answered(1), asked(tries, 1, others=0))(seen)
    return all_of(refused(*_BAD_GATEWAY), asked(tries), no_upstream_words)(seen)


def _took_the_larger(seen: Seen) -> Sequence[str]:
    if seen.promise.larger is not None:
        return answered()(seen)
    return all_of(refused(400, code="context_length_exceeded"), _not_blamed)(seen)


def _told_of_content(seen: Seen) -> Sequence[str]:
    return all_of(answered_or_refused, _says_why, asked(1, others=0), _not_blamed)(seen)


def _all_down(seen: Seen) -> Sequence[str]:
    """Tried as often as the plan allows and no more; told by category, and not to be tried again by the client's SDK."""
    total = sum(acted.requests for acted in seen.acted)
    found = list(all_of(refused(*_BAD_GATEWAY), no_upstream_words)(seen))
    if total > seen.promise.attempts:
        found.append(f"providers were asked {total} times; at most {seen.promise.attempts} attempts were planned")
    if "tried:" not in seen.told.message:
        found.append(f"the error does not tell what was tried: {seen.told.message!r}")
    return found


# -- the list -----------------------------------------------------------------------------------------------------------------------------


def _statuses() -> list[Scenario]:
    found = []
    for status in (500, 502, 503, 529):
        found += [
            Scenario(
                name=f"{status}-passing",
                must=f"a {status} that passes is survived",
                scripts=(passing(Status(status=status)), WELL),
                applies=_can_retry,
                check=_survived,
            ),
            Scenario(
                name=f"{status}-lasting",
                must=f"a target that answers {status} is left for another",
                scripts=(lasting(Status(status=status)), WELL),
                check=_failed_over,
            ),
        ]
    for status in (400, 422):
        found.append(
            Scenario(
                name=f"{status}",
                must=f"a {status} is returned at once, never tried again, and nobody is blamed",
                scripts=(lasting(Status(status=status)),),
                check=_turned_away(status),
            )
        )
    return found


def _connections() -> list[Scenario]:
    return [
        Scenario(
            name="reset-passing",
            must="a connection that is reset before the head is tried again",
            scripts=(passing(Reset()), WELL),
            applies=_can_retry,
            check=_survived,
        ),
        Scenario(
            name="reset-lasting",
            must="a target that resets connections is left for another",
            scripts=(lasting(Reset()), WELL),
            check=_failed_over,
        ),
        Scenario(
            name="reset-in-body",
            must="an answer that is reset in its middle is had from elsewhere",
            scripts=(lasting(Reset(at="body")), WELL),
            streams=(False,),
            check=_no_worse_than_moved,
        ),
        Scenario(
            name="half-body",
            must="an answer that ends before its length is had from elsewhere",
            scripts=(lasting(HalfBody()), WELL),
            streams=(False,),
            check=_no_worse_than_moved,
        ),
        Scenario(
            name="connection-refused",
            must="a target that nobody listens at is left for another",
            strike=Strike.REFUSED,
            check=_found_another,
        ),
        Scenario(
            name="dns-failure", must="a target whose host has no address is left for another", strike=Strike.UNKNOWN, check=_found_another
        ),
        Scenario(
            name="tls-failure",
            must="a target whose certificate is not to be trusted is never spoken to",
            strike=Strike.UNTRUSTED,
            check=_found_another,
        ),
    ]


def _limits() -> list[Scenario]:
    forms = [
        ("seconds", "in seconds", lambda _: ""),
        ("date", "as an HTTP date", lambda _: ""),
        ("ms", "in milliseconds", lambda _: ""),
        ("reset", "as a reset of the limit", lambda _: ""),
        ("anthropic", "as Anthropic's reset", _speaks("anthropic")),
        ("gemini", "as Gemini's retryDelay", _speaks("gemini")),
    ]
    found = [
        Scenario(
            name=f"429-{form}",
            must=f"a 429 that tells {words} when to come back is honoured, or another key or target is taken",
            scripts=(passing(Throttle(wait_s=1.0, form=form)), WELL),  # type: ignore[arg-type]
            applies=applies,
            check=_throttled,
            needs="429",
        )
        for form, words, applies in forms
    ]
    return [
        *found,
        Scenario(
            name="429-everywhere",
            must="where all say 429, the soonest return is waited for within the deadline",
            scripts=(passing(Throttle(wait_s=1.0)),),
            check=_waited,
            needs="429",
        ),
        Scenario(
            name="429-for-long",
            must="where all are limited for longer than the deadline, a 429 says so and the wait never passes it",
            scripts=(lasting(Throttle(wait_s=7200.0)),),
            check=refused(429, retry=True),
            needs="429",
        ),
        Scenario(
            name="429-one-key",
            must="a key whose limit is reached is rotated",
            scripts=(passing(Throttle(wait_s=30.0)), WELL),
            applies=_has_keys,
            check=_rotated,
            needs="credentials",
        ),
        Scenario(
            name="401-one-key",
            must="a key that is refused is dead for this request; another one serves it",
            scripts=(passing(Status(status=401)), WELL),
            applies=_has_keys,
            check=_rotated,
            needs="credentials",
        ),
        *(
            Scenario(
                name=f"{status}",
                must=f"a target that refuses its keys with {status} is left for another",
                scripts=(lasting(Status(status=status)), WELL),
                check=_another_credential,
                needs="credentials",
            )
            for status in (401, 402, 403)
        ),
    ]


def _requests() -> list[Scenario]:
    return [
        Scenario(
            name="context-too-long",
            must="a request that is longer than the context goes to the larger model, or is told so",
            scripts=(lasting(ContextTooLong()),),
            check=_took_the_larger,
            needs="context",
        ),
        Scenario(
            name="content-refused",
            must="a content filter's refusal carries its reason, at once",
            scripts=(lasting(ContentRefused(reason=_REASON)), WELL),
            check=_told_of_content,
            needs="content",
        ),
        Scenario(
            name="content-withheld",
            must="an answer that a filter withheld says so and why",
            scripts=(lasting(ContentRefused(reason=_REASON, form="answer")), WELL),
            check=all_of(answered_or_refused, asked(1, others=0)),
            needs="content",
        ),
    ]


def _silence() -> list[Scenario]:
    def first_token(promise: Promise) -> float:
        return min(promise.deadline_s, max(target.connect_s + target.first_token_s for target in promise.targets))

    def attempt(promise: Promise) -> float:
        return min(promise.deadline_s, max(target.connect_s + target.attempt_s for target in promise.targets))

    silent = lasting(Stall())
    return [
        Scenario(
            name="hang",
            must="a target that stays silent is not asked again; another one is, in time",
            scripts=(silent, WELL),
            streams=(False,),
            lasts=attempt,
            check=_moved_on,
        ),
        Scenario(
            name="hang-stream",
            must="no byte within the TTFT limit: another target, before anything was sent",
            scripts=(silent, WELL),
            streams=(True,),
            lasts=first_token,
            check=_moved_on,
            needs="ttft",
        ),
        Scenario(
            name="no-first-token",
            must="a head, and no token within the TTFT limit: another target, before anything was sent",
            scripts=(lasting(Stall(at="first_token")), WELL),
            streams=(True,),
            lasts=first_token,
            check=_moved_on,
            needs="ttft",
        ),
        Scenario(
            name="trickle",
            must="an answer at one byte a second does not keep the client for longer than an attempt",
            scripts=(lasting(Trickle(bytes_per_s=1.0)), WELL),
            lasts=attempt,
            check=_moved_on,
        ),
    ]


def _nonsense() -> list[Scenario]:
    kinds: list[tuple[str, str, AnyFault, tuple[bool, ...]]] = [
        ("nonsense", "JSON that is no answer", Nonsense(), (False, True)),
        ("half-json", "half a JSON under status 200", CutStream(), (False,)),
        ("broken-json", "a body that is not JSON", Malformed(), (False,)),
        ("wrong-type", "a web page in place of an answer", WrongType(), (False, True)),
        ("huge", "an answer of 50 MB", Huge(size_bytes=50 * _MEGABYTE), (False, True)),
        ("chunk-garbage", "chunks that are none", ChunkGarbage(), (False,)),
        ("error-under-200", "an error under status 200", ErrorFrame(), (False,)),
        ("empty", "an answer with nothing in it", Empty(), (False, True)),
        ("empty-body", "no byte under status 200", Empty(form="body"), (False, True)),
    ]
    return [
        *(
            Scenario(
                name=name,
                must=f"{words}: another target, and nothing of it is shown",
                scripts=(lasting(fault), WELL),
                streams=streams,
                check=_no_worse_than_moved,
                needs="empty" if name == "empty" else "",
            )
            for name, words, fault, streams in kinds
        ),
        Scenario(
            name="gzip",
            must="an answer that is compressed, though nobody asked, is read or had from elsewhere",
            scripts=(lasting(Gzip()), WELL),
            check=lambda seen: answered()(seen) if seen.promise.may_move else answered_or_refused(seen),
            needs="gzip",
        ),
        Scenario(
            name="http-1.0",
            must="an answer of HTTP/1.0, which ends with its connection, is an answer",
            scripts=(lasting(Http10()), WELL),
            check=all_of(answered(0), asked(1, others=0)),
        ),
    ]


def _no_worse_than_moved(seen: Seen) -> Sequence[str]:
    """Another target gave the answer. Whether the first was asked once more before is the plan's business."""
    if not seen.promise.may_fail_over:
        return all_of(answered_or_refused, no_upstream_words)(seen)
    return answered(1)(seen)


def _outages() -> list[Scenario]:
    def everything(*faults: AnyFault) -> tuple[Script, ...]:
        return (Script(phases=(Phase(faults=faults),)),)

    return [
        Scenario(
            name="all-down",
            must="all targets down: an error that tells what was tried, within the attempts and the deadline",
            scripts=everything(Status(status=503)),
            check=_all_down,
        ),
        Scenario(
            name="all-reset",
            must="all targets reset connections: the same",
            scripts=everything(Reset()),
            check=_all_down,
        ),
        Scenario(
            name="all-silent",
            must="all targets silent: an error when the deadline comes, if not before",
            scripts=everything(Stall()),
            lasts=lambda promise: promise.deadline_s,
            check=all_of(refused(*_BAD_GATEWAY), asked(1)),
        ),
    ]


FAILURES: Final = (*_statuses(), *_connections(), *_limits(), *_requests(), *_silence(), *_nonsense(), *_outages())
"""In the order in which the issue of faults is usually told: statuses, connections, limits, requests, silence, nonsense, outages."""
