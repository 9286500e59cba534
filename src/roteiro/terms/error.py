"""Exceptions, for a caller's mistake or a broken invariant; expected failures are values (`Problem`, `Outcome`, `ErrorClass`).

Blame is in the type, so that whoever catches one knows whom to tell.
"""

from collections.abc import Sequence

from roteiro.terms.problem import Problem

__all__ = ["InvariantError", "LedgerError", "PlanError", "RequestError", "RoteiroError", "SettingsError"]


class RoteiroError(Exception):
    """Base of all that Roteiro raises on purpose."""


class RequestError(RoteiroError):
    """The client sent something that cannot be served. `status` is HTTP's, `code` a stable word, `param` the field at fault."""

    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


class PlanError(RoteiroError):
    """The plan cannot be used. Carries every problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class SettingsError(RoteiroError):
    """A port, path or secret is wrong: the operator's machine, not the plan."""


class LedgerError(RoteiroError):
    """Events cannot be written or read: a full disk, a read-only folder, a file that is not a ledger's."""


class InvariantError(RoteiroError):
    """We are wrong. Please report it."""
