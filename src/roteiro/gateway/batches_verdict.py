"""What becomes of an item of a batch after an answer, and the line of the results that tells it.

What must not live here: when an item is sent, and where lines are kept.
"""

from typing import Final, NamedTuple

import msgspec

from roteiro.gateway.batches_store import Batch, Item, ItemState, Line
from roteiro.gateway.inner_call import InnerAnswer
from roteiro.wire import anthropic_batch, openai_batch
from roteiro.wire.registry import FRONTS

__all__ = ["Again", "line_of", "unsent", "verdict"]

MOST_ATTEMPTS: Final = 5
"""Of those that failed although the gateway had tried them again itself."""
NOT_NOW: Final = frozenset({402, 408, 409, 425, 429, 503, 529})
"""No capacity, no budget, being served: it waits, however often."""
_LONGEST_PAUSE_S: Final = 300.0
_FIRST_PAUSE_S: Final = 2.0
_BUDGET_PAUSE_S: Final = 60.0
_GONE_PAUSE_S: Final = 1.0


class Again(NamedTuple):
    """It waits again."""

    pause_s: float
    attempts: int
    crowded: bool
    """Whether there is no room now, so that others of the batch had better wait too."""


def verdict(answer: InnerAnswer | None, attempts: int) -> Again | None:
    """None where the answer is final. `attempts` failed before this one; an answer of None is none: nobody listened."""
    if answer is None:
        return Again(_GONE_PAUSE_S, attempts, crowded=True)
    if answer.status in NOT_NOW:
        told = retry_after_s(answer)
        least = _BUDGET_PAUSE_S if answer.status == 402 else _FIRST_PAUSE_S if told is None else told
        return Again(min(max(least, _GONE_PAUSE_S), _LONGEST_PAUSE_S), attempts, crowded=answer.status != 409)
    if answer.status >= 500 and attempts + 1 < MOST_ATTEMPTS:
        return Again(min(_FIRST_PAUSE_S * 4.0**attempts, _LONGEST_PAUSE_S), attempts + 1, crowded=False)
    return None


def retry_after_s(answer: InnerAnswer) -> float | None:
    """Ours are whole seconds."""
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isdigit() else None


def line_of(batch: Batch, n: int, item: Item, answer: InnerAnswer) -> Line:
    """The line of an answer that is final."""
    good = answer.status == 200
    state = ItemState.SUCCEEDED if good else ItemState.ERRORED
    if batch.dialect == "openai":
        return Line(state, openai_batch.response_line(line_id(batch, n), item.custom_id, answer.status, answer.request, answer.body))
    if not is_json(answer.body):
        body = FRONTS[b"/v1/messages"].error(502, "provider_error", "the answer is not JSON")
        return Line(ItemState.ERRORED, anthropic_batch.errored_line(item.custom_id, body))
    return Line(state, (anthropic_batch.succeeded_line if good else anthropic_batch.errored_line)(item.custom_id, answer.body))


def unsent(batch: Batch, n: int, item: Item, state: ItemState) -> Line:
    """The line of an item that was never answered: `CANCELED` or `EXPIRED`."""
    if batch.dialect == "anthropic":
        return Line(state, (anthropic_batch.canceled_line if state is ItemState.CANCELED else anthropic_batch.expired_line)(item.custom_id))
    code, message = (
        ("batch_cancelled", "the batch was cancelled before this request was answered")
        if state is ItemState.CANCELED
        else ("batch_expired", "the batch's time was over before this request was answered")
    )
    return Line(state, openai_batch.error_line(line_id(batch, n), item.custom_id, code, message))


def line_id(batch: Batch, n: int) -> str:
    return f"batch_req_{batch.id.removeprefix('batch_')}_{n}"


def is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
        body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
