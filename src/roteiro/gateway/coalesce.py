"""Embeddings of several requests in one call of the provider: who comes within a few milliseconds of another goes along.

Each request keeps its own call in its own eyes: its own deadline, its own answer with its own vectors, its share of the tokens, its own
freedom to leave. What must not live here: whether to try again (each request's journey), and which texts are known (`cache_embeddings`).
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from roteiro.providers.call import Call, Failure, Listener
from roteiro.providers.passage import Passage, passage_of
from roteiro.providers.target import Target
from roteiro.terms.codes import ErrorClass
from roteiro.terms.error import RequestError
from roteiro.wire.canon import BadAnswerError, UntranslatableError, Usage
from roteiro.wire.embeddings_body import inputs_of, rows_of, said, with_inputs
from roteiro.wire.tokens import shared

__all__ = ["Coalescer", "SharedCall"]

FOR_ALL: Final = frozenset({ErrorClass.BAD_REQUEST, ErrorClass.CONTENT, ErrorClass.CONTEXT})
"""Refusals of what one of the texts says: the others must not pay for it, so each goes again alone."""

_UNSHARED: Final = ("encoding_format", "input", "model", "user")

Key: TypeAlias = tuple[int, int, bytes, tuple[tuple[str, bytes], ...]]


class Handle(Protocol):
    """What `loop.call_later` gives."""

    def cancel(self) -> None:
        """The call is not made."""


Later = Callable[[float, Callable[[], None]], Handle]


class SharedCall:
    """One request's part of a call; used like a `Call`."""

    __slots__ = (
        "_alone", "_coalescer", "_group", "_listener", "_target", "count", "credential", "due", "extra", "key", "most", "passage",
        "until", "wait_s",
    )  # fmt: skip

    def __init__(
        self, coalescer: "Coalescer", key: Key, count: int, target: Target, passage: Passage, listener: Listener, until: float,
        wait_s: float, most: int, credential: int, extra: bytes,
    ) -> None:  # fmt: skip
        self._coalescer, self._target = coalescer, target
        self.wait_s, self.most = wait_s, most
        self._listener: Listener | None = listener
        self._group: _Group | None = None
        self._alone: Call | None = None
        self.key, self.count, self.passage, self.credential, self.extra = key, count, passage, credential, extra
        self.due = self.until = until

    def start(self) -> None:
        """Joins a call that gathers, or begins one."""
        self._target.timer.watch(self)
        self._group = self._coalescer.join(self, self._target)

    def cancel(self) -> Usage:
        """See `Call`; the others' call goes on."""
        alone, group = self._alone, self._group
        sent = group is not None and group.sent
        self._release()
        if alone is not None:
            return alone.cancel()
        if group is not None:
            group.leave(self)
        return Usage(self.passage.ask.input_tokens, 0, 0, 0) if sent else Usage(0, 0, 0, 0)

    def pause(self) -> None:
        """Nothing: the answer is held whole until it is there."""

    def resume(self) -> None:
        """Nothing, as `pause`."""

    def late(self) -> None:
        """The request's own deadline passed."""
        group = self._group
        if group is not None:
            group.leave(self)
        self._end(Failure(ErrorClass.TIMEOUT, "no answer in time"))

    # the group's

    def answered(self, body: bytes, usage: Usage | None) -> None:
        """Its own part of the answer."""
        listener = self._listener
        self._release()
        if listener is not None:
            listener.answered(body, usage)

    def failed(self, failure: Failure) -> None:
        """The call failed; that each journey sees."""
        self._end(failure)

    def go_alone(self) -> None:
        """Sends this request by itself; what comes of it goes straight to the listener."""
        listener = self._listener
        if listener is None:
            return
        self._target.timer.forget(self)
        self._listener = self._group = None
        call = self._alone = Call(self._target, self.passage, listener, self.until, self.credential, self.extra)
        call.start()

    @property
    def waits(self) -> bool:
        """Whether somebody still wants the answer."""
        return self._listener is not None

    def _end(self, failure: Failure) -> None:
        listener = self._listener
        self._release()
        if listener is not None:
            listener.failed(failure)

    def _release(self) -> None:
        self._target.timer.forget(self)
        self._listener = self._group = None


