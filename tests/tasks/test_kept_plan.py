"""Plans found again by their digest."""

from pathlib import Path

import msgspec
import pytest

from roteiro.plan.digest import canonical_json, digest
from roteiro.plan.read import read_text
from roteiro.tasks.kept_plan import kept_plan

TEXT = "roteiro: 1\nproviders: {one: {name: openai, model: gpt-4o}}\nsla_tiers: {gold: {availability: 99%}}\n"


def test_by_its_own_file_and_by_the_versions_of_runs(tmp_path: Path) -> None:
    plan = read_text(TEXT).plan
    assert plan is not None
    name, text = digest(plan), canonical_json(plan)
    assert kept_plan(tmp_path, name) is None
    versions = tmp_path / "run" / "r1" / "versions"
    versions.mkdir(parents=True)
    (versions / "0.json").write_bytes(msgspec.json.encode({"digest": name, "plan": text}))
    assert kept_plan(tmp_path, name) == plan
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / f"{name}.json").write_text(text)
    (versions / "0.json").unlink()
    assert kept_plan(tmp_path, name) == plan


@pytest.mark.parametrize(
    "spoilt", [b"", b"{", b"[1]", b'{"digest": "abc"}', b'{"digest": "abc", "plan": 3}', b'{"digest": "abc", "plan": "%"}']
)
def test_spoilt_files_are_passed_over(spoilt: bytes, tmp_path: Path) -> None:
    versions = tmp_path / "run" / "r1" / "versions"
    versions.mkdir(parents=True)
    (versions / "0.json").write_bytes(spoilt)
    assert kept_plan(tmp_path, "abc") is None


def test_a_digest_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text(TEXT)
    assert kept_plan(tmp_path / "data", "../secret") is None
