"""Canonical values that OpenAI's dialect can say, for laws."""

import string
from typing import Any

from hypothesis import strategies as st

from roteiro.wire.canon import (
    Answer,
    Choice,
    File,
    Format,
    Image,
    Message,
    Part,
    Prompt,
    Reasoning,
    Refused,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)

__all__ = ["answers", "prompts"]

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
said = words.filter(bool)
names = st.text(string.ascii_lowercase, min_size=1, max_size=8)
objects = st.dictionaries(names, st.integers() | words | st.lists(words, max_size=2), max_size=2)
base64 = st.text(string.ascii_letters + string.digits, min_size=4, max_size=12)
media = st.sampled_from(["image/png", "image/jpeg"])
details = st.sampled_from([None, "low", "high"])
images = st.builds(lambda path, detail: Image(url=f"https://x.org/{path}", detail=detail), names, details) | st.builds(
    lambda data, kind, detail: Image(data=data, media_type=kind, detail=detail), base64, media, details
)
files = (
    st.builds(lambda data, name: File(data=data, name=f"{name}.pdf"), base64, names)
    | st.builds(lambda id: File(id=id), names)
    | st.builds(lambda data, kind: File(data=data, media_type=kind), base64, st.sampled_from(["audio/wav", "audio/mp3"]))
)
texts = st.builds(Text, words)


def parts(one: st.SearchStrategy[Part]) -> st.SearchStrategy[tuple[Part, ...]]:
    return st.lists(one, min_size=1, max_size=3).map(tuple)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Turns as they come: results follow calls, and name the tool that was called."""
    turns: list[Message] = []
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["user", "system", "assistant", "calls"]))
        if kind == "user" or not turns:
            turns.append(Message("user", draw(parts(texts | images | files)), draw(st.none() | names)))
        elif kind == "system":
            turns.append(Message("system", draw(parts(texts))))
        elif kind == "assistant":
            refused = draw(st.none() | said)
            turns.append(Message("assistant", (Refused(refused),) if refused is not None else draw(parts(texts))))
        else:
            calls = tuple(
                ToolCall(f"call_{number}_{at}", name, draw(words)) for at, name in enumerate(draw(st.lists(names, min_size=1, max_size=3)))
            )
            turns.append(Message("assistant", (*draw(st.just(()) | parts(texts)), *calls)))
            turns.append(Message("tool", tuple(ToolResult(call.id, draw(parts(texts)), name=call.name) for call in calls)))
    return tuple(turns)


formats = (
    st.just(Format("text"))
    | st.just(Format("json"))
    | st.builds(
        lambda name, schema, strict, why: Format("schema", name, schema, strict, why),
        names,
        objects,
        st.none() | st.booleans(),
        st.none() | words,
    )
)
numbers = st.floats(0, 2, allow_nan=False)


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    tools = draw(st.lists(st.builds(Tool, names, st.none() | words, st.none() | objects, st.none() | st.booleans()), max_size=3))
    choices = ["auto", "none", "required", *[f"={tool.name}" for tool in tools]]
    logprobs = draw(st.booleans())
    return Prompt(
        messages=draw(conversations()),
        system=draw(st.lists(texts, max_size=2).map(tuple)),
        tools=tuple(tools),
        tool_choice=draw(st.none() | st.sampled_from(choices)) if tools else None,
        parallel_tools=draw(st.none() | st.booleans()) if tools else None,
        format=draw(st.none() | formats),
        reasoning=draw(
            st.none() | st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]).map(lambda e: Reasoning(effort=e))
        ),
        max_tokens=draw(st.none() | st.integers(1, 1000)),
        temperature=draw(st.none() | numbers),
        top_p=draw(st.none() | numbers),
        top_k=draw(st.none() | st.integers(1, 50)),
        frequency_penalty=draw(st.none() | numbers),
        presence_penalty=draw(st.none() | numbers),
        logit_bias=draw(st.none() | st.dictionaries(st.integers(0, 99).map(str), numbers, max_size=2)),
        stop=draw(st.lists(words, max_size=3).map(tuple)),
        seed=draw(st.none() | st.integers(0, 2**40)),
        n=draw(st.integers(1, 3)),
        logprobs=logprobs,
        top_logprobs=draw(st.none() | st.integers(0, 20)) if logprobs else None,
        stream=draw(st.booleans()),
        user=draw(st.none() | words),
        metadata=draw(st.none() | st.dictionaries(names, words, max_size=2)),
        service_tier=draw(st.none() | st.sampled_from(["auto", "default"])),
    )


@st.composite
def alternatives(draw: st.DrawFn, index: int) -> Choice:
    said_parts: list[Any] = []
    if draw(st.booleans()):
        said_parts.append(Thinking(draw(said)))
    text = draw(words)
    if text:
        said_parts.append(Text(text))
    if draw(st.booleans()):
        said_parts.append(Refused(draw(said)))
    calls = draw(st.lists(st.tuples(names, words, st.none() | base64), max_size=3))
    said_parts += [ToolCall(f"call_{at}", name, arguments, signature) for at, (name, arguments, signature) in enumerate(calls)]
    if not said_parts:
        said_parts.append(Text("something"))
    finish = draw(st.sampled_from(["stop", "length", "content_filter"] + ["tool_calls"] * bool(calls)))
    return Choice(index=index, parts=tuple(said_parts), finish=finish)


@st.composite
def answers(draw: st.DrawFn, most: int = 2) -> Answer:
    output = draw(st.integers(1, 100))
    counted = draw(st.integers(0, 100))
    return Answer(
        id=draw(names),
        model=draw(names),
        choices=tuple(draw(alternatives(index)) for index in range(draw(st.integers(1, most)))),
        usage=draw(st.none() | st.just(Usage(counted, counted // 2, output, output // 2))),
        created=draw(st.integers(0, 2**31)),
    )
