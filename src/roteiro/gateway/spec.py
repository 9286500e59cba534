"""What a worker process is told at its start, in one small JSON file. Paths and descriptors; no secrets."""

from msgspec import Struct

__all__ = ["WorkerSpec"]


class WorkerSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See `roteiro.gateway.worker`."""

    worker: int = 0
    """Index of the worker, which its flows and events carry."""
    run: str = "run"
    """Begins every `x-request-id`."""
    block: str
    """File of the state block, which is mapped and shared."""
    edge: str
    """File with the plan's edge as JSON; replaced by renaming, read again on SIGUSR1."""
    lock: str | None = None
    """File that is locked for each step; None where this process alone takes steps."""
    fd: int | None = None
    """A listening socket that was inherited; else `host` and `port`."""
    host: str = "127.0.0.1"
    port: int = 0
    wake_fds: list[int] = []
    """Event descriptors of all workers by index, inherited; empty where there is one process."""
    drain_s: float = 30.0
    """Most seconds that requests in flight have to end in, when the worker is told to stop."""
    tls_certificate: str | None = None
    tls_key: str | None = None
    secrets_fd: int = -1
    """Inherited: what `internal.read_secrets` reads; -1 keeps nothing: no Idempotency-Key, no dead letters, no batches."""
    acks_fd: int = -1
    """Inherited: where the worker says which edge it goes by (`acks.Ack`); -1 says it to nobody."""
    acks_bell: int = -1
    counts_fd: int = -1
    """Inherited: where calls are counted at servers that the gateway runs itself (`replica_counts`); -1 counts them for this worker."""
    samples_fd: int = -1
    """Inherited: where answers that are to be looked at are handed over (`sampler.channel`); -1 hands over none."""
    trace_ratio: float | None = None
    """Share of the requests without a trace of the client's that are traced; None where no collector is told of any."""
    region: str | None = None
    """Where this gateway is, and its clients with it; one of the plan's regions."""
    parent: int | None = None
    """Process id of whoever starts the worker, which ends with it; None to take whoever is the parent at the start."""
