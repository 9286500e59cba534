"""The two halves of a dialect: how clients speak it to us (`Front`), and how we speak it to providers (`Back`).

A request that goes out as it came in is spliced and relayed as bytes (`Back.splice`, `Back.relay`); any other pair meets in
`canon`: `Front.prompt` → `Back.write`, `Back.reader` → `Front.writer`. What must not live here: a dialect.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Raw

from roteiro.terms.codes import ErrorClass, Operation
from roteiro.wire.canon import Answer, Delta, EmbeddingAnswer, EmbeddingPrompt, Finish, Prompt, Usage

__all__ = ["Ask", "Back", "Fault", "Front", "Progress", "Reader", "Relay", "Seen", "Writer"]


class Ask:
    """A client's request, checked as far as admission and splicing need it; the rest of the body stays bytes."""

    __slots__ = (
        "choices",
        "client_wants_usage",
        "fields",
        "front",
        "head",
        "input_tokens",
        "model",
        "operation",
        "output_tokens",
        "prompt",
        "stream",
        "user",
    )

    def __init__(
        self,
        front: "Front",
        operation: Operation,
        fields: dict[str, Raw],
        model: str | None,
        stream: bool = False,
        client_wants_usage: bool = False,
        input_tokens: int = 0,
        output_tokens: int | None = None,
        user: str | None = None,
        choices: int = 1,
    ) -> None:
        self.front, self.operation, self.fields = front, operation, fields
        self.model, self.stream, self.client_wants_usage = model, stream, client_wants_usage
        self.input_tokens, self.output_tokens, self.user, self.choices = input_tokens, output_tokens, user, choices
        self.prompt: Prompt | None = None
        """Of no dialect; filled by the first attempt that needs a translation, for those after it."""
        self.head = b""
        """Whole header lines of the client's that go along where the body passes through (`anthropic-beta`)."""


class Seen:
    """What a client has of a streamed answer, so that another provider can go on with it and nobody notices.

    Filled by a `Relay` or a `Writer` as frames pass; a `Writer` made with it goes on where it stands.
    """

    __slots__ = ("blocks", "chunks", "created", "finish", "id", "model", "open_block", "output_tokens", "rescuable", "role_sent", "text")

    def __init__(self) -> None:
        self.id = ""
        self.model = ""
        self.created = 0
        self.text: list[str] = []
        """The answer's text so far, in pieces. Bounded by the attempt, as the answer is."""
        self.role_sent = False
        self.open_block = -1
        """Index of the content block that is open, in dialects that have those; -1 where none is."""
        self.blocks = 0
        """Content blocks that began, in dialects that have those."""
        self.chunks = 0
        self.output_tokens = 0
        self.finish: Finish | None = None
        """Why it ended, once it did; of the first alternative."""
        self.rescuable = True
        """False once something was shown that no other provider can go on from: a tool call, reasoning, a second alternative."""


class Writer(Protocol):
    """Pieces of a streamed answer → frames in the client's dialect."""

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """The frames for these pieces, maybe none."""

    def end(self, usage: Usage | None) -> bytes:
        """The frames that close a whole answer (usage where the client wants it, `[DONE]`, `message_stop` …)."""


class Progress(Protocol):
    """How far a provider's streamed answer has come.

    Lenient where the rest is whole: one malformed frame is skipped (`skipped` counts), a second raises.
    """

    @property
    def frames(self) -> int:
        """Frames that carried something of the answer, about one token each."""

    @property
    def usage(self) -> Usage | None:
        """The last usage that was told."""

    @property
    def finished(self) -> bool:
        """Whether a finish reason was seen for every alternative that began."""

    @property
    def done(self) -> bool:
        """Whether the dialect's own end was seen; what comes after it is dropped."""

    @property
    def skipped(self) -> int:
        """Malformed frames that were left out."""

    @property
    def whole(self) -> bool:
        """Whether the answer is complete: a stream that just ends is not, nor one that finished without any content and usage."""


class Reader(Progress, Protocol):
    """A provider's streamed answer, read in its dialect."""

    def feed(self, data: bytes) -> list[Delta]:
        """The pieces that are complete by now. Raises BadAnswerError on an error event and on nonsense."""


class Relay(Progress, Protocol):
    """As `Reader`, where frames pass through as bytes: provider and client speak the same dialect."""

    def feed(self, data: bytes) -> bytes:
        """The frames to relay now."""

    def close(self) -> bytes:
        """The frames that the provider owes at the end of a whole answer (a missing `[DONE]`), maybe none."""


class Front(Protocol):
    """How clients speak to us."""

    name: str
    """`openai`, `anthropic`; equal to a `Back.name` where bytes may pass."""

    def read(self, body: bytes, headers: Mapping[bytes, bytes]) -> Ask:
        """Reads and checks a body; `headers` have lower-case names. Raises RequestError (400): the field, and what would be right."""

    def prompt(self, ask: Ask) -> Prompt:
        """The whole request, of no dialect. Raises RequestError (400) for what it does not know and cannot pass on."""

    def answer(self, answer: Answer, ask: Ask) -> bytes:
        """A whole answer's body."""

    def writer(self, ask: Ask, created: int, seen: Seen) -> Writer:
        """For one streamed answer; goes on where `seen` stands. `created`: Unix seconds."""

    def error(self, status: int, code: str, message: str, param: str | None = None, type: str | None = None) -> bytes:
        """An error's body; `type` follows from the status where it is not given."""

    def error_frame(self, body: bytes) -> bytes:
        """The frame that ends a broken stream, which the official SDKs raise on; `body` is an `error` body."""


class Fault(Protocol):
    """What a provider's refusal says."""

    error_class: ErrorClass
    message: str | None


class Back(Protocol):
    """How we speak to providers."""

    name: str

    def head(self, secret: str) -> bytes:
        """Whole header lines that authenticate and name the API version; nothing secret where `secret` is empty."""

    def path(self, model: str, stream: bool, operation: Operation) -> bytes:
        """What follows the base URL."""

    def splice(self, ask: Ask, model: str, prefix: str | None = None) -> bytes | None:
        """The client's own body with the model's name replaced, and the beginning of the answer at its end where it is to be gone on from;
        None where this dialect cannot pass it through, or cannot go on so."""

    def write(self, prompt: Prompt, model: str, prefix: str | None = None, most_output: int | None = None) -> bytes:
        """A body. `prefix` is the beginning of the answer, to be gone on from. `most_output` is the model's longest answer, for dialects
        that must name one. Raises UntranslatableError."""

    def read(self, body: bytes) -> Answer:
        """A whole answer. Raises BadAnswerError."""

    def usage(self, body: bytes) -> Usage | None:
        """The usage of a whole answer that is passed through. Raises BadAnswerError for what is no answer."""

    def reader(self, prefix: str | None = None) -> Reader:
        """For one streamed answer. `prefix` as it was given to `write`: what of its end the dialect made the provider say again is left
        out."""

    def relay(self, ask: Ask, seen: Seen | None) -> Relay:
        """For one streamed answer that passes through; keeps `seen` where one is given."""

    def write_embeddings(self, prompt: EmbeddingPrompt, model: str) -> bytes:
        """Raises UntranslatableError where the dialect has no embeddings."""

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        """Raises BadAnswerError."""
