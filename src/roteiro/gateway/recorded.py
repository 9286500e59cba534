"""A client that keeps what it is told: stands between an exchange and its connection where a request has a claim.

Only requests with an Idempotency-Key have one, so that all others pay nothing. What must not live here: what may be kept.
"""

from typing import Final

from roteiro.gateway.exchange import Client
from roteiro.gateway.idempotency import TOO_LARGE, TOO_LARGE_FRAME, Claim, Replay
from roteiro.gateway.refusal import Refusal

__all__ = ["Recorded", "give"]

_OK: Final = 200


class Recorded:
    """A `Client` that hands everything on to `client`, and tells the claim."""

    def __init__(self, client: Client, claim: Claim) -> None:
        self._client, self._claim = client, claim

    def answer(self, headers: bytes, body: bytes) -> None:
        self._claim.finish(_OK, headers, body)
        self._client.answer(headers + TOO_LARGE if self._claim.too_large else headers, body)

    def refuse(self, refusal: Refusal, headers: bytes) -> None:
        self._claim.finish(refusal.status, headers + refusal.headers, refusal.body)
        self._client.refuse(refusal, headers)

    def open_stream(self, headers: bytes, frames: bytes) -> None:
        self._claim.open(headers, frames)
        self._client.open_stream(headers, frames)

    def relay(self, frames: bytes) -> None:
        self._claim.add(frames)
        self._client.relay(frames)

    def end_stream(self, frames: bytes, broken: bool) -> None:
        claim = self._claim
        if frames:
            claim.add(frames)
        if broken:
            claim.release()
        else:
            claim.close()
        self._client.end_stream(TOO_LARGE_FRAME + frames if claim.too_large else frames, broken)

    def drop(self) -> None:
        self._claim.release()
        self._client.drop()

    def gone(self) -> None:
        """The client left before the end, and nobody goes on for its sake."""
        self._claim.release()


def give(replay: Replay, client: Client) -> None:
    """Answers with what was kept."""
    if replay.stream:
        client.open_stream(replay.headers, replay.body)
        client.end_stream(b"", broken=False)
    elif replay.status == _OK:
        client.answer(replay.headers, replay.body)
    else:
        client.refuse(Refusal(replay.status, b"", replay.body), replay.headers)
