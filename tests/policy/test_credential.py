"""Whose turn it is among the credentials of a provider, and which rest."""

import numpy as np
import pytest
from tests.policy.compiled import callable_from_python

from roteiro.policy import credential
from roteiro.policy.kernel import JIT
from roteiro.policy.state import TARGET

pytestmark = pytest.mark.kernel

condition, take, rest, returns_at = (
    callable_from_python(function) for function in (credential.condition, credential.take, credential.rest, credential.returns_at)
)


def target(credentials: int):  # type: ignore[no-untyped-def]
    rows = np.zeros(1, TARGET) if JIT else np.zeros(1, TARGET).view(np.recarray)
    rows["credentials"] = credentials
    return rows[0]


def test_they_take_turns_and_one_that_rests_is_passed_over() -> None:
    row = target(3)
    assert [take(row, 0, 0.0) for _ in range(4)] == [0, 1, 2, 0]
    rest(row, 1, 5.0, False)
    assert [take(row, 0, 1.0) for _ in range(3)] == [2, 0, 2]
    assert take(row, 0b101, 6.0) == 1
    assert take(row, 0b111, 6.0) == 0, "there is always one to name"


def test_no_number_of_credentials_is_one() -> None:
    row = target(0)
    assert (take(row, 0, 0.0), condition(row, 0, 0.0)) == (0, credential.AVAILABLE)
    assert condition(row, 1, 0.0) == credential.REFUSED


def test_what_rests_for_its_limit_is_not_what_was_refused() -> None:
    row = target(2)
    rest(row, 0, 60.0, True)
    assert (condition(row, 0, 0.0), row["paused_until"]) == (credential.AVAILABLE, 0.0)
    rest(row, 1, 9.0, False)
    assert (condition(row, 0, 0.0), condition(row, 0b10, 0.0)) == (credential.LIMITED, credential.REFUSED)
    assert (row["paused_until"], returns_at(row, 0), returns_at(row, 0b10), returns_at(row, 0b11)) == (9.0, 9.0, 60.0, 1e18)
    rest(row, 1, 60.0, True)
    assert condition(row, 0, 9.5) == credential.REFUSED
    assert (take(row, 0, 60.0), row["credential_refused"]) == (0, 0b10), "who is tried again is no longer called refused"


def test_a_rest_is_never_shortened() -> None:
    row = target(1)
    rest(row, 0, 60.0, True)
    rest(row, 0, 5.0, False)
    assert (row["credential_until"][0], row["paused_until"], row["credential_refused"]) == (60.0, 60.0, 0)
