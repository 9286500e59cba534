"""A line for each request, made from the ledger's rows and not in the workers: who asked for what, who answered, how long it took.

What must not live here: reading the ring, and anything that a row does not have.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from roteiro.gateway.logs import stamp
from roteiro.terms.codes import CacheKind, ErrorClass, Operation, Outcome, Reason
from roteiro.terms.edge import Names

__all__ = ["AccessLog"]

LOGGER: Final = "roteiro.access"
LISTS: Final = {"tenant": "tenants", "key": "keys", "workload": "workloads", "model": "routes", "target": "targets"}
WORDS: Final = {"outcome": Outcome, "reason": Reason, "operation": Operation}


class AccessLog:
    """Of one run. `write` is given whole lines."""

    def __init__(
        self, run: str, epoch_s: float, names: Callable[[], Names], form: str, write: Callable[[str], object] = sys.stderr.write
    ) -> None:
        self._run, self._epoch_s, self._names, self._is_json, self._write = run, epoch_s, names, form == "json", write

    def take(self, rows: NDArray[Any]) -> None:
        """Write a line for each of these events."""
        if not len(rows):
            return
        columns, names = rows.dtype.names or (), self._names()
        said = (self._words(dict(zip(columns, values, strict=True)), names) for values in rows.tolist())
        form = json.dumps if self._is_json else as_text
        self._write("".join(f"{form(words)}\n" for words in said))

    def _words(self, event: Mapping[str, Any], names: Names) -> dict[str, Any]:
        words: dict[str, Any] = {
            "ts": stamp(self._epoch_s + event["ended_s"]),
            "level": "info",
            "logger": LOGGER,
            "request": f"{self._run}-{event['request']}",
            "status": event["status"],
            **{field: code(event[field]).name.lower() for field, code in WORDS.items()},
        }
        for field, listed in LISTS.items():
            known, number = getattr(names, listed), event[field]
            words[field] = known[number] if 0 <= number < len(known) else None
        words["total_ms"] = round(event["total_ms"], 1)
        words["ttft_ms"] = round(event["ttft_ms"], 1) if math.isfinite(event["ttft_ms"]) else None
        words["queue_ms"] = round(event["queue_ms"], 1)
        for field in ("attempts", "input_tokens", "output_tokens", "worker"):
            words[field] = event[field]
        words["stream"] = bool(event["stream"])
        words["cost_usd"] = event["cost_nusd"] / 1e9
        if event["error_class"]:
            words["error_class"] = ErrorClass(event["error_class"]).name.lower()
        if event["cache"]:
            words["cache"] = CacheKind(event["cache"]).name.lower()
        if event["trace_hi"] or event["trace_lo"]:
            words["trace_id"] = f"{event['trace_hi'] % 2**64:016x}{event['trace_lo'] % 2**64:016x}"
        return words


def as_text(words: Mapping[str, Any]) -> str:
    first = f"{words['total_ms']:g} ms" if words["ttft_ms"] is None else f"{words['total_ms']:g} ms, first {words['ttft_ms']:g} ms"
    return (
        f"{words['ts']} INFO {LOGGER} {words['request']} {words['tenant'] or '-'} {words['operation']} "
        f"{words['model'] or '-'}>{words['target'] or '-'} {words['status']} {words['outcome']} {words['reason']} {first}, "
        f"{words['input_tokens']}+{words['output_tokens']} tokens, ${words['cost_usd']:.9f}".rstrip("0").rstrip(".")
    )
