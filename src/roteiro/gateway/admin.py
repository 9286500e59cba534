"""The administration port: state and metrics to read, plans to adopt, keys and dead letters. All but `/health` want the bearer token.

What must not live here: how a plan is adopted or a key kept, and traffic of clients.
"""

import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from roteiro.gateway.admin_letters import HasLetters, letter_routes
from roteiro.gateway.key_care import Spread
from roteiro.gateway.keys import Key
from roteiro.gateway.vault_keys import VaultError
from roteiro.plan.digest import canonical_json
from roteiro.plan.model import Plan
from roteiro.plan.read import Reading, read, read_text
from roteiro.terms.error import LedgerError, PlanError, RequestError, SettingsError
from roteiro.terms.problem import Problem

__all__ = ["PLAN_BYTES", "AdminServer", "Administered", "administration"]

T = TypeVar("T")
log = logging.getLogger("roteiro.gateway")

PLAN_BYTES: Final = 4 * 1024 * 1024
"""Largest body of a call."""
NAME: Final = 80
"""Characters of who adopts a plan."""


class Administered(HasLetters, Protocol):
    """What is administered: a running server."""

    environment: str | None
    """The plan's overlay."""

    @property
    def status(self) -> str:
        """`starting`, `serving` or `draining`."""

    @property
    def in_force(self) -> tuple[Plan, str, int]:
        """The plan, its digest and its version within the run."""

    def state(self) -> dict[str, Any]:
        """Counters and processes (see `snapshot`)."""

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """(body, content type) for a scrape that accepts these types."""

    def overview(self) -> dict[str, Any]:
        """The state, and the last minute (see `overview`)."""

    async def adopt(self, reading: Reading, by: str, override: str = "") -> bool:
        """Whether the plan differs from the one in force. Raises PlanError, SettingsError, LedgerError."""

    async def add_key(self, tenant: str, workload: str | None, name: str | None, expires: str | None = None) -> tuple[Key, str, Spread]:
        """Raises RequestError, PlanError, SettingsError, LedgerError."""

    async def rotate_key(self, name: str, overlap_s: float) -> tuple[Key, str, Spread]:
        """Raises RequestError, PlanError, SettingsError, LedgerError."""

    async def revoke_key(self, name: str) -> tuple[Key, Spread]:
        """Raises RequestError, PlanError, SettingsError, LedgerError."""

    async def keys(self) -> list[Key]:
        """All keys there ever were."""


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """What a call for a key says."""

    tenant: str
    workload: str | None = None
    name: str | None = None
    expires: str | None = None
    """A date, a moment or a duration from now."""


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """What a call for another secret says."""

    overlap_s: float = 3600.0
    """How long the old secret opens beside the new one."""


class PlanAt(msgspec.Struct, forbid_unknown_fields=True):
    """A plan in a file that the server can read."""

    path: str


Endpoint = Callable[[Request], Awaitable[Response]]


