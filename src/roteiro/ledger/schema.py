"""Packed rows ↔ Arrow: the columns of the two tables, and codes as words.

Columns are the fields of `terms.event`, in their order, after three of the ledger's own: `run`, `time` (UTC, to the
microsecond) and, for events, `digest` (of the plan version). A code becomes a word by a dictionary; -1 becomes null, and so
does NaN. Both ways lose nothing: a code that no word is known for is written as `#code`, and words that a plan uses twice
are told apart by their position.

What must not live here: files.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as default
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from roteiro.ledger.place import TABLES, Table
from roteiro.terms.edge import Names
from roteiro.terms.error import LedgerError
from roteiro.terms.event import DECISION_FIELDS, EVENT_FIELDS, SIGNAL_FIELDS, Field

__all__ = ["SCHEMA_VERSION", "SECONDS", "Head", "columns_of", "decode", "encode", "words_of"]

SCHEMA_VERSION: Final = 1

_FIELDS: Final[dict[Table, tuple[Field, ...]]] = {"events": EVENT_FIELDS, "decisions": DECISION_FIELDS, "signals": SIGNAL_FIELDS}


class _Column(NamedTuple):
    """A field as an Arrow column; `coded` where its integers become words."""

    name: str
    type: pa.DataType
    coded: bool
    is_float: bool
    field: Field

    @classmethod
    def of(cls, field: Field) -> "_Column":
        number = pa.from_numpy_dtype(np.dtype(field.kind))
        coded = field.decode is not None and field.name != "plan"  # the version stays a number, `digest` says it in words
        words = pa.dictionary(pa.int32() if number.bit_width > 16 else pa.int16(), pa.string())
        return cls(field.name, words if coded else number, coded, field.kind[0] == "f", field)


_COLUMNS: Final = {table: tuple(map(_Column.of, fields)) for table, fields in _FIELDS.items()}
SECONDS: Final[dict[Table, str]] = {"events": "arrival_s", "decisions": "now_s", "signals": "at_s"}
"""The column that a row's `time` is made of."""
_UNKNOWN: Final = re.compile(r"#(-?\d+)")
_TIME: Final = pa.timestamp("us", tz="UTC")
_WORD: Final = pa.dictionary(pa.int16(), pa.string())
_LONGEST_RUN_S: Final = 3.2e9
"""A century. A clock reading outside is nonsense, and must not keep its row out of the ledger."""


