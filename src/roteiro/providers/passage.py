"""How a request goes out to a target and its answer comes back in the client's own dialect: as bytes, or by way of `wire.canon`.

What must not live here: a dialect (`wire`), HTTP (`call`).
"""

from typing import TypeAlias

from msgspec import structs

from roteiro.terms.codes import ErrorClass, Operation
from roteiro.wire.canon import Answer, BadAnswerError, Finished, Usage
from roteiro.wire.dialect import Ask, Back, Reader, Relay, Seen, Writer
from roteiro.wire.openai_embeddings import OpenAIEmbeddingsFront

__all__ = ["Passage", "Straight", "Translated", "Translation", "passage_of"]


class Straight:
    """Client and provider speak the same dialect: values pass untouched."""

    __slots__ = ("_back", "_seen", "ask", "body", "head", "operation")

    def __init__(self, ask: Ask, back: Back, body: bytes, seen: Seen | None) -> None:
        self.ask, self._back, self.body, self._seen = ask, back, body, seen
        self.operation = ask.operation
        """What is asked of the provider."""
        self.head = ask.head
        """Whole header lines that go along."""

    def stream(self, created: int) -> Relay:
        """The reader of a streamed answer, which gives the client's frames. `created`: Unix seconds."""
        return self._back.relay(self.ask, self._seen)

    def whole(self, body: bytes, created: int) -> tuple[bytes, Usage | None]:
        """A whole answer for the client, and its usage. `created`: Unix seconds. Raises BadAnswerError."""
        return body, self._back.usage(body)

    def canonical(self, body: bytes) -> Answer:
        """The same answer, of no dialect. Raises BadAnswerError."""
        return self._back.read(body)


class Translated:
    """By way of the canonical values. `prefix` is the part of the answer that the client has already."""

    __slots__ = ("_answer", "_back", "_model", "_prefix", "_seen", "ask", "body", "head", "operation")

    def __init__(
        self, ask: Ask, back: Back, model: str, most_output: int | None = None, seen: Seen | None = None, prefix: str | None = None
    ) -> None:
        """Raises UntranslatableError and RequestError where the target's dialect cannot say it."""
        self.ask, self._back, self._seen, self._prefix, self._model = ask, back, seen, prefix, model
        self.head = b""
        self._answer: Answer | None = None
        front, prompt = ask.front, ask.prompt
        if isinstance(front, OpenAIEmbeddingsFront):
            self.operation = Operation.EMBEDDINGS
            self.body = back.write_embeddings(front.embeddings(ask), model)
            return
        if front.name == back.name and (body := back.splice(ask, model, prefix)) is not None:
            # The same dialect, whose frames are read only because the answer goes on from elsewhere: the request is the client's own.
            self.operation, self.head, self.body = ask.operation, ask.head, body
            return
        self.operation = Operation.CHAT
        if prompt is None:
            prompt = ask.prompt = front.prompt(ask)
        self.body = back.write(prompt, model, prefix, most_output)

    def stream(self, created: int) -> Relay:
        """As `Straight`."""
        ask = self.ask
        return Translation(self._back.reader(self._prefix), ask.front.writer(ask, created, self._seen or Seen()), ask.choices)

    def whole(self, body: bytes, created: int) -> tuple[bytes, Usage | None]:
        """As `Straight`."""
        front = self.ask.front
        if isinstance(front, OpenAIEmbeddingsFront):
            embedded = self._back.read_embeddings(body)
            if not embedded.model:  # a dialect whose answers do not name it
                embedded = structs.replace(embedded, model=self._model)
            usage = None if embedded.input_tokens is None else Usage(embedded.input_tokens, 0, 0, 0)
            return front.embeddings_answer(embedded, self.ask), usage
        answer = self._back.read(body)
        if not answer.created:  # not every dialect tells
            answer = structs.replace(answer, created=created)
        self._answer = answer
        return front.answer(answer, self.ask), answer.usage

    def canonical(self, body: bytes) -> Answer:
        """As `Straight`; after `whole`."""
        if self._answer is None:
            raise BadAnswerError(ErrorClass.PROTOCOL, "no answer in words")
        return self._answer


Passage: TypeAlias = Straight | Translated
"""The way there and back of one attempt."""


class Translation:
    """A `Relay` whose frames are read in one dialect and written in another."""

    __slots__ = ("_missing", "_reader", "_writer", "done", "finished", "frames", "skipped", "usage")

    def __init__(self, reader: Reader, writer: Writer, choices: int = 1) -> None:
        self._reader, self._writer = reader, writer
        self._missing = choices if choices > 1 else 0
        """Alternatives whose end has not come: one may be over before the next begins. A provider may give fewer than it was asked for,
        so an answer can be whole without them, but it is not to be cut short."""
        self.frames = self.skipped = 0
        self.finished = self.done = False
        self.usage: Usage | None = None

    @property
    def whole(self) -> bool:
        return self._reader.whole

    def feed(self, data: bytes) -> bytes:
        reader = self._reader
        deltas = reader.feed(data)
        self.frames, self.usage, self.finished, self.done = reader.frames, reader.usage, reader.finished, reader.done
        if self._missing > 0:
            self._missing -= sum(type(delta) is Finished for delta in deltas)
            self.finished = self.finished and self._missing <= 0
        return self._writer.write(deltas) if deltas else b""

    def close(self) -> bytes:
        return self._writer.end(self.usage)


def passage_of(ask: Ask, back: Back, model: str, most_output: int | None = None, seen: Seen | None = None) -> Passage:
    """The straight way where there is one. Raises UntranslatableError and RequestError where there is no way."""
    if ask.front.name == back.name:
        body = back.splice(ask, model)
        if body is not None:
            return Straight(ask, back, body, seen)
    return Translated(ask, back, model, most_output, seen)
