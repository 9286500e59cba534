"""One exchange: a request driven through its journey, from arrival to settlement, obeying each command.

No task and no timer; everything happens in the callbacks of the client's and the provider's connection and of the sweep.
What must not live here: decisions. Which target, whether again, how long to wait: the journey says.
"""

from typing import Final, Protocol

from roteiro.gateway.coalesce import SharedCall
from roteiro.gateway.dispatch import REASONS, Dispatch
from roteiro.gateway.hedge import Rival
from roteiro.gateway.journey_port import NO_FLOW
from roteiro.gateway.refusal import Refusal, named, of_reason, sent
from roteiro.providers.call import Call, Failure, Listener
from roteiro.providers.passage import Passage, Translated, passage_of
from roteiro.terms.codes import Command, ErrorClass, Operation, Step
from roteiro.terms.edge import EdgeRoute
from roteiro.terms.error import InvariantError, RequestError
from roteiro.wire.body import MOST_TOKENS
from roteiro.wire.canon import UntranslatableError, Usage
from roteiro.wire.dialect import Ask, Seen
from roteiro.wire.openai import estimate_tokens

__all__ = ["Client", "Exchange", "Origin"]

_FIRST_BYTE, _FAILED, _AGAIN, _END, _GONE, _HEDGE = (
    int(step) for step in (Step.FIRST_BYTE, Step.FAILED, Step.AGAIN, Step.END, Step.GONE, Step.HEDGE)
)
_SEND, _WAIT, _QUEUE, _REJECT, _RESCUE, _DONE = (
    int(command) for command in (Command.SEND, Command.WAIT, Command.QUEUE, Command.REJECT, Command.RESCUE, Command.DONE)
)
_NONE: Final = int(Command.NONE)
_TARGET_BITS: Final = 16
_TARGET_MASK: Final = (1 << _TARGET_BITS) - 1
_RESCUABLE: Final = 2
_NOTHING: Final = Usage(0, 0, 0, 0)
_UNTRACED: Final = (0, 0, 0)


class Client(Protocol):
    """The client's side of an exchange: exactly one answer, whole or streamed."""

    def answer(self, headers: bytes, body: bytes) -> None:
        """The provider's answer; the exchange is over."""

    def refuse(self, refusal: Refusal, headers: bytes) -> None:
        """An error instead of an answer; the exchange is over."""

    def open_stream(self, headers: bytes, frames: bytes) -> None:
        """The head of a streamed answer and its first frames."""

    def relay(self, frames: bytes) -> None:
        """More frames."""

    def end_stream(self, frames: bytes, broken: bool) -> None:
        """The last frames, maybe none; the exchange is over. After a broken stream the connection closes."""

    def drop(self) -> None:
        """Nothing can be said any more; the exchange is over."""


class Origin(Protocol):
    """Who prepared an exchange and wants to hear how it ended: the cache, the dead letters. Only requests that need one have one."""

    def served(self) -> None:
        """The journey lets the cached answer go, which the origin has."""

    def answered(self, passage: Passage, body: bytes | None, usage: Usage | None) -> None:
        """A whole answer was given; `body` is None for a stream, whose text the exchange's `seen` has."""

    def rejected(self, reason: int, refusal: Refusal) -> bool:
        """No answer comes. Whether the origin takes the refusal over, and calls `refuse` of the exchange later."""


class Nobody:
    """The client of an exchange that goes on after its client left."""

    def answer(self, headers: bytes, body: bytes) -> None:
        """Nobody hears it."""

    def refuse(self, refusal: Refusal, headers: bytes) -> None:
        """Nobody hears it."""

    def open_stream(self, headers: bytes, frames: bytes) -> None:
        """Nobody hears it."""

    def relay(self, frames: bytes) -> None:
        """Nobody hears it."""

    def end_stream(self, frames: bytes, broken: bool) -> None:
        """Nobody hears it."""

    def drop(self) -> None:
        """Nobody is there."""