@dataclass(frozen=True)
class Head:
    """What is true of all rows of a segment.

    `epoch_s`: the run's epoch in Unix seconds. `names`: words for the codes of the plan's things. `unknown`: for each column,
    codes that occur and that `names` has no word for, ascending; empty while the kernel and the names agree.
    """

    table: Table
    run: str
    epoch_s: float
    names: Names
    unknown: Mapping[str, tuple[int, ...]] = default(default_factory=dict)

    @property
    def dtype(self) -> np.dtype[np.void]:
        """The packed row."""
        return TABLES[self.table]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with this head in its metadata."""
        metadata = {
            "roteiro.schema": str(SCHEMA_VERSION),
            "roteiro.table": self.table,
            "roteiro.run": self.run,
            "roteiro.epoch": repr(self.epoch_s),
            "roteiro.names": msgspec.json.encode(self.names),
            "roteiro.plans": msgspec.json.encode(self.names.plans),
        }
        return pa.schema(columns_of(self.table), metadata=metadata)

    @classmethod
    def of(cls, schema: pa.Schema) -> "Head":
        """The head in a schema's metadata. Raises `LedgerError` when it is not a ledger's, or of a later version."""
        metadata = schema.metadata or {}
        try:
            version, table = int(metadata[b"roteiro.schema"]), metadata[b"roteiro.table"].decode()
            run, epoch_s = metadata[b"roteiro.run"].decode(), float(metadata[b"roteiro.epoch"])
            names = msgspec.json.decode(metadata[b"roteiro.names"], type=Names)
        except (KeyError, ValueError, msgspec.MsgspecError) as error:
            raise LedgerError(f"not a file of the ledger: {error!r} in its metadata") from error
        if version > SCHEMA_VERSION or table not in TABLES:
            raise LedgerError(f"ledger schema {version} of table {table!r}; this release reads up to {SCHEMA_VERSION}, of {sorted(TABLES)}")
        return cls(table, run, epoch_s, names)

    @cached_property
    def words(self) -> dict[str, tuple[str, ...]]:
        """Column → the word of each code from 0; for `digest` the code is the plan version."""
        words = {column.name: words_of(column.field, self.names) for column in _COLUMNS[self.table] if column.coded}
        return words | {"digest": tuple(self.names.plans)} if self.table == "events" else words

    @cached_property
    def dictionaries(self) -> dict[str, pa.Array]:
        """Column → its words as an Arrow array. All batches share it, and so a segment holds it once."""
        words = {name: (*known, *(f"#{code}" for code in self.unknown.get(name, ()))) for name, known in self.words.items()}
        return {name: pa.array(column, pa.string()) for name, column in words.items()} | {"run": pa.array([self.run])}

    def covering(self, rows: NDArray[np.void]) -> "Head":
        """This head, or one that also covers codes in `rows` which this one has no words for."""
        found = dict(self.unknown)
        for name, words in self.words.items():
            codes = rows[_source(name)]
            if len(codes) and (codes.min() < -1 or codes.max() >= len(words)):
                strange = np.unique(codes[(codes < -1) | (codes >= len(words))]).tolist()
                found[name] = tuple(sorted({*found.get(name, ()), *strange}))
        return self if found == self.unknown else replace(self, unknown=found)


def words_of(field: Field, names: Names) -> tuple[str, ...]:
    """The word of each code of a field from 0, all of them different."""
    if field.decode is None:
        return ()
    if not isinstance(field.decode, str):
        members = {int(member): member.name.lower() for member in field.decode}
        return tuple(members.get(code, f"#{code}") for code in range(max(members) + 1))
    words: dict[str, None] = {}
    for code, word in enumerate(getattr(names, field.decode)):
        while word in words or _UNKNOWN.fullmatch(word):  # the same word twice, or one that looks like an unknown code
            word += f"#{code}"
        words[word] = None
    return tuple(words)


def columns_of(table: Table) -> list[pa.Field]:
    """The columns of a table as Arrow fields."""
    digest = [pa.field("digest", _WORD)] if table == "events" else []
    fields = [pa.field(column.name, column.type, nullable=column.coded or column.is_float) for column in _COLUMNS[table]]
    return [pa.field("run", _WORD, nullable=False), pa.field("time", _TIME, nullable=False), *digest, *fields]


def encode(rows: NDArray[np.void], head: Head) -> pa.RecordBatch:
    """Packed rows → one Arrow batch. `head` must cover the rows' codes (`Head.covering`)."""
    micros = np.rint(np.clip(np.nan_to_num(rows[SECONDS[head.table]]), 0.0, _LONGEST_RUN_S) * 1e6).astype(np.int64)
    columns = [
        pa.DictionaryArray.from_arrays(_array(np.zeros(len(rows), np.int16), pa.int16()), head.dictionaries["run"]),
        _array(micros + round(head.epoch_s * 1e6), _TIME),
    ]
    if head.table == "events":
        columns.append(_words(rows["plan"], "digest", _WORD, head))
    for column in _COLUMNS[head.table]:
        values = np.ascontiguousarray(rows[column.name])
        if column.coded:
            columns.append(_words(values, column.name, column.type, head))
        else:
            columns.append(_array(values, column.type, np.isnan(values) if column.is_float else None))
    return pa.RecordBatch.from_arrays(columns, schema=head.schema)


def decode(table: pa.Table, head: Head) -> NDArray[np.void]:
    """Arrow → packed rows, the inverse of `encode`: every integer and every float64 to the bit (any NaN becomes NumPy's)."""
    rows = np.zeros(len(table), head.dtype)
    start = 0
    for batch in table.to_batches():
        part = rows[start : start + len(batch)]
        for column in _COLUMNS[head.table]:
            values = batch.column(column.name)
            part[column.name] = _codes(values, head.words[column.name]) if column.coded else values.to_numpy(zero_copy_only=False)
        start += len(batch)
    return rows


def _source(column: str) -> str:
    return "plan" if column == "digest" else column


def _array(values: NDArray[Any], kind: pa.DataType, null: NDArray[np.bool_] | None = None) -> pa.Array:
    """An Arrow array over the memory of `values`, where `null` is true null."""
    bitmap = None
    if null is not None and null.any():
        bitmap = pa.py_buffer(np.packbits(~null, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [bitmap, pa.py_buffer(values)])


def _words(codes: NDArray[Any], column: str, kind: pa.DataType, head: Head) -> pa.DictionaryArray:
    """Codes → words, -1 → null."""
    index = codes.astype(kind.index_type.to_pandas_dtype())
    unknown = head.unknown.get(column)
    if unknown:
        known = len(head.words[column])
        strange = (codes < -1) | (codes >= known)
        index[strange] = known + np.searchsorted(unknown, codes[strange])
    return pa.DictionaryArray.from_arrays(_array(index, kind.index_type, codes == -1), head.dictionaries[column], safe=False)


def _codes(column: pa.DictionaryArray, words: Sequence[str]) -> NDArray[np.int64]:
    """Words → codes, null → -1."""
    code_of = {word: code for code, word in enumerate(words)}
    known = []
    for word in column.dictionary.to_pylist():
        match = _UNKNOWN.fullmatch(word)
        known.append(int(match[1]) if match else code_of[word])
    index = column.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    codes: NDArray[np.int64] = np.array([*known, -1], np.int64)[index]
    return codes
