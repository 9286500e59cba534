"""The routes that are not hot: the list of models, health and readiness, and errors in the dialect's shape for all else.

What must not live here: administration, which has its own port and process.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from roteiro.gateway.dispatch import Dispatch
from roteiro.gateway.refusal import of_request
from roteiro.terms.error import RequestError
from roteiro.wire.openai import error_body

__all__ = ["application"]


def application(dispatch: Dispatch) -> Starlette:
    """The ordinary application of one worker."""

    async def models(request: Request) -> Response:
        known = dispatch.models_of(key_of(request))
        return JSONResponse({"object": "list", "data": [model_row(name) for name in known]})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        dispatch.route_of(name, key_of(request), -1)
        return JSONResponse(model_row(name))

    def key_of(request: Request) -> int:
        value = request.headers.get("authorization")
        return dispatch.key_of(None if value is None else value.encode("latin-1"))

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

    return Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/models/{name:path}", model),
            Route("/v1/chat/completions", not_hot, methods=["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]),
            Route("/health/live", live),
            Route("/health/ready", ready),
        ],
        exception_handlers={HTTPException: http_error, RequestError: request_error},  # type: ignore[dict-item]
    )


def model_row(name: str) -> dict[str, str | int]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "roteiro"}


async def http_error(request: Request, error: HTTPException) -> Response:
    code, message = {
        404: ("unknown_url", f"nothing answers {request.method} {request.url.path}"),
        405: ("method_not_allowed", f"{request.url.path} does not answer {request.method}"),
    }.get(error.status_code, ("http_error", str(error.detail)))
    return Response(error_body(error.status_code, code, message), error.status_code, error.headers, "application/json")


async def request_error(request: Request, error: RequestError) -> Response:
    refusal = of_request(error)
    headers = dict(line.split(": ", 1) for line in refusal.headers.decode().splitlines())
    return Response(refusal.body, refusal.status, headers, "application/json")
