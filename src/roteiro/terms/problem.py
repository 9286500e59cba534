"""Problem: something wrong with what an operator wrote, as a value.

A reader of plans returns all of them; nothing is raised until someone must stop.
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Problem", "Severity", "Where"]


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and what would be right.

    `code` is stable (`E101`, `W203`); `path` is the dotted place in the plan, `remedy` completes "to mend it, …".
    """

    code: str
    where: Where
    path: str
    message: str
    remedy: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        subject = f"{self.path} " if self.path else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.where} {self.code} {subject}{self.message}{remedy}"
