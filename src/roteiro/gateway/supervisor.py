"""The supervisor of a server: makes the run, keeps its processes, tends the fleet, adopts plans, and ends everything in order.

    supervisor ─┬─ worker × N         answer clients
                ├─ the ledger's writer
                ├─ the examiner         looks at a share of the answers, and takes feedback
                ├─ local models          servers of a model, more and fewer as scaling decides
                └─ now and then: upkeep of the ledger, questions to it

Each child ends when the supervisor does. What must not live here: what each part does (a file each), and where settings come from.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn

from roteiro.gateway.access_log import AccessLog
from roteiro.gateway.acks import Acks
from roteiro.gateway.admin import AdminServer, administration
from roteiro.gateway.adoption import Adoption, Surroundings, compile_checked
from roteiro.gateway.alerting import Alerting
from roteiro.gateway.batches_runner import RunnerSpec
from roteiro.gateway.batches_tending import BatchesTending
from roteiro.gateway.block import Block
from roteiro.gateway.canaries_tending import CanariesTending, Whereabouts
from roteiro.gateway.child import rss_bytes, run_to_end
from roteiro.gateway.crew import Crew
from roteiro.gateway.data_directory import DataDirectory, RunDirectory
from roteiro.gateway.doors import Doors, listen_on
from roteiro.gateway.enactment import Enactment
from roteiro.gateway.examining import Examining
from roteiro.gateway.inner_call import InnerPort
from roteiro.gateway.internal import Secrets, share_secrets
from roteiro.gateway.key_care import KeyCare, Spread
from roteiro.gateway.keys import Key, Keys
from roteiro.gateway.local_models import LocalModels
from roteiro.gateway.model_group import StartsModels
from roteiro.gateway.observing import Observer
from roteiro.gateway.recalling import Recalling
from roteiro.gateway.recovery import recover_runs
from roteiro.gateway.replica_counts import ReplicaCounts
from roteiro.gateway.scribe import Scribe, write_spec
from roteiro.gateway.serving import Ready, Serving
from roteiro.gateway.snapshot import snapshot
from roteiro.gateway.spending import spent_before
from roteiro.gateway.telemetry import Telemetry
from roteiro.gateway.tending import Tending
from roteiro.gateway.tracing import Tracing, checked
from roteiro.gateway.upkeep import Upkeep
from roteiro.gateway.vault_keys import VARIABLE, read_keys
from roteiro.gateway.vault_thread import VaultThread
from roteiro.gateway.vault_upkeep import VaultUpkeep
from roteiro.journey.warm import warm
from roteiro.plan.model import Plan
from roteiro.plan.read import Reading, read
from roteiro.policy.kernel import JIT, cache_directory
from roteiro.terms.error import PlanError, RoteiroError, SettingsError
from roteiro.terms.problem import Severity

__all__ = ["Supervisor"]

log = logging.getLogger("roteiro.gateway")

ADMIN_LEAVES_WITHIN_S: Final = 1


class Supervisor:
    """One server, from start to end; see `run`."""

    def __init__(
        self,
        plan_path: Path,
        serving: Serving,
        make_model: StartsModels,
        *,
        environ: Mapping[str, str] = os.environ,
        say: Callable[[str], None] = lambda _: None,
        on_ready: Callable[[Ready], None] = lambda _: None,
    ) -> None:
        """`say` is told what takes a while; `on_ready` once, when requests are answered."""
        self.environment = serving.environment
        self.status = "starting"
        self._plan_path, self._serving, self._environ = plan_path, serving, environ
        self._say, self._on_ready = say, on_ready
        self._stop, self._hasten = asyncio.Event(), asyncio.Event()
        self._trouble: str | None = None
        self._reading: set[asyncio.Task[None]] = set()
        self._starting: asyncio.Task[Any] | None = None
        self._data = DataDirectory(serving.directory)
        self._run: RunDirectory
        self._acks: Acks
        self._counts: ReplicaCounts
        self._kept: VaultUpkeep
        self._key_care: KeyCare
        self._inner: InnerPort
        self._batches: BatchesTending
        self._canaries: CanariesTending
        self._block: Block
        self._adoption: Adoption
        self._crew: Crew
        self._scribe: Scribe
        self._telemetry: Telemetry
        self._alerting: Alerting
        self._tracing: Tracing
        self._examining: Examining
        self._models = LocalModels(
            make_model,
            lambda provider, replicas: self._adoption.move(provider, replicas),
            lambda slot: self._counts.left(slot, self._adoption.edge.serial),
        )

    async def run(self) -> int:
        """Serve until told to stop → exit code: 0 all in order, 1 it broke down or rows wait in the block for the next start.

        Raises PlanError with all problems, SettingsError and LedgerError where it cannot start.
        """
        reading = await asyncio.to_thread(read, self._plan_path, self._serving.environment)
        if reading.plan is None:
            raise PlanError(reading.problems)
        for problem in reading.warnings:
            log.warning("%s", problem)
        unknown = sorted(set(self._serving.base_urls) - set(reading.plan.providers))
        if unknown:
            raise SettingsError(
                f"an address is given for {', '.join(unknown)}; the plan's providers are {', '.join(sorted(reading.plan.providers))}"
            )
        self._starting = asyncio.current_task()
        try:
            return await self._in_order(reading)
        except asyncio.CancelledError:
            if not self._stop.is_set():
                raise
            return 0  # told to stop before it served anyone

    async def _in_order(self, reading: Reading) -> int:
        """What is begun is ended, in the opposite order, however it ends."""
        async with AsyncExitStack() as stack:
            stack.enter_context(self._signals())
            stack.callback(self._data.release)
            await asyncio.to_thread(self._data.hold)
            told = self._serving
            doors = stack.enter_context(contextlib.closing(Doors.open(told.host, told.port, told.workers, apart=told.reuse_port)))
            admin = stack.enter_context(
                contextlib.closing(listen_on(self._serving.admin_host, self._serving.admin_port_wanted, "--admin-port"))
            )
            return await self._serve(stack, reading, doors, admin)

    async def _serve(self, stack: AsyncExitStack, reading: Reading, doors: Doors, admin: socket.socket) -> int:
        assert reading.plan is not None
        token = self._serving.admin_token or self._data.admin_token()
        told = {**self._environ, VARIABLE: self._serving.state_key} if self._serving.state_key else self._environ
        known = Secrets.make(self._data.vault, await asyncio.to_thread(read_keys, self._data.vault_key, told))
        secrets_fd = share_secrets(known)
        stack.callback(os.close, secrets_fd)
        keys = stack.enter_context(contextlib.closing(Keys(self._serving.state_url or f"sqlite:///{self._data.state.resolve()}")))
        compiled = compile_checked(reading.plan, reading.digest, await asyncio.to_thread(keys.grants, reading.plan))
        here, regions = self._serving.region, sorted({*reading.plan.regions, *(one.region for one in reading.plan.providers.values())})
        if here is not None and here not in regions:
            raise SettingsError(f"the server is told that it is in {here}; the plan's regions are {', '.join(regions)}")
        surroundings = Surroundings(self._serving.base_urls, self._environ)
        surroundings.edge(compiled.edge, {})  # what is missing is said before anything takes long
        collector = checked(self._serving.otlp_endpoint or self._environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
        await recover_runs(self._data)
        epoch_unix_s, epoch_monotonic_s = time.time(), time.monotonic()
        asking = asyncio.create_task(spent_before(self._data, compiled, epoch_unix_s), name="ask what was spent")
        stack.callback(asking.cancel)
        await self._compile()

        stack.push_async_callback(self._models.stop)
        if any(provider.local is not None and name not in surroundings.base_urls for name, provider in reading.plan.providers.items()):
            self._say("loading the local models …")
        brought = await self._models.bring(reading.plan, surroundings.base_urls)
        self._models.keep(brought)

        self._run = self._data.new_run()
        self._block = Block.create(self._run.block, self._run.lock, compiled, epoch_unix_s, epoch_monotonic_s)
        stack.callback(self._block.close)
        enact = Enactment(self._block, self._models, lambda: self._adoption.compiled.names, lambda *what: tending.step(*what))
        tending = Tending(
            self._block, lambda worker: self._crew.ring(worker), self._break_down, lambda: enact() if self.status == "serving" else None
        )
        self._adoption = Adoption(
            self._data, self._run, self._block, keys, self._models, tending, surroundings, lambda: self._crew.signal(signal.SIGUSR1)
        )
        self._acks = stack.enter_context(contextlib.closing(Acks(self._serving.workers)))
        self._counts = stack.enter_context(contextlib.closing(ReplicaCounts(self._serving.workers)))
        self._kept = VaultUpkeep(known, self._run.name)
        stack.push_async_callback(self._kept.stop)
        await self._kept.start()
        certificate = tls[0] if (tls := self._tls()) else None
        self._inner = InnerPort(self._serving.host, doors.port, known.token, certificate)
        runs = RunnerSpec(edge=str(self._run.edge), host=self._serving.host, port=doors.port, certificate=certificate)
        self._batches = BatchesTending(runs, self._run.batches, secrets_fd, self._data.vault, self._kept.thread)
        here_is = Whereabouts(
            edge=self._run.edge, host=self._serving.host, port=doors.port, certificate=certificate, store=self._data.quality,
            folder=self._plan_path.parent,
        )  # fmt: skip
        self._canaries = CanariesTending(here_is, self._run.canaries, secrets_fd, lambda: self._adoption.plan, Observer(self._block.step))
        self._key_care = KeyCare(keys, self._adoption, self._acks)
        self._examining = stack.enter_context(contextlib.closing(Examining(self._data, self._run, lambda: self._adoption.edge, secrets_fd)))
        self._crew = Crew(
            self._data, self._run, doors, self._serving.workers,
            drain_s=self._serving.drain_s, tls=self._tls(), died=lambda worker: self._bury(tending, worker), broke=self._break_down,
            trace_ratio=None if collector is None else self._serving.trace_ratio, region=self._serving.region,
            inherit={"secrets_fd": secrets_fd, "acks_fd": self._acks.fd, "acks_bell": self._acks.bell, "counts_fd": self._counts.fd,
                     "samples_fd": self._examining.samples_fd},
        )  # fmt: skip
        stack.callback(self._crew.close)
        try:
            self._adoption.begin(compiled, surroundings.edge(compiled.edge, brought.addresses))
            write_spec(self._data, self._run, self._block)
        except OSError as error:
            raise SettingsError(f"{self._run.path} cannot be written: {error.strerror}") from None
        self._scribe = Scribe(self._data, self._run)
        self._telemetry = Telemetry(
            self._block,
            lambda: self._adoption.compiled.names,
            lambda: time.monotonic() - epoch_monotonic_s,
            AccessLog(self._run.name, epoch_unix_s, lambda: self._adoption.compiled.names, self._serving.log_format)
            if self._serving.access_log
            else None,
        )
        stack.push_async_callback(self._telemetry.stop)
        self._telemetry.start()
        self._alerting = Alerting(
            known, self._block, lambda: self._adoption.compiled, self._telemetry.recent, lambda: time.monotonic() - epoch_monotonic_s,
            Recalling(self._data, self._run.name, self._block, lambda: self._adoption.compiled), self._environ,
        )  # fmt: skip
        stack.push_async_callback(self._alerting.stop)
        self._tracing = Tracing(self._run, self._block, collector, self._serving.trace_ratio)
        all_durable = False
        try:
            async with self._upkept(), self._administered(admin, token):
                try:
                    await self._begin(tending, asking)
                    await self._alerting.start()
                    self.status, self._starting = "serving", None
                    self._key_care.begin()
                    self._batches.start()
                    self._canaries.start()
                    self._on_ready(self._ready(doors, admin))
                    await self._stop.wait()
                finally:
                    self.status = "draining"
                    await self._key_care.end()
                    await self._canaries.stop(self._serving.drain_s)
                    await asyncio.gather(self._batches.stop(self._serving.drain_s), self._crew.drain(self._hasten))
                    await tending.stop()
        finally:
            await self._tracing.stop()
            await self._examining.stop()
            all_durable = await self._scribe.stop()
            if all_durable:
                self._run.tidy()
        if self._trouble is not None:
            log.error("%s", self._trouble)
        if not all_durable:
            log.error("some rows are not on disk; they wait in %s, and the next start on this directory writes them", self._run.block)
        return 0 if all_durable and self._trouble is None else 1

    # --- what is administered ---------------------------------------------------------------------------------------------------------

    @property
    def in_force(self) -> tuple[Plan, str, int]:
        """The plan, its digest and its version within the run."""
        return self._adoption.plan, self._adoption.edge.digest, self._adoption.edge.version

    def state(self) -> dict[str, Any]:
        """Counters and processes, for the administration."""
        plan, digest, version = self.in_force
        return {
            "run": self._run.name,
            "status": self.status,
            "plan": {"name": plan.name, "digest": digest, "version": version},
            **snapshot(self._adoption.compiled, self._block.state, self._block.now_s),
            "workers": self._crew.look(),
            "writer": self._scribe.look(),
            "exporter": self._tracing.look(),
            "examiner": self._examining.look(),
            "local_models": self._models.look(),
            "vault": self._kept.seen,
            "batches": self._batches.look(),
            **self._alerting.look(),
            "canaries": self._canaries.look(),
            "supervisor": {"pid": os.getpid(), "rss_bytes": rss_bytes(os.getpid())},
        }

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """(body, content type) for a scrape that accepts these types."""
        return self._telemetry.page(self.state(), accept)

    def overview(self) -> dict[str, Any]:
        """The state, and the last minute."""
        return self._telemetry.overview(self.state())

    async def adopt(self, reading: Reading, by: str, override: str = "") -> bool:
        """Take up another plan, for someone. Whether it differs from the one in force. Raises PlanError, SettingsError, LedgerError.

        `override`: why, where a step of burn has frozen plans.
        """
        self._only_while_serving()
        before = self._adoption.edge.digest
        if reading.plan is not None:
            await self._alerting.admit(reading.digest, by, override)
        adopted = await self._adoption.adopt(reading)
        if adopted:
            await self._alerting.adopted(before, by, override)
        return adopted

    async def add_key(self, tenant: str, workload: str | None, name: str | None, expires: str | None = None) -> tuple[Key, str, Spread]:
        """Make a key and open it. While the server starts, it waits. Raises RequestError, PlanError, SettingsError, LedgerError."""
        return await self._key_care.add(await self._until_serving(), tenant, workload, name, expires)

    async def rotate_key(self, name: str, overlap_s: float) -> tuple[Key, str, Spread]:
        """Give a key another secret. As `add_key`."""
        return await self._key_care.rotate(await self._until_serving(), name, overlap_s)

    async def revoke_key(self, name: str) -> tuple[Key, Spread]:
        """Close a key, and wait until no worker knows it. As `add_key`."""
        return await self._key_care.revoke(await self._until_serving(), name)

    async def keys(self) -> list[Key]:
        """All keys there ever were."""
        return await self._adoption.keys()

    @property
    def kept(self) -> VaultThread:
        """The vault, for the administration."""
        return self._kept.thread

    @property
    def inner(self) -> InnerPort:
        """The port for clients, from within. Raises SettingsError while it does not serve."""
        self._only_while_serving()
        return self._inner

    async def _until_serving(self) -> float:
        since = await self._key_care.until_serving()
        self._only_while_serving()
        return since

    def _bury(self, tending: Tending, worker: int) -> None:
        """A worker is gone: what it had in flight is settled, and what it held is free."""
        self._acks.away(worker)
        self._counts.away(worker)
        tending.reap(worker)
        self._kept.died(worker, self._crew.posts[worker].pid)

    def _only_while_serving(self) -> None:
        if self.status != "serving":
            raise SettingsError(f"the server is {self.status}; nothing is changed now")

    # --- parts that live while it serves ----------------------------------------------------------------------------------------------

    async def _compile(self) -> None:
        """Have the kernel's machine code on disk, for all to load; in a process of its own, as the compiler would keep 200 MB of ours."""
        if JIT and not any(cache_directory().glob("journey*/step.step-*.nbc")):
            self._say("compiling the kernel (once) …")
            await run_to_end("roteiro.journey.warm", [])

    async def _begin(self, tending: Tending, asking: Awaitable[Mapping[str, int]]) -> None:
        """Start the processes, and restore the budgets meanwhile. Raises SettingsError, LedgerError."""
        starting = asyncio.create_task(
            all_started(self._scribe.start(), self._crew.start(), self._tracing.start(), self._examining.start()),
            name="start the processes",
        )
        try:
            with self._block.held() as step:  # a worker that is ready sooner waits here: nothing is decided before budgets know
                await asyncio.to_thread(warm)
                self._adoption.restore(await asking, step)
            tending.start()
            await starting
        except BaseException:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            raise

    def _ready(self, doors: Doors, admin: socket.socket) -> Ready:
        _, digest, version = self.in_force
        token_file = None if self._serving.admin_token else self._data.token_file
        ports = doors.port, admin.getsockname()[1]
        return Ready(self._run.name, os.getpid(), *ports, self._crew.pids, digest, version, self._data.path, token_file)

    def _tls(self) -> tuple[str, str] | None:
        if self._serving.tls_certificate is None or self._serving.tls_key is None:
            return None
        return str(self._serving.tls_certificate), str(self._serving.tls_key)

    def _break_down(self, why: str) -> None:
        """There is no sense in going on."""
        self._trouble = why
        self._stop.set()

    @asynccontextmanager
    async def _upkept(self) -> AsyncIterator[None]:
        upkeep = Upkeep(self._data, lambda: self._adoption.plan, self._serving.upkeep_s)
        upkeep.start()
        try:
            yield
        finally:
            await upkeep.stop()

    @asynccontextmanager
    async def _administered(self, listener: socket.socket, token: str) -> AsyncIterator[None]:
        server = AdminServer(
            uvicorn.Config(
                administration(self, token),
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=ADMIN_LEAVES_WITHIN_S,
            )
        )
        serving = asyncio.create_task(server.serve([listener]), name="administration")
        try:
            yield
        finally:
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end it in order, and the second time at once; SIGHUP reads the plan again."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._told_to_read)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _told_to_stop(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            self._say("ending now")
            self._hasten.set()
            return
        if self._starting is not None:
            self._stop.set()
            self._starting.cancel()
            return
        self._say(f"{number.name}: requests in flight are answered, then it ends (once more to end now)")
        self._stop.set()

    def _told_to_read(self) -> None:
        task = asyncio.create_task(self._read_again(), name="read the plan again")
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read_again(self) -> None:
        reading = await asyncio.to_thread(read, self._plan_path, self.environment)
        for problem in reading.problems:
            log.log(logging.ERROR if problem.severity is Severity.ERROR else logging.WARNING, "%s", problem)
        try:
            if not await self.adopt(reading, "SIGHUP"):
                log.info("%s is the plan in force already", self._plan_path)
        except RoteiroError as error:
            words = f"{len(reading.errors)} errors" if isinstance(error, PlanError) and reading.plan is None else str(error)
            log.error("%s is refused, and the plan in force stays: %s", self._plan_path, words)


async def all_started(*starting: Awaitable[None]) -> None:
    """Wait for all, then raise what the first of them raised: none is left starting."""
    for answer in await asyncio.gather(*starting, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer
