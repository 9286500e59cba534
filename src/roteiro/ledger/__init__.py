"""The ledger: events, decisions and signals to disk and back.

Rings in shared memory are drained by a writer process into segments, segments are compacted to Parquet, and both are asked with
DuckDB as three tables, `events`, `decisions` and `signals`. The names below are loaded when first used, because a gateway worker
imports this room and must stay small. What must not live here: what the numbers mean (`analysis`), and a clock.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roteiro.ledger.compact import Compaction, compact_segments, expire, recover
    from roteiro.ledger.memory import MemoryLedger, MemoryWriter
    from roteiro.ledger.parquet import ParquetWriter
    from roteiro.ledger.query import Ledger, Queries, Run
    from roteiro.ledger.ring import Ring
    from roteiro.ledger.schema import Head
    from roteiro.ledger.segment import SegmentWriter
    from roteiro.ledger.writer import RingSpec, Writer, WriterSpec, WriterStatus

__all__ = [
    "Compaction",
    "Head",
    "Ledger",
    "MemoryLedger",
    "MemoryWriter",
    "ParquetWriter",
    "Queries",
    "Ring",
    "RingSpec",
    "Run",
    "SegmentWriter",
    "Writer",
    "WriterSpec",
    "WriterStatus",
    "compact_segments",
    "expire",
    "recover",
]

_HOME = {
    "compact": ("Compaction", "compact_segments", "expire", "recover"),
    "memory": ("MemoryLedger", "MemoryWriter"),
    "parquet": ("ParquetWriter",),
    "query": ("Ledger", "Queries", "Run"),
    "ring": ("Ring",),
    "schema": ("Head",),
    "segment": ("SegmentWriter",),
    "writer": ("RingSpec", "Writer", "WriterSpec", "WriterStatus"),
}
_FILE = {name: file for file, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _FILE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILE[name]}"), name)
