"""Prophet, where it is installed; and a clear word where it is not."""

import sys

import numpy as np
import pytest
from tests.analysis.test_forecast import daily

from roteiro.analysis.choice import CANDIDATES, choose
from roteiro.analysis.methods import METHODS, predict
from roteiro.analysis.past import past_of
from roteiro.terms.error import SettingsError


def test_it_forecasts_a_day_and_is_the_same_each_time() -> None:
    pytest.importorskip("prophet")
    past = past_of(daily(14))
    found = predict("prophet", past, 24)
    truth = 100 + 60 * np.sin(2 * np.pi * np.arange(24) / 24)
    assert np.abs(found - truth).mean() < 6.0 and np.array_equal(predict("prophet", past, 24), found)


def test_it_is_asked_for_or_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prophet", None)
    assert "prophet" in METHODS and "prophet" not in CANDIDATES
    past = past_of(daily(10))
    with pytest.raises(SettingsError, match=r"roteiro\[prophet\]"):
        choose(past, 12, "prophet")
    assert choose(past, 12, "seasonal_naive").method == "seasonal_naive"
