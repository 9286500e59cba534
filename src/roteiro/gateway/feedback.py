"""What users say of answers: POST /v1/feedback at the clients' port.

    {"request": "20260301T120000Z-a1b2c3-17", "thumb": "up"}      or "rating": 1..5, or "score": 0..1

Once a request; whose it is and whether it was answered is for the examiner to say (`feedback_desk`). A `comment` is accepted and kept
nowhere. It counts as one request against the limits of the key and its tenant. What must not live here: what becomes of the value.
"""

import asyncio
import socket
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from roteiro.gateway.dispatch import Dispatch
from roteiro.gateway.feedback_question import FeedbackQuestion, address_of
from roteiro.terms.error import RequestError
from roteiro.wire.registry import FRONTS

__all__ = ["feedback_routes"]

_FRONT: Final = FRONTS[b"/v1/chat/completions"]
PATH: Final = "/v1/feedback"
BODY_BYTES: Final = 16 * 1024
ANSWER_WITHIN_S: Final = 10.0


class _Feedback(Struct, forbid_unknown_fields=True):
    request: Annotated[str, Meta(min_length=3, max_length=200)]
    score: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None
    rating: Annotated[int, Meta(ge=1, le=5)] | None = None
    thumb: Literal["up", "down"] | None = None
    category: Annotated[str, Meta(max_length=64)] | None = None
    comment: Annotated[str, Meta(max_length=8000)] | None = None


_FEEDBACK: Final = msgspec.json.Decoder(_Feedback)
_REFUSALS: Final = {
    "unknown": (404, "request_not_found", "no request of this tenant has that id; send the `x-request-id` that its answer had"),
    "unanswered": (409, "request_unanswered", "that request got no answer, and there is nothing to say of one"),
    "given": (409, "feedback_given", "that request has its feedback; the first counts"),
    "late": (410, "feedback_too_late", "that request is too long ago for feedback"),
}
_UNAVAILABLE: Final = (503, "feedback_unavailable", "feedback cannot be taken now; ask again later")


def feedback_routes(dispatch: Dispatch) -> list[BaseRoute]:
    """The endpoint, for a worker's ordinary application."""

    async def feedback(request: Request) -> Response:
        named = (request.headers.get(name) for name in ("authorization", "x-api-key"))
        key = dispatch.key_of(*(None if value is None else value.encode("latin-1") for value in named))
        if dispatch.edge.feedback_s <= 0.0:
            raise RequestError(404, "feedback_off", "this server takes no feedback; its plan would say `quality: {feedback: true}`")
        if int(request.headers.get("content-length") or 0) > BODY_BYTES:
            raise RequestError(413, "request_too_large", f"the body is more than {BODY_BYTES} bytes")
        wait_s = dispatch.journey.admit(key)
        if wait_s > 0.0:
            body = _FRONT.error(429, "rate_limit_exceeded", "the key or its tenant has reached its limit of requests a minute")
            return Response(body, 429, {"retry-after": str(-int(-wait_s // 1))}, "application/json")
        said = read(await request.body())
        run, _, number = said.request.rpartition("-")
        if not run or not number.isascii() or not number.isdigit() or len(number) > 18:
            raise RequestError(*_REFUSALS["unknown"], "request")
        value = value_of(said)
        verdict = await ask(dispatch.run.decode(), FeedbackQuestion(run, int(number), dispatch.tenant_name(key), value))
        if verdict != "taken":
            raise RequestError(*_REFUSALS.get(verdict, _UNAVAILABLE), "request" if verdict in _REFUSALS else None)
        return JSONResponse({"object": "feedback", "request": said.request, "score": value})

    return [Route(PATH, feedback, methods=["POST"])]


def read(body: bytes) -> _Feedback:
    """Raises RequestError (400, 413)."""
    if len(body) > BODY_BYTES:
        raise RequestError(413, "request_too_large", f"the body is more than {BODY_BYTES} bytes")
    try:
        said = _FEEDBACK.decode(body)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("`$.")[2].rstrip("`") if "`$." in str(error) else None
        raise RequestError(400, "invalid_value", f"{error}; send `request`, and one of `thumb`, `rating` and `score`", field) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RequestError(400, "invalid_json", "the body is not JSON") from None
    if sum(value is not None for value in (said.score, said.rating, said.thumb)) != 1:
        raise RequestError(400, "invalid_value", "say one of `thumb` (up, down), `rating` (1 to 5) and `score` (0 to 1)", "score")
    return said


def value_of(said: _Feedback) -> float:
    """On the scale 0..1: thumbs are its ends, ratings five steps of it."""
    if said.thumb is not None:
        return 1.0 if said.thumb == "up" else 0.0
    return (said.rating - 1) / 4 if said.rating is not None else float(said.score or 0.0)


async def ask(run: str, asked: FeedbackQuestion) -> str:
    """The examiner's verdict; `unavailable` where it does not answer."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        connection.connect(address_of(run))  # at once, or refused
        reader, writer = await asyncio.open_unix_connection(sock=connection)
    except OSError:
        connection.close()
        return "unavailable"
    try:
        writer.write(msgspec.json.encode(asked))
        return (await asyncio.wait_for(reader.read(64), ANSWER_WITHIN_S)).decode() or "unavailable"
    except (OSError, TimeoutError):
        return "unavailable"
    finally:
        writer.close()
