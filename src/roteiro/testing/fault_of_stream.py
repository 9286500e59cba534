"""Faults in what is said: streams that are cut, do not end, carry errors or nonsense, and answers with nothing in them.

What must not live here: the connection's own faults (`fault_of_transport`).
"""

from dataclasses import replace
from typing import Annotated, Final, Literal

from msgspec import Meta

from roteiro.testing.fault_base import Fault, Scene
from roteiro.testing.tape import Ending, FrameKind, Piece, Tape, json_tape

__all__ = ["CutStream", "Empty", "ErrorFrame", "Malformed", "NoDone", "NoFinish", "Nonsense", "WrongType"]

_After = Annotated[int, Meta(ge=0)] | None
_GAP_S: Final = 0.01
"""Before an error in a stream, so that it does not come together with what was said before."""
_BAD_FRAME: Final = b'data: {"id":"chatcmpl-\n\n'


class CutStream(Fault, frozen=True, tag="cut_stream"):
    """A stream that ends in good order as HTTP, but without a finish reason and `[DONE]`. A whole body is cut likewise: half a JSON.

    `after`: so many frames with content, else half of all.
    """

    after: _After = None

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        front = tape.halves(self.after)[0]
        return replace(tape, pieces=front, length=None if tape.length is None else sum(len(piece.data) for piece in front))


class ErrorFrame(Fault, frozen=True, tag="error_frame"):
    """An error in the middle of a stream as the dialect writes it, then the end. A whole answer is the error under status 200."""

    message: str = "The server had an error while processing your request."
    after: _After = None

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        if not tape.is_stream:
            return replace(json_tape(200, scene.dialect.error_value(self.message)), head_after_s=tape.head_after_s)
        error = Piece(_GAP_S, scene.dialect.error_frame(self.message))
        return replace(tape, pieces=(*tape.halves(self.after)[0], error))


class NoFinish(Fault, frozen=True, tag="no_finish"):
    """An answer that ends in good order, with the dialect's own end, but never says why it ended."""

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        if tape.is_stream or scene.answer is None:
            return tape.without(FrameKind.FINISH, FrameKind.USAGE)
        return replace(json_tape(200, scene.dialect.body(scene.answer.unfinished())), head_after_s=tape.head_after_s)


class NoDone(Fault, frozen=True, tag="no_done"):
    """A stream with its finish reason, but without the dialect's own end (`[DONE]`, `message_stop`): held open, or closed."""

    holds: bool = True

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        return replace(tape.without(FrameKind.DONE), ending=Ending.HANG if self.holds else Ending.WHOLE) if tape.is_stream else tape


class Empty(Fault, frozen=True, tag="empty"):
    """An answer with nothing in it, though it says that it is done; or (`body`) not even that: no byte under status 200."""

    form: Literal["answer", "body"] = "answer"

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        if self.form == "body" or scene.answer is None:
            return replace(tape, pieces=(), length=None if tape.is_stream else 0)
        if tape.is_stream:
            frames = scene.dialect.frames(scene.answer.empty())
            return replace(tape, pieces=tuple(Piece(0.0, frame.data, frame.kind) for frame in frames))
        return replace(json_tape(200, scene.dialect.body(scene.answer.empty())), head_after_s=tape.head_after_s)


class Malformed(Fault, frozen=True, tag="malformed"):
    """Frames in the middle of a stream, or a whole body, that are not JSON. All else comes as it should."""

    count: Annotated[int, Meta(ge=1)] = 1

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        if not tape.is_stream:
            return replace(json_tape(200, b'{"id":"chatcmpl-', headers=tape.headers), head_after_s=tape.head_after_s)
        front, back = tape.halves()
        return replace(tape, pieces=(*front, *(Piece(0.0, _BAD_FRAME),) * self.count, *back))


class Nonsense(Fault, frozen=True, tag="nonsense"):
    """200, JSON by its type and by its form, and no answer in it."""

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        return replace(json_tape(200, {"ok": True, "choices": "many"}), head_after_s=tape.head_after_s)


class WrongType(Fault, frozen=True, tag="wrong_type"):
    """200 with a web page, as a captive portal or a misplaced proxy answers."""

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        page = b"<!doctype html><title>Sign in</title><p>Please sign in to continue.\n"
        return Tape(200, {"content-type": "text/html; charset=utf-8"}, (Piece(0.0, page),), len(page), head_after_s=tape.head_after_s)
