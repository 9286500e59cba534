"""The part of the administration that is about dead letters: listed, shown, sent again, thrown away.

Whoever asks for a letter's content or its answer is told so in the log, without the content. What must not live here: the table.
"""

import base64
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from roteiro.gateway.dead_letters import MOST_LISTED, Letter, Letters
from roteiro.gateway.inner_call import InnerPort
from roteiro.gateway.redrive import redrive
from roteiro.gateway.vault_thread import VaultThread
from roteiro.terms.error import RequestError

__all__ = ["HasLetters", "letter_routes"]

log = logging.getLogger("roteiro.gateway")

_NOT_KEPT: Final = {"cache-control": "no-store"}

Endpoint = Callable[[Request], Awaitable[Response]]


class HasLetters(Protocol):
    """A server that keeps dead letters."""

    @property
    def kept(self) -> VaultThread:
        """Its vault."""

    @property
    def inner(self) -> InnerPort:
        """Its own port for clients. Raises SettingsError while it does not serve."""


def letter_routes(server: HasLetters, guarded: Callable[[Endpoint], Endpoint]) -> list[Route]:
    """Routes below `/admin/dlq`."""

    async def listed(request: Request) -> Response:
        tenant, older_than_s = request.query_params.get("tenant"), seconds_in(request)
        letters = await server.kept.run(lambda vault: Letters(vault).listed(tenant, older_than_s))
        look = await server.kept.run(lambda vault: Letters(vault).look())
        return JSONResponse({"letters": [row_of(letter) for letter in letters], "most": MOST_LISTED, "counts": look})

    async def shown(request: Request) -> Response:
        id = request.path_params["id"]
        letter = await server.kept.run(lambda vault: Letters(vault).show(id))
        told = row_of(letter)
        if request.query_params.get("content") == "true":
            content = await server.kept.run(lambda vault: Letters(vault).content(id))
            log.warning("audit: the content of dead letter %s of tenant %s is shown to the administration", id, letter.tenant)
            told |= {"headers": content.headers, **text_of("body", content.body)}
        if request.query_params.get("answer") == "true":
            answer = await server.kept.run(lambda vault: Letters(vault).answer(id))
            log.warning("audit: the answer to dead letter %s of tenant %s is shown to the administration", id, letter.tenant)
            told |= {"answer_kept": False, "answer_status": answer.status, "answer_type": answer.type, **text_of("answer", answer.body)}
        return JSONResponse(told, headers=_NOT_KEPT)

    async def redriven(request: Request) -> Response:
        letter = await redrive(server.kept, server.inner, request.path_params["id"])
        log.info("dead letter %s was redriven: status %s", letter.id, letter.redrive_status)
        return JSONResponse(row_of(letter))

    async def purged(request: Request) -> Response:
        tenant, older_than_s = request.query_params.get("tenant"), seconds_in(request)
        ids = request.query_params.getlist("id") or None
        if ids is None and tenant is None and older_than_s is None and request.query_params.get("all") != "true":
            raise RequestError(422, "which", "say which dead letters: id, tenant, older_than_s, or all=true")
        gone = await server.kept.run(lambda vault: Letters(vault).purge(ids, tenant, older_than_s))
        log.warning("audit: %d dead letters are thrown away", gone)
        return JSONResponse({"purged": gone})

    return [
        Route("/admin/dlq", guarded(listed), methods=["GET"]),
        Route("/admin/dlq", guarded(purged), methods=["DELETE"]),
        Route("/admin/dlq/{id}", guarded(shown), methods=["GET"]),
        Route("/admin/dlq/{id}/redrive", guarded(redriven), methods=["POST"]),
    ]


def row_of(letter: Letter) -> dict[str, Any]:
    return msgspec.structs.asdict(letter)


def text_of(name: str, content: bytes) -> dict[str, str]:
    """As text where it is some, else in Base64."""
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(content).decode()}


def seconds_in(request: Request) -> float | None:
    said = request.query_params.get("older_than_s")
    if said is None:
        return None
    try:
        seconds = float(said)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < float("inf"):
        raise RequestError(422, "bad_age", f"{said[:40]!r} is no number of seconds", "older_than_s")
    return seconds
