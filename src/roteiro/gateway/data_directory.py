"""The data directory of a server: held by one at a time, fit to be written, and where everything in it lies.

What must not live here: what is in the files.
"""

import fcntl
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Final

from roteiro.gateway.quality_store import FILE
from roteiro.terms.error import SettingsError

__all__ = ["DataDirectory", "RunDirectory", "replace_file"]

_LEAVE_WITHIN_S: Final = 15.0
"""A server that was killed leaves children that finish what they do; so long a new one waits for them."""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, whole. Raises OSError, and then the old one stays."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


class RunDirectory:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.block, self.lock = path / "block", path / "lock"
        self.names, self.edge = path / "names.json", path / "edge.json"
        self.writer, self.batches, self.canaries = path / "writer.json", path / "batches.json", path / "canaries.json"
        self.cache = path / "cache"

    def worker(self, number: int) -> Path:
        """The specification of a worker."""
        return self.path / f"worker-{number}.json"

    def tidy(self) -> None:
        """Remove what only a living run needs; names and plan versions stay, for a replay."""
        for path in (
            self.block,
            self.lock,
            self.edge,
            self.writer,
            self.batches,
            self.canaries,
            *self.path.glob("worker-*.json"),
            *self.path.glob("*.part"),
        ):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.cache, ignore_errors=True)


class DataDirectory:
    """A data directory. `hold` makes it ours until this process and the children that inherit `lock_fd` are gone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state, self.plans, self.runs, self.token_file = path / "state.sqlite", path / "plans", path / "run", path / "admin.token"
        self.quality = path / FILE
        self.vault, self.vault_key = path / "vault.sqlite", path / "vault.key"
        self._lock = path / "lock"
        self.lock_fd = -1

    def hold(self) -> None:
        """Create what is missing and take the lock. Raises SettingsError naming who holds it, or why it cannot be written."""
        try:
            for folder in (self.path, self.plans, self.runs):
                folder.mkdir(parents=True, exist_ok=True)
            self.lock_fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            probe = self.path / f".probe-{os.getpid()}"
            probe.write_bytes(b"?" * 4096)
            probe.unlink()
            self._take()
            os.ftruncate(self.lock_fd, 0)
            os.pwrite(self.lock_fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            self.release()
            raise SettingsError(
                f"the data directory {self.path} cannot be written: {error.strerror}; mend it, or use another --data"
            ) from None
        except SettingsError:
            self.release()
            raise

    def _take(self) -> None:
        give_up = time.monotonic() + _LEAVE_WITHIN_S
        while True:
            try:
                fcntl.flock(self.lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(self.lock_fd, 32, 0).decode(errors="replace").strip()
                if _is_alive(holder) or time.monotonic() > give_up:
                    who = f"another server (process {holder})" if holder else "another server"
                    raise SettingsError(f"{who} holds the data directory {self.path}; stop it, or use another --data") from None
                time.sleep(0.05)
            else:
                return

    def release(self) -> None:
        """Let go of the lock."""
        if self.lock_fd >= 0:
            os.close(self.lock_fd)
            self.lock_fd = -1

    def new_run(self) -> RunDirectory:
        """A directory for a run that begins now, with a name that no run had before."""
        name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
        run = RunDirectory(self.runs / name)
        try:
            run.path.mkdir()
        except OSError as error:
            raise SettingsError(f"{run.path} cannot be made: {error.strerror}") from None
        return run

    def unfinished_runs(self) -> list[RunDirectory]:
        """Runs that ended without a drain, oldest first: their block is still there."""
        return [run for path in sorted(self.runs.iterdir()) if (run := RunDirectory(path)).block.exists()]

    def admin_token(self) -> str:
        """The token of the administration port: made up at the first start, and readable by the owner alone."""
        try:
            token = self.token_file.read_text().strip()
            if token:
                return token
        except FileNotFoundError:
            pass
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{self.token_file} cannot be read ({error}); mend that, or set ROTEIRO_ADMIN_TOKEN") from None
        token = secrets.token_urlsafe(32)
        self.token_file.unlink(missing_ok=True)
        file = os.open(self.token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w") as out:
            out.write(token + "\n")
        return token


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    return True
