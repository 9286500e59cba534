"""Batches of messages: shapes by Anthropic's own types."""

import json

import pytest
from anthropic.types.messages import DeletedMessageBatch, MessageBatch, MessageBatchIndividualResponse

from roteiro.terms.error import RequestError
from roteiro.wire.anthropic import AnthropicFront
from roteiro.wire.anthropic_batch import (
    BatchItem,
    Counts,
    batch_page,
    canceled_line,
    deleted_batch,
    errored_line,
    expired_line,
    message_batch,
    read_batch,
    succeeded_line,
)

PARAMS = b'{"model":"m","max_tokens":9,"temperature":1.000,"messages":[{"role":"user","content":"x"}]}'


def test_a_batch_is_its_requests_as_they_came() -> None:
    body = b'{"requests":[{"custom_id":"a","params":%b}, {"custom_id":"b-2","params":%b}]}' % (PARAMS, PARAMS)
    items = read_batch(body)
    assert items == [BatchItem("a", PARAMS), BatchItem("b-2", PARAMS)]
    assert AnthropicFront().read(items[0].body, {}).model == "m"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "requests"),
        ({"requests": []}, "requests"),
        ({"requests": "x"}, "requests"),
        ({"requests": [{"custom_id": "a"}]}, "requests[0].params"),
        ({"requests": [{"params": {}}]}, "requests[0].custom_id"),
        ({"requests": [{"custom_id": "a b", "params": {}}]}, "requests[0].custom_id"),
        ({"requests": [{"custom_id": "a", "params": {}}, {"custom_id": "a", "params": {}}]}, "requests[1].custom_id"),
        ({"requests": [{"custom_id": "a", "params": {"stream": True}}]}, "requests[0].params.stream"),
        ({"requests": [{"custom_id": str(i), "params": {}} for i in range(4)]}, "requests"),
    ],
)
def test_what_is_wrong_is_named(body: object, param: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_batch(json.dumps(body).encode(), most=3)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_counts_are_told_when_a_batch_has_ended() -> None:
    running = MessageBatch.model_validate_json(
        message_batch("msgbatch_1", "in_progress", Counts(2, 3, 1), created_s=0, expires_s=86_400, results_url="http://x/r")
    )
    assert (running.request_counts.processing, running.request_counts.succeeded, running.results_url, running.ended_at) == (
        6,
        0,
        None,
        None,
    )
    ended = MessageBatch.model_validate_json(
        message_batch(
            "msgbatch_1",
            "ended",
            Counts(0, 3, 1, 1, 1),
            created_s=0,
            expires_s=86_400,
            ended_s=5.5,
            cancel_initiated_s=5,
            results_url="http://x/r",
        )
    )
    assert (ended.request_counts.succeeded, ended.request_counts.expired, ended.results_url) == (3, 1, "http://x/r")
    assert ended.ended_at is not None and ended.ended_at.isoformat() == "1970-01-01T00:00:05.500000+00:00"


def test_lines_of_results() -> None:
    front = AnthropicFront()
    message = b'{\n "id":"i","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}'
    lines = [
        succeeded_line("a", message),
        errored_line("b", front.error(400, "invalid_value", "no")),
        canceled_line("c"),
        expired_line("d"),
    ]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    results = [MessageBatchIndividualResponse.model_validate_json(line) for line in lines]
    assert [(one.custom_id, one.result.type) for one in results] == [
        ("a", "succeeded"),
        ("b", "errored"),
        ("c", "canceled"),
        ("d", "expired"),
    ]


def test_pages_and_what_is_left_of_a_deleted_batch() -> None:
    batch = message_batch("msgbatch_1", "ended", Counts(), created_s=0, expires_s=1)
    page = json.loads(batch_page([batch], ["msgbatch_1"], True))
    assert (page["first_id"], page["last_id"], page["has_more"], page["data"][0]["id"]) == ("msgbatch_1", "msgbatch_1", True, "msgbatch_1")
    assert json.loads(batch_page([], [], False)) == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    assert DeletedMessageBatch.model_validate_json(deleted_batch("x")).id == "x"
