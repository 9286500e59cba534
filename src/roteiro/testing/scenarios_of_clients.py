"""Scenarios of clients that leave, read slowly, or ask twice; and of outages that last.

What must not live here: faults of providers alone.
"""

from collections.abc import Sequence
from typing import Final

from roteiro.plan.model import OnExhausted
from roteiro.testing.fault import Status
from roteiro.testing.scenario import WELL, Client, Scenario, Seen, all_of, answered, asked, lasting, no_upstream_words, refused
from roteiro.testing.truth import Truth

__all__ = ["CLIENTS"]


def _settled(seen: Seen) -> Sequence[str]:
    """The client left: the provider's call is cancelled or drained as the plan says; what was used is settled."""
    found, event, gone = [], seen.event, seen.acted[0].gone
    cancels = seen.promise.on_disconnect == "cancel"
    if cancels and not gone:
        found.append("the provider's call went on, though the plan cancels it")
    if seen.promise.on_disconnect == "drain" and gone:
        found.append("the provider's call was cancelled, though the plan drains it")
    if event is None:
        return [*found, "the ledger has no row of it"]
    if cancels and (event["outcome"], bool(event["estimated"])) != ("cancelled", True):
        found.append(f"the ledger says {event['outcome']}, {'estimated' if event['estimated'] else 'not estimated'}")
    if not event["output_tokens"]:
        found.append("nothing of what was used is settled")
    return found


def _replayed(seen: Seen) -> Sequence[str]:
    """The same answer again without a provider, and 409 for another body."""
    again, other = seen.more
    found = [*answered(0)(seen), *asked(1, others=0)(seen)]
    if (again.truth, again.body) != (Truth.ANSWER, seen.told.body):
        found.append(f"the repeated request got {again.status} and not the same body")
    if other.status != 409:
        found.append(f"another body under the same key got {other.status}, not 409")
    return found


def _as_planned(seen: Seen) -> Sequence[str]:
    """No breaker lets a request through: fail fast asks nobody, least bad asks somebody, a queue ends in time."""
    wanted = seen.promise.on_exhausted
    found = list(all_of(refused(*range(500, 505), retry=None), no_upstream_words)(seen))
    if wanted is OnExhausted.FAIL_FAST and seen.late:
        found.append(f"providers were asked {seen.late} times, though the plan fails fast")
    if wanted is OnExhausted.FAIL_FAST and "retry-after" not in seen.told.headers:
        found.append("no retry-after")
    if wanted is OnExhausted.LEAST_BAD and not seen.late:
        found.append("nobody was asked, though the plan takes the least bad")
    return found


CLIENTS: Final = (
    Scenario(
        name="no-target-left",
        must="after an outage that opened every breaker: fail fast, the least bad, or the queue, as the plan says",
        scripts=(lasting(Status(status=503)),),
        streams=(False,),
        client=Client.COMES_LATE,
        check=_as_planned,
    ),
    Scenario(
        name="client-leaves",
        must="a client that leaves: the provider's call is cancelled or drained as planned, and what was used is settled",
        scripts=(WELL,),
        streams=(True,),
        client=Client.LEAVES,
        words=60,
        pace_s=0.04,
        check=_settled,
    ),
    Scenario(
        name="slow-client",
        must="a client that reads slowly gets all of it, and nothing piles up for it",
        scripts=(WELL,),
        streams=(True,),
        client=Client.READS_SLOWLY,
        words=4000,
        check=all_of(answered(0), asked(1, others=0)),
    ),
    Scenario(
        name="idempotency-key",
        must="a repeated request is answered once by a provider; another one under its key is refused with 409",
        scripts=(WELL,),
        streams=(False,),
        client=Client.REPEATS,
        applies=lambda promise: "" if promise.idempotent else "not_idempotent",
        check=_replayed,
        needs="idempotency",
    ),
)
"""In no order."""
