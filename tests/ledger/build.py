"""Rows, names and blocks for the ledger's tests: row k of a table is the same in every process."""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from roteiro.ledger import Ring, RingSpec, WriterSpec
from roteiro.ledger.place import TABLES, Table
from roteiro.terms.edge import Names
from roteiro.terms.event import DECISION, EVENT

EPOCH_S = 1_769_900_000.0
RUN = "run-1"


def names(**other: list[str]) -> Names:
    plain: dict[str, list[str]] = {
        "targets": ["primary", "secondary", "fallback"],
        "routes": ["auto", "chat"],
        "tenants": ["acme", "beta", "gama"],
        "workloads": ["chat", "support"],
        "keys": ["k1", "k2", "k3"],
        "tiers": ["enterprise", "business", "basic"],
        "regions": ["br", "us"],
        "limits": [],
        "budgets": [],
        "rules": [],
        "plans": ["digest-a"],
    }
    return Names(**(plain | other))


def rows(table: Table, start: int, count: int, step_s: float = 0.01) -> NDArray[np.void]:
    """Rows `start` … of a table. Some codes are -1, some floats NaN."""
    k = np.arange(start, start + count)
    made = np.zeros(count, TABLES[table])
    made["seq"], made["request"] = k, k * 7
    if table == "events":
        made["arrival_s"], made["ended_s"] = k * step_s, k * step_s + 1.5
        made["cost_nusd"], made["total_ms"] = k * 11, k % 1000
        made["ttft_ms"], made["quality"] = np.where(k % 3 == 0, np.nan, k), np.nan
        made["target"], made["tenant"], made["outcome"] = k % 4 - 1, k % 3, k % 9
        made["key"], made["stream"] = k % 3, k % 2
    elif table == "signals":
        made["at_s"], made["value"] = k * step_s, np.where(k % 5 == 0, np.nan, np.cos(k))
        made["target"], made["kind"], made["probe"] = k % 4 - 1, k % 15 + 1, k - 1
    else:
        made["now_s"], made["u"] = k * step_s, np.mod(k * 0.6180339887498949, 1.0)
        made["x"], made["y"] = np.sin(k), np.where(k % 5 == 0, np.nan, -0.0)
        made["target"], made["step"], made["command"], made["reason"] = k % 4 - 1, k % 10 + 1, k % 6, k % 38
    return made


def same(found: NDArray[np.void], meant: NDArray[np.void]) -> bool:
    """Equal in every field, to the bit, where any NaN is any other."""

    def bits(column: NDArray[np.generic]) -> NDArray[np.generic]:
        if column.dtype.kind != "f":
            return column
        return np.where(np.isnan(column), np.nan, column).astype(column.dtype).view(f"i{column.itemsize}")

    return len(found) == len(meant) and all(np.array_equal(bits(found[name]), bits(meant[name])) for name in meant.dtype.names or ())


class Feed:
    """The kernel's side of a ring: writes rows, then moves the head; refuses what would overwrite."""

    def __init__(self, block: NDArray[np.uint8], table: Table, spec: RingSpec) -> None:
        self.table, self.capacity = table, spec.capacity
        self._rows = block[spec.offset : spec.offset + spec.capacity * spec.itemsize].view(TABLES[table])
        self._head = block[spec.head : spec.head + 8].view(np.int64)
        self._tail = block[spec.tail : spec.tail + 8].view(np.int64)

    @property
    def head(self) -> int:
        return int(self._head[0])

    @property
    def tail(self) -> int:
        return int(self._tail[0])

    def put(self, count: int) -> int:
        """Write up to `count` of the next rows; returns how many had room."""
        count = min(count, self.capacity - (self.head - self.tail))
        start = self.head
        self._rows[np.arange(start, start + count) % self.capacity] = rows(self.table, start, count)
        self._head[0] = start + count
        return count


def write_spec(directory: Path, data: Path | None = None, capacity: int = 1024, group_s: float = 0.002) -> Path:
    """A block, a names file and the writer's spec in `directory`; the ledger goes to `data`."""
    offset, rings = 4096, {}
    for place, table in enumerate(TABLES):
        itemsize = TABLES[table].itemsize
        rings[table] = RingSpec(offset=offset, capacity=capacity, itemsize=itemsize, head=64 + 16 * place, tail=72 + 16 * place)
        offset += -(-capacity * itemsize // 64) * 64
    (directory / "block").write_bytes(bytes(offset))
    (directory / "names.json").write_bytes(msgspec.json.encode(names()))
    spec = WriterSpec(
        directory=str(data or directory),
        run=RUN,
        epoch_s=EPOCH_S,
        block=str(directory / "block"),
        names=str(directory / "names.json"),
        rings=rings,
        group_s=group_s,
    )
    path = directory / "writer.json"
    path.write_bytes(msgspec.json.encode(spec))
    return path


def read_spec(path: Path) -> WriterSpec:
    return msgspec.json.decode(path.read_bytes(), type=WriterSpec)


def feeds(path: Path) -> dict[Table, Feed]:
    spec = read_spec(path)
    block = np.memmap(spec.block, np.uint8, mode="r+")
    return {table: Feed(block, table, ring) for table, ring in spec.rings.items()}


def rings(path: Path) -> dict[Table, Ring]:
    spec = read_spec(path)
    block = np.memmap(spec.block, np.uint8, mode="r+")
    return {table: Ring.over(block, TABLES[table], ring.offset, ring.capacity, ring.head, ring.tail) for table, ring in spec.rings.items()}


assert EVENT is TABLES["events"] and DECISION is TABLES["decisions"]
