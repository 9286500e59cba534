"""Distances of texts: the same each time, small between like texts and large between others."""

import pytest

from roteiro.quality.text_distance import distance, trigrams


def test_like_texts_are_near_and_others_far() -> None:
    one, near, far = map(trigrams, ("O navio está no porto.", "O navio  ESTÁ no porto", "Canberra is the capital of Australia"))
    assert distance(one, [one]) == pytest.approx(0.0, abs=1e-6)
    assert distance(one, [near]) < 0.1
    assert distance(one, [far]) > 0.8
    assert distance(one, [near, far]) == pytest.approx((distance(one, [near]) + distance(one, [far])) / 2)


@pytest.mark.parametrize("text", ["", "a", "é", "\ud800", "ab"])
def test_any_text_has_a_vector_of_length_one(text: str) -> None:
    vector = trigrams(text)
    assert float(vector @ vector) == pytest.approx(1.0)


def test_nothing_to_compare_with() -> None:
    with pytest.raises(ValueError, match="no references"):
        distance(trigrams("a"), [])
