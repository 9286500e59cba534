"""Batches and their files in the OpenAI dialect: `/v1/batches` and `/v1/files`.

What must not live here: the shapes of the dialect (`wire.openai_batch`).
"""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from roteiro.gateway.batches_desk import BatchDesk, Upload, limit_in
from roteiro.gateway.batches_files import ERRORS, OUTPUT, File, Files
from roteiro.gateway.batches_form import read_form
from roteiro.gateway.batches_store import Batch, Batches
from roteiro.gateway.vault import Vault
from roteiro.terms.error import RequestError
from roteiro.wire import openai_batch as wire

__all__ = ["openai_routes"]

DIALECT: Final = "openai"
PURPOSE: Final = "batch"
JSON_BYTES: Final = 32 * 1024 * 1024
"""Largest file that may come as JSON; any larger one comes as a form."""
NEW_BYTES: Final = 64 * 1024
_STATUS: Final = {"reading": "validating", "open": "in_progress", "cancelling": "cancelling"}


class JsonFile(msgspec.Struct):
    """A file in a JSON body."""

    purpose: str
    content: str
    filename: str = "requests.jsonl"


def openai_routes(desk: BatchDesk) -> list[Route]:
    """The endpoints. Errors are raised as RequestError."""

    # files

    async def upload(request: Request) -> Response:
        tenant = desk.tenant_of(request)
        async with Upload(desk, tenant, PURPOSE) as arriving:
            if request.headers.get("content-type", "").startswith("application/json"):
                sent = decoded(await body(request, JSON_BYTES))
                purpose, arriving.name = sent.purpose, sent.filename
                await arriving.write(sent.content.encode())
            else:
                purpose = await read_form(request, arriving)
            if purpose != PURPOSE:
                raise RequestError(
                    400, "invalid_value", f"`purpose` is {purpose[:40]!r}; this server keeps files of purpose batch", "purpose"
                )
            return JSONResponse(file_of(await arriving.complete()))

    async def files(request: Request) -> Response:
        tenant, most, purpose = desk.tenant_of(request), limit_in(request, 100, 1000), request.query_params.get("purpose")
        page, more = await desk.run(lambda vault: Files(vault).listed(tenant, purpose, most, request.query_params.get("after")))
        return JSONResponse(wire.list_page([file_of(file) for file in page], more))

    async def file(request: Request) -> Response:
        return JSONResponse(file_of(await found_file(request)))

    async def content(request: Request) -> Response:
        return StreamingResponse(desk.content(await found_file(request)), media_type="application/octet-stream")

    async def delete_file(request: Request) -> Response:
        found = await found_file(request)
        await desk.run(lambda vault: Files(vault).delete(found.id))
        return JSONResponse({"id": found.id, "object": "file", "deleted": True})

    async def found_file(request: Request) -> File:
        tenant = desk.tenant_of(request)
        return await desk.run(lambda vault: Files(vault).find(request.path_params["id"], tenant))

    # batches

    async def create(request: Request) -> Response:
        desk.key_of(request)
        new = wire.read_new_batch(await body(request, NEW_BYTES))
        draft = msgspec.structs.replace(desk.draft(request, DIALECT, new.endpoint), metadata=new.metadata)
        source = await desk.run(lambda vault: Files(vault).find(new.input_file_id, draft.tenant))
        return await told(await desk.create(draft, source))

    async def retrieve(request: Request) -> Response:
        return await told(await found(request))

    async def listed(request: Request) -> Response:
        tenant, most = desk.tenant_of(request), limit_in(request, 20, 100)

        def look(vault: Vault) -> tuple[list[wire.Told], bool]:
            page, more = Batches(vault).listed(tenant, DIALECT, most, request.query_params.get("after"))
            return [told_of(vault, batch) for batch in page], more

        page, more = await desk.run(look)
        return JSONResponse(wire.list_page([wire.batch_object(batch) for batch in page], more))

    async def cancel(request: Request) -> Response:
        batch = await found(request)
        if batch.state == "ended":
            raise RequestError(409, "batch_ended", f"the batch is {batch.fate} already")
        await desk.run(lambda vault: Batches(vault).cancel(batch.id))
        return await retrieve(request)

    async def found(request: Request) -> Batch:
        tenant = desk.tenant_of(request)
        return await desk.run(lambda vault: Batches(vault).find(request.path_params["id"], tenant, DIALECT))

    async def told(batch: Batch) -> Response:
        return JSONResponse(wire.batch_object(await desk.run(lambda vault: told_of(vault, batch))))

    return [
        Route("/v1/files", upload, methods=["POST"]),
        Route("/v1/files", files, methods=["GET"]),
        Route("/v1/files/{id}", file, methods=["GET"]),
        Route("/v1/files/{id}", delete_file, methods=["DELETE"]),
        Route("/v1/files/{id}/content", content, methods=["GET"]),
        Route("/v1/batches", create, methods=["POST"]),
        Route("/v1/batches", listed, methods=["GET"]),
        Route("/v1/batches/{id}", retrieve, methods=["GET"]),
        Route("/v1/batches/{id}/cancel", cancel, methods=["POST"]),
    ]


def told_of(vault: Vault, batch: Batch) -> wire.Told:
    """What is told of a batch; the files of its results are there when it has ended."""
    counts, ended = Batches(vault).counts(batch.id), batch.state == "ended"
    output, errors = ((Files(vault).of_batch(batch.id, batch.tenant, which) if ended else None) for which in (OUTPUT, ERRORS))
    return wire.Told(
        id=batch.id, endpoint=batch.endpoint, status=batch.fate if ended else _STATUS[batch.state], input_file_id=batch.input,
        output_file_id=output, error_file_id=errors, created_s=batch.created, expires_s=batch.expires, opened_s=batch.opened,
        ended_s=batch.ended, cancelling_s=batch.cancelled, total=batch.total, completed=counts.succeeded,
        failed=counts.errored + counts.expired, metadata=batch.metadata, errors=batch.errors,
    )  # fmt: skip


def file_of(file: File) -> dict[str, object]:
    return wire.file_object(wire.FileTold(file.id, file.name, file.purpose, file.bytes, file.created, file.gone))


def decoded(sent: bytes) -> JsonFile:
    try:
        return msgspec.json.decode(sent, type=JsonFile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RequestError(400, "invalid_json", f"the body is no file: {error}") from None


async def body(request: Request, most: int) -> bytes:
    """Raises RequestError (413)."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise RequestError(413, "request_too_large", f"the body is more than {most} bytes")
        parts.append(part)
    return b"".join(parts)
