"""Batches of messages in the Anthropic dialect: `/v1/messages/batches`.

What must not live here: the shapes of the dialect (`wire.anthropic_batch`).
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from roteiro.gateway.batches_desk import BatchDesk, Upload, limit_in
from roteiro.gateway.batches_files import Files
from roteiro.gateway.batches_store import Batch, Batches, Counts, ItemState
from roteiro.gateway.vault import Vault
from roteiro.terms.error import RequestError
from roteiro.wire import anthropic_batch as wire

__all__ = ["anthropic_routes"]

DIALECT: Final = "anthropic"
ENDPOINT: Final = "/v1/messages"
PATH: Final = "/v1/messages/batches"
_ENDED: Final = (ItemState.SUCCEEDED, ItemState.ERRORED, ItemState.CANCELED, ItemState.EXPIRED)


def anthropic_routes(desk: BatchDesk) -> list[Route]:
    """The endpoints. Errors are raised as RequestError."""

    async def create(request: Request) -> Response:
        batch = desk.draft(request, DIALECT, ENDPOINT)
        async with Upload(desk, batch.tenant, "requests") as upload:
            async for part in request.stream():
                await upload.write(part)
            file = await upload.complete()
        if not file.bytes:
            await desk.run(lambda vault: Files(vault).drop(file.id))
            raise RequestError(400, "invalid_json", "the body is empty; it must be a JSON object")
        try:
            made = await desk.create(batch, file)
        finally:
            await desk.run(lambda vault: Files(vault).drop(file.id))
        return await told(request, made)

    async def retrieve(request: Request) -> Response:
        return await told(request, await found(request))

    async def listed(request: Request) -> Response:
        tenant, most = desk.tenant_of(request), limit_in(request, 20, 1000)
        after, before = request.query_params.get("after_id"), request.query_params.get("before_id")

        def look(vault: Vault) -> tuple[list[tuple[Batch, Counts]], bool]:
            batches = Batches(vault)
            page, more = batches.listed(tenant, DIALECT, most, after, before)
            return [(batch, batches.counts(batch.id)) for batch in page], more

        page, more = await desk.run(look)
        rows = [object_of(request, batch, counts) for batch, counts in page]
        return json(wire.batch_page(rows, [batch.id for batch, _ in page], more))

    async def cancel(request: Request) -> Response:
        batch = await found(request)
        await desk.run(lambda vault: Batches(vault).cancel(batch.id))
        return await retrieve(request)

    async def delete(request: Request) -> Response:
        batch = await found(request)
        await desk.run(lambda vault: Batches(vault).delete(batch.id))
        return json(wire.deleted_batch(batch.id))

    async def results(request: Request) -> Response:
        batch = await found(request)
        if batch.state != "ended":
            raise RequestError(400, "batch_in_progress", "the batch has not ended; its results are there when it has")
        return StreamingResponse(desk.lines(batch.id, _ENDED), media_type="application/x-jsonl")

    async def found(request: Request) -> Batch:
        tenant = desk.tenant_of(request)
        return await desk.run(lambda vault: Batches(vault).find(request.path_params["id"], tenant, DIALECT))

    async def told(request: Request, batch: Batch) -> Response:
        counts = await desk.run(lambda vault: Batches(vault).counts(batch.id))
        return json(object_of(request, batch, counts))

    return [
        Route(PATH, create, methods=["POST"]),
        Route(PATH, listed, methods=["GET"]),
        Route(f"{PATH}/{{id}}", retrieve, methods=["GET"]),
        Route(f"{PATH}/{{id}}", delete, methods=["DELETE"]),
        Route(f"{PATH}/{{id}}/cancel", cancel, methods=["POST"]),
        Route(f"{PATH}/{{id}}/results", results, methods=["GET"]),
    ]


def object_of(request: Request, batch: Batch, counts: Counts) -> bytes:
    status: wire.BatchStatus = "ended" if batch.state == "ended" else "canceling" if batch.state == "cancelling" else "in_progress"
    shown = wire.Counts(counts.waiting, counts.succeeded, counts.errored, counts.canceled, counts.expired)
    return wire.message_batch(
        batch.id, status, shown, created_s=batch.created, expires_s=batch.expires, ended_s=batch.ended,
        cancel_initiated_s=batch.cancelled, results_url=f"{base_of(request)}{PATH}/{batch.id}/results",
    )  # fmt: skip


def base_of(request: Request) -> str:
    """Where the client reaches us, as it says itself; behind a proxy with TLS, as that says."""
    scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else request.url.scheme
    return f"{scheme}://{request.url.netloc}"


def json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
