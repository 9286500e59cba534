"""The reference page of problems, generated from their registry: `python -m roteiro.plan.reference` writes it to standard output.

What must not live here: the problems (`problems`, and the checks).
"""

import sys
from typing import Final

from roteiro.plan.check import REGISTERED
from roteiro.plan.problems import KINDS, Kind

__all__ = ["problem_kinds", "problem_reference"]

GROUPS: Final[tuple[tuple[str | tuple[str, ...], str, str], ...]] = (
    ("E0", "The file", "Nothing can be said of the plan until these are mended."),
    ("E1", "The shape", "A section says something that cannot be understood."),
    ("E2", "What cannot work", "Each section is well formed, and together they cannot work."),
    ("E3", "Promises, quality, vendors and notices", "What is promised cannot be held, measured or told so."),
    ("E4", "The demand", "It does not say what arrives, and when."),
    ("E9", "What does not fit the server or the simulation", "The plan may be good; it cannot be taken up or simulated so."),
    ("W1", "Remarks", "The plan is used all the same."),
    ("W2", "What looks wrong", "The plan is used all the same; look at it once more."),
    (
        tuple(f"W3{digit}" for digit in "123456789"),
        "What looks wrong in promises, quality, vendors and notices",
        "The plan is used all the same; look at it once more.",
    ),
    ("W4", "What looks wrong in the demand", "It is simulated all the same; look at it once more."),
    ("W9", "What a simulation leaves out", "It goes on without."),
    ("W30", "What is not enacted yet", "Kept in the plan, and said aloud so that nobody relies on it."),
)


def problem_kinds() -> tuple[Kind, ...]:
    """Every kind of problem, by code."""
    assert REGISTERED  # importing the checks has registered theirs
    return tuple(KINDS[code] for code in sorted(KINDS))


def problem_reference() -> str:
    """The page, in Markdown."""
    lines = [
        "# Problems of a plan",
        "",
        "`roteiro check PLAN` finds all of them at once, each as `file:line:column CODE place message; remedy`.",
        "Codes beginning with E are errors and refuse the plan; those with W are warnings. A code never changes its meaning.",
    ]
    for prefix, title, meaning in GROUPS:
        lines += ["", f"## {title}", "", meaning, "", "| code | what | why |", "|---|---|---|"]
        lines += [
            f"| `{kind.code}` | {kind.title} | {kind.why.replace('|', chr(92) + '|')} |"
            for kind in problem_kinds()
            if kind.code.startswith(prefix)
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(problem_reference())
