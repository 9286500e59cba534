"""What the machine adds to a plan: addresses by the settings, and keys in the environment."""

import pytest

from roteiro.gateway.adoption import Surroundings
from roteiro.plan.compile import compile_plan
from roteiro.plan.read import read_text
from roteiro.terms.edge import Edge, EdgeTarget
from roteiro.terms.error import SettingsError

PLAN = """
roteiro: 1
providers:
  a: {name: one, model: m, base_url: "http://127.0.0.1:1/v1", key_env: [KEY_A, KEY_B]}
  b: {name: two, model: n, base_url: "http://127.0.0.1:2/v1"}
"""
KEYS = {"KEY_A": "x", "KEY_B": "y"}


def edge() -> Edge:
    plan = read_text(PLAN).plan
    assert plan is not None
    return compile_plan(plan, "d").edge


def first(base_urls: dict[str, str], environment: dict[str, str]) -> EdgeTarget:
    return Surroundings(base_urls, environment).edge(edge(), {}).targets[0]


def test_all_keys_are_wanted_and_all_that_are_missing_are_told() -> None:
    assert (first({}, KEYS).key_env, first({}, KEYS).key_envs) == ("KEY_A", ["KEY_A", "KEY_B"])
    with pytest.raises(SettingsError, match="KEY_B") as one:
        first({}, {"KEY_A": "x"})
    assert "KEY_A" not in str(one.value)
    with pytest.raises(SettingsError, match=r"KEY_A(.|\n)*KEY_B"):
        first({}, {"KEY_B": " "})


def test_an_address_of_the_settings_asks_for_no_key_and_keeps_their_places() -> None:
    moved = {"a": "http://127.0.0.1:9/v1"}
    assert (first(moved, {}).base_url, first(moved, {}).key_env, first(moved, {}).key_envs) == ("http://127.0.0.1:9/v1", None, ["", ""])
    assert (first(moved, {"KEY_B": "y"}).key_env, first(moved, {"KEY_B": "y"}).key_envs) == (None, ["", "KEY_B"])
    assert first(moved, KEYS).key_envs == ["KEY_A", "KEY_B"]
