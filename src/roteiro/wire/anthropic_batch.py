"""Batches of messages in the Anthropic dialect: the body that makes one, the object that tells of it, the lines of its results.

What must not live here: where batches are kept, and when their requests run.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw, Struct

from roteiro.wire.body import invalid, top_level, typed

__all__ = [
    "BatchItem",
    "BatchStatus",
    "Counts",
    "batch_page",
    "canceled_line",
    "deleted_batch",
    "errored_line",
    "expired_line",
    "message_batch",
    "read_batch",
    "succeeded_line",
]

MOST_REQUESTS: Final = 100_000
"""The dialect's own bound on a batch."""

BatchStatus: TypeAlias = Literal["in_progress", "canceling", "ended"]


class BatchItem(NamedTuple):
    """One request of a batch. `body` is one of /v1/messages, to be read by the front."""

    custom_id: str
    body: bytes


class Counts(NamedTuple):
    """Requests of a batch by what became of them. The dialect shows all as `processing` until the whole batch has ended."""

    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0


class _Request(Struct):
    custom_id: str
    params: dict[str, Raw]


class _Batch(Struct):
    requests: list[_Request]


_BATCH: Final = msgspec.json.Decoder(_Batch)
_encode: Final = msgspec.json.Encoder().encode
_CUSTOM_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read_batch(body: bytes, most: int = MOST_REQUESTS) -> list[BatchItem]:
    """The requests of a batch in their order. Raises RequestError (400) that names the one at fault.

    Only what concerns the batch is checked; each body is its own request, and errs on its own.
    """
    requests = typed(top_level(body), _BATCH).requests
    if not 1 <= len(requests) <= most:
        raise invalid("requests", f"`requests` has {len(requests)} entries; it must have from 1 to {most}")
    known: set[str] = set()
    for index, request in enumerate(requests):
        name = f"requests[{index}].custom_id"
        if not _CUSTOM_ID.fullmatch(request.custom_id):
            raise invalid(name, f"`{name}` must be 1 to 64 letters, digits, `_` and `-`")
        if request.custom_id in known:
            raise invalid(name, f"`{name}` is given twice: each must be unique within the batch")
        known.add(request.custom_id)
        stream = request.params.get("stream")
        if stream is not None and bytes(stream) not in (b"false", b"null"):
            raise invalid(f"requests[{index}].params.stream", f"`requests[{index}].params.stream`: a batch has no streams; leave it out")
    return [BatchItem(request.custom_id, _encode(request.params)) for request in requests]


def message_batch(
    id: str,
    status: BatchStatus,
    counts: Counts,
    *,
    created_s: float,
    expires_s: float,
    ended_s: float | None = None,
    cancel_initiated_s: float | None = None,
    archived_s: float | None = None,
    results_url: str | None = None,
) -> bytes:
    """The object that tells of a batch. Times are Unix seconds; `results_url` is told once the batch has ended. `counts` as they are: what
    the dialect shows of a batch that has not ended is reckoned here."""
    ended = status == "ended"
    shown = counts if ended else Counts(processing=sum(counts))
    return _encode(
        {
            "id": id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": shown._asdict(),
            "created_at": _time(created_s),
            "expires_at": _time(expires_s),
            "ended_at": _time(ended_s),
            "cancel_initiated_at": _time(cancel_initiated_s),
            "archived_at": _time(archived_s),
            "results_url": results_url if ended else None,
        }
    )


def batch_page(batches: Sequence[bytes], ids: Sequence[str], has_more: bool) -> bytes:
    """A page of the list of batches: `message_batch` objects, newest first, and their ids."""
    return _encode(
        {
            "data": [Raw(batch) for batch in batches],
            "has_more": has_more,
            "first_id": ids[0] if ids else None,
            "last_id": ids[-1] if ids else None,
        }
    )


def deleted_batch(id: str) -> bytes:
    """What is left of a deleted batch."""
    return _encode({"id": id, "type": "message_batch_deleted"})


def succeeded_line(custom_id: str, message: bytes) -> bytes:
    """A line of the results: `message` is the body of a whole answer in this dialect."""
    return _line(custom_id, {"type": "succeeded", "message": Raw(message)})


def errored_line(custom_id: str, error: bytes) -> bytes:
    """A line of the results: `error` is an error's body in this dialect."""
    return _line(custom_id, {"type": "errored", "error": Raw(error)})


def canceled_line(custom_id: str) -> bytes:
    """A line of the results: the request was never sent."""
    return _line(custom_id, {"type": "canceled"})


def expired_line(custom_id: str) -> bytes:
    """A line of the results: the batch's time was over before the request was sent."""
    return _line(custom_id, {"type": "expired"})


def _line(custom_id: str, result: Mapping[str, Any]) -> bytes:
    # A body that came with line ends of its own is written without: one line is one result.
    line = _encode({"custom_id": custom_id, "result": result})
    return (line if b"\n" not in line and b"\r" not in line else msgspec.json.format(line, indent=-1)) + b"\n"


def _time(unix_s: float | None) -> str | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC).isoformat().replace("+00:00", "Z")
