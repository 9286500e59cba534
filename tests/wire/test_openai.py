"""Requests of the OpenAI dialect: read exactly, refused clearly, written for a provider with every value untouched."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.terms.error import RequestError
from roteiro.wire.dialect import Ask
from roteiro.wire.openai import error_body, estimate_tokens, splice
from roteiro.wire.openai_chat import OpenAIChatFront

MESSAGES = '[{"role":"user","content":"Olá, é você?"}]'


def body(**extra: object) -> bytes:
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": "hello"}], **extra}, separators=(",", ":")).encode()


def read_request(data: bytes) -> Ask:
    return OpenAIChatFront().read(data, {})


def fault(data: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read_request(data)
    return caught.value


def test_reads_what_the_journey_needs() -> None:
    request = read_request(body(stream=True, max_tokens=7, n=2, user="ana", stream_options={"include_usage": True}))
    assert (request.model, request.stream, request.client_wants_usage) == ("chat", True, True)
    assert (request.output_tokens, request.user) == (14, "ana")
    assert request.input_tokens > 0


def test_absent_and_null_fields_are_the_same() -> None:
    bare, null = read_request(body()), read_request(body(stream=None, max_tokens=None, n=None, user=None, stream_options=None))
    for ask in bare, null:
        assert (ask.model, ask.stream, ask.client_wants_usage, ask.choices) == ("chat", False, False, 1)
    assert bare.output_tokens is null.output_tokens is None
    assert read_request(b'{"messages":[1]}').model is None
    assert read_request(b'{"model":null,"messages":[1]}').model is None


def test_the_newer_name_of_the_bound_wins() -> None:
    assert read_request(body(max_tokens=5, max_completion_tokens=9)).output_tokens == 9


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"[]", "invalid_json", None),
        (b'"text"', "invalid_json", None),
        (b"{", "invalid_json", None),
        (b'{"messages":[1]} trailing', "invalid_json", None),
        (b'\xef\xbb\xbf{"messages":[1]}', "invalid_json", None),
        (b'{"messages":[NaN]}', "invalid_json", None),
        (b'{"messages":[1],"temperature":NaN}', "invalid_json", None),
        (b'{"messages":[1],"temperature":Infinity}', "invalid_json", None),
        (b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json", None),
        (b'{"messages":["\xff"]}', "invalid_utf8", None),
        (b'{"\xc3":1,"messages":[1]}', "invalid_utf8", None),
        (b'{"model":"chat"}', "missing_required_parameter", "messages"),
        (b'{"messages":null}', "invalid_type", "messages"),
        (b'{"messages":"hi"}', "invalid_type", "messages"),
        (b'{"messages":[ ]}', "empty_array", "messages"),
        (body(model=5), "invalid_type", "model"),
        (body(stream="yes"), "invalid_type", "stream"),
        (body(stream=1), "invalid_type", "stream"),
        (body(max_tokens="7"), "invalid_type", "max_tokens"),
        (body(max_tokens=7.5), "invalid_type", "max_tokens"),
        (body(max_tokens=0), "invalid_value", "max_tokens"),
        (body(max_tokens=-1), "invalid_value", "max_tokens"),
        (body(max_completion_tokens=10**40), "invalid_value", "max_completion_tokens"),
        (b'{"messages":[1],"max_tokens":1e999}', "invalid_type", "max_tokens"),
        (body(max_tokens=10, n=129), "invalid_value", "n"),
        (body(user=["x"]), "invalid_type", "user"),
        (body(stream_options=[]), "invalid_type", "stream_options"),
        (body(stream_options={"include_usage": 3}), "invalid_type", "stream_options.include_usage"),
    ],
)
def test_refuses_clearly(data: bytes, code: str, param: str | None) -> None:
    error = fault(data)
    assert (error.status, error.code, error.param) == (400, code, param)
    assert str(error)


def test_says_which_byte_is_not_utf8() -> None:
    assert "byte 14 is 0xff" in str(fault(b'{"messages":["\xff"]}'))


@pytest.mark.parametrize(
    "data",
    [
        b'{"model":"chat","model":"other","messages":[1]}',
        b'{"model":"chat","messages":[1],"model":"chat"}',
        b'{ "model" : "a" , "messages" : [1] , "model" : "a" }',
        b'{"mod\\u0065l":"cheap","messages":[1],"model":"dear"}',
        b'{"model":{"x":1,"messages":[2],"n":3},"messages":[1],"n":3,"model":"b"}',
        b'{"a":1,"messages":[1],"a":22,"model":"b"}',
    ],
)
def test_refuses_a_key_that_is_there_twice(data: bytes) -> None:
    assert fault(data).code == "duplicate_parameter"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
own = {"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "user"}
unknown = st.dictionaries(st.text(max_size=12).filter(lambda name: name not in own), values, max_size=5)
layouts = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n\t", " : ")])


@given(unknown, layouts, st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_writes_every_other_value_as_it_came(extra: dict[str, object], layout: tuple[str, str], stream: bool, ascii: bool, order) -> None:  # type: ignore[no-untyped-def]
    members = [("model", "chat"), ("messages", [{"role": "user", "content": 'say "model": "chat" é'}]), ("stream", stream), *extra.items()]
    order.shuffle(members)
    data = json.dumps(dict(members), separators=layout, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    try:
        data.decode()
    except UnicodeDecodeError:
        assert fault(data).code == "invalid_utf8"
        return
    written = json.loads(splice(read_request(data), 'the "new" name'))
    expected = {**json.loads(data), "model": 'the "new" name'}
    if stream:
        expected["stream_options"] = {"include_usage": True}
    assert written == expected


@given(unknown, layouts, st.integers(0, 20))
def test_finds_any_duplicate_wherever_it_is(extra: dict[str, object], layout: tuple[str, str], at: int) -> None:
    comma, colon = layout
    members = [json.dumps(k) + colon + json.dumps(v, separators=layout) for k, v in {"messages": [1], **extra}.items()]
    again = members[at % len(members)]
    data = "{" + comma.join([*members, again]) + "}"
    assert fault(data.encode()).code == "duplicate_parameter"


def test_numbers_and_escapes_keep_their_spelling() -> None:
    data = b'{"temperature":1.000,"messages":[{"role":"user","content":"\\u00e9 \\/ 1e400"}],"seed":123456789012345678901234567890,"model":"chat"}'
    written = splice(read_request(data), "m")
    assert written == data.replace(b'"chat"', b'"m"')


def test_a_stream_asks_for_usage_and_keeps_other_options() -> None:
    request = read_request(b'{"model":"chat","messages":[1],"stream":true,"stream_options":{"other":1.0,"include_usage":false}}')
    assert not request.client_wants_usage
    assert splice(request, "m").endswith(b'"stream_options":{"other":1.0,"include_usage":true}}')
    asked = b'{"model":"m","messages":[1],"stream":true,"stream_options":{ "include_usage" : true }}'
    assert splice(read_request(asked), "m") == asked.replace(b'"m"', b'"m"')


def test_writes_again_for_another_target() -> None:
    request = read_request(body(stream=True))
    assert json.loads(splice(request, "one"))["model"] == "one"
    assert json.loads(splice(request, "two"))["model"] == "two"


def test_the_estimate_follows_text_and_not_the_bytes_of_pictures() -> None:
    text = body(messages=[{"role": "user", "content": "word " * 4000}])
    picture = body(
        messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 500_000}}]}]
    )
    assert 4000 < estimate_tokens(text) < 8000
    assert 1000 < estimate_tokens(picture) < 2000


def test_errors_have_the_shape_that_clients_know() -> None:
    error = json.loads(error_body(429, "rate_limit_exceeded", "too fast", param="model"))["error"]
    assert error == {"message": "too fast", "type": "rate_limit_error", "param": "model", "code": "rate_limit_exceeded"}
    assert json.loads(error_body(404, "x", "y"))["error"]["type"] == "invalid_request_error"
    assert json.loads(error_body(500, "x", "y"))["error"]["type"] == "server_error"


@pytest.mark.parametrize("n", [b"1000000", b"-3", b"0", b"1.5"])
def test_an_absurd_number_of_answers_is_refused_whatever_else_is_said(n: bytes) -> None:
    with pytest.raises(RequestError, match="`n`"):
        read_request(b'{"model":"m","messages":[{"role":"user","content":"x"}],"n":%b}' % n)


def test_several_answers_are_reserved_for() -> None:
    asked = read_request(b'{"model":"m","messages":[{"role":"user","content":"x"}],"n":4}')
    assert (asked.output_tokens, asked.choices) == (None, 4)
