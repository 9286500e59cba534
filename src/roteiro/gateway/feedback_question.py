"""What a worker asks the examiner about feedback, and where. What must not live here: the answer, and HTTP."""

from msgspec import Struct

__all__ = ["FeedbackQuestion", "address_of"]


class FeedbackQuestion(Struct, array_like=True):
    """May this be taken? `value` 0..1 is said of a request of a run by someone of this tenant.

    The answer is a word: `taken`; or why not: `unknown` (or another tenant's), `unanswered`, `given` before, `late`, `unavailable`.
    """

    run: str
    request: int
    tenant: str
    value: float


def address_of(run: str) -> str:
    """Where the examiner of a run listens: a name in Linux's abstract namespace, which has no file."""
    return f"\0roteiro/{run}/feedback"
