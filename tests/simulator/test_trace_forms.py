"""Mooncake, ServeGen and Parquet: what can be read counts, what cannot is a problem with its line, and no input ends in a traceback."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulator.build import busy, run

from roteiro.ledger import Head
from roteiro.ledger.schema import encode
from roteiro.simulator.trace import Rates, Trace, read_record, read_trace
from roteiro.simulator.trace_form import Party
from roteiro.terms.error import PlanError

LINE = {"timestamp": 0, "input_length": 1000, "output_length": 20, "hash_ids": [7, 9]}
SUMMED = "t_s,rate_rps,active_clients,rate_with_token_info_rps,input_tok_s,output_tok_s,top_client_rps\n"
CLIENTS = "client,t_s,rate_rps,cv,pattern,p1,p2\n"


def written(tmp_path: Path, name: str, text: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def arrivals(path: Path) -> tuple[Trace, list[str]]:
    found, problems = read_record(path)
    assert isinstance(found, Trace)
    return found, [problem.code for problem in problems]


def rates(path: Path) -> tuple[Rates, list[str]]:
    found, problems = read_record(path)
    assert isinstance(found, Rates)
    return found, [problem.code for problem in problems]


# --- Mooncake ----------------------------------------------------------------------------------------------------------------


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_chains_of_blocks_are_kept_in_the_order_of_time(tmp_path: Path) -> None:
    late = {**LINE, "timestamp": 4000, "hash_ids": [7, 1 << 70]}
    found, codes = arrivals(written(tmp_path, "a.jsonl", lines(late, LINE)))
    assert codes == ["W915"]
    assert found.at_s.tolist() == [0.0, 4.0] and found.chains is not None
    chains = [
        found.chains.blocks[first : first + count].tolist() for first, count in zip(found.chains.first, found.chains.count, strict=True)
    ]
    assert chains[0][0] == chains[1][0] and chains[0][1] != chains[1][1]


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({**LINE, "timestamp": "soon"}, "timestamp"), ({**LINE, "timestamp": 1e300}, "timestamp"), ({**LINE, "timestamp": True}, "timestamp"),
        ({**LINE, "input_length": -1}, "input_length"), ({**LINE, "output_length": 1.5}, "output_length"), ({**LINE, "output_length": 10**30}, "tokens"),
        ({**LINE, "hash_ids": "abc"}, "hash_ids"), ({**LINE, "hash_ids": [1.5]}, "hash_ids"), ([1, 2], "object"), ({"timestamp": 1}, "input_length"),
    ],
)  # fmt: skip
def test_a_bad_line_is_a_problem_with_its_number(tmp_path: Path, row: Any, word: str) -> None:
    path = written(tmp_path, "a.jsonl", lines(LINE, row, {**LINE, "timestamp": 1000}))
    found, problems = read_record(path)
    assert isinstance(found, Trace) and len(found.at_s) == 2
    assert [problem.where.line for problem in problems] == [2] and word in problems[0].message


def test_nan_and_broken_lines_are_bad_ones(tmp_path: Path) -> None:
    text = lines(LINE) + '{"timestamp": NaN, "input_length": 1, "output_length": 1}\n{"timest\n' + "[" * 100_000 + "\n"
    found, codes = arrivals(written(tmp_path, "a.jsonl", text))
    assert len(found.at_s) == 1 and codes == ["W913"] * 3


def test_a_prefix_longer_than_its_request_is_cut(tmp_path: Path) -> None:
    found, codes = arrivals(written(tmp_path, "a.jsonl", lines({**LINE, "hash_ids": [1, 2, 3, 4]})))
    assert codes == ["W919"] and found.chains is not None and found.chains.count.tolist() == [2]


def test_rounded_times_are_known_for_what_they_are(tmp_path: Path) -> None:
    found, _ = arrivals(written(tmp_path, "a.jsonl", lines(*({**LINE, "timestamp": 3000 * (i // 5)} for i in range(50)))))
    assert found.step_s == 3.0


# --- ServeGen ----------------------------------------------------------------------------------------------------------------


def test_windows_of_zeros_are_missing_and_not_idle(tmp_path: Path) -> None:
    rows = "0,10,2,5,500,100,8\n600,0,0,0,0,0,0\n1200,20,2,0,0,0,8\n2400,5,1,5,50,5,5\n"
    found, codes = rates(written(tmp_path, "m.csv", SUMMED + rows))
    assert codes == ["W920"] and found.window_s == 600.0
    assert found.missing.tolist() == [False, True, False, True, False]
    assert found.input_tokens[0] == 100.0 and found.output_tokens[0] == 20.0
    assert np.isnan(found.input_tokens[2])


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ("600,nan,1,1,1,1,1", "rate_rps"), ("600,-1,1,1,1,1,1", "rate_rps"), ("x,1,1,1,1,1,1", "t_s"), ("600,1e99,1,1,1,1,1", "rate_rps"), ("600", "cells"),
        ("0,1,1,1,1,1,1", "second time"), ("600,1,1,1,inf,1,1", "input_tok_s"),
    ],
)  # fmt: skip
def test_a_bad_window_is_a_problem_with_its_line(tmp_path: Path, row: str, word: str) -> None:
    found, problems = read_record(written(tmp_path, "m.csv", f"{SUMMED}0,10,2,5,500,100,8\n{row}\n1200,9,1,1,1,1,1\n"))
    assert isinstance(found, Rates)
    assert problems[0].where.line == 3 and word in problems[0].message


def test_clients_keep_their_processes(tmp_path: Path) -> None:
    rows = "a,0,3,2,Gamma,0.25,1.3\nb,0,1,1,Weibull,0.5,1\na,600,4,2,Gamma,0.25,1\na,600,4,2,Gamma,0.25,1\nc,0,1,1,Pareto,1,1\nb,600,1,0,Gamma,0,1\n"
    found, codes = rates(written(tmp_path, "m.csv", CLIENTS + rows))
    assert codes == ["W913"] * 3
    assert [one.name for one in found.clients] == ["a", "b"]
    assert found.rate_per_s.tolist() == [4.0, 4.0] and found.clients[1].rate_per_s.tolist() == [1.0, 0.0]
    assert found.clients[0].process.tolist() == [1, 1] and found.clients[1].process[0] == 3


def test_the_two_files_of_one_demand_are_read_together(tmp_path: Path) -> None:
    summed = written(tmp_path, "m_10min.csv", SUMMED + "600,4,2,4,400,40,3\n1200,0,0,0,0,0,0\n1800,4,2,4,800,40,3\n")
    clients = CLIENTS + "a,0,3,2,Gamma,0.25,1\nb,600,1,1,Weibull,0.5,1\na,1800,4,1,Gamma,0.5,1\n"
    by_client = written(tmp_path, "m_clients_10min.csv.gz", gzip.compress(clients.encode()))
    for path in (summed, by_client):
        found, _ = rates(path)
        assert found.input_tokens[[0, 2]].tolist() == [100.0, 200.0] and len(found.assumed) == 1
        a, b = found.clients
        assert a.rate_per_s[[0, 2]].tolist() == [0.0, 4.0] and b.rate_per_s[[0, 2]].tolist() == [1.0, 0.0]
        assert np.isnan(a.rate_per_s[1]) and a.shape[2] == 0.5


def test_rates_are_no_arrivals_to_take_again(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="rates by window"):
        read_trace(written(tmp_path, "m.csv", SUMMED + "0,10,2,5,500,100,8\n"))


# --- Parquet -----------------------------------------------------------------------------------------------------------------


def parquet(tmp_path: Path, columns: dict[str, Any], name: str = "use.parquet") -> Path:
    path = tmp_path / name
    pq.write_table(pa.table(columns), path)
    return path


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    when = [datetime(2026, 1, 5, 12, 0, second, tzinfo=UTC) for second in (3, 1, 2)]
    columns = {"Created_At": when, "prompt_tokens": [3, 1, 2], "completion_tokens": [30.0, 10.0, 20.0], "Model": ["m", None, "m"]}
    found, codes = arrivals(parquet(tmp_path, columns))
    assert codes == [] and found.at_s.tolist() == [0.0, 1.0, 2.0]
    assert found.input_tokens.tolist() == [1, 2, 3] and found.output_tokens.tolist() == [10, 20, 30]
    assert found.who is not None and [found.parties[code] for code in found.who] == [Party(), Party(model="m"), Party(model="m")]


@pytest.mark.parametrize(
    ("name", "values", "assumed"),
    [
        ("timestamp_ms", [0, 2500], 0), ("timestamp", [1.7e9, 1.7e9 + 2.5], 1), ("ts", [1_700_000_000_000, 1_700_000_002_500], 1),
        ("time", ["2026-01-05 12:00:00", "2026-01-05T13:00:02.5+01:00"], 0), ("time", [datetime(2026, 1, 5), datetime(2026, 1, 5, 0, 0, 2, 500_000)], 1),
    ],
)  # fmt: skip
def test_times_of_every_kind(tmp_path: Path, name: str, values: list[Any], assumed: int) -> None:
    found, _ = arrivals(parquet(tmp_path, {name: values, "input_tokens": [1, 2], "output_tokens": [1, 2]}))
    assert found.at_s.tolist() == [0.0, 2.5] and len(found.assumed) == assumed


def test_rows_without_time_or_tokens_are_told(tmp_path: Path) -> None:
    columns = {
        "t_s": [0.0, None, 2.0, 3.0, float("inf"), 5.0],
        "input_tokens": [1, 1, None, 1, 1, 4],
        "output_tokens": [1.0, 1.0, 1.0, float("nan"), 1.0, 1e30],
    }
    found, problems = read_record(parquet(tmp_path, columns))
    assert isinstance(found, Trace) and found.at_s.tolist() == [0.0]
    assert sorted(problem.where.line for problem in problems) == [2, 3, 4, 5, 6]


def test_a_folder_is_read_whole_and_what_is_not_demand_is_left_out(tmp_path: Path) -> None:
    parquet(tmp_path, {"t_s": [0.0, 1.0], "input_tokens": [1, 2], "output_tokens": [1, 2]}, "a.parquet")
    parquet(tmp_path, {"t_s": [5.0], "input_tokens": [1], "output_tokens": [2]}, "b.parquet")
    parquet(tmp_path, {"colour": ["red"]}, "c.parquet")
    written(tmp_path, "d.parquet", b"PAR1 not really")
    found, codes = arrivals(tmp_path)
    assert len(found.at_s) == 3 and sorted(codes) == ["W913", "W921"]


def test_the_ledger_s_events_tell_who_asked_and_which_had_no_answer(tmp_path: Path) -> None:
    simulation = busy(2)
    events, _ = run(simulation, 400)
    head = Head("events", "run-1", simulation.epoch_unix_s, simulation.compiled.names)
    pq.write_table(pa.Table.from_batches([encode(events, head)]), tmp_path / "run-1-events-000001.parquet")
    found, codes = arrivals(tmp_path)
    assert codes == [] and len(found.at_s) == 400
    by_arrival = events[np.argsort(np.rint(events["arrival_s"] * 1e6), kind="stable")]  # the ledger's times are microseconds
    answered = by_arrival["outcome"] == 0
    assert found.input_tokens[answered].tolist() == by_arrival["input_tokens"][answered].tolist()
    assert (found.output_tokens[~answered] == -1).all()
    assert found.who is not None and found.stream is not None
    tenants = [found.parties[code].tenant for code in found.who]
    assert tenants == [simulation.compiled.names.tenants[code] for code in by_arrival["tenant"]]


# --- whatever comes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.jsonl", "x.jsonl.gz", "x.parquet", "x"])
@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b", gzip.compress(b"", mtime=0), gzip.compress(b"{}", mtime=0)[:-9], b"PAR1", b"{}", b"\xff\xfe", b"\n" * 9, SUMMED.encode(), CLIENTS.encode() + b"a\n"]
)  # fmt: skip
def test_what_is_no_record_is_said_to_be_none(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(PlanError) as raised:
        read_record(written(tmp_path, name, content))
    assert raised.value.problems[0].remedy


@given(st.binary(max_size=300), st.sampled_from(["", SUMMED, CLIENTS, "TIMESTAMP,ContextTokens,GeneratedTokens\n", lines(LINE)]))
def test_no_bytes_end_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, content: bytes, head: str) -> None:
    path = tmp_path_factory.mktemp("record") / ("x.jsonl" if head.startswith("{") else "x.csv")
    path.write_bytes(head.encode() + content)
    try:
        found, _ = read_record(path)
    except PlanError:
        return
    assert len(found.at_s if isinstance(found, Trace) else found.rate_per_s) > 0
