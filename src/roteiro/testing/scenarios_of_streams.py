"""Scenarios of streams that break after something was shown: gone on with elsewhere, or ended with an error that clients raise on.

What must not live here: failures before anything was shown (`scenarios_of_failure`).
"""

from collections.abc import Sequence
from typing import Final

from roteiro.testing.fault import (
    AnyFault,
    ChunkGarbage,
    CutStream,
    ErrorFrame,
    HalfBody,
    Malformed,
    NoDone,
    NoFinish,
    PrefixRefused,
    Reset,
    Stall,
)
from roteiro.testing.promise import Promise
from roteiro.testing.scenario import WELL, Scenario, Seen, all_of, answered, answered_or_refused, asked, lasting, refused, within

__all__ = ["STREAMS"]

_SHOWN: Final = 3
"""Words that the client has when the stream breaks."""
_PACE_S: Final = 0.02
"""Between words: what came at once may be found broken before any of it was shown, and begin anew."""


def _rescued(seen: Seen) -> Sequence[str]:
    """The next target goes on from where the client has it; or, where that cannot be, an error ends what was shown."""
    promise = seen.promise
    if not promise.rescue or promise.attempts < 2:
        return refused()(seen)
    if not any(acted.continues for acted in seen.acted[1:]):  # at best the broken one goes on from its own beginning
        return answered_or_refused(seen)
    found = list(answered()(seen))
    if found:
        return found
    rescuers = [acted for acted in seen.acted[1:] if acted.prefixes]
    if not rescuers:
        return ["the answer is whole, but no other target was given its beginning"]
    begun = rescuers[-1].heard[-1].prefix
    if not seen.told.text.startswith(begun):
        found.append(f"the beginning that the other target was given is not what the client has: {begun[:60]!r}")
    if seen.event is not None and not seen.event.get("rescues"):
        found.append("the ledger knows of no rescue")
    return found


def _breaks() -> list[Scenario]:
    kinds: list[tuple[str, str, AnyFault]] = [
        ("frames-stop", "frames stop coming", Stall(at="middle", after=_SHOWN)),
        ("cut", "a stream that ends before its answer does", CutStream(after=_SHOWN)),
        ("half", "a stream whose connection is closed in the middle", HalfBody(after=_SHOWN)),
        ("reset", "a stream whose connection is reset in the middle", Reset(at="body", after=_SHOWN)),
        ("no-finish", "a stream that ends in good order without a finish reason", NoFinish()),
        ("error-frame", "an error in the middle of a stream", ErrorFrame(after=_SHOWN)),
        ("chunk-garbage-stream", "chunks that are none, in the middle of a stream", ChunkGarbage()),
    ]
    return [
        Scenario(
            name=name,
            must=f"{words}: gone on with elsewhere, or ended with an error",
            scripts=(lasting(fault), WELL),
            streams=(True,),
            pace_s=_PACE_S,
            check=_rescued,
            needs="rescue",
        )
        for name, words, fault in kinds
    ]


def _quick(promise: Promise) -> float:
    return min(target.idle_s for target in promise.targets) / 2.0


STREAMS: Final = (
    *_breaks(),
    Scenario(
        name="no-done",
        must="a stream that has its finish reason is whole, and ends at once, also where the provider holds it open",
        scripts=(lasting(NoDone()), WELL),
        streams=(True,),
        check=all_of(answered(0), asked(1, others=0), within(_quick)),
        needs="finish",
    ),
    Scenario(
        name="no-done-closed",
        must="a stream that has its finish reason and then just ends is whole",
        scripts=(lasting(NoDone(holds=False)), WELL),
        streams=(True,),
        check=all_of(answered(0), asked(1, others=0)),
    ),
    Scenario(
        name="one-bad-frame",
        must="a single malformed frame is skipped where the rest is whole",
        scripts=(lasting(Malformed()), WELL),
        streams=(True,),
        check=all_of(answered(0), asked(1, others=0)),
        needs="skip",
    ),
    Scenario(
        name="cut-before-a-word",
        must="a stream that breaks before anything was shown begins anew elsewhere",
        scripts=(lasting(CutStream(after=0)), WELL),
        streams=(True,),
        check=lambda seen: answered()(seen) if seen.promise.may_fail_over else answered_or_refused(seen),
        needs="ttft",
    ),
    Scenario(
        name="prefix-refused",
        must="where the next target does not go on from a beginning, yet another does, or an error says that it broke off",
        scripts=(lasting(CutStream(after=_SHOWN)), lasting(PrefixRefused()), WELL),
        pace_s=_PACE_S,
        streams=(True,),
        applies=lambda promise: "" if promise.may_rescue else promise.why_no_rescue,
        check=answered_or_refused,
        needs="rescue",
    ),
    Scenario(
        name="broken-twice",
        must="where the rescue breaks too, what the client has is still one answer or ends with an error",
        scripts=(lasting(CutStream(after=_SHOWN)), lasting(Reset(at="body", after=_SHOWN)), WELL),
        pace_s=_PACE_S,
        streams=(True,),
        applies=lambda promise: "" if promise.may_rescue else promise.why_no_rescue,
        check=answered_or_refused,
        needs="rescue",
    ),
    Scenario(
        name="all-cut",
        must="where every target cuts its streams, an error ends what was shown; a cut is never told as a success",
        scripts=(lasting(CutStream(after=_SHOWN)),),
        pace_s=_PACE_S,
        streams=(True,),
        words=200,
        check=refused(),
        needs="rescue",
    ),
)
"""All of them are streams."""
