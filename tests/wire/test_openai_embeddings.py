"""Embeddings as clients ask for them."""

import json
from base64 import b64decode
from struct import unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.official import check_answer

from roteiro.terms.codes import Operation
from roteiro.terms.error import InvariantError, RequestError
from roteiro.wire.canon import Answer, EmbeddingAnswer, EmbeddingPrompt
from roteiro.wire.dialect import Ask, Seen
from roteiro.wire.openai_back import OpenAIBack
from roteiro.wire.openai_embeddings import OpenAIEmbeddingsFront

FRONT = OpenAIEmbeddingsFront()


def ask(**fields: object) -> Ask:
    return FRONT.read(json.dumps({"model": "m", **fields}).encode(), {})


@pytest.mark.parametrize(
    ("given", "inputs"), [("a", ("a",)), (["a", "b"], ["a", "b"]), ([1, 2], ([1, 2],)), ([[1], [2, 3]], [[1], [2, 3]])]
)
def test_reads_texts_and_tokens(given: object, inputs: object) -> None:
    request = ask(input=given, dimensions=8, encoding_format="base64", user="u")
    assert FRONT.embeddings(request) == EmbeddingPrompt(inputs=inputs, dimensions=8, base64=True, user="u")  # type: ignore[arg-type]
    assert (request.operation, request.output_tokens, request.user, request.stream) == (Operation.EMBEDDINGS, 0, "u", False)
    assert json.loads(OpenAIBack().splice(request, "n") or b"")["input"] == given


def test_the_estimate_counts_tokens_that_come_as_numbers() -> None:
    assert ask(input=[7] * 500).input_tokens == 500
    assert ask(input=[[7] * 250] * 2).input_tokens == 500
    assert 800 < ask(input="word " * 800).input_tokens < 1300


@pytest.mark.parametrize("fields", [{}, {"input": None}, {"input": 7}, {"input": ""}, {"input": []}, {"input": "x", "model": 7}])
def test_refuses_at_once(fields: dict[str, object]) -> None:
    with pytest.raises(RequestError) as caught:
        ask(**fields)
    assert caught.value.param == ("model" if "model" in fields else "input")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ["a", 7]}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": "a", "task": "x"}, "task"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ],
)
def test_refuses_what_cannot_be_translated(fields: dict[str, object], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        FRONT.embeddings(ask(**fields))
    assert caught.value.param == param


@given(st.lists(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=4), min_size=1, max_size=3), st.booleans())
def test_answers_in_the_form_that_was_asked_for(rows: list[list[float]], packed: bool) -> None:
    request = ask(input="a", encoding_format="base64" if packed else "float")
    said = json.loads(FRONT.embeddings_answer(EmbeddingAnswer(model="e", vectors=rows, input_tokens=5), request))
    if packed:
        for row in said["data"]:
            data = b64decode(row["embedding"])
            row["embedding"] = list(unpack(f"<{len(data) // 4}f", data))
    check_answer("embeddings", said)
    assert [row["embedding"] for row in said["data"]] == rows
    assert [row["index"] for row in said["data"]] == list(range(len(rows)))
    assert said["usage"] == {"prompt_tokens": 5, "total_tokens": 5}


def test_embeddings_are_no_words() -> None:
    request = ask(input="a")
    for wrong in (
        lambda: FRONT.prompt(request),
        lambda: FRONT.answer(Answer(id="", model="", choices=()), request),
        lambda: FRONT.writer(request, 0, Seen()),
    ):
        with pytest.raises(InvariantError):
            wrong()
