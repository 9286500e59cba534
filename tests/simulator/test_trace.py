"""Traces in the Azure form: what can be read counts, what cannot is a problem with its line."""

from pathlib import Path

import numpy as np
import pytest
from tests.simulator.build import compiled

from roteiro.simulator import demand
from roteiro.simulator.trace import read_trace
from roteiro.simulator.trace_form import MOST_TOLD
from roteiro.terms.error import PlanError

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def trace(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "trace.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_seven_digits_of_a_second_are_read(tmp_path: Path) -> None:
    found, problems = read_trace(
        trace(tmp_path, HEAD + "2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319601,3180,8\n\n2023-11-16T18:17:05Z,0,0\r\n")
    )
    assert problems == ()
    assert found.at_s == pytest.approx([0.0, 0.0520001, 1.02004], abs=1e-6)
    assert found.input_tokens.tolist() == [4808, 3180, 0] and found.output_tokens.tolist() == [10, 8, 0]
    assert found.rate_per_s == pytest.approx(2 / 1.02004, rel=1e-6)


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ("2023-11-16 18:17:03", "cells"), ("2023-13-16 18:17:03,1,1", "2023-13-16"), ("yesterday,1,1", "yesterday"),
        ("2023-11-16 18:17:03,-1,1", "ContextTokens"), ("2023-11-16 18:17:03,1,1.5", "GeneratedTokens"), ("2023-11-16 18:17:03,1,1e9", "1e9"),
        ("2023-11-16 18:17:03,99999999999999999999,1", "ContextTokens"), (",,", ""), ("2023-11-16 18:17:03,١,1", "ContextTokens"),
    ],
)  # fmt: skip
def test_a_bad_row_is_a_problem_with_its_line(tmp_path: Path, row: str, word: str) -> None:
    found, problems = read_trace(trace(tmp_path, f"{HEAD}2023-11-16 18:17:03,1,2\n{row}\n2023-11-16 18:17:09,3,4\n"))
    assert found.output_tokens.tolist() == [2, 4]
    if word:
        assert [problem.where.line for problem in problems] == [3]
        assert word in problems[0].message


def test_a_thousand_bad_rows_are_told_in_few_words(tmp_path: Path) -> None:
    _, problems = read_trace(trace(tmp_path, HEAD + "2023-11-16 18:17:03,1,2\n" + "nonsense,1,2\n" * 1000))
    assert len(problems) == MOST_TOLD + 1
    assert "950 more" in problems[-1].message


def test_rows_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    found, problems = read_trace(trace(tmp_path, HEAD + "2023-11-16 18:17:09,3,4\n2023-11-16 18:17:03,1,2\n"))
    assert found.at_s.tolist() == [0.0, 6.0] and found.input_tokens.tolist() == [1, 3]
    assert [problem.code for problem in problems] == ["W915"]


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00\x01", b"a,b,c\n1,2,3\n", HEAD.encode(), HEAD.encode() + b'"open\n', b"\x00" * 100])
def test_what_is_no_trace_is_said_to_be_none(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(PlanError) as raised:
        read_trace(trace(tmp_path, text))
    assert raised.value.problems


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        read_trace(tmp_path / "none.csv")


def test_a_byte_order_mark_and_more_columns_are_let_pass(tmp_path: Path) -> None:
    text = "\ufeffModel, GeneratedTokens ,TIMESTAMP,ContextTokens\nx,7,2023-11-16 18:17:03,9\n"
    found, _ = read_trace(trace(tmp_path, text))
    assert (found.input_tokens.tolist(), found.output_tokens.tolist()) == ([9], [7])


def test_a_trace_is_sped_up_to_a_rate(tmp_path: Path) -> None:
    rows = "".join(f"2023-11-16 18:17:{second:02},5,6\n" for second in range(11))
    found, _ = read_trace(trace(tmp_path, HEAD + rows))
    fast = demand.of_trace(compiled(), found, rate_per_s=4.0)
    assert fast.arrivals["at"].tolist() == pytest.approx(np.arange(11) / 4.0)
    assert fast.arrivals["output"].tolist() == [6] * 11
