"""A task's tier: the sum of a table, told part by part, and carried in the flags of a step."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from roteiro.policy.complexity import COMPLEX_FROM, MEDIUM_FROM, POINTS, Feature, judge, pack, parts, score, tier, unpack
from roteiro.terms.codes import Complexity
from roteiro.wire.features import Looks

looks = st.builds(
    Looks,
    tools=st.integers(0, 80),
    turns=st.integers(0, 50),
    code=st.booleans(),
    schema=st.booleans(),
    reasoning=st.booleans(),
    pictures=st.booleans(),
    asks=st.booleans(),
)
tokens = st.integers(0, 1_000_000)


@given(looks, tokens, tokens)
def test_a_score_is_the_sum_of_its_parts(features: Looks, input_tokens: int, output_tokens: int) -> None:
    told = judge(features, input_tokens, output_tokens)
    assert told.score == min(100, sum(points for _, points in parts(told.features, input_tokens, output_tokens)))
    assert told.tier == tier(told.score)


@given(looks, tokens, tokens)
def test_flags_carry_a_judgement_there_and_back_and_touch_no_other_bit(features: Looks, input_tokens: int, output_tokens: int) -> None:
    told = judge(features, input_tokens, output_tokens)
    flags = pack(told)
    assert unpack(flags) == unpack(flags | 0b111_0_0111 | 0xFFFF << 8) == told
    assert flags & (0b1110_0111 | 0xFFFF << 8) == 0
    assert flags < 1 << 39


@given(looks, tokens, tokens, tokens)
def test_a_longer_request_is_never_simpler(features: Looks, one: int, other: int, output_tokens: int) -> None:
    short, long = sorted((one, other))
    assert judge(features, short, output_tokens).score <= judge(features, long, output_tokens).score


def test_every_feature_counts_and_names_itself() -> None:
    assert set(POINTS) == set(Feature)
    assert [name for name, _ in parts(255, 0, 0)] == [
        "reasoning", "asks", "pictures", "tools", "code", "schema", "many_tools", "turns",
    ]  # fmt: skip
    for few, many in itertools.pairwise(range(9)):
        assert score((1 << few) - 1, 0, 0) < score((1 << many) - 1, 0, 0) or score((1 << few) - 1, 0, 0) == 100


def test_the_tiers_begin_where_they_are_said_to() -> None:
    assert [tier(points) for points in (0, MEDIUM_FROM - 1, MEDIUM_FROM, COMPLEX_FROM - 1, COMPLEX_FROM, 100)] == [
        Complexity.SIMPLE, Complexity.SIMPLE, Complexity.MEDIUM, Complexity.MEDIUM, Complexity.COMPLEX, Complexity.COMPLEX,
    ]  # fmt: skip


def test_nobody_looked() -> None:
    assert unpack(1).tier == Complexity.UNKNOWN
