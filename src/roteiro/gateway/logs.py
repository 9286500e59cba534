"""The log of every process of a server: lines on standard error, as text or as JSON of one schema, with nothing in them that a client said.

    {"ts":"2026-03-01T12:00:00.123Z","level":"error","logger":"roteiro.gateway","process":"worker-1","pid":17,"message":"…"}

`exception` is there where one was logged: its type and where it came from. The message of an exception that is not ours is left out, as
it may quote what could not be parsed; and so is what asyncio adds to its own messages. What must not live here: what is logged.
"""

import json
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

from roteiro.terms.error import InvariantError, LedgerError, PlanError, SettingsError

__all__ = ["FORMAT_VARIABLE", "LogLines", "begin"]

FORMAT_VARIABLE: Final = "ROTEIRO_LOG_FORMAT"
"""Children read here what form the server's log has."""
TEXT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
OURS: Final = (InvariantError, LedgerError, PlanError, SettingsError)
"""Exceptions whose messages are of the plan, the machine and ourselves, not of a request."""
EXTRAS: Final = ("request", "worker", "run", "tenant")
"""What a record may carry besides its message: `log.error("…", extra={"request": …})`."""


def begin(process: str, form: str | None = None, stream: TextIO = sys.stderr) -> None:
    """Log from now on, as this process. `form`: `text` or `json`; None: as the server was told."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LogLines(process, form or os.environ.get(FORMAT_VARIABLE) or "text"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its start and its end are the supervisor's to tell


class LogLines(logging.Formatter):
    """Records as lines."""

    def __init__(self, process: str, form: str) -> None:
        super().__init__(TEXT)
        self._process, self._is_json = process, form == "json"

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.name == "asyncio":
            message = message.partition("\n")[0]  # after it come representations of what was at hand
        if not self._is_json:
            plain = logging.makeLogRecord({**record.__dict__, "msg": message, "args": None, "exc_text": None})
            return super().format(plain)
        words: dict[str, Any] = {
            "ts": stamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
            "pid": record.process,
            "message": message,
            **{name: getattr(record, name) for name in EXTRAS if hasattr(record, name)},
        }
        if record.exc_info:
            words["exception"] = self.formatException(record.exc_info)
        return json.dumps(words, ensure_ascii=False, default=str)

    def formatException(self, ei: Any) -> str:  # noqa: N802 (of the base class)
        kind, error, trace = ei
        return told(kind, error, trace)


def told(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> str:
    """An exception without what it may quote: its type, our own words, and where it came from."""
    if kind is None:
        return ""
    said = f": {error}" if isinstance(error, OURS) else f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    frames = traceback.extract_tb(trace)
    where = "".join(f"\n  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{kind.__name__}{said}{where}"


def stamp(unix_s: float) -> str:
    """RFC 3339, in UTC, to the millisecond."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
