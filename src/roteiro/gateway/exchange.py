"""One exchange: a request driven through its journey, from arrival to settlement, obeying each command.

No task and no timer; everything happens in the callbacks of the client's and the provider's connection and of the sweep.
What must not live here: decisions. Which target, whether again, how long to wait: the journey says.
"""

from typing import Final, Protocol

from roteiro.gateway.dispatch import REASONS, Dispatch
from roteiro.gateway.journey_port import NO_FLOW
from roteiro.gateway.refusal import Refusal, limit_named, of_reason
from roteiro.providers.call import Call, Failure
from roteiro.terms.codes import Command, ErrorClass, Step
from roteiro.terms.error import InvariantError
from roteiro.wire.openai import ChatRequest, estimate_tokens
from roteiro.wire.openai_answer import Usage, error_frame

__all__ = ["Client", "Exchange"]

_FIRST_BYTE, _FAILED, _AGAIN, _END, _GONE = (int(step) for step in (Step.FIRST_BYTE, Step.FAILED, Step.AGAIN, Step.END, Step.GONE))
_SEND, _WAIT, _QUEUE, _REJECT = (int(command) for command in (Command.SEND, Command.WAIT, Command.QUEUE, Command.REJECT))
_NONE: Final = int(Command.NONE)


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


class Exchange:
    """See the module. `Listener` of its calls, `Timed` while it waits."""

    __slots__ = (
        "_call",
        "_client",
        "_compared",
        "_dispatch",
        "_failure",
        "_flow",
        "_headers",
        "_number",
        "_over",
        "_relayed",
        "_request",
        "_tried",
        "_until",
        "due",
    )

    def __init__(self, dispatch: Dispatch, client: Client, request: ChatRequest) -> None:
        self._dispatch, self._client, self._request = dispatch, client, request
        self._call: Call | None = None
        self._flow = NO_FLOW
        self._number = -1
        self._tried: list[ErrorClass] = []
        self._failure: Failure | None = None
        self._headers = b""
        self._relayed = self._over = False
        self._until = self.due = self._compared = 0.0

    def begin(self, key: int, route: int, workload: int) -> None:
        """Asks the journey. `workload` is an index, or -1 for the key's own."""
        dispatch, request = self._dispatch, self._request
        output = request.output_tokens if request.output_tokens is not None else dispatch.edge.output_tokens * request.choices
        flags = (workload + 1 << 8) | request.stream
        answer, self._number, self._until, self._compared = dispatch.journey.begin(key, route, request.input_tokens, output, flags)
        command, argument, reason, self._flow, waiting = answer
        self.obey(command, argument, reason)
        if waiting:
            dispatch.wake()

    def obey(self, command: int, argument: float, reason: int) -> None:
        """Does what the journey commands."""
        if command == _SEND:
            target = self._dispatch.targets[int(argument)]
            self._headers = b"%bx-roteiro-target: %b\r\nx-roteiro-reason: %b\r\n" % (self._identity(), target.name, REASONS[reason])
            call = self._call = Call(target, self._request, self, self._until)
            call.start()
        elif command in (_WAIT, _QUEUE):
            self.due = argument
            if command == _QUEUE:
                self._dispatch.queued[self._flow] = self
            self._dispatch.sweep.watch(self)
        elif command == _REJECT:
            self._rejected(reason, argument)
        elif command == _NONE:
            raise InvariantError(f"the journey left flow {self._flow} without a command")

    def late(self) -> None:
        """A wait is over."""
        self._dispatch.sweep.forget(self)
        self._dispatch.queued.pop(self._flow, None)
        self._step(_AGAIN)

    def gone(self) -> None:
        """The client left."""
        if self._over:
            return
        self._over = True
        dispatch, call = self._dispatch, self._call
        usage = Usage(0, 0, 0, 0)
        if call is not None:
            self._call = None
            usage = call.cancel()
        else:
            dispatch.sweep.forget(self)
            dispatch.queued.pop(self._flow, None)
        self._settle(_GONE, usage, estimated=True)

    def pause(self) -> None:
        """The client reads slowly."""
        if self._call is not None:
            self._call.pause()

    def resume(self) -> None:
        if self._call is not None:
            self._call.resume()

    # the provider's Listener

    def answered(self, body: bytes, usage: Usage | None) -> None:
        self._call, self._over = None, True
        self._settle(_END, usage or Usage(self._request.input_tokens, 0, estimate_tokens(body), 0), usage is None)
        self._client.answer(self._headers, body)

    def frames(self, data: bytes) -> None:
        if self._relayed:
            self._client.relay(data)
            return
        self._relayed = True
        self._dispatch.journey.step(_FIRST_BYTE, self._flow)
        self._client.open_stream(self._headers, data)

    def finished(self, usage: Usage | None, frames: int) -> None:
        self._call, self._over = None, True
        self._settle(_END, usage or Usage(self._request.input_tokens, 0, frames, 0), usage is None)
        self._client.end_stream(b"", broken=False)

    def failed(self, failure: Failure) -> None:
        self._call = None
        self._failure = failure
        self._tried.append(failure.error_class)
        wait = -1 if failure.retry_after_ms is None else failure.retry_after_ms
        self._step(_FAILED, int(failure.error_class), wait, failure.status, int(self._relayed))

    def stalled(self, usage: Usage) -> None:
        self._call, self._over = None, True
        self._settle(_GONE, usage, estimated=True)
        self._client.drop()

    def _step(self, what: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> None:
        dispatch = self._dispatch
        command, argument, reason, _, waiting = dispatch.journey.step(what, self._flow, a, b, c, d)
        self.obey(command, argument, reason)
        if waiting:
            dispatch.wake()

    def _settle(self, what: int, usage: Usage, estimated: bool) -> None:
        dispatch = self._dispatch
        _, _, _, _, waiting = dispatch.journey.step(
            what, self._flow, usage.input, usage.cached, usage.output, usage.reasoning, int(estimated)
        )
        if waiting:
            dispatch.wake()

    def _rejected(self, reason: int, retry_after_s: float) -> None:
        self._over = True
        failure = self._failure
        status, message = (failure.status, failure.message) if failure is not None else (0, None)
        limit = limit_named(self._dispatch.edge, reason, self._compared)
        refusal = of_reason(reason, retry_after_s, self._tried, status, message, limit=limit, relayed=self._relayed)
        if self._relayed:  # the head said 200; the last frame says what became of it
            self._client.end_stream(error_frame(refusal.body), broken=True)
        else:
            self._client.refuse(refusal, self._identity())

    def _identity(self) -> bytes:
        return b"" if self._number < 0 else b"x-request-id: %b-%d\r\n" % (self._dispatch.run, self._number)
