"""What a sandbox says: reads a chat request of the OpenAI dialect and makes up its answer.

An answer is a pure function of the request's messages, its maximum length and a seed, so that the same question gets the same answer
streamed or not, now or on replay. Its words walk through a vocabulary of prime size by a constant stride, which makes a text check itself:
from the first two words the rest follows, and a lost, doubled or swapped frame shows (`follows`).
What must not live here: I/O, latency, faults.
"""

import hashlib
import itertools
import random
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from roteiro.terms.error import RequestError
from roteiro.testing.quantiles import Quantiles

__all__ = ["VOCABULARY", "Answer", "ChatRequest", "Usage", "compose", "follows", "read_chat"]

VOCABULARY: Final = tuple(
    """abaixo acordo agora agulha ancora antes ao aviso azul baia balanca barra bordo boreste brisa cabo cais calado calma canal
    carga carta casco cedo ceu chuva clara cobre conves corda corrente costa cuidado curso depois deriva diario direto doca escala
    estrela farol fim fio fundo garoa gavea gelo guia hora ilha jangada lado largo leme leste leve lista lua luz manha mapa mar
    maré margem marujo mastro meta milha molhe monte nada nau norte nuvem oeste onda ordem pedra perto piloto popa porto praia
    proa prumo quilha rede remo rio roda rota rumo sal seguro sinal sol""".split()  # noqa: SIM905 (a list would be a page long)
)
"""97 words of the sea: a prime number of them, so that every stride visits all before it comes back."""

_POSITIONS: Final = {word: position for position, word in enumerate(VOCABULARY)}
_MOST_TOKENS: Final = 131_072
_CACHE_BLOCK: Final = 128
_CACHE_LEAST: Final = 1024
"""Prompt caches of hosted models begin at 1,024 tokens and grow by 128."""
_BYTES_PER_TOKEN: Final = 4
_TOKENS_PER_MESSAGE: Final = 4
_TOKENS_PER_PART: Final = 85
"""A flat charge for a part of a message that is not text, such as a small image."""


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


_Length = Annotated[int, msgspec.Meta(ge=1)]


class ChatRequest(msgspec.Struct):
    """The fields a sandbox heeds; the rest of the dialect is let through unread."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: msgspec.Raw
    stream: bool | None = None
    max_tokens: _Length | None = None
    max_completion_tokens: _Length | None = None
    stream_options: _StreamOptions | None = None

    @property
    def most_tokens(self) -> int:
        """The most tokens the caller wants."""
        return min(self.max_completion_tokens or self.max_tokens or _MOST_TOKENS, _MOST_TOKENS)


_REQUEST: Final = msgspec.json.Decoder(ChatRequest)
_MESSAGES: Final = msgspec.json.Decoder(Annotated[list[_Message], msgspec.Meta(min_length=1)])


def read_chat(body: bytes) -> tuple[ChatRequest, int]:
    """The request and its length in tokens (estimated from bytes). Raises RequestError with status 400 when it cannot be read."""
    try:
        request = _REQUEST.decode(body)
        messages = _MESSAGES.decode(request.messages)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(400, "invalid_request_error", f"the request cannot be read: {error}") from error
    return request, sum(map(_tokens_of, messages))


def _tokens_of(message: _Message) -> int:
    if isinstance(message.content, list):
        parts = [part.get("text") for part in message.content]
        content = sum(_TOKENS_PER_PART if not isinstance(text, str) else _tokens_of_text(text) for text in parts)
    else:
        content = _tokens_of_text(message.content or "")
    return _TOKENS_PER_MESSAGE + content


def _tokens_of_text(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost, in tokens. `cached` is the part of `prompt` that came from the provider's prompt cache."""

    prompt: int
    cached: int
    completion: int

    def as_json(self) -> dict[str, Any]:
        """The dialect's `usage` object."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """One made-up answer. One word is one token and, streamed, one frame."""

    id: str
    name: str
    model: str
    created: int
    words: tuple[str, ...]
    finish_reason: str
    usage: Usage

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def body(self) -> bytes:
        """The whole answer as one JSON body."""
        message = {"role": "assistant", "content": self.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        return _json({**self._head("chat.completion"), "choices": [choice], "usage": self.usage.as_json()})

    def frames(self, include_usage: bool) -> list[bytes]:
        """The answer as server-sent events: role, a frame a token, finish reason, usage where asked for, `[DONE]`."""
        head = self._head("chat.completion.chunk")
        if include_usage:
            head["usage"] = None

        def frame(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
            return b"data: %b\n\n" % _json({**head, "choices": [choice]})

        frames = [frame({"role": "assistant", "content": ""})]
        frames += [frame({"content": word if place == 0 else f" {word}"}) for place, word in enumerate(self.words)]
        frames.append(frame({}, self.finish_reason))
        if include_usage:
            frames.append(b"data: %b\n\n" % _json({**head, "choices": [], "usage": self.usage.as_json()}))
        frames.append(b"data: [DONE]\n\n")
        return frames

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": f"fp_sandbox_{self.name}",
        }


def compose(
    request: ChatRequest, prompt_tokens: int, *, name: str, created: int, length: Quantiles, seed: int = 0, cached_share: float = 0.5
) -> Answer:
    """Make up the answer to a request.

    `length` (tokens) is what the model would say on its own; the request's maximum cuts it. `created` is in Unix seconds. Of the prompts
    long enough for a provider's cache, `cached_share` are found there.
    """
    most = request.most_tokens
    fingerprint = hashlib.blake2b(bytes(request.messages), digest_size=16, salt=seed.to_bytes(16, "little", signed=True)).hexdigest()
    draw = random.Random(f"{fingerprint}:{most}")
    own = max(1, round(length.at(draw.random())))
    tokens = min(own, most, _MOST_TOKENS)
    start, stride = draw.randrange(len(VOCABULARY)), draw.randrange(1, len(VOCABULARY))
    hit = prompt_tokens >= _CACHE_LEAST and draw.random() < cached_share
    return Answer(
        id=f"chatcmpl-{fingerprint}",
        name=name,
        model=request.model,
        created=created,
        words=tuple(VOCABULARY[(start + stride * step) % len(VOCABULARY)] for step in range(tokens)),
        finish_reason="length" if own > most else "stop",
        usage=Usage(prompt=prompt_tokens, cached=prompt_tokens // _CACHE_BLOCK * _CACHE_BLOCK if hit else 0, completion=tokens),
    )


def follows(text: str) -> bool:
    """True when each word of a sandbox's text follows from the two before it: nothing lost, doubled or swapped on the way."""
    try:
        places = [_POSITIONS[word] for word in text.split(" ")]
    except KeyError:
        return False
    stride = places[1] - places[0] if len(places) > 1 else 1
    return stride != 0 and all((after - before - stride) % len(VOCABULARY) == 0 for before, after in itertools.pairwise(places))


def _json(value: dict[str, Any]) -> bytes:
    return msgspec.json.encode(value)
