"""Packed rows ↔ Arrow, without loss."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.ledger import Head
from roteiro.ledger.place import TABLES, Table
from roteiro.ledger.schema import columns_of, decode, encode
from roteiro.terms.codes import Outcome, Step
from roteiro.terms.error import LedgerError
from roteiro.terms.event import DECISION_FIELDS, EVENT, EVENT_FIELDS, SIGNAL_FIELDS

from .build import EPOCH_S, RUN, names, rows, same

NAME = st.one_of(st.sampled_from(["primary", "#3", "#3#0", "primary#1", "#-2", "", "é"]), st.text(max_size=5))


@given(
    table=st.sampled_from(["events", "decisions", "signals"]),
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 40),
    words=st.lists(NAME, max_size=6),
)
def test_any_rows_and_any_names_go_there_and_back(table: Table, seed: int, count: int, words: list[str]) -> None:
    """Law: decode ∘ encode is the identity, through Arrow's own formats too, whatever bytes the ring holds."""
    noise = np.random.default_rng(seed).integers(0, 256, count * TABLES[table].itemsize, np.uint8).view(TABLES[table])
    noise["target"][::2] = seed % 9 - 2
    head = Head(table, RUN, EPOCH_S, names(targets=words, tenants=words, plans=words)).covering(noise)
    written = pa.Table.from_batches([encode(noise, head)])
    written.validate(full=True)
    assert same(decode(written, Head.of(written.schema)), noise)

    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, written.schema) as out:
        out.write_table(written)
    assert same(decode(pa.ipc.open_stream(stream.getvalue()).read_all(), head), noise)

    file = io.BytesIO()
    pq.write_table(written, file)
    read = pq.read_table(io.BytesIO(file.getvalue()))
    assert same(decode(read, Head.of(read.schema)), noise)


@pytest.mark.parametrize("value", [0.0, -0.0, 5e-324, -1.7976931348623157e308, float("inf"), 0.1 + 0.2])
def test_a_float_keeps_its_bits(value: float) -> None:
    meant = rows("decisions", 0, 1)
    meant["x"] = value
    head = Head("decisions", RUN, EPOCH_S, names())
    found = decode(pa.Table.from_batches([encode(meant, head)]), head)
    assert found["x"].tobytes() == meant["x"].tobytes()


def test_codes_are_words() -> None:
    meant = rows("events", 0, 3)
    meant["outcome"], meant["target"], meant["plan"] = [Outcome.SHED, 3, Outcome.SUCCESS], [2, -1, 7], [0, 1, 5]
    head = Head("events", RUN, EPOCH_S, names(plans=["a", "a"])).covering(meant)
    found = encode(meant, head)
    assert found["outcome"].to_pylist() == ["shed", "budget", "success"]
    assert found["target"].to_pylist() == ["fallback", None, "#7"]
    assert found["plan"].to_pylist() == [0, 1, 5]
    assert found["digest"].to_pylist() == ["a", "a", "#5"]


def test_names_that_repeat_are_told_apart() -> None:
    meant = rows("events", 0, 4)
    meant["target"] = [0, 1, 2, 3]
    head = Head("events", RUN, EPOCH_S, names(targets=["x", "x", "x#1", "#9"])).covering(meant)
    assert encode(meant, head)["target"].to_pylist() == ["x", "x#1", "x#1#2", "#9#3"]


def test_covering_keeps_a_head_that_covers() -> None:
    head = Head("events", RUN, EPOCH_S, names())
    assert head.covering(rows("events", 0, 50)) is head
    strange = rows("events", 0, 2)
    strange["tenant"] = [70_000, -5]
    wider = head.covering(strange)
    assert wider.unknown == {"tenant": (-5, 70_000)}
    assert wider.covering(strange) is wider
    assert wider.covering(strange[:1]) is wider


def test_nonsense_times_do_not_keep_a_row_out() -> None:
    meant = rows("events", 0, 4)
    meant["arrival_s"] = [np.nan, np.inf, -1e300, 1.5]
    head = Head("events", RUN, EPOCH_S, names())
    found = encode(meant, head)
    assert found["time"].cast(pa.int64()).to_pylist()[3] == round(EPOCH_S * 1e6) + 1_500_000
    assert found["time"].null_count == 0
    assert same(decode(pa.Table.from_batches([found]), head), meant)


@pytest.mark.parametrize(
    ("table", "fields", "own"), [("events", EVENT_FIELDS, 3), ("decisions", DECISION_FIELDS, 2), ("signals", SIGNAL_FIELDS, 2)]
)
def test_every_field_is_a_column(table: Table, fields: tuple[object, ...], own: int) -> None:
    columns = [column.name for column in columns_of(table)]
    assert columns[own:] == [field.name for field in fields]  # type: ignore[attr-defined]
    assert columns[:own] == ["run", "time", "digest"][:own]
    kinds = {column.name: column.type for column in columns_of(table)}
    assert kinds["target"] == pa.dictionary(pa.int16(), pa.string())


def test_a_head_survives_its_schema() -> None:
    head = Head("decisions", RUN, 1_769_900_000.123_456, names(tenants=["ação", "日本"]))
    assert Head.of(head.schema) == head


def test_a_foreign_or_later_file_is_refused() -> None:
    schema = Head("events", RUN, EPOCH_S, names()).schema
    with pytest.raises(LedgerError, match="not a file of the ledger"):
        Head.of(pa.schema([("a", pa.int8())]))
    with pytest.raises(LedgerError, match="ledger schema 99"):
        Head.of(schema.with_metadata({**schema.metadata, b"roteiro.schema": b"99"}))
    with pytest.raises(LedgerError, match="not a file of the ledger"):
        Head.of(schema.with_metadata({**schema.metadata, b"roteiro.names": b"{}"}))


def test_every_step_has_its_word() -> None:
    meant = rows("decisions", 0, len(Step))
    meant["step"] = list(Step)
    head = Head("decisions", RUN, EPOCH_S, names())
    assert encode(meant, head)["step"].to_pylist() == [step.name.lower() for step in Step]
    assert len(EVENT.names or ()) == len(EVENT_FIELDS)
