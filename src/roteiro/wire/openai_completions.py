"""Clients that speak OpenAI completions, the older endpoint: a text goes on.

What must not live here: chat completions.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw

from roteiro.terms.codes import Operation
from roteiro.wire.body import invalid, top_level, typed, untranslatable
from roteiro.wire.canon import Answer, Choice, Delta, Finished, Message, Prompt, RefusalDelta, Refused, Started, Text, TextDelta, Usage
from roteiro.wire.dialect import Ask, Seen
from roteiro.wire.openai import common_fields, error_body, error_frame
from roteiro.wire.openai_chat_answer import FINISH, say_usage
from roteiro.wire.openai_sampling import Sampling

__all__ = ["CompletionWriter", "OpenAICompletionsFront"]

MOST_TOKENS_UNSAID: Final = 16
"""What the dialect means by a `max_tokens` that is not said."""

_ITEMS: Final = msgspec.json.Decoder(list[Raw])
_encode: Final = msgspec.json.Encoder().encode


class _Body(Sampling, forbid_unknown_fields=True, kw_only=True):
    """All that a translation knows. Another field is refused by name."""

    prompt: str | list[str | int | list[int]]
    # What says only what is so anyway.
    best_of: Literal[1] | None = None
    echo: Literal[False] | None = None
    suffix: Literal[""] | None = None
    logprobs: None = None


_BODY: Final = msgspec.json.Decoder(_Body)


class OpenAICompletionsFront:
    """`/v1/completions`. A `Front`."""

    name = "openai"

    def read(self, body: bytes, headers: Mapping[bytes, bytes]) -> Ask:
        """See `Front`. Each of several prompts is answered `n` times."""
        fields = top_level(body)
        prompt = fields.get("prompt")
        if prompt is None or bytes(prompt) == b"null":
            raise invalid("prompt", "you must provide `prompt`", "missing_required_parameter")
        ask = common_fields(self, Operation.COMPLETION, fields, body)
        prompts = _prompts(prompt)
        ask.choices *= prompts
        if ask.output_tokens is not None:
            ask.output_tokens *= prompts
        return ask

    def prompt(self, ask: Ask) -> Prompt:
        """See `Front`. The text becomes a user's message."""
        body = typed(ask.fields, _BODY)
        prompt = body.prompt[0] if isinstance(body.prompt, list) and len(body.prompt) == 1 else body.prompt
        if not isinstance(prompt, str):
            several = isinstance(prompt, list) and all(isinstance(one, str) for one in prompt)
            raise untranslatable("prompt", "as several texts" if several else "as tokens")
        return Prompt(
            messages=(Message("user", (Text(prompt),)),),
            max_tokens=MOST_TOKENS_UNSAID if body.max_tokens is None else body.max_tokens,
            stream=ask.stream,
            user=body.user,
            **body.asked(),
        )

    def answer(self, answer: Answer, ask: Ask) -> bytes:
        """See `Front`."""
        said: dict[str, Any] = {
            "id": answer.id or f"cmpl-{answer.created}",
            "object": "text_completion",
            "created": answer.created,
            "model": answer.model,
            "choices": [_choice(choice) for choice in answer.choices],
        }
        if answer.usage is not None:
            said["usage"] = say_usage(answer.usage)
        return _encode(said)

    def writer(self, ask: Ask, created: int, seen: Seen) -> "CompletionWriter":
        """See `Front`."""
        return CompletionWriter(ask.client_wants_usage, created, seen)

    def error(self, status: int, code: str, message: str, param: str | None = None, type: str | None = None) -> bytes:
        """See `Front`."""
        return error_body(status, code, message, type, param)

    def error_frame(self, body: bytes) -> bytes:
        """See `Front`."""
        return error_frame(body)


def _prompts(prompt: Raw) -> int:
    """How many texts are to go on. A list of numbers is one text, in tokens."""
    shape = memoryview(prompt)[0]
    if shape == 0x22:
        return 1
    if shape != 0x5B:
        raise invalid("prompt", "`prompt` must be a text, or a list of texts or of tokens", "invalid_type")
    items = _ITEMS.decode(prompt)
    if not items:
        raise invalid("prompt", "`prompt` is empty", "empty_array")
    return len(items) if memoryview(items[0])[0] in b'"[' else 1


def _choice(choice: Choice) -> dict[str, Any]:
    text = "".join(part.text for part in choice.parts if isinstance(part, (Text, Refused)))
    return {"text": text, "index": choice.index, "logprobs": None, "finish_reason": FINISH[choice.finish or "stop"]}


class CompletionWriter:
    """Pieces of an answer as chunks. A `Writer`. Reasoning has no place in the dialect."""

    def __init__(self, wants_usage: bool, created: int, seen: Seen) -> None:
        self._wants_usage, self._seen = wants_usage, seen
        if not seen.created:
            seen.created = created

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """See `Writer`."""
        return b"".join([self._frame(delta) for delta in deltas])

    def end(self, usage: Usage | None) -> bytes:
        """See `Writer`."""
        if usage is None or not self._wants_usage:
            return b"data: [DONE]\n\n"
        return b"%bdata: [DONE]\n\n" % self._said(choices=[], usage=say_usage(usage))

    def _frame(self, delta: Delta) -> bytes:
        seen = self._seen
        if isinstance(delta, (TextDelta, RefusalDelta)):
            if delta.choice == 0 and isinstance(delta, TextDelta):
                seen.text.append(delta.text)
            else:
                seen.rescuable = False
            return self._chunk(delta.choice, delta.text, None)
        if isinstance(delta, Finished):
            if delta.choice == 0:
                seen.finish = delta.finish
            return self._chunk(delta.choice, "", FINISH[delta.finish])
        if isinstance(delta, Started) and not seen.id:
            seen.id, seen.model = delta.id or f"cmpl-{seen.created}", delta.model
        return b""

    def _chunk(self, choice: int, text: str, finish: str | None) -> bytes:
        self._seen.chunks += 1
        return self._said(choices=[{"text": text, "index": choice, "logprobs": None, "finish_reason": finish}])

    def _said(self, **more: Any) -> bytes:
        seen = self._seen
        head = {"id": seen.id, "object": "text_completion", "created": seen.created, "model": seen.model}
        return b"data: %b\n\n" % _encode({**head, **more})
