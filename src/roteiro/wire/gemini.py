"""How we speak the Gemini dialect to providers: generateContent, its stream, and batchEmbedContents, by an API key.

Clients do not speak it to us, so nothing passes through as bytes. What must not live here: connections, and what becomes of an answer.
"""

from typing import Final
from urllib.parse import quote

from roteiro.terms.codes import ErrorClass, Operation
from roteiro.wire.canon import (
    Answer,
    BadAnswerError,
    Delta,
    EmbeddingAnswer,
    EmbeddingPrompt,
    Finish,
    Finished,
    Prompt,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolArguments,
    ToolCall,
    ToolStart,
    Usage,
    Used,
)
from roteiro.wire.dialect import Ask, Relay, Seen
from roteiro.wire.gemini_answer import Candidate, Response, decode, finish_of, logprobs_of, parts_of, read_answer, read_embeddings, usage_of
from roteiro.wire.gemini_body import model_path, write_embeddings, write_prompt
from roteiro.wire.sse import FrameTooLongError, Splitter, payload

__all__ = ["GeminiBack", "GeminiReader"]

_STREAM: Final = b":streamGenerateContent?alt=sse"


class GeminiReader:
    """Reads a stream of chunks, each a response in small. The dialect has no closing frame: a reason to finish is the end."""

    __slots__ = ("_calls", "_finishes", "_going_on", "_splitter", "_started", "done", "frames", "skipped", "usage")

    def __init__(self, going_on: bool = False) -> None:
        """`going_on`: the provider was given the beginning of the answer."""
        self._splitter = Splitter()
        self._going_on = going_on
        self._started = False
        self._calls: dict[int, int] = {}
        self._finishes: dict[int, Finish | None] = {}
        self.frames = 0
        """What the frames carried, about as many as tokens: a frame of this dialect holds dozens."""
        self.usage: Usage | None = None
        self.done = False
        """Never: what comes after the end may still tell the usage."""
        self.skipped = 0

    @property
    def finished(self) -> bool:
        """Every alternative that began has its reason to finish."""
        return bool(self._finishes) and None not in self._finishes.values()

    @property
    def whole(self) -> bool:
        """Whether the answer is complete: a stream that just ends is not, nor one that stopped without a word."""
        if not self.finished:
            return False
        return self._spoke() or any(finish != "stop" for finish in self._finishes.values())

    def feed(self, data: bytes) -> list[Delta]:
        """The pieces that are complete by now. Raises BadAnswerError on an error, a blocked prompt and nonsense."""
        try:
            frames = self._splitter.feed(data)
        except FrameTooLongError as error:
            raise BadAnswerError(ErrorClass.PROTOCOL, str(error)) from None
        deltas: list[Delta] = []
        for frame in frames:
            said = payload(frame)
            if said is None:
                continue
            chunk = decode(said)
            if chunk is not None:
                self._read(chunk, deltas)
                continue
            self.skipped += 1
            if self.skipped > 1:
                raise BadAnswerError(ErrorClass.PROTOCOL, "two frames are not responses of generateContent")
        return deltas

    def _read(self, chunk: Response, deltas: list[Delta]) -> None:
        usage = usage_of(chunk)
        if not self._started:
            self._started = True
            deltas.append(Started(chunk.response_id, chunk.model_version, None if usage is None else usage.input))
        for candidate in chunk.candidates or ():
            self._candidate(candidate, chunk, deltas)
        if usage is not None:
            self.usage = usage
            if self.finished:
                deltas.append(Used(usage))
            else:  # the counts of the answer come at its end
                self.usage = usage._replace(output=max(usage.output, self.frames), estimated=True)
        if self.finished and not self.whole:  # the counts come with the end, so nothing will
            raise BadAnswerError(ErrorClass.PROTOCOL, "an empty answer")

    def _spoke(self) -> bool:
        return self._going_on or self.frames > 0 or (self.usage is not None and self.usage.output > self.usage.reasoning)

    def _candidate(self, candidate: Candidate, chunk: Response, deltas: list[Delta]) -> None:
        choice = candidate.index
        self._finishes.setdefault(choice, None)
        told = logprobs_of(candidate)
        for part in parts_of(candidate, chunk, self._calls.get(choice, 0)):
            match part:
                case Text(text=text):
                    self.frames += _tokens(text)
                    deltas.append(TextDelta(text, choice, told))
                    told = None  # the log-probabilities are of the whole chunk
                case Thinking(text=text, signature=signature):
                    self.frames += _tokens(text)
                    deltas.append(ThinkingDelta(text, choice, signature))
                case ToolCall(id=id, name=name, arguments=arguments, signature=signature):
                    self.frames += _tokens(arguments)
                    slot = self._calls.get(choice, 0)
                    self._calls[choice] = slot + 1
                    deltas += (ToolStart(id, name, slot, choice, signature), ToolArguments(arguments, slot, choice))
        if candidate.finish_reason is not None:
            finish = finish_of(candidate.finish_reason, choice in self._calls)
            self._finishes[choice] = finish
            deltas.append(Finished(finish, choice))


def _tokens(text: str) -> int:
    """About how many tokens a text is; at least one."""
    return 1 + len(text) // 4


class GeminiBack:
    """The base URL ends in the API's version, such as /v1beta."""

    name = "gemini"

    def head(self, secret: str) -> bytes:
        """Whole header lines."""
        return b"x-goog-api-key: %b\r\n" % secret.encode() if secret else b""

    def path(self, model: str, stream: bool, operation: Operation) -> bytes:
        """What follows the base URL: the model is named here, not in the body."""
        verb = b":batchEmbedContents" if operation is Operation.EMBEDDINGS else _STREAM if stream else b":generateContent"
        return b"/%b%b" % (quote(model_path(model), safe="/-._~").encode(), verb)

    def splice(self, ask: Ask, model: str, prefix: str | None = None) -> bytes | None:
        """None: no client speaks this dialect to us."""
        return None

    def write(self, prompt: Prompt, model: str, prefix: str | None = None, most_output: int | None = None) -> bytes:
        """A body. Raises UntranslatableError."""
        return write_prompt(prompt, model, prefix)

    def read(self, body: bytes) -> Answer:
        """A whole answer. Raises BadAnswerError."""
        return read_answer(body)

    def usage(self, body: bytes) -> Usage | None:
        """The usage of a whole answer. Raises BadAnswerError for what is no answer."""
        return read_answer(body).usage

    def reader(self, prefix: str | None = None) -> GeminiReader:
        """For one streamed answer."""
        return GeminiReader(going_on=prefix is not None)

    def relay(self, ask: Ask, seen: Seen | None) -> Relay:
        """Nothing passes through in this dialect: `splice` says so first."""
        raise NotImplementedError("no client speaks the Gemini dialect to us")

    def write_embeddings(self, prompt: EmbeddingPrompt, model: str) -> bytes:
        """A body. Raises UntranslatableError for lists of token numbers."""
        return write_embeddings(prompt, model)

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        """Vectors; the model's name is left empty, for this dialect does not say it. Raises BadAnswerError."""
        return read_embeddings(body)
