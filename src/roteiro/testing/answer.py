"""What a sandbox says: an answer made up from the question alone, in no dialect.

An answer is a pure function of the conversation and a seed, so that the same question gets the same answer streamed or not, in any
dialect, now or on replay; and where a request gives the beginning of the answer, what is said is the rest of that same answer. Its words
walk through a vocabulary of prime size by a constant stride, which makes a text check itself: from the first two words the rest follows,
and a lost, doubled or swapped frame shows (`follows`).
What must not live here: I/O, latency, faults, dialects.
"""

import itertools
import random
import re
from dataclasses import dataclass, replace
from typing import Final, Literal, Self

import msgspec

from roteiro.testing.personality import Manner
from roteiro.testing.quantiles import Quantiles
from roteiro.testing.question import MOST_TOKENS, Question
from roteiro.testing.schema_sample import sample

__all__ = ["VOCABULARY", "Answer", "Choice", "Finish", "ToolCall", "Usage", "compose", "follows"]

VOCABULARY: Final = tuple(
    """abaixo acordo agora agulha ancora antes ao aviso azul baia balanca barra bordo boreste brisa cabo cais calado calma canal
    carga carta casco cedo ceu chuva clara cobre conves corda corrente costa cuidado curso depois deriva diario direto doca escala
    estrela farol fim fio fundo garoa gavea gelo guia hora ilha jangada lado largo leme leste leve lista lua luz manha mapa mar
    maré margem marujo mastro meta milha molhe monte nada nau norte nuvem oeste onda ordem pedra perto piloto popa porto praia
    proa prumo quilha rede remo rio roda rota rumo sal seguro sinal sol""".split()  # noqa: SIM905 (a list would be a page long)
)
"""97 words of the sea: a prime number of them, so that every stride visits all before it comes back."""

_POSITIONS: Final = {word: position for position, word in enumerate(VOCABULARY)}
_CACHE_BLOCK: Final = 128
_CACHE_LEAST: Final = 1024
"""Prompt caches of hosted models begin at 1,024 tokens and grow by 128."""
_REASONING_TOKENS: Final = 8
_PIECE: Final = re.compile(r" ?[^ ]+| +$")
"""A word with the space before it is one token."""
_JSON_PIECE: Final = 6

Finish = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost, in tokens. `cached` is the part of `prompt` that came from the provider's prompt cache, `reasoning` the part
    of `completion` that was thought and not said."""

    prompt: int
    cached: int
    completion: int
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool in place of a text; `arguments` is JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One alternative: what was thought, what is said, or the tool that is called. One piece is one token and, streamed, one frame."""

    pieces: tuple[str, ...]
    finish: Finish | None
    reasoning: tuple[str, ...] = ()
    call: ToolCall | None = None
    stopped_by: str | None = None
    """The stop sequence that ended it."""

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Answer:
    """One made-up answer. `refused` is a content filter's reason, where it was one that ended it."""

    question: Question
    key: str
    """Of letters and digits: ids are made from it."""
    name: str
    created: int
    choices: tuple[Choice, ...]
    usage: Usage
    refused: str | None = None
    logprob: float = -0.125
    """Mean log-probability of its tokens."""
    version: str = ""
    """What the model says of itself beside its name."""

    @property
    def text(self) -> str:
        """Of the first alternative."""
        return self.choices[0].text

    @property
    def model(self) -> str:
        return self.question.model

    def empty(self) -> Self:
        """The same answer with nothing in it."""
        choices = tuple(replace(choice, pieces=(), reasoning=(), call=None, finish="stop") for choice in self.choices)
        return replace(self, choices=choices, usage=replace(self.usage, completion=0, reasoning=0))

    def unfinished(self) -> Self:
        """The same answer without a finish reason."""
        return replace(self, choices=tuple(replace(choice, finish=None) for choice in self.choices))

    def withheld(self, reason: str) -> Self:
        """The same answer as a content filter leaves it: begun at most."""
        return replace(
            self, choices=tuple(replace(choice, pieces=(), call=None, finish="content_filter") for choice in self.choices), refused=reason
        )


