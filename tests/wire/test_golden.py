"""Golden files: what every front makes of a request for every back, and of that back's answer, whole and streamed.

`golden/requests/FRONT/CASE.json` is a client's body, `golden/answers/BACK/CASE.json` and `CASE.sse` are a provider's answer to such a
case, and `golden/FRONT_BACK/CASE.json` is what comes of the two. A pair whose request is refused says how. Where bytes may pass, both
the passage and the translation (a stream that is rescued takes it) are kept. `ROTEIRO_GOLDEN=write` writes them anew, to be read before
they are committed.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.wire.official import check_answer, check_stream

from roteiro.terms.error import RequestError
from roteiro.wire.canon import BadAnswerError, UntranslatableError
from roteiro.wire.dialect import Back, Front, Seen
from roteiro.wire.registry import BACKS, FRONTS

GOLDEN: Final = Path(__file__).parent / "golden"
PATHS: Final[Mapping[str, bytes]] = {
    "chat": b"/v1/chat/completions",
    "completions": b"/v1/completions",
    "responses": b"/v1/responses",
    "messages": b"/v1/messages",
}
MODELS: Final[Mapping[str, str]] = {"openai": "gpt-4.1-mini", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash"}
CREATED: Final = 1_700_000_000
WRITE: Final = os.environ.get("ROTEIRO_GOLDEN") == "write"


def cases() -> Iterator[Any]:
    for front in PATHS:
        for request in sorted((GOLDEN / "requests" / front).glob("*.json")):
            for back in BACKS:
                if (GOLDEN / "answers" / back / f"{request.stem}.json").exists():
                    yield pytest.param(front, back, request.stem, id=f"{front}-{back}-{request.stem}")


def json_of(body: bytes) -> Any:
    return json.loads(body)


def lines_of(frames: bytes) -> list[str]:
    """Frames, one a line; data lines as they are."""
    return [frame.replace("\n", "⏎") for frame in frames.decode().split("\n\n") if frame]


def translated(front: Front, back: Back, model: str, request: dict[str, Any], whole: bytes, stream: bytes) -> dict[str, Any]:
    made: dict[str, Any] = {}
    ask = front.read(json.dumps(request).encode(), {})
    try:
        made["upstream"] = json_of(back.write(front.prompt(ask), model))
    except (RequestError, UntranslatableError) as error:
        return {"refused": {"param": error.param, "message": str(error)}}
    try:
        answer = back.read(whole)
        made["answer"] = json_of(front.answer(msgspec.structs.replace(answer, created=answer.created or CREATED), ask))
    except BadAnswerError as error:
        made["answer"] = {"bad": error.error_class.name, "why": str(error)}
    ask = front.read(json.dumps({**request, "stream": True}).encode(), {})
    made["upstream_stream"] = {
        name: value for name, value in json_of(back.write(front.prompt(ask), model)).items() if name not in made["upstream"]
    }
    reader, writer = back.reader(), front.writer(ask, CREATED, Seen())
    try:
        frames = writer.write(reader.feed(stream))
        assert reader.whole
        made["stream"] = lines_of(frames + writer.end(reader.usage))
    except BadAnswerError as error:
        made["stream"] = [f"bad: {error.error_class.name}: {error}"]
    return made


def passed(front: Front, back: Back, model: str, request: dict[str, Any], whole: bytes, stream: bytes) -> dict[str, Any] | None:
    ask = front.read(json.dumps(request).encode(), {})
    body = back.splice(ask, model)
    if body is None:
        return None
    made: dict[str, Any] = {"upstream": json_of(body), "usage": back.usage(whole)}
    ask = front.read(json.dumps({**request, "stream": True}).encode(), {})
    made["upstream_stream"] = {name: value for name, value in json_of(back.splice(ask, model) or b"").items() if name not in request}
    relay = back.relay(ask, seen := Seen())
    frames = relay.feed(stream) + relay.close()
    assert relay.whole
    assert relay.usage == made["usage"]
    made["stream"] = "as it came" if frames == stream else lines_of(frames)
    made["seen"] = {"text": "".join(seen.text), "rescuable": seen.rescuable}
    return made


@pytest.mark.parametrize(("front", "back", "case"), [*cases()])
def test_golden(front: str, back: str, case: str) -> None:
    request = json.loads((GOLDEN / "requests" / front / f"{case}.json").read_text())
    whole = (GOLDEN / "answers" / back / f"{case}.json").read_bytes()
    stream = (GOLDEN / "answers" / back / f"{case}.sse").read_bytes()
    ends = FRONTS[PATHS[front]], BACKS[back], MODELS[back]
    made = {"translated": translated(*ends, request, whole, stream)}
    # A chat answer is no answer to another endpoint of the same dialect.
    if front in ("chat", "messages") and (through := passed(*ends, request, whole, stream)) is not None:
        made["passed"] = through
    words = made["translated"]
    if "bad" not in words.get("answer", {"bad": 1}):
        check_answer(front, words["answer"])
        check_stream(front, words["stream"])
    written = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    path = GOLDEN / f"{front}_{back}" / f"{case}.json"
    if WRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(written)
    assert path.exists(), f"no {path.name} for {front} and {back}: ROTEIRO_GOLDEN=write makes it"
    assert json.loads(written) == json.loads(path.read_text())


def test_every_pair_has_cases() -> None:
    pairs = {f"{front}_{back}" for front in PATHS for back in BACKS}
    assert {path.name for path in GOLDEN.iterdir() if path.name not in ("requests", "answers")} == pairs
