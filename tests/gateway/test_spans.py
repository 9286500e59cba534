"""Spans say what the rows say: one of the request, one of each attempt with its times, its end, and its reason."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.events import events

from roteiro.gateway.spans import KEPT, Provider, Span, is_part_of_a_span, sampled, spans_of
from roteiro.gateway.trace_context import TraceContext
from roteiro.terms.codes import CacheKind, Command, ErrorClass, Operation, Outcome, Reason, Step
from roteiro.terms.edge import Names
from roteiro.terms.event import DECISION

NAMES = Names(
    targets=["one", "two"], routes=["chat"], tenants=["acme"], workloads=["web"], keys=["k"], tiers=[], regions=[], limits=[], budgets=[],
    rules=[], plans=["d1", "d2"],
)  # fmt: skip
PROVIDERS = [Provider("openai", "gpt-x"), Provider("anthropic", "claude-y")]
CONTEXT = TraceContext("run-1")
TRACE = (0x4BF92F3577B34DA6, -0x5C316D62F1F1B8CA, 0x00F067AA0BA902B7)


def row(**values: Any) -> dict[str, Any]:
    """A decision."""
    return {**dict.fromkeys(KEPT, 0), **values}


def send(at_s: float, target: int, reason: Reason, step: Step = Step.BEGIN, command: Command = Command.SEND, credential: int = 0) -> Any:
    return row(now_s=at_s, step=step, command=command, argument=float(target + 65536 * credential), reason=reason)


def spans(steps: list[Any], **event: Any) -> list[Span]:
    one = events(1, 7, arrival_s=1.0, ended_s=3.0, **event)
    names = one.dtype.names or ()
    return list(spans_of(dict(zip(names, one.tolist()[0], strict=True)), steps, NAMES, PROVIDERS, CONTEXT))


def test_a_request_of_one_attempt() -> None:
    whole, attempt = spans(
        [send(1.01, 1, Reason.WEIGHTED, credential=2), row(now_s=1.5, step=Step.FIRST_BYTE), row(now_s=2.9, step=Step.END)],
        target=1, input_tokens=11, output_tokens=5, cached_tokens=4, cost_nusd=1_500_000, ttft_ms=500.0, stream=1, plan=1, outcome=0,
        trace_hi=TRACE[0], trace_lo=TRACE[1], parent_span=TRACE[2],
    )  # fmt: skip
    assert (whole.name, whole.trace, whole.parent, whole.span) == ("chat chat", TRACE[:2], TRACE[2], CONTEXT.span_of(7))
    assert (whole.began_s, whole.ended_s, whole.error, whole.is_request) == (1.0, 3.0, "", True)
    said = whole.attributes
    assert (said["gen_ai.provider.name"], said["gen_ai.request.model"], said["gen_ai.response.model"]) == ("anthropic", "chat", "claude-y")
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (11, 5)
    assert (said["roteiro.tenant"], said["roteiro.plan"], said["roteiro.cost_usd"]) == ("acme", "d2", 0.0015)
    assert (attempt.name, attempt.parent, attempt.span) == ("chat claude-y", whole.span, CONTEXT.span_of(7, 1))
    assert (attempt.began_s, attempt.ended_s, attempt.is_request) == (1.01, 2.9, False)
    assert (attempt.attributes["roteiro.credential"], attempt.attributes["roteiro.reason"]) == (2, "weighted")
    assert [(each.name, each.at_s) for each in attempt.happened] == [("first byte", 1.5)]


def test_a_failure_a_wait_and_another_target() -> None:
    whole, first, second = spans(
        [
            send(1.0, 0, Reason.ONLY_TARGET), row(now_s=1.2, step=Step.FAILED, a=ErrorClass.SERVER, c=503, command=Command.WAIT, reason=Reason.BACKOFF),
            send(1.4, 1, Reason.FALLBACK, Step.AGAIN), row(now_s=2.0, step=Step.END),
        ],
        attempts=2, target=1,
    )  # fmt: skip
    assert (first.ended_s, first.error, first.attributes["http.response.status_code"]) == (1.2, "server", 503)
    assert "http.request.resend_count" not in first.attributes and second.attributes["http.request.resend_count"] == 1
    assert (second.began_s, second.ended_s, second.error, second.attributes["roteiro.reason"]) == (1.4, 2.0, "", "fallback")
    assert [(each.name, each.attributes["roteiro.reason"]) for each in whole.happened] == [("wait", "backoff")]


def test_of_a_hedge_one_wins() -> None:
    _, first, second = spans(
        [
            send(1.0, 0, Reason.WEIGHTED), send(1.3, 1, Reason.HEDGED, Step.HEDGE), row(now_s=1.6, step=Step.FIRST_BYTE, a=1),
            row(now_s=2.5, step=Step.END, e=2),
        ],
        attempts=2, hedged=2, target=1,
    )  # fmt: skip
    assert (first.ended_s, first.attributes["roteiro.lost"], first.error) == (1.6, True, "")
    assert (second.began_s, second.ended_s, "roteiro.lost" in second.attributes) == (1.3, 2.5, False)


def test_a_rescue_and_a_client_who_leaves() -> None:
    whole, first, second = spans(
        [
            send(1.0, 0, Reason.WEIGHTED), row(now_s=1.1, step=Step.FIRST_BYTE),
            {**send(1.5, 1, Reason.RESCUED, Step.FAILED, Command.RESCUE), "a": ErrorClass.CONNECTION}, row(now_s=2.0, step=Step.GONE),
        ],
        attempts=2, outcome=Outcome.CANCELLED, reason=Reason.CLIENT_GONE, rescues=1,
    )  # fmt: skip
    assert (first.error, first.ended_s) == ("connection", 1.5)
    assert second.attributes["roteiro.rescue"] is True and (second.began_s, second.error) == (1.5, "cancelled")
    assert (whole.error, whole.attributes["error.type"]) == ("client_gone", "client_gone")


def test_a_request_that_was_refused_has_no_attempt() -> None:
    (whole,) = spans([], outcome=Outcome.LIMITED, reason=Reason.KEY_LIMIT, target=-1, model=-1, attempts=0, status=429)
    assert (whole.name, whole.error, whole.trace) == ("chat none", "key_limit", CONTEXT.trace_of(7))
    assert "roteiro.target" not in whole.attributes and "gen_ai.provider.name" not in whole.attributes


def test_cache_and_operation_have_their_words() -> None:
    (whole,) = spans([], cache=CacheKind.EXACT, operation=Operation.EMBEDDINGS, attempts=0)
    assert (whole.name, whole.attributes["roteiro.cache"]) == ("embeddings chat", "exact")


def test_an_attempt_that_nothing_ended_ends_with_its_request() -> None:
    _, attempt = spans([send(1.0, 0, Reason.WEIGHTED)], outcome=Outcome.ABANDONED, reason=Reason.WORKER_DIED)
    assert (attempt.ended_s, attempt.error) == (3.0, "worker_died")


@given(st.floats(0, 1))
def test_sampling_is_the_workers(ratio: float) -> None:
    """The mask over many is the very answer that went out in each header."""
    context = TraceContext("run-2", ratio)
    rows = events(400, trace_hi=[0, 0, 0, 5] * 100, parent_span=[0, 0, 0, 1] * 50 + [0] * 200)
    one_by_one = [
        context.samples(int(row["trace_lo"]) if row["trace_hi"] else context.trace_of(int(row["request"]))[1], int(row["parent_span"]), not row["trace_hi"])
        for row in rows
    ]  # fmt: skip
    assert sampled(rows, context).tolist() == one_by_one


@pytest.mark.parametrize("outcome", list(Outcome))
def test_errors_are_always_sampled(outcome: Outcome) -> None:
    callers_own = outcome in (Outcome.SUCCESS, Outcome.LIMITED, Outcome.BUDGET, Outcome.CANCELLED)
    assert sampled(events(3, outcome=outcome), TraceContext("run", 0.0)).all() != callers_own


def test_only_what_spans_are_made_of_is_kept() -> None:
    rows = np.zeros(5, DECISION)
    rows["step"], rows["command"] = (
        [Step.TEND, Step.BEGIN, Step.BEGIN, Step.NOTE, Step.END],
        [0, Command.SEND, Command.REJECT, 0, Command.DONE],
    )
    rows["request"] = [-1, 3, 4, 3, 3]
    assert is_part_of_a_span(rows).tolist() == [False, True, False, False, True]
