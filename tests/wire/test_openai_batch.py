"""Batches and files in the OpenAI dialect, as the official types read them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Batch, FileObject

from roteiro.terms.error import RequestError
from roteiro.wire.openai_batch import (
    ENDPOINTS,
    FileTold,
    Told,
    batch_object,
    error_line,
    file_object,
    list_page,
    read_line,
    read_new_batch,
    response_line,
)

TOLD = Told(
    id="batch_1", endpoint="/v1/embeddings", status="in_progress", input_file_id="file-1", output_file_id=None, error_file_id=None, created_s=1.9,
    expires_s=86_401.9, opened_s=2.0, ended_s=None, cancelling_s=None, total=3, completed=1, failed=1, metadata={"a": "b"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("status", "moment"), [("completed", "completed_at"), ("failed", "failed_at"), ("expired", "expired_at"), ("cancelled", "cancelled_at")]
)
def test_the_moment_of_its_end_is_named_after_its_fate(status: str, moment: str) -> None:
    told = batch_object(TOLD._replace(status=status, ended_s=9.0, errors=[{"code": "x", "message": "line 1: y", "line": 1, "param": None}]))
    read = Batch.model_validate(told, strict=True)
    ends = {name: told[name] for name in ("completed_at", "failed_at", "expired_at", "cancelled_at")}
    assert ends == {name: 9 if name == moment else None for name in ends}
    assert read.errors is not None and read.errors.data is not None and read.errors.data[0].line == 1
    assert (read.created_at, read.expires_at, read.request_counts and read.request_counts.total) == (1, 86_401, 3)


def test_one_that_runs_has_not_ended() -> None:
    told = batch_object(TOLD)
    assert [name for name, value in told.items() if value is not None and name.endswith("_at")] == [
        "created_at",
        "in_progress_at",
        "expires_at",
    ]
    assert Batch.model_validate(told, strict=True).errors is None


def test_a_file_and_a_page() -> None:
    told = file_object(FileTold("file-1", "in.jsonl", "batch", 7, 1.0, 2.0))
    assert FileObject.model_validate(told, strict=True).filename == "in.jsonl"
    assert list_page([told], True) == {"object": "list", "data": [told], "first_id": "file-1", "last_id": "file-1", "has_more": True}
    assert list_page([], False)["first_id"] is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_line_is_one_line_and_has_the_answer(value: object) -> None:
    for body in (json.dumps(value).encode(), json.dumps(value, indent=2).encode()):
        line = response_line("r", "mine", 200, "q", body)
        assert line.endswith(b"\n") and line.count(b"\n") == 1
        assert json.loads(line)["response"] == {"status_code": 200, "request_id": "q", "body": value}


@given(st.binary())
def test_a_line_is_one_line_whatever_was_answered(body: bytes) -> None:
    line = response_line("r", "mine", 502, "q", body)
    assert line.count(b"\n") == 1 and json.loads(line)["custom_id"] == "mine"
    assert json.loads(error_line("r", "mine", "batch_expired", "too late"))["response"] is None


@given(st.binary() | st.dictionaries(st.text(max_size=9), st.integers()).map(lambda d: json.dumps(d).encode()))
def test_nonsense_is_refused_and_nothing_else(line: bytes) -> None:
    for read in (lambda: read_line(line, ENDPOINTS[0]), lambda: read_new_batch(line)):
        with pytest.raises(RequestError) as caught:
            read()
        assert caught.value.status == 400


@pytest.mark.parametrize("metadata", [{f"k{n}": "" for n in range(17)}, {"k" * 65: ""}, {"k": "v" * 513}])
def test_metadata_has_bounds(metadata: dict[str, str]) -> None:
    body = {"input_file_id": "f", "endpoint": "/v1/responses", "completion_window": "24h", "metadata": metadata}
    with pytest.raises(RequestError, match="metadata"):
        read_new_batch(json.dumps(body).encode())