class _Group:
    """Requests that share a call; the `Listener` of it."""

    __slots__ = ("_call", "_coalescer", "_members", "_parts", "_target", "_timer", "count", "key", "sent")

    def __init__(self, coalescer: "Coalescer", key: Key, target: Target) -> None:
        self._coalescer, self.key, self._target = coalescer, key, target
        self._members: list[SharedCall] = []
        self._parts: list[SharedCall] = []  # those that were sent, in the order of their texts
        self._call: Call | None = None
        self._timer: Handle | None = None
        self.count = 0
        self.sent = False

    def add(self, member: SharedCall) -> None:
        self._members.append(member)
        self.count += member.count

    def wait(self, timer: Handle) -> None:
        self._timer = timer

    def leave(self, member: SharedCall) -> None:
        self._members.remove(member)
        if not self.sent:
            self.count -= member.count
        if not self._members:
            self._coalescer.forget(self)
            if self._timer is not None:
                self._timer.cancel()
            if self._call is not None:
                self._call.cancel()

    def send(self) -> None:
        """No more join."""
        if self.sent or not self._members:
            return
        self._coalescer.forget(self)
        if self._timer is not None:
            self._timer.cancel()
        self.sent = True
        members = self._parts = list(self._members)
        if len(members) == 1:
            members[0].go_alone()
            return
        ask = members[0].passage.ask
        inputs = [raw for member in members for raw in inputs_of(member.passage.ask.fields) or ()]
        together = with_inputs(ask, inputs, sum(member.passage.ask.input_tokens for member in members), without=("user",))
        edge = self._target.edge
        try:
            passage = passage_of(together, self._target.back, edge.model, edge.max_output_tokens)
        except (UntranslatableError, RequestError):
            self._apart()
            return
        self._call = Call(self._target, passage, self, max(member.until for member in members), members[0].credential, members[0].extra)
        self._call.start()

    # the Listener of the call

    def answered(self, body: bytes, usage: Usage | None) -> None:
        """Takes the answer apart."""
        parts, self._call = self._parts, None
        estimates = [member.passage.ask.input_tokens for member in parts]
        try:
            rows = rows_of(body, sum(member.count for member in parts))
        except BadAnswerError as error:
            self.failed(Failure(error.error_class, str(error), 200))
            return
        total = usage.input if usage is not None else sum(estimates)
        begin = 0
        for member, tokens in zip(parts, shared(total, estimates), strict=True):
            vectors = rows.vectors[begin : begin + member.count]
            begin += member.count
            if member.waits:
                member.answered(said(vectors, rows.model, tokens), None if usage is None else Usage(tokens, 0, 0, 0, usage.estimated))

    def frames(self, data: bytes) -> None:
        """Never: embeddings are not streamed."""

    def finished(self, usage: Usage | None, frames: int) -> None:
        """Never, as `frames`."""

    def stalled(self, usage: Usage) -> None:
        """Never: nobody pauses the call."""

    def failed(self, failure: Failure) -> None:
        """To each its own; where one text may be at fault, each goes alone."""
        self._call = None
        if failure.error_class in FOR_ALL:
            self._apart()
            return
        for member in self._parts:
            if member.waits:
                member.failed(failure)

    def _apart(self) -> None:
        for member in self._parts:
            member.go_alone()


class Coalescer:
    """One worker's. `later` is the loop's `call_later`."""

    def __init__(self, later: Later) -> None:
        self._later = later
        self._gathering: dict[Key, _Group] = {}

    def call(
        self, target: Target, passage: Passage, listener: Listener, until: float, wait_s: float, most: int,
        credential: int = 0, extra: bytes = b"",
    ) -> SharedCall | Call:  # fmt: skip
        """A call that others may join; one of its own for a request that cannot share. `wait_s` and `most` are the route's."""
        ask = passage.ask
        inputs = inputs_of(ask.fields) if wait_s > 0.0 else None
        if inputs is None or len(inputs) >= most:
            return Call(target, passage, listener, until, credential, extra)
        shape = tuple(sorted((name, bytes(raw)) for name, raw in ask.fields.items() if name not in _UNSHARED))
        kind = b"texts" if memoryview(inputs[0])[0] == 0x22 else b"tokens"
        form = ask.fields.get("encoding_format")
        key = (id(target), credential, b"%b|%b|%b" % (kind, b"" if form is None else bytes(form), ask.head), shape)
        return SharedCall(self, key, len(inputs), target, passage, listener, until, wait_s, most, credential, extra)

    def join(self, member: SharedCall, target: Target) -> "_Group":
        """The group that a request goes with."""
        group = self._gathering.get(member.key)
        if group is not None and group.count + member.count > member.most:
            group.send()
            group = None
        if group is None:
            group = self._gathering[member.key] = _Group(self, member.key, target)
            group.wait(self._later(member.wait_s, group.send))
        group.add(member)
        if group.count >= member.most:
            self._later(0.0, group.send)
        return group

    def forget(self, group: _Group) -> None:
        """It gathers no more."""
        if self._gathering.get(group.key) is group:
            del self._gathering[group.key]
