"""The digest: what a plan means, not how it is written."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tests.plan.chapter import BLOCKS

from roteiro.plan.digest import canonical_json, load_canonical
from roteiro.plan.digest import digest as digest_of
from roteiro.plan.read import read, read_text
from roteiro.plan.starter import starter

CHAPTER = "roteiro: 1\n" + "".join(BLOCKS)


def digest(text: str) -> str:
    reading = read_text(text)
    assert reading.plan is not None, [str(problem) for problem in reading.errors]
    return reading.digest


def shuffled(data: Any, order: random.Random) -> Any:
    """The data with the keys of every mapping in another order."""
    if isinstance(data, dict):
        return {key: shuffled(data[key], order) for key in order.sample(sorted(data), len(data))}
    return [shuffled(item, order) for item in data] if isinstance(data, list) else data


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_law_order_of_keys_and_comments_mean_nothing(order: random.Random) -> None:
    data = shuffled(YAML(typ="safe", pure=True).load(CHAPTER), order)
    lines = [f"# {order.random()}"]

    def write(node: Any) -> str:
        if isinstance(node, dict):
            return "{" + ", ".join(f"{key}: {write(value)}" for key, value in node.items()) + "}"
        return "[" + ", ".join(map(write, node)) + "]" if isinstance(node, list) else repr(node)

    lines += [f"{key}: {write(value)}   # {order.random()}" for key, value in data.items()]
    assert digest("\n".join(lines)) == digest(CHAPTER)


def test_spelling_of_units_means_nothing() -> None:
    same = CHAPTER.replace("2000ms", "2s").replace('"99.9%"', "0.999").replace("cooldown: 300", "cooldown: 5min").replace("10000", "10k")
    assert same != CHAPTER
    assert digest(same) == digest(CHAPTER)


@pytest.mark.parametrize(
    ("old", "new"),
    [("weight: 70", "weight: 71"), ("2000ms", "2001ms"), ("cooldown: 300", "cooldown: 301"), ("99.99%", "99.98%"), ("> 5%", ">= 5%")],
)
def test_any_change_of_meaning_changes_it(old: str, new: str) -> None:
    assert digest(CHAPTER.replace(old, new, 1)) != digest(CHAPTER)


def test_a_null_threshold_is_not_its_default() -> None:
    head = "roteiro: 1\nproviders: {a: {name: local, model: m, local: smollm2}}\n"
    never, default = head + "budgets: {b: {amount: $5, stop_at: ~}}\n", head + "budgets: {b: {amount: $5}}\n"
    assert digest(never) != digest(default)
    plan = read_text(never).plan
    assert plan is not None
    again = read_text(canonical_json(plan)).plan
    assert again is not None
    assert again.budgets["b"].stop_at is None


def test_files_mean_nothing(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("include: rest.yaml\nroteiro: 1\n" + BLOCKS[0], encoding="utf-8")
    (tmp_path / "rest.yaml").write_text("".join(BLOCKS[1:]), encoding="utf-8")
    assert read(tmp_path / "plan.yaml").digest == digest(CHAPTER)


@pytest.mark.parametrize("text", [CHAPTER, starter("en"), starter("pt-BR")], ids=["chapter", "en", "pt"])
def test_the_canonical_json_is_the_same_plan(text: str) -> None:
    plan = read_text(text).plan
    assert plan is not None
    again = read_text(canonical_json(plan))
    assert again.plan is not None
    assert canonical_json(again.plan) == canonical_json(plan)
    assert again.digest == digest(text)


@pytest.mark.parametrize("text", [CHAPTER, starter("en")], ids=["chapter", "en"])
def test_a_canonical_plan_is_loaded_as_it_was(text: str) -> None:
    plan = read_text(text).plan
    assert plan is not None
    again = load_canonical(canonical_json(plan))
    assert again == plan
    assert digest_of(again) == digest_of(plan)
    # `claude-3` has no price in the list: that stays so, even if a later list has one.
    assert again.providers["secondary"].price == plan.providers["secondary"].price


@pytest.mark.parametrize("text", ["", "[]", "{", '{"roteiro": 9}', "[" * 100_000])
def test_what_is_no_canonical_plan(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_canonical(text)
