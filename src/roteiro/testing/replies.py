"""What a sandbox does with one request: whom it answers, what it says and when, and what its script of faults makes of that.

What must not live here: sockets (`sandbox`, `connection`), how an answer is made up (`answer`), how a dialect writes it.
"""

import dataclasses
import hmac
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

from roteiro.terms.error import RequestError
from roteiro.testing.answer import Answer, compose
from roteiro.testing.anthropic_dialect import AnthropicDialect
from roteiro.testing.dialect import Dialect, Kind, Request
from roteiro.testing.fault_base import Scene
from roteiro.testing.gemini_dialect import GeminiDialect
from roteiro.testing.openai_dialect import OpenAIDialect
from roteiro.testing.question import Question, Texts
from roteiro.testing.sandbox_settings import SandboxSettings
from roteiro.testing.script import Player
from roteiro.testing.tape import Ending, Tape, json_tape, stream_tape
from roteiro.testing.vectors import OWN_DIMENSIONS, vector_of

__all__ = ["DIALECTS", "Replies"]

DIALECTS: Final[dict[str, Dialect]] = {dialect.name: dialect for dialect in (OpenAIDialect(), AnthropicDialect(), GeminiDialect())}
_HEARD: Final = 256
"""Questions that are remembered."""


class Replies:
    """The mind of one sandbox. `clock` is monotonic seconds."""

    def __init__(self, settings: SandboxSettings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.dialect = DIALECTS[settings.dialect]
        self._random = random.Random(settings.seed)
        self._clock = clock
        self.player = Player(settings.script, settings.always, self._random.random, 0.0)
        self.heard: deque[Question | Texts] = deque(maxlen=_HEARD)
        self._by_status: Counter[str] = Counter()
        self._by_fault: Counter[str] = Counter()
        self._by_key: Counter[int] = Counter()
        self._counts: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        """How often each question of the book was asked."""

    def stats(self) -> dict[str, Any]:
        """Counts since the start, see `SandboxServer.stats`."""
        self.player.advance(self._clock())
        phase = self.player.phase
        return {
            "name": self.settings.name,
            "requests": self._by_status.total(),
            "by_status": dict(sorted(self._by_status.items())),
            "by_fault": dict(sorted(self._by_fault.items())),
            "by_key": {str(key): count for key, count in sorted(self._by_key.items())},
            "streams": self._counts["streams"],
            "prefixes": self._counts["prefixes"],
            "prompt_tokens": self._counts["prompt_tokens"],
            "completion_tokens": self._counts["completion_tokens"],
            "clients_gone": self._counts["clients_gone"],
            "phase": None if phase is None else phase.name,
        }

    def client_gone(self) -> None:
        """A client did not wait for its answer."""
        self._counts["clients_gone"] += 1

    def reply(self, request: Request) -> Tape | None:
        """The tape for a request of the dialect; None for what is none."""
        path = request.path.removeprefix(self.dialect.version)
        kind = self.dialect.kind(request.method, path)
        if kind is None:
            return None
        key = self._place_of(self.dialect.key(request))
        if kind is Kind.MODELS:
            return (
                self.dialect.unauthorized()
                if key is None
                else json_tape(200, self.dialect.models(self.settings.models, self.settings.name))
            )
        tape = self._answered(request, kind, key)
        self._by_status[str(tape.status) if tape.sends_head else "none"] += 1
        self._by_fault.update(tape.faults)
        self._counts["streams"] += tape.is_stream
        return tape

    def composed(self, question: Question) -> Answer:
        """What would be said to a question."""
        settings, phase, known = self.settings, self.player.phase, None
        personality = phase.personality if phase is not None and phase.personality is not None else settings.personality
        if (pair := settings.book.get(question.said)) is not None:
            self._asked[question.said] += 1
            drawn = random.Random(f"{question.said}:{settings.seed}:{self._asked[question.said]}")
            known = personality.answer(*pair, drawn)
        return compose(
            question,
            known=known,
            version=personality.version,
            name=settings.name,
            created=int(time.time()),
            length=settings.output_tokens,
            seed=settings.seed,
            cached_share=settings.cached_share,
        )

    def _place_of(self, given: str) -> int | None:
        """The place of a key among those that are accepted; 0 where none is wanted, None where it is none of them."""
        wanted = self.settings.keys
        if not wanted:
            return 0
        found = [place for place, key in enumerate(wanted) if hmac.compare_digest(given.encode(), key.encode())]
        return found[0] if found else None

    def _answered(self, request: Request, kind: Kind, key: int | None) -> Tape:
        dialect = self.dialect
        if key is None:
            return dialect.unauthorized()
        self._by_key[key] += 1
        try:
            asked = dialect.texts(request) if kind is Kind.EMBEDDINGS else dialect.question(request)
        except RequestError as error:
            return dialect.refusal(error.status, str(error), error.code)
        if self.settings.strict_models and asked.model not in self.settings.models:
            known = ", ".join(self.settings.models)
            return dialect.refusal(404, f"The model {asked.model!r} does not exist; known: {known}", "model_not_found")
        if isinstance(asked, Question) and kind is Kind.COUNT:
            return json_tape(200, dialect.count(asked.prompt_tokens))
        self.heard.append(asked)
        if isinstance(asked, Question) and asked.prefix:
            self._counts["prefixes"] += 1
            if self.settings.prefix == "refuse":
                return dialect.prefix_refused()
            if self.settings.prefix == "ignore":
                asked = dataclasses.replace(asked, prefix="")
        return self._struck(asked, key)

    def _struck(self, asked: Question | Texts, key: int) -> Tape:
        """The answer, as the script lets it be."""
        self.player.advance(self._clock())
        answer = self.composed(asked) if isinstance(asked, Question) else None
        said = 0 if answer is None else answer.usage.completion
        scene = Scene(self.dialect, time.time(), answer, asked.prompt_tokens, key)
        verdict = self.player.next(scene, asked.prompt_tokens + said, self._clock())
        headers = {"x-request-id": f"req-{answer.key if answer else len(self.heard)}", "x-sandbox": self.settings.name, **verdict.headers}
        tape = self._embedded(asked) if isinstance(asked, Texts) else self._spoken(answer or self.composed(asked))
        tape = dataclasses.replace(tape, headers={**headers, **tape.headers})
        for fault in verdict.faults:
            tape = fault.apply(tape, scene)
        if tape.status == 200 and tape.ending is Ending.WHOLE:
            self._counts.update(prompt_tokens=asked.prompt_tokens, completion_tokens=said)
        return dataclasses.replace(tape, headers={**headers, **tape.headers}, faults=tuple(fault.name for fault in verdict.faults))

    def _spoken(self, answer: Answer) -> Tape:
        """The answer with its timing: a first-token time, then one drawn gap for each further token."""
        latency, draw = self.settings.latency, self._random.random
        first_s = latency.ttft_s.at(draw())
        gaps_s = [latency.itl_s.at(draw()) for _ in range(answer.usage.completion - 1)]
        if not answer.question.stream:
            return json_tape(200, self.dialect.body(answer), after_s=first_s + sum(gaps_s))
        frames = self.dialect.frames(answer)
        words = sum(frame.word for frame in frames)
        gaps_s += [latency.itl_s.at(draw()) for _ in range(words - 1 - len(gaps_s))]
        return stream_tape(frames, first_s, gaps_s)

    def _embedded(self, asked: Texts) -> Tape:
        vectors = [vector_of(text, asked.dimensions or OWN_DIMENSIONS) for text in asked.texts]
        return json_tape(200, self.dialect.vectors(asked, vectors), after_s=self.settings.latency.ttft_s.at(self._random.random()))
