"""A request as far as judging its answer needs it: the question, all of its text, its sources, the form that is wanted.

Read without knowing the dialect, and leniently: a field that a provider added yesterday must not hide the rest. **Sources** are what a
request gives the model to answer from: blocks in the text marked `<source>`, `<document>`, `<context>`, `<passage>` (also in the plural,
and `<fonte>`, `<documento>`, `<contexto>`, `<trecho>`), Anthropic's `document` and `search_result` blocks that hold text, and what tools
gave. What must not live here: the answer, and whether it holds.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

__all__ = ["Asked", "Form", "read_asked", "without_sources"]

_TAG: Final = re.compile(
    r"<(/?)(sources?|documents?|contexts?|passages?|fontes?|documentos?|contextos?|trechos?)(?:\s[^<>]{0,300})?>", re.IGNORECASE
)
DEPTH: Final = 12
"""Parts of parts of a message: no dialect has more than four."""


class Form(NamedTuple):
    """The form of an answer that was asked for: any JSON object, or JSON by a schema."""

    schema: Mapping[str, Any] | None = None


class Asked(NamedTuple):
    """See the module. `question` is the last turn of the user without the sources in it; `text` is everything."""

    question: str = ""
    system: str = ""
    text: str = ""
    sources: tuple[str, ...] = ()
    form: Form | None = None
    tools: Mapping[str, Mapping[str, Any] | None] = {}
    """The schema of each tool's arguments, by its name."""


def read_asked(body: bytes) -> Asked | None:
    """A request's body in any of the clients' dialects; None where it is no JSON object."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    turns = list(_turns(told))
    asked = [text for role, text, _ in turns if role == "user"]
    sources = [source for _, text, given in turns for source in (*_blocks(text), *given)]
    texts = [part for _, text, given in turns for part in (text, *given)]
    return Asked(
        question=without_sources(asked[-1]) if asked else "",
        system="\n".join(text for role, text, _ in turns if role == "system"),
        text="\n".join(texts),
        sources=tuple(source for source in sources if source.strip()),
        form=_form(told),
        tools=dict(_tools(told)),
    )


def without_sources(text: str) -> str:
    """A text without the blocks that are marked as sources."""
    kept, at = [], 0
    for start, end in _spans(text):
        kept.append(text[at:start])
        at = end
    return "".join([*kept, text[at:]])


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the outermost marked blocks are. One that is not closed is none."""
    name, start, depth = "", 0, 0
    for found in _TAG.finditer(text):
        closes, tag = bool(found[1]), found[2].lower()
        if not depth:
            if not closes:
                name, start, depth = tag, found.start(), 1
        elif tag == name:
            depth += -1 if closes else 1
            if not depth:
                yield start, found.end()


def _blocks(text: str) -> Iterator[str]:
    for start, end in _spans(text):
        yield _TAG.sub(" ", text[start:end])


Turn = tuple[str, str, list[str]]
"""(role, text, sources that stand beside the text)"""


def _turns(body: Mapping[str, Any]) -> Iterator[Turn]:
    for name in ("system", "instructions"):
        if body.get(name):
            yield _turn("system", body[name])
    talk = next((body[name] for name in ("messages", "input", "prompt") if body.get(name) is not None), None)
    if isinstance(talk, str):
        yield _turn("user", talk)
        return
    for item in talk if isinstance(talk, list) else ():
        if isinstance(item, str):
            yield _turn("user", item)
        elif isinstance(item, dict):
            role = str(item.get("role") or "user")
            if item.get("type") == "function_call_output":
                yield _turn("tool", item.get("output"))
            elif item.get("content") is not None:
                yield _turn({"developer": "system", "function": "tool"}.get(role, role), item["content"])


def _turn(role: str, content: Any) -> Turn:
    texts: list[str] = []
    given: list[str] = []
    _gather(content, texts, given, 0)
    if role == "tool":
        return role, "", [*texts, *given]
    return role, "\n".join(texts), given


def _gather(content: Any, texts: list[str], given: list[str], depth: int) -> None:
    """The texts of a message's content, and beside them what it holds of documents and tools' results."""
    if isinstance(content, str):
        texts.append(content)
    elif isinstance(content, list) and depth < DEPTH:
        for part in content:
            _gather(part, texts, given, depth + 1)
    elif isinstance(content, dict) and depth < DEPTH:
        kind = content.get("type")
        if kind == "document" and isinstance(source := content.get("source"), dict):
            if source.get("type") == "text" and isinstance(data := source.get("data"), str):
                given.append(data)
            elif source.get("type") == "content":
                _gather(source.get("content"), given, given, depth + 1)
        elif kind in ("tool_result", "search_result"):
            _gather(content.get("content"), given, given, depth + 1)
        elif isinstance(text := content.get("text"), str):
            texts.append(text)


def _form(body: Mapping[str, Any]) -> Form | None:
    """`response_format` of chat completions, `text.format` of responses, `output_format` and `output_config.format` of messages."""
    nested = (body.get(name) for name in ("text", "output_config"))
    for told in (body.get("response_format"), body.get("output_format"), *(one.get("format") for one in nested if isinstance(one, dict))):
        if isinstance(told, dict):
            if told.get("type") == "json_object":
                return Form()
            if told.get("type") == "json_schema":
                inner = told.get("json_schema")
                schema = inner.get("schema") if isinstance(inner, dict) else told.get("schema")
                return Form(schema if isinstance(schema, dict) else None)
    return None


def _tools(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    for field in ("tools", "functions"):
        for tool in body[field] if isinstance(body.get(field), list) else ():
            if isinstance(tool, dict):
                function = tool["function"] if isinstance(tool.get("function"), dict) else tool
                schema = function.get("parameters", function.get("input_schema"))
                if isinstance(name := function.get("name"), str):
                    yield name, schema if isinstance(schema, dict) else None
