"""Suites: read, or refused with every problem by its line."""

from pathlib import Path

from roteiro.plan.suite import read_suites

BAD = """
canaries: 1
questions:
  one: {ask: "What?", expect: {}}
  two: {ask: "What?", expect: {regex: "("}, languge: en}
  three: {expect: {one_of: [x]}, kind: fact}
"""
GOOD = 'questions:\n  mine: {ask: "2 + 2?", expect: {number: 4}}\n'


def test_all_problems_are_told_by_line(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(BAD)
    probes, problems = read_suites([tmp_path / "bad.yaml", tmp_path / "missing.yaml"])
    assert probes == []
    assert sorted((problem.code, problem.where.line) for problem in problems) == [
        ("E001", 1), ("E101", 5), ("E102", 6), ("E106", 6), ("E360", 4), ("E361", 5),
    ]  # fmt: skip


def test_a_name_in_two_suites_is_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD)
    probes, problems = read_suites([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    assert [probe.id for probe in probes] == ["mine"]
    assert [(problem.code, Path(problem.where.file).name, problem.where.line) for problem in problems] == [("E362", "b.yaml", 2)]
