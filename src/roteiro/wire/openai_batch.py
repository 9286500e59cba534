"""Batches and files in the OpenAI dialect: the lines of an input, the objects that tell of a batch and a file, the lines of an output.

What must not live here: where batches and files are kept, and when their requests run.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw, Struct

from roteiro.terms.error import RequestError
from roteiro.wire.body import invalid

__all__ = [
    "ENDPOINTS",
    "WINDOW",
    "FileTold",
    "NewBatch",
    "Told",
    "batch_object",
    "error_line",
    "file_object",
    "list_page",
    "read_line",
    "read_new_batch",
    "response_line",
]

ENDPOINTS: Final = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses")
WINDOW: Final = "24h"
MOST_ID: Final = 512
MOST_METADATA: Final = 16

_encode: Final = msgspec.json.Encoder().encode


class _Line(Struct):
    custom_id: str
    url: str
    body: dict[str, Raw]
    method: str = "POST"


class NewBatch(Struct):
    """The body that makes a batch."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None


_LINE: Final = msgspec.json.Decoder(_Line)
_NEW: Final = msgspec.json.Decoder(NewBatch)
_ID: Final = re.compile(r"[\x20-\x7e]+")


class Told(NamedTuple):
    """What is told of a batch. Times in Unix seconds, None where the moment has not come. `status` is the dialect's word."""

    id: str
    endpoint: str
    status: str
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    created_s: float
    expires_s: float
    opened_s: float | None
    ended_s: float | None
    cancelling_s: float | None
    total: int
    completed: int
    failed: int
    metadata: Mapping[str, str] | None
    errors: Sequence[Mapping[str, Any]] = ()


class FileTold(NamedTuple):
    """What is told of a file."""

    id: str
    name: str
    purpose: str
    bytes: int
    created_s: float
    expires_s: float | None = None


def read_new_batch(body: bytes) -> NewBatch:
    """Raises RequestError (400) that names the field."""
    try:
        new = _NEW.decode(body)
    except msgspec.ValidationError as error:
        raise invalid("body", f"the body is no batch: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError(400, "invalid_json", "the body is not JSON") from None
    if new.endpoint not in ENDPOINTS:
        raise invalid("endpoint", f"`endpoint` is {new.endpoint[:80]!r}; one of {', '.join(ENDPOINTS)}")
    if new.completion_window != WINDOW:
        raise invalid("completion_window", f"`completion_window` is {new.completion_window[:40]!r}; it must be {WINDOW!r}")
    metadata = new.metadata or {}
    if len(metadata) > MOST_METADATA or any(len(key) > 64 or len(value) > 512 for key, value in metadata.items()):
        raise invalid("metadata", f"`metadata` has at most {MOST_METADATA} members, keys of 64 and values of 512 characters")
    return new


def read_line(line: bytes, endpoint: str) -> tuple[str, bytes]:
    """`custom_id` and body of one line of an input file. Raises RequestError (400); the message names neither file nor line."""
    try:
        read = _LINE.decode(line)
        line.decode()
    except msgspec.ValidationError as error:
        raise invalid("line", f"it is no request: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError(400, "invalid_json_line", "it is not JSON") from None
    if not 0 < len(read.custom_id) <= MOST_ID or not _ID.fullmatch(read.custom_id):
        raise invalid("custom_id", f"`custom_id` must be 1 to {MOST_ID} printable ASCII characters")
    if read.method != "POST":
        raise invalid("method", f"`method` is {read.method[:20]!r}; it must be POST")
    if read.url != endpoint:
        raise invalid("url", f"`url` is {read.url[:80]!r}, and the batch is for {endpoint}")
    stream = read.body.get("stream")
    if stream is not None and bytes(stream) not in (b"false", b"null"):
        raise invalid("body.stream", "a batch has no streams; leave `stream` out")
    return read.custom_id, _encode(read.body)


def batch_object(told: Told) -> dict[str, Any]:
    """The object that tells of a batch."""
    ended, status = _seconds(told.ended_s), told.status
    return {
        "id": told.id,
        "object": "batch",
        "endpoint": told.endpoint,
        "errors": {"object": "list", "data": list(told.errors)} if told.errors else None,
        "input_file_id": told.input_file_id,
        "completion_window": WINDOW,
        "status": status,
        "output_file_id": told.output_file_id,
        "error_file_id": told.error_file_id,
        "created_at": int(told.created_s),
        "in_progress_at": _seconds(told.opened_s),
        "expires_at": int(told.expires_s),
        "finalizing_at": ended if status in ("completed", "expired", "cancelled") else None,
        "completed_at": ended if status == "completed" else None,
        "failed_at": ended if status == "failed" else None,
        "expired_at": ended if status == "expired" else None,
        "cancelling_at": _seconds(told.cancelling_s),
        "cancelled_at": ended if status == "cancelled" else None,
        "request_counts": {"total": told.total, "completed": told.completed, "failed": told.failed},
        "metadata": told.metadata,
    }


def file_object(told: FileTold) -> dict[str, Any]:
    """The object that tells of a file."""
    return {
        "id": told.id,
        "object": "file",
        "bytes": told.bytes,
        "created_at": int(told.created_s),
        "expires_at": _seconds(told.expires_s),
        "filename": told.name,
        "purpose": told.purpose,
        "status": "processed",
    }


def list_page(rows: Sequence[Mapping[str, Any]], has_more: bool) -> dict[str, Any]:
    """A page of a list, newest first."""
    ends = {"first_id": rows[0]["id"] if rows else None, "last_id": rows[-1]["id"] if rows else None}
    return {"object": "list", "data": list(rows), **ends, "has_more": has_more}


def response_line(id: str, custom_id: str, status: int, request: str, body: bytes) -> bytes:
    """A line of the output, or of the errors where the status is one: `body` is the answer's, in this dialect."""
    return _line({"id": id, "custom_id": custom_id, "response": _response(status, request, body), "error": None})


def error_line(id: str, custom_id: str, code: str, message: str) -> bytes:
    """A line of the errors, for a request that was never answered."""
    return _line({"id": id, "custom_id": custom_id, "response": None, "error": {"code": code, "message": message}})


def _response(status: int, request: str, body: bytes) -> dict[str, Any]:
    try:
        content: Any = Raw(body)
        msgspec.json.decode(body, type=Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        content = body.decode(errors="replace")
    return {"status_code": status, "request_id": request, "body": content}


def _line(row: Mapping[str, Any]) -> bytes:
    line = _encode(row)
    return (line if b"\n" not in line and b"\r" not in line else msgspec.json.format(line, indent=-1)) + b"\n"


def _seconds(at: float | None) -> int | None:
    return None if at is None else int(at)
