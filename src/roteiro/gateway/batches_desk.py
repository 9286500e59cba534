"""Batches as a worker takes them in: whose they are, which workload they run as, their input into the vault and into items.

What must not live here: the two dialects' endpoints, and how items are run.
"""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from roteiro.gateway.batches_files import File, Files
from roteiro.gateway.batches_reader import SMALL_BYTES, Refusal, read_items
from roteiro.gateway.batches_store import SLICE_BYTES, Batch, Batches, ItemState
from roteiro.gateway.child import run_to_end
from roteiro.gateway.dispatch import Dispatch
from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import VaultError
from roteiro.gateway.vault_thread import VaultThread
from roteiro.terms.error import RequestError

__all__ = ["BatchDesk", "Upload", "limit_in"]

log = logging.getLogger("roteiro.gateway")

T = TypeVar("T")
READER: Final = "roteiro.gateway.batches_reader"
_UNAVAILABLE: Final = "batches cannot be kept or read now; ask again later"


class BatchDesk:
    """`secrets_fd` is what a reader's process inherits."""

    def __init__(self, dispatch: Dispatch, thread: VaultThread, secrets_fd: int) -> None:
        self._dispatch, self._thread, self._secrets_fd = dispatch, thread, secrets_fd

    def key_of(self, request: Request) -> int:
        """Index of the client's key. Raises RequestError (401)."""
        named = (request.headers.get(name) for name in ("authorization", "x-api-key"))
        return self._dispatch.key_of(*(None if value is None else value.encode("latin-1") for value in named))

    def tenant_of(self, request: Request) -> str:
        """Whose request it is. Nobody sees what another tenant keeps. Raises RequestError (401)."""
        return self._dispatch.tenant_name(self.key_of(request))

    def draft(self, request: Request, dialect: str, endpoint: str) -> Batch:
        """A batch that is still to be created. Raises RequestError (400, 401, 403)."""
        key, edge = self.key_of(request), self._dispatch.edge
        names = {index: name for name, index in edge.workloads.items()}
        return Batch(
            id="", dialect=dialect, tenant=self._dispatch.tenant_name(key), key=edge.key_names[key],
            workload=names[self._workload(request, key)], endpoint=endpoint, state="reading",
        )  # fmt: skip

    def _workload(self, request: Request, key: int) -> int:
        """The workload that the header names, else the key's own where it is one for batches, else the first that the tenant may use."""
        dispatch, edge = self._dispatch, self._dispatch.edge
        named = request.headers.get("x-roteiro-workload")
        if named is not None:
            index = dispatch.workload_of(named.encode("latin-1"), key)
            if index not in edge.batch_workloads:
                raise RequestError(400, "no_batch_workload", "that workload is not of priority batch", "x-roteiro-workload")
            return index
        own = dispatch.journey.workload_of_key(key)
        allowed = edge.tenants[edge.key_tenants[key]].workloads
        usable = [index for index in edge.batch_workloads if allowed is None or index in allowed]
        if not usable:
            raise RequestError(
                400, "no_batch_workload", "the plan has no workload of priority batch that this key may use; ask the operator for one"
            )
        return own if own in usable else usable[0]

    async def run(self, work: Callable[[Vault], T]) -> T:
        """Works on the vault. Raises RequestError, also where the vault fails (503)."""
        try:
            return await self._thread.run(work)
        except VaultError as error:
            log.error("%s", error)
            raise RequestError(503, "storage_unavailable", _UNAVAILABLE) from None

    async def create(self, batch: Batch, file: File) -> Batch:
        """A batch of the requests in a file. Raises RequestError where it cannot be read."""

        def all_at_once(vault: Vault) -> str:
            id = Batches(vault).create(msgspec.structs.replace(batch, input=file.id)).id
            if file.bytes <= SMALL_BYTES:
                read_items(vault, id)
            return id

        id = await self.run(all_at_once)
        if file.bytes > SMALL_BYTES:
            await self._read_apart(id)
        return await self.run(lambda vault: Batches(vault).find(id))

    async def _read_apart(self, id: str) -> None:
        arguments = ["--secrets-fd", str(self._secrets_fd), "--batch", id]
        try:
            code, said = await run_to_end(READER, arguments, pass_fds=[self._secrets_fd])
            if code:
                raise RequestError(503, "storage_unavailable", _UNAVAILABLE)
            refusal = msgspec.json.decode(said, type=Refusal | None)
            if refusal is not None:
                raise RequestError(refusal.status, refusal.code, refusal.message, refusal.param)
        except RequestError:
            await self.run(lambda vault: Batches(vault).discard(id))
            raise

    async def lines(self, id: str, states: tuple[ItemState, ...]) -> AsyncIterator[bytes]:
        """The results of a batch, slice by slice."""
        at: int | None = -1
        while at is not None:
            after = at
            content, at = await self.run(lambda vault: Batches(vault).lines(id, states, after))  # noqa: B023
            if content:
                yield content

    async def content(self, file: File) -> AsyncIterator[bytes]:
        """A file, slice by slice."""
        at: int | None = 0
        while at is not None:
            n = at
            content, at = await self.run(lambda vault: Files(vault).slice(file, n))  # noqa: B023
            if content:
                yield content


class Upload:
    """A file as it arrives: written slice by slice. In an `async with`, which removes it unless it was completed."""

    def __init__(self, desk: BatchDesk, tenant: str, purpose: str, name: str = "") -> None:
        self._desk, self._tenant, self._purpose, self.name = desk, tenant, purpose, name
        self._id: str | None = None
        self._parts: list[bytes] = []
        self._size = self._n = 0
        self._whole = False

    async def __aenter__(self) -> "Upload":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._id is not None and not self._whole:
            await self._desk.run(lambda vault: Files(vault).drop(str(self._id)))

    async def write(self, content: bytes) -> None:
        """Raises RequestError (413)."""
        self._parts.append(content)
        self._size += len(content)
        if self._size >= SLICE_BYTES:
            await self._flush()

    async def complete(self) -> File:
        """All has arrived."""
        await self._flush()
        self._whole = True
        return await self._desk.run(lambda vault: Files(vault).complete(str(self._id), self.name))

    async def _flush(self) -> None:
        content, n = b"".join(self._parts), self._n
        self._parts.clear()
        self._size, self._n = 0, n + 1

        def put(vault: Vault) -> str:
            files = Files(vault)
            id = self._id or files.create(self._tenant, self.name, self._purpose)
            files.append(id, self._tenant, n, content)
            return id

        self._id = await self._desk.run(put)


def limit_in(request: Request, default: int, most: int) -> int:
    """The page's length that is asked for. Raises RequestError (400)."""
    said = request.query_params.get("limit")
    if said is None:
        return default
    if not said.isdecimal() or not 1 <= int(said) <= most:
        raise RequestError(400, "invalid_value", f"`limit` is {said[:20]!r}; from 1 to {most}", "limit")
    return int(said)
