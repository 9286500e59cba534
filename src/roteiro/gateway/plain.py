"""The routes that are not hot: the list of models, health and readiness, and errors in the dialect's shape for all else.

What must not live here: administration, which has its own port and process.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roteiro.gateway.dispatch import Dispatch
from roteiro.gateway.refusal import of_request
from roteiro.terms.error import RequestError
from roteiro.wire.anthropic_count import CountRequest, count_answer, read_count
from roteiro.wire.body import BYTES_PER_TOKEN
from roteiro.wire.dialect import Front
from roteiro.wire.registry import FRONTS
from roteiro.wire.tokens import PER_PICTURE

__all__ = ["application"]


_OPENAI: Final = FRONTS[b"/v1/chat/completions"]
_ANTHROPIC: Final = FRONTS[b"/v1/messages"]
_METHODS: Final = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS")
_BEGINNING: Final = "1970-01-01T00:00:00Z"


def application(dispatch: Dispatch, more: Sequence[BaseRoute] = ()) -> Starlette:
    """The ordinary application of one worker; `more` routes go first."""

    async def models(request: Request) -> Response:
        known = dispatch.models_of(key_of(request))
        edges = {"first_id": known[0] if known else None, "last_id": known[-1] if known else None, "has_more": False}
        return JSONResponse({"object": "list", "data": [model_row(name) for name in known], **edges})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        dispatch.route_of(name, key_of(request), -1)
        return JSONResponse(model_row(name))

    async def count_tokens(request: Request) -> Response:
        key = key_of(request)
        body = await request.body()
        if len(body) > dispatch.edge.body_bytes:
            raise RequestError(413, "request_too_large", f"the body is more than {dispatch.edge.body_bytes} bytes")
        wanted = read_count(body)
        dispatch.route_of(wanted.model, key, -1)
        return Response(count_answer(await tokens_of(wanted)), media_type="application/json")

    async def tokens_of(wanted: CountRequest) -> int:
        """Counted exactly where the extra `tokens` is installed, by OpenAI's vocabulary; others' differ by some per cent."""
        counted: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

        def told(tokens: int | None) -> None:
            if not counted.done():  # the client left
                counted.set_result(tokens)

        dispatch.counter.text("\n".join(wanted.texts), wanted.model or "", told)
        exact = await counted
        return marks_of(wanted) + (estimated(wanted) if exact is None else exact)

    def key_of(request: Request) -> int:
        named = (request.headers.get(name) for name in ("authorization", "x-api-key"))
        return dispatch.key_of(*(None if value is None else value.encode("latin-1") for value in named))

    async def live(request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(request: Request) -> Response:
        if dispatch.draining:
            return JSONResponse({"status": "draining"}, 503)
        waiting, room = dispatch.journey.unwritten()
        if not room:
            return JSONResponse({"status": "the ledger cannot be written", "events_unwritten": waiting}, 503)
        told = {"plan": dispatch.edge.digest, "version": dispatch.edge.version, "events_unwritten": waiting}
        return JSONResponse({"status": "ready", **told})

    async def not_hot(request: Request) -> Response:
        raise HTTPException(405, headers={"allow": "POST"})

    async def request_error(request: Request, error: RequestError) -> Response:
        refusal = of_request(error, front_of(request))
        headers = dict(line.split(": ", 1) for line in refusal.headers.decode().splitlines())
        return Response(refusal.body, refusal.status, headers, "application/json")

    async def http_error(request: Request, error: HTTPException) -> Response:
        code, message = {
            404: ("unknown_url", f"nothing answers {request.method} {request.url.path}"),
            405: ("method_not_allowed", f"{request.url.path} does not answer {request.method}"),
        }.get(error.status_code, ("http_error", str(error.detail)))
        body = front_of(request).error(error.status_code, code, message)
        return Response(body, error.status_code, error.headers, "application/json")

    async def crash(request: Request, error: Exception) -> Response:  # whoever serves the application logs it
        identity = dispatch.refusal_identity().decode().strip().split(": ")
        body = front_of(request).error(500, "internal_error", "the gateway failed; its log tells why")
        return Response(body, 500, dict([identity]), "application/json")

    app = Starlette(
        routes=[
            *more,
            Route("/v1/models", models),
            Route("/v1/models/{name:path}", model),
            Route("/v1/messages/count_tokens", count_tokens, methods=["POST"]),
            *(Route(path.decode(), not_hot, methods=_METHODS) for path in FRONTS),
            Route("/health/live", live),
            Route("/health/ready", ready),
        ],
        exception_handlers={HTTPException: http_error, RequestError: request_error, Exception: crash},  # type: ignore[dict-item]
        middleware=[Middleware(_Named, dispatch)],
    )
    app.router.redirect_slashes = False  # a redirect would name this server as it sees itself, and send a key there
    return app


class _Named:
    """Names every answer, as those of the fast lane are: Anthropic's client looks for `request-id`, all others for `x-request-id`."""

    def __init__(self, app: ASGIApp, dispatch: Dispatch) -> None:
        self._app, self._dispatch = app, dispatch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                name = self._dispatch.refusal_identity()[14:-2].decode()
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = name
                if _is_anthropic(scope["path"], Headers(scope=scope)):
                    headers["request-id"] = name
            await send(message)

        await self._app(scope, receive, named if scope["type"] == "http" else send)


def front_of(request: Request) -> Front:
    """The dialect that a client of this address speaks; of the addresses that both have, Anthropic's clients say so in a header."""
    return _ANTHROPIC if _is_anthropic(request.url.path, request.headers) else _OPENAI


def _is_anthropic(path: str, headers: Headers) -> bool:
    return path.startswith("/v1/messages") or "anthropic-version" in headers


def model_row(name: str) -> dict[str, str | int]:
    """A model as both dialects list it."""
    openai: dict[str, str | int] = {"id": name, "object": "model", "created": 0, "owned_by": "roteiro"}
    return {**openai, "type": "model", "display_name": name, "created_at": _BEGINNING}


PER_TURN: Final = 4
"""Tokens of the marks around a message."""


def marks_of(wanted: CountRequest) -> int:
    """Tokens of what is no text: turns and pictures. A file that is no text counts as a picture: how many pages it has is not known."""
    return PER_TURN * wanted.turns + PER_PICTURE * (wanted.images + wanted.files)


def estimated(wanted: CountRequest) -> int:
    """Tokens by the length of the texts."""
    return int(sum(len(text.encode()) for text in wanted.texts) / BYTES_PER_TOKEN)
