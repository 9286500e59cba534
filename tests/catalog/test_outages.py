"""What is known of vendors' outages."""

import pytest

from roteiro.catalog.outages import OUTAGE_RATES, find_outage_rate


@pytest.mark.parametrize("vendor", sorted(OUTAGE_RATES))
def test_every_rate_is_dated_and_has_its_source(vendor: str) -> None:
    rate = OUTAGE_RATES[vendor]
    assert rate.since < rate.until and rate.source
    assert 0.0 < rate.mttr_s < rate.mtbf_s


def test_vendors_are_found_whatever_their_case_and_others_not() -> None:
    assert find_outage_rate("OpenAI") == find_outage_rate("openai") is not None
    assert find_outage_rate("claude") == OUTAGE_RATES["anthropic"]
    assert find_outage_rate("mistral") is None and find_outage_rate("nobody") is None