def compose(
    question: Question,
    *,
    name: str,
    created: int,
    length: Quantiles,
    seed: int = 0,
    cached_share: float = 0.5,
    known: Manner | None = None,
    version: str = "",
) -> Answer:
    """Make up the answer to a question.

    `length` (tokens) is what the model would say on its own; the request's maximum cuts it. `created` is in Unix seconds. Of the prompts
    long enough for a provider's cache, `cached_share` are found there. `known`: what is said in place of words of the sea.
    """
    key = question.digest.hex()
    draw = random.Random(f"{key}:{seed}:{question.seed or 0}")
    lucky = draw.random() < cached_share
    hit = lucky and question.prompt_tokens >= _CACHE_LEAST
    choices = tuple(_choice(question, key, length, draw, known) for _ in range(question.choices))
    reasoning = sum(len(choice.reasoning) for choice in choices)
    said = sum(len(choice.pieces) + (len(choice.call.arguments) // _JSON_PIECE + 1 if choice.call else 0) for choice in choices)
    return Answer(
        question=question,
        key=key,
        name=name,
        created=created,
        choices=choices,
        usage=Usage(
            prompt=question.prompt_tokens,
            cached=question.prompt_tokens // _CACHE_BLOCK * _CACHE_BLOCK if hit else 0,
            completion=said + reasoning,
            reasoning=reasoning,
        ),
        logprob=-0.125 if known is None else known.logprob,
        version=version,
    )


def _choice(question: Question, key: str, length: Quantiles, draw: random.Random, known: Manner | None) -> Choice:
    """One alternative. Always draws the same numbers, whatever the question asks for beside."""
    own = min(max(1, round(length.at(draw.random()))), MOST_TOKENS)
    start, stride = draw.randrange(len(VOCABULARY)), draw.randrange(1, len(VOCABULARY))
    walk = (VOCABULARY[(start + stride * step) % len(VOCABULARY)] for step in itertools.count())
    reasoning = tuple(f"{VOCABULARY[start - step]} " for step in range(_REASONING_TOKENS)) if question.reasons else ()
    if question.calls_tool and question.tools:
        tool = question.tools[0]
        arguments = msgspec.json.encode(sample(tool.schema, walk.__next__)).decode()
        return Choice((), "tool_calls", reasoning, ToolCall(f"call_{key[:24]}", tool.name, arguments))
    if question.schema is not None:
        whole = msgspec.json.encode(sample(question.schema, walk.__next__)).decode()
        pieces = _chunks(_rest(whole, question.prefix))
    else:
        whole = known.text if known is not None else " ".join(itertools.islice(walk, own))
        pieces = tuple(_PIECE.findall(_rest(whole, question.prefix)))
    return _cut(pieces, question, reasoning)


def _cut(pieces: tuple[str, ...], question: Question, reasoning: tuple[str, ...]) -> Choice:
    """The alternative as far as the request's maximum and its stop sequences let it go."""
    text = "".join(pieces)
    found = [(place, stop) for stop in question.stop if stop and (place := text.find(stop)) >= 0]
    stopped_by = None
    if found:
        place, stopped_by = min(found)
        pieces = _first(pieces, place)
    most = question.most_tokens
    if len(pieces) > most:
        return Choice(pieces[:most], "length", reasoning)
    return Choice(pieces, "stop", reasoning, stopped_by=stopped_by)


def _rest(whole: str, prefix: str) -> str:
    """What is still to be said; a beginning that this sandbox would not have said is followed by its whole answer."""
    return whole.removeprefix(prefix)


def _chunks(text: str) -> tuple[str, ...]:
    return tuple(text[place : place + _JSON_PIECE] for place in range(0, len(text), _JSON_PIECE))


def _first(pieces: tuple[str, ...], length: int) -> tuple[str, ...]:
    """Pieces of the first `length` characters."""
    kept = []
    for piece in pieces:
        if length <= 0:
            break
        kept.append(piece[:length])
        length -= len(piece)
    return tuple(kept)


def follows(text: str) -> bool:
    """True when each word of a sandbox's text follows from the two before it: nothing lost, doubled or swapped on the way."""
    try:
        places = [_POSITIONS[word] for word in text.split(" ")]
    except KeyError:
        return False
    stride = places[1] - places[0] if len(places) > 1 else 1
    return stride != 0 and all((after - before - stride) % len(VOCABULARY) == 0 for before, after in itertools.pairwise(places))
