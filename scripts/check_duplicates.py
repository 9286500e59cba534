"""Refuses code that stands in two places: the same run of lines, in one file or in two.

    python scripts/check_duplicates.py src

Blank lines, comments, docstrings and imports do not count, nor does indentation: two files may well import the same names, and a
moved block is still the same block.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

RUN = 8
"""So many equal lines in a row are one thought written twice; fewer are often a coincidence of form."""


def lines_of(source: str) -> list[tuple[int, str]]:
    """The lines that count, each with its number, stripped of indentation."""
    passed_over: set[int] = set()
    for node in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            passed_over.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    numbered = enumerate((line.strip() for line in source.splitlines()), start=1)
    return [(number, line) for number, line in numbered if line and not line.startswith("#") and number not in passed_over]


def repeats(files: list[Path]) -> Iterator[str]:
    """One line for each run that stands a second time. A long repeat is told once, at its start."""
    first: dict[tuple[str, ...], tuple[Path, int]] = {}
    for file in files:
        lines = lines_of(file.read_text(encoding="utf-8"))
        told_until = -1
        for start in range(len(lines) - RUN + 1):
            run = tuple(line for _, line in lines[start : start + RUN])
            if all(len(line) < 4 for line in run):  # a ladder of closing brackets
                continue
            if run not in first:
                first[run] = (file, lines[start][0])
            elif start > told_until:
                told_until = start + RUN
                other, line = first[run]
                yield f"{file}:{lines[start][0]} repeats {RUN} lines or more of {other}:{line}"


def main() -> int:
    roots = [Path(name) for name in sys.argv[1:]] or [Path("src")]
    found = list(repeats([file for root in roots for file in sorted(root.rglob("*.py"))]))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
