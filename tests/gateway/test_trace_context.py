"""Trace context: what the standard calls valid is taken, nothing else; and our ids are the same wherever they are reckoned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.gateway.trace_context import TraceContext, read

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{SPAN}-01"
words = st.integers(-(2**63), 2**63 - 1)


def unsigned(word: int) -> int:
    return word % 2**64


def test_the_example_of_the_standard() -> None:
    found = read(VALID.encode())
    assert found is not None
    hi, lo, span = found
    assert f"{unsigned(hi):016x}{unsigned(lo):016x}" == TRACE and f"{unsigned(span):016x}" == SPAN
    assert all(-(2**63) <= word < 2**63 for word in found) and lo < 0


@pytest.mark.parametrize(
    "header",
    [
        "", "00", VALID[:-1], VALID + "0", VALID + "-", VALID + "-more", VALID.upper(), VALID.replace("-", "_"),
        f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01", f"01-{TRACE}-{SPAN}-01more", f"00-{TRACE}-{SPAN}-1 ", f"00 -{TRACE}-{SPAN}-01", f"{VALID}, {VALID}",
    ],
)  # fmt: skip
def test_what_is_not_valid_is_ignored(header: str) -> None:
    assert read(header.encode()) is None


@pytest.mark.parametrize(
    "header", [f" {VALID}\t", f"cc-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what comes\xe9", f"00-{TRACE}-{SPAN}-ff"]
)
def test_what_later_versions_add_is_passed_over(header: str) -> None:
    assert read(header.encode("latin-1")) == read(VALID.encode())


def test_a_parent_that_was_not_sampled_is_nowhere_to_be_seen() -> None:
    found, sampled = read(f"00-{TRACE}-{SPAN}-00".encode()), read(VALID.encode())
    assert found is not None and sampled is not None
    assert found == (*sampled[:2], 0)
    context = TraceContext("run")
    assert context.outgoing(*found, 7, 1).endswith(b"-00") and context.outgoing(*sampled, 7, 1).endswith(b"-01")


@given(st.binary(max_size=80))
def test_nothing_that_a_client_sends_breaks_it(header: bytes) -> None:
    found = read(header)
    assert found is None or (found[0] or found[1])


@given(hi=words, lo=words, span=words, request=st.integers(0, 2**62), attempt=st.integers(1, 30), ratio=st.floats(0, 1))
def test_what_goes_out_can_be_read_and_names_the_attempt(hi: int, lo: int, span: int, request: int, attempt: int, ratio: float) -> None:
    """The id in the header is the one that the exported span will have, and the trace is the client's where it sent one."""
    there, later = TraceContext("run", ratio), TraceContext("run", ratio)
    found = read(there.outgoing(hi, lo, span, request, attempt))
    assert found is not None
    ours = not (hi or lo)
    trace = later.trace_of(request) if ours else (hi, lo)
    sampled = later.samples(trace[1], span, ours)
    assert found == (*trace, later.span_of(request, attempt) if sampled else 0)


def test_ids_differ_by_run_request_and_attempt() -> None:
    contexts = [TraceContext(f"run-{n}") for n in range(4)]
    ids = [context.span_of(request, attempt) for context in contexts for request in range(200) for attempt in range(5)]
    ids += [half for context in contexts for request in range(200) for half in context.trace_of(request)]
    assert len(set(ids)) == len(ids) and 0 not in ids


@pytest.mark.parametrize("ratio", [0.0, 0.25, 1.0])
def test_the_ratio_is_kept(ratio: float) -> None:
    context = TraceContext("run", ratio)
    share = sum(context.samples(context.trace_of(request)[1], 0, True) for request in range(4000)) / 4000
    assert abs(share - ratio) < 0.03