def administration(server: Administered, token: str) -> Starlette:
    """The application for the administration port."""

    def guarded(endpoint: Endpoint) -> Endpoint:
        async def guard(request: Request) -> Response:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
                return failure(
                    401, "unauthorized", "send the token of the administration: Authorization: Bearer …", {"www-authenticate": "Bearer"}
                )
            return await endpoint(request)

        return guard

    async def health(request: Request) -> Response:
        return JSONResponse({"status": server.status}, 200 if server.status == "serving" else 503)

    async def state(request: Request) -> Response:
        return JSONResponse(server.state())

    async def metrics(request: Request) -> Response:
        page, content_type = server.metrics(request.headers.get("accept", ""))
        return Response(page, headers={"content-type": content_type})

    async def overview(request: Request) -> Response:
        return JSONResponse(server.overview())

    async def slo(request: Request) -> Response:
        state = server.state()
        return JSONResponse({"slo": state["slo"], "notices": state["notices"]})

    async def show_plan(request: Request) -> Response:
        plan, digest, version = server.in_force
        return JSONResponse({"digest": digest, "version": version, "plan": json.loads(canonical_json(plan))})

    async def adopt_plan(request: Request) -> Response:
        reading = await run_in_threadpool(read_plan, await body(request), server.environment)
        asked = request.query_params
        adopted = await server.adopt(reading, asked.get("by", "")[:NAME] or "administration", asked.get("override", ""))
        _, digest, version = server.in_force
        return JSONResponse({"adopted": adopted, "digest": digest, "version": version, "problems": [row_of(p) for p in reading.problems]})

    async def make_key(request: Request) -> Response:
        wanted = decoded(await body(request), NewKey)
        kept, key, spread = await server.add_key(wanted.tenant, wanted.workload, wanted.name, wanted.expires)
        return JSONResponse(new_key(kept, key, spread), 201, {"cache-control": "no-store"})

    async def rotate_key(request: Request) -> Response:
        wanted = decoded(await body(request) or b"{}", Rotation)
        kept, key, spread = await server.rotate_key(request.path_params["name"], wanted.overlap_s)
        told = new_key(kept, key, spread) | {"overlap_until": moment(kept.overlap_until)}
        return JSONResponse(told, 200, {"cache-control": "no-store"})

    async def list_keys(request: Request) -> Response:
        plan, _, _ = server.in_force
        return JSONResponse({"keys": [key_row(key, plan) for key in await server.keys()]})

    async def revoke_key(request: Request) -> Response:
        plan, _, _ = server.in_force
        key, spread = await server.revoke_key(request.path_params["name"])
        return JSONResponse(key_row(key, plan) | effect(spread))

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/metrics", guarded(metrics)),
            Route("/admin/state", guarded(state)),
            Route("/admin/overview", guarded(overview)),
            Route("/admin/slo", guarded(slo)),
            Route("/admin/plan", guarded(show_plan), methods=["GET"]),
            Route("/admin/plan", guarded(adopt_plan), methods=["POST"]),
            Route("/admin/keys", guarded(list_keys), methods=["GET"]),
            Route("/admin/keys", guarded(make_key), methods=["POST"]),
            Route("/admin/keys/{name}", guarded(revoke_key), methods=["DELETE"]),
            Route("/admin/keys/{name}/rotate", guarded(rotate_key), methods=["POST"]),
            *letter_routes(server, guarded),
        ],
        exception_handlers={  # Starlette's type wants handlers of any exception
            PlanError: refused_plan,  # type: ignore[dict-item]
            RequestError: refused_request,  # type: ignore[dict-item]
            SettingsError: refused_here,  # type: ignore[dict-item]
            LedgerError: refused_here,  # type: ignore[dict-item]
            VaultError: refused_here,  # type: ignore[dict-item]
            HTTPException: http_error,  # type: ignore[dict-item]
        },
    )


async def body(request: Request) -> bytes:
    """The body of a call. Raises RequestError (413)."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > PLAN_BYTES:
            raise RequestError(413, "too_large", f"the body is larger than {PLAN_BYTES // 2**20} MiB")
        parts.append(part)
    return b"".join(parts)


def read_plan(sent: bytes, environment: str | None) -> Reading:
    """The plan in a body, or in the file that it names."""
    try:
        named = msgspec.json.decode(sent, type=PlanAt)
    except msgspec.MsgspecError:
        return read_text(sent, "sent.yaml")  # whole as it is: an overlay lies beside a file
    return read(Path(named.path), environment)


def decoded(sent: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(sent, type=kind)
    except msgspec.MsgspecError as error:
        raise RequestError(400, "bad_request", f"the body is not what this call wants: {error}") from None


def row_of(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "file": problem.where.file,
        "line": problem.where.line,
        "column": problem.where.column,
        "path": problem.path,
        "message": problem.message,
        "remedy": problem.remedy,
        "severity": problem.severity.value,
    }


def key_row(key: Key, plan: Plan) -> dict[str, Any]:
    """What may be shown of a key."""
    return {
        "name": key.name,
        "tenant": key.tenant,
        "workload": key.workload,
        "created": moment(key.created),
        "revoked": moment(key.revoked),
        "expires": moment(key.expires),
        "overlap_until": moment(key.overlap_until),
        "open": key.is_open(plan),
    }


def new_key(key: Key, secret: str, spread: Spread) -> dict[str, Any]:
    """What is shown once."""
    told = {"name": key.name, "tenant": key.tenant, "workload": key.workload, "key": secret, "expires": moment(key.expires)}
    return told | effect(spread)


def effect(spread: Spread) -> dict[str, Any]:
    """How long it took until no worker went by the old keys; who is late is named."""
    return {"effective_ms": round(1000.0 * spread.took_s, 3), "late_workers": list(spread.late)}


def moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def failure(status: int, code: str, message: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}, **more}, status, headers)


async def refused_plan(request: Request, error: PlanError) -> Response:
    message = "the plan is refused, and the one in force stays"
    return failure(422, "plan_refused", message, adopted=False, problems=[row_of(problem) for problem in error.problems])


async def refused_request(request: Request, error: RequestError) -> Response:
    return failure(error.status, error.code, str(error))


async def refused_here(request: Request, error: SettingsError | LedgerError | VaultError) -> Response:
    log.error("%s %s: %s", request.method, request.url.path, error)
    return failure(503, "not_now", str(error), adopted=False, problems=[])


async def http_error(request: Request, error: HTTPException) -> Response:
    return failure(error.status_code, HTTPStatus(error.status_code).name.lower(), str(error.detail), dict(error.headers or {}))


class AdminServer(uvicorn.Server):
    """Uvicorn within our loop: signals are the supervisor's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None are captured."""
        yield
