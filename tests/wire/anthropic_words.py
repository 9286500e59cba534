"""Strategies and samples that the tests of the Anthropic dialect share."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from roteiro.wire.canon import (
    Delta,
    File,
    Finished,
    Format,
    Image,
    Message,
    Prompt,
    Reasoning,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Tool,
    ToolArguments,
    ToolCall,
    ToolResult,
    ToolStart,
    Usage,
)

said = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12)
name = st.from_regex(r"[a-zA-Z0-9_]{1,12}", fullmatch=True)
cache = st.none() | st.just({"type": "ephemeral"})
texts = st.builds(Text, said, cache)
pictures = st.builds(Image, url=st.just("https://example.com/a.png"), cache=cache) | st.builds(
    Image, data=st.just("iVBORw0="), media_type=st.sampled_from(["image/png", "image/webp"]), cache=cache
)
files = st.builds(File, data=st.just("JVBERg=="), name=st.none() | said, cache=cache) | st.builds(
    File, data=st.just("b2zDoQ=="), media_type=st.just("text/plain")
)
arguments = st.dictionaries(name, st.integers() | said, max_size=3).map(
    lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
)
thoughts = st.builds(Thinking, said, said) | st.builds(Thinking, st.just(""), redacted=said)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Turns that the dialect can say: of the user and the assistant in turns, each call followed by its result."""
    messages = []
    for turn in range(draw(st.integers(1, 3))):
        messages.append(Message("user", draw(st.lists(texts | pictures | files, min_size=1, max_size=3))))
        calls = [
            ToolCall(f"toolu_{turn}_{index}", draw(name), draw(arguments), cache=draw(cache)) for index in range(draw(st.integers(0, 2)))
        ]
        answer = draw(st.lists(thoughts, max_size=1)) + draw(st.lists(texts, min_size=0 if calls else 1, max_size=2)) + calls
        messages.append(Message("assistant", answer))
        if calls:
            results = [
                ToolResult(call.id, draw(st.lists(texts | pictures, min_size=1, max_size=2)), draw(st.booleans()), call.name, draw(cache))
                for call in calls
            ]
            messages += [Message("tool", results), Message("assistant", [draw(texts)])]
    return messages


prompts = st.builds(
    Prompt,
    messages=conversations(),
    system=st.lists(texts, max_size=2),
    tools=st.lists(
        st.builds(
            Tool,
            name,
            st.none() | said,
            st.just({"type": "object", "properties": {"a": {"type": "integer"}}}),
            st.none() | st.booleans(),
            cache,
        ),
        min_size=1,
        max_size=2,
    ),
    tool_choice=st.sampled_from(["auto", "required", "=f"]),
    parallel_tools=st.none() | st.booleans(),
    format=st.none() | st.just(Format("schema", schema={"type": "object"})),
    reasoning=st.none()
    | st.just(Reasoning("none"))
    | st.builds(
        Reasoning,
        st.sampled_from([None, "low", "medium", "high", "xhigh", "max"]),
        st.none() | st.integers(1024, 2000),
        st.none() | st.booleans(),
    ),
    max_tokens=st.integers(1, 9000),
    temperature=st.none() | st.sampled_from([0.0, 0.5, 1.0]),
    top_p=st.none() | st.just(0.9),
    top_k=st.none() | st.just(40),
    stop=st.lists(said, max_size=2),
    stream=st.booleans(),
    user=st.none() | said,
    service_tier=st.sampled_from([None, "auto", "default"]),
)

usages = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), st.integers(0, 50)).map(
    lambda drawn: Usage(drawn[0] + drawn[1], drawn[1], drawn[2] + drawn[3], drawn[3])
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Delta], Usage]:
    """The pieces of an answer as some provider would stream it: thoughts, then text and calls, then why it ended."""
    deltas: list[Delta] = [Started("msg_1", "claude-x")]
    for _ in range(draw(st.integers(0, 1))):
        deltas += [ThinkingDelta(text) for text in draw(st.lists(said, min_size=1, max_size=3))] + [ThinkingDelta(signature=draw(said))]
    if draw(st.booleans()):
        deltas.append(ThinkingDelta(redacted=draw(said)))
    deltas += [TextDelta(text) for text in draw(st.lists(said, max_size=4))]
    calls = draw(st.integers(0, 2))
    for slot in range(calls):
        whole = draw(arguments)
        cut = draw(st.integers(0, len(whole)))
        deltas.append(ToolStart(f"toolu_{slot}", draw(name), slot))
        deltas += [ToolArguments(part, slot) for part in (whole[:cut], whole[cut:]) if part]
    deltas.append(
        Finished("tool_calls")
        if calls
        else draw(st.sampled_from([Finished("stop"), Finished("length"), Finished("stop_sequence", stop_sequence="END")]))
    )
    return deltas, draw(usages)


def frame(event: dict[str, Any]) -> bytes:
    """An event as the dialect's own server frames it."""
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())


def events(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream."""
    return [json.loads(part.split(b"data: ", 1)[1]) for part in stream.split(b"\n\n") if part]


def joined(deltas: Sequence[Delta]) -> list[Delta]:
    """Pieces with what is cut at will put together: texts, thoughts and arguments that follow each other."""
    out: list[Delta] = []
    for delta in deltas:
        last = out[-1] if out else None
        match last, delta:
            case TextDelta(), TextDelta():
                out[-1] = TextDelta(last.text + delta.text)
            case ThinkingDelta(signature=None, redacted=None), ThinkingDelta(signature=None, redacted=None):
                out[-1] = ThinkingDelta(last.text + delta.text)
            case ToolArguments(), ToolArguments() if last.slot == delta.slot:
                out[-1] = ToolArguments(last.fragment + delta.fragment, delta.slot)
            case _:
                out.append(delta)
    return out
