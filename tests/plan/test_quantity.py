"""The plan's quantities: canonical in Python, as people write in JSON, and bounded."""

import pytest
from pydantic import TypeAdapter, ValidationError

from roteiro.plan import quantity
from roteiro.plan.quantity import Bytes, Count, Factor, Money, PositiveSeconds, RateOf, Seconds, Share, TokenPrice, Tokens


@pytest.mark.parametrize(
    ("kind", "written", "canonical", "back"),
    [
        (Seconds, "2000ms", 2.0, "2s"),
        (Seconds, 300, 300.0, "5min"),
        (Share, "99.99%", 0.9999, "99.99%"),
        (Factor, "+15%", 1.15, "1.15"),
        (Money, "$12.5", 12_500_000_000, "$12.50"),
        (TokenPrice, "$0.002/1K tokens", 2_000_000_000, "$2/1M tokens"),
        (Tokens, "128K", 128_000, "128k"),
        (Bytes, "32MiB", 2**25, "32MiB"),
        (Count, "1k", 1000, 1000),
    ],
)
def test_read_and_written_back(kind: object, written: object, canonical: object, back: object) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(kind)
    assert adapter.validate_python(written) == canonical
    assert adapter.dump_python(canonical, mode="json") == back
    assert adapter.validate_python(back) == canonical


@pytest.mark.parametrize(
    ("kind", "written", "words"),
    [
        (PositiveSeconds, 0, "more than 0s"),
        (Seconds, "200000d", "at most"),
        (Tokens, 0, "at least 1"),
        (Count, "3G", "at most"),
        (Factor, 1e9, "at most"),
        (RateOf, "0/min", "more than 0"),
        (Money, "$99999999999", "at most"),
        (Bytes, 0, "at least 1B"),
    ],
)
def test_bounds_are_told_in_the_unit_that_was_written(kind: object, written: object, words: str) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(kind)
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(written)
    (error,) = caught.value.errors()
    assert error["type"] == "E105"
    assert words in error["msg"]


def test_braces_in_a_message_do_no_harm() -> None:
    assert "(x)" in str(quantity.refuse("has {x}").message())