_NOBODY: Final = Nobody()


class Exchange:
    """See the module. `Listener` of its calls; `Timed` while it waits, while it may be hedged, and while it drains."""

    __slots__ = (
        "_call", "_client", "_compared", "_dispatch", "_failure", "_flow", "_headers", "_lane", "_left", "_number", "_origin",
        "_over", "_paused", "_relayed", "_rival", "_route", "_shown", "_trace", "_tried", "_until", "ask", "degraded", "due", "seen",
    )  # fmt: skip

    def __init__(self, dispatch: Dispatch, client: Client, ask: Ask, origin: Origin | None = None) -> None:
        self._dispatch, self._client, self.ask, self._origin = dispatch, client, ask, origin
        self._call: Call | SharedCall | None = None
        self._rival: Rival | None = None
        self._flow = NO_FLOW
        self._number = -1
        self._lane = 0
        self._tried: list[ErrorClass] = []
        self._failure: Failure | None = None
        self._headers = b""
        self._trace: tuple[int, int, int] | None = None
        self._relayed = self._over = self._left = self._paused = False
        self._shown = 0  # tokens that the client has of attempts that broke
        self._until = self.due = self._compared = 0.0
        self.degraded = False
        """Whether a cheaper model was taken; looked at where there is an origin."""
        self.seen: Seen | None = None
        """What the client has of a stream, where that may be needed."""
        self._route: EdgeRoute

    def begin(self, key: int, route: int, workload: int, flags: int = 0, trace: tuple[int, int, int] | None = None) -> None:
        """Asks the journey.

        `workload` is an index, or -1 for the key's own; `flags` are those of BEGIN that are not known here (cache, complexity);
        `trace` is the client's trace id, in halves, and span.
        """
        dispatch, ask = self._dispatch, self.ask
        edge = dispatch.edge
        described = self._route = edge.routes[route]
        if ask.stream and (described.rescue or self._origin is not None):
            self.seen = Seen()
        output = ask.output_tokens if ask.output_tokens is not None else edge.output_tokens * ask.choices
        flags |= (workload + 1 << 8) | ask.operation << 5 | ask.stream | dispatch.whereabouts
        answer, self._number, self._until, self._compared = dispatch.journey.begin(key, route, ask.input_tokens, output, flags)
        command, argument, reason, self._flow, waiting = answer
        if self._origin is not None and command != _REJECT and command != _DONE:
            self.degraded = dispatch.journey.is_degraded(self._flow)
        sampler = dispatch.sampler
        if sampler is not None and self._number >= 0 and sampler.takes(self._number, key, route, workload):
            self._client = self._origin = sampler.watch(self._number, self, self._client, self._origin, key, route, workload)
        if trace is not None and self._flow != NO_FLOW and command != _REJECT and command != _DONE:  # else the flow may be another's by now
            if trace != _UNTRACED:
                dispatch.journey.annotate(self._flow, trace)
            self._trace = trace if dispatch.trace is not None else None
        self.obey(command, argument, reason)
        if waiting:
            dispatch.wake()

    @property
    def identity(self) -> bytes:
        """The header that names the request."""
        return b"x-request-id: %b-%d\r\n" % (self._dispatch.run, self._number) if self._number >= 0 else self._dispatch.refusal_identity()

    @property
    def name(self) -> str:
        """The request's id."""
        return self.identity[14:-2].decode()

    @property
    def over(self) -> bool:
        """Whether it is settled."""
        return self._over

    @property
    def tried(self) -> list[ErrorClass]:
        """The error class of each failed attempt."""
        return self._tried

    def obey(self, command: int, argument: float, reason: int) -> None:
        """Does what the journey commands."""
        if self.due:  # it waited, and may have been let go before its time
            self.due = 0.0
            self._dispatch.sweep.forget(self)
        if command == _SEND:
            self._send(int(argument), reason)
        elif command in (_WAIT, _QUEUE):
            self.due = argument
            if command == _QUEUE:
                self._dispatch.queued[self._flow] = self
            self._dispatch.sweep.watch(self)
        elif command == _REJECT:
            self._rejected(reason, argument)
        elif command == _RESCUE:
            self._rescue(int(argument))
        elif command == _DONE:
            self._over = True
            if self._origin is not None:
                self._origin.served()
        else:
            raise InvariantError(f"the journey left flow {self._flow} without a command")

    def late(self) -> None:
        """A wait is over, or the time to hedge or to drain."""
        self._dispatch.sweep.forget(self)
        if self._call is None:
            self._again()
        elif self._left:
            self._leave()
        else:
            self._hedge()

    def gone(self) -> None:
        """The client left."""
        if self._over or self._left:
            return
        dispatch = self._dispatch
        if self._call is not None and self._route.on_disconnect != "cancel":
            self._left = True
            if self._origin is None:  # else a claim may be kept for whoever asks again
                self._client = _NOBODY
            self.resume()
            dispatch.leavers.add(self)
            if self._route.on_disconnect == "drain_until":
                self.due = dispatch.sweep.now() + self._route.drain_s
                dispatch.sweep.watch(self)
            else:
                dispatch.sweep.forget(self)  # nobody is in a hurry any more: no hedge
            return
        self._leave()

    def pause(self) -> None:
        """The client reads slowly."""
        self._paused = True
        if self._call is not None:
            self._call.pause()

    def resume(self) -> None:
        """The client reads again."""
        self._paused = False
        if self._call is not None:
            self._call.resume()

    def refuse(self, refusal: Refusal, headers: bytes = b"") -> None:
        """Gives the client an error in place of an answer, or of the rest of one. `headers`: whole lines, beside the request's own."""
        if self._relayed:  # the head said 200; the last frame says what became of it
            self._client.end_stream(self.ask.front.error_frame(refusal.body), broken=True)
        else:
            self._client.refuse(refusal, self.identity + headers)

    # the provider's Listener, for the first lane; `Rival` calls the same for the second

    def answered(self, body: bytes, usage: Usage | None, lane: int = 0) -> None:
        """As `Listener`."""
        self._win(lane)
        call, self._call, self._over = self._call, None, True
        usage = _believed(usage)
        used = usage or Usage(self.ask.input_tokens, 0, estimate_tokens(body), 0, True)
        self._settle(_GONE if self._left else _END, used)
        self._client.answer(self._headers, body)
        if self._origin is not None and call is not None:  # last: a client need not wait, and does not lose its answer where this fails
            self._origin.answered(call.passage, body, usage)

    def frames(self, data: bytes, lane: int = 0) -> None:
        """As `Listener`."""
        if self._relayed:
            self._client.relay(data)
            return
        self._relayed = True
        _, _, _, _, waiting = self._dispatch.journey.step(_FIRST_BYTE, self._flow, lane)
        freed = self._rival is not None
        self._win(lane)
        self._client.open_stream(self._headers, data)
        if freed and waiting:  # the lane that lost left a place
            self._dispatch.wake()

    def finished(self, usage: Usage | None, frames: int, lane: int = 0) -> None:
        """As `Listener`."""
        call, self._call, self._over = self._call, None, True
        usage = _believed(usage)
        self._settle(_GONE if self._left else _END, usage or Usage(self.ask.input_tokens, 0, frames, 0, True))
        self._client.end_stream(b"", broken=False)
        if self._origin is not None and call is not None:
            self._origin.answered(call.passage, None, usage)

    def failed(self, failure: Failure, lane: int = 0) -> None:
        """As `Listener`."""
        rival = self._rival
        if self._route.hedge and not self._left:  # who drains is watched for its patience
            self._dispatch.sweep.forget(self)
        if rival is not None:  # the other lane goes on
            if lane:
                self._rival = None
            else:
                self._take_over(rival)
        else:
            self._call = None
        if self._left and rival is None:
            self._over = True
            self._settle(_GONE, Usage(self.ask.input_tokens, 0, failure.frames, 0, True))
            self._client.drop()
            return
        self._failure = failure
        self._tried.append(failure.error_class)
        wait = -1 if failure.retry_after_ms is None else failure.retry_after_ms
        seen, shown, flags = self.seen, 0, lane
        if self._relayed:
            shown = self._shown = max(self._shown + failure.frames, 1)
            if seen is not None and seen.rescuable and self._route.rescue:
                flags |= _RESCUABLE
        command, argument, reason, _, waiting = self._dispatch.journey.step(
            _FAILED, self._flow, int(failure.error_class), wait, failure.status, shown, flags
        )
        if command != _NONE or rival is None:
            self.obey(command, argument, reason)
        if waiting:
            self._dispatch.wake()

    def stalled(self, usage: Usage, lane: int = 0) -> None:
        """As `Listener`."""
        rival, self._rival = self._rival, None
        if rival is not None:
            rival.cancel()
        self._call, self._over = None, True
        self._settle(_GONE, (_believed(usage) or _NOTHING)._replace(estimated=True))
        self._client.drop()

    # what commands mean

    def _send(self, argument: int, reason: int) -> None:
        call = self._prepare(argument, reason, self, self.seen)
        if call is None:
            return
        self._call, self._lane = call, 0
        if self._route.hedge and not self._tried:
            self.due = self._dispatch.journey.hedge_at(self._flow)
            if self.due > 0.0:
                self._dispatch.sweep.watch(self)
        if self._paused:
            call.pause()
        call.start()

    def _prepare(self, argument: int, reason: int, listener: Listener, seen: Seen | None) -> Call | SharedCall | None:
        """The call that SEND asks for; None where the target's dialect cannot say the request, which the journey was told."""
        target = self._dispatch.targets[argument & _TARGET_MASK]
        edge = target.edge
        try:
            passage = passage_of(self.ask, target.back, edge.model, edge.max_output_tokens, seen)
        except (UntranslatableError, RequestError) as error:
            listener.failed(Failure(ErrorClass.UNFIT, "the target's dialect cannot say it", 400, message=str(error), param=error.param))
            return None
        self._headers = b"%b%bx-roteiro-reason: %b\r\nx-roteiro-attempts: %d\r\n" % (
            self.identity, target.headers, REASONS[reason], (sent(self._tried) if self._tried else 0) + 1 + (self._rival is not None),
        )  # fmt: skip
        credential, route = argument >> _TARGET_BITS, self._route
        if route.coalesce_s > 0.0 and self.ask.operation == Operation.EMBEDDINGS:
            wait_s, most = route.coalesce_s, route.coalesce_most
            return self._dispatch.coalescer.call(target, passage, listener, self._until, wait_s, most, credential, self._traceparent())
        return Call(target, passage, listener, self._until, credential, self._traceparent())

    def _rescue(self, argument: int) -> None:
        """Another provider goes on with the answer, from where the client has it."""
        seen, target = self.seen, self._dispatch.targets[argument & _TARGET_MASK]
        assert seen is not None, "only what was remembered is offered for rescue"
        edge, text = target.edge, "".join(seen.text)
        try:
            passage = Translated(self.ask, target.back, edge.model, edge.max_output_tokens, seen, text or None)
        except (UntranslatableError, RequestError) as error:
            self.failed(Failure(ErrorClass.UNFIT, "the target's dialect cannot say it", 400, message=str(error), param=error.param))
            return
        self._lane = 0
        call = self._call = Call(target, passage, self, self._until, argument >> _TARGET_BITS, self._traceparent())
        if self._paused:
            call.pause()
        call.start()

    def _traceparent(self) -> bytes:
        """What the provider is told of the trace; nothing where nobody traces."""
        trace, context = self._trace, self._dispatch.trace
        if trace is None or context is None:
            return b""
        return b"traceparent: %b\r\n" % context.outgoing(*trace, self._number, len(self._tried) + 1 + (self._rival is not None))

    def _hedge(self) -> None:
        """The first attempt is late: may a second run beside it?"""
        if self._relayed or self._rival is not None:
            return
        command, argument, reason, _, waiting = self._dispatch.journey.step(_HEDGE, self._flow)
        if command == _SEND:
            headers, rival = self._headers, Rival(self, None if self.seen is None else Seen())
            self._rival = rival
            call = self._prepare(int(argument), reason, rival, rival.seen)
            rival.headers, self._headers = self._headers, headers
            if call is not None:
                rival.call = call
                self._headers = headers.replace(b"attempts: 1\r\n", b"attempts: 2\r\n")  # whichever answers, two were made
                call.start()
            else:  # that target cannot be told the request; another may
                self._hedge()
        if waiting:
            self._dispatch.wake()

    def _win(self, lane: int) -> None:
        """A lane has an answer: the other one is given up."""
        if self._route.hedge and not self._left:
            self._dispatch.sweep.forget(self)
        rival, self._rival = self._rival, None
        if rival is None:
            return
        if lane == 0:
            rival.cancel()
        else:
            if self._call is not None:
                self._call.cancel()
            self._rival = rival
            self._take_over(rival)

    def _take_over(self, rival: "Rival") -> None:
        """The second lane is the only one from now on."""
        self._rival = None
        self._call, self._headers, self._lane = rival.call, rival.headers, 1
        if rival.seen is not None:
            self.seen = rival.seen

    def abandon(self) -> None:
        """As `Leaver`."""
        if not self._over:
            self._leave()

    def _leave(self) -> None:
        """The client left, and the answer with it: the call is dropped, what was used is settled."""
        self._over = True
        dispatch, call, rival = self._dispatch, self._call, self._rival
        dispatch.sweep.forget(self)
        dispatch.leavers.discard(self)
        usage = _NOTHING
        if rival is not None:
            self._rival = None
            rival.cancel()
        if call is not None:
            self._call = None
            usage = _believed(call.cancel()) or _NOTHING
        else:
            dispatch.queued.pop(self._flow, None)
        if self._flow != NO_FLOW:
            self._settle(_GONE, usage._replace(estimated=True))
        if self._left:
            self._client.drop()  # a claim is let go

    def _again(self) -> None:
        command, argument, reason, _, waiting = self._dispatch.journey.step(_AGAIN, self._flow)
        if command != _NONE:  # none: another worker let it go in this moment, and `wake` is about to tell
            self._dispatch.queued.pop(self._flow, None)
            self.obey(command, argument, reason)
        if waiting:
            self._dispatch.wake()

    def _settle(self, what: int, usage: Usage) -> None:
        dispatch = self._dispatch
        if self._left:
            dispatch.sweep.forget(self)
            dispatch.leavers.discard(self)
        _, _, _, _, waiting = dispatch.journey.step(
            what, self._flow, usage.input, usage.cached, usage.output, usage.reasoning, usage.estimated | self._lane << 1
        )
        if waiting:
            dispatch.wake()

    def _rejected(self, reason: int, retry_after_s: float) -> None:
        self._over = True
        failure = self._failure
        status, message, param = (failure.status, failure.message, failure.param) if failure is not None else (0, None, None)
        refusal = of_reason(
            reason, retry_after_s, self._tried, status, message, param, front=self.ask.front,
            bound=named(self._dispatch.edge, reason, self._compared), relayed=self._relayed,
        )  # fmt: skip
        if self._origin is None or not self._origin.rejected(reason, refusal):
            self.refuse(refusal)


def _believed(usage: Usage | None) -> Usage | None:
    """A provider's word on what an answer took, or None where it cannot be: no model answers so long."""
    return usage if usage is not None and 0 <= usage.input <= MOST_TOKENS and 0 <= usage.output <= MOST_TOKENS else None
