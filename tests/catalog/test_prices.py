"""The catalogue: dated prices in integer nano-dollars per million tokens, and vendors as rows."""

import subprocess
import sys
from datetime import date

import pytest

from roteiro.catalog import prices
from roteiro.catalog.vendors import VENDORS, find_vendor


def test_a_known_price_in_nano_dollars_per_million() -> None:
    price = prices.find_price("openai", "gpt-4")
    assert price is not None
    assert (price.input_nusd_per_mtok, price.output_nusd_per_mtok, price.model) == (30 * 10**9, 60 * 10**9, "gpt-4")
    assert price.source.startswith("genai-prices ")
    cached = prices.find_price("openai", "gpt-4o-mini")
    assert cached is not None
    assert cached.cached_input_nusd_per_mtok == 75_000_000


@pytest.mark.parametrize(
    ("vendor", "model"), [("anthropic", "claude-3"), ("local", "llama-3"), ("nobody", "m"), ("openai", ""), ("openai", "x" * 5000)]
)
def test_an_unknown_price_is_none_not_a_guess(vendor: str, model: str) -> None:
    assert prices.find_price(vendor, model) is None
    assert prices.find_context(vendor, model) is None


def test_similar_models_are_named() -> None:
    assert "claude-3-haiku" in prices.similar_models("anthropic", "claude-3")
    assert prices.similar_models("openai", "gpt4o-mini")
    assert prices.similar_models("nobody", "m") == []


def test_prices_that_changed_are_those_of_the_day() -> None:
    changed = []
    for provider in prices.snapshot().providers:
        for info in provider.models:
            if isinstance(info.prices, list):
                days = sorted({row.constraint.start_date for row in info.prices if hasattr(row.constraint, "start_date")})
                changed += [(provider.id, info.id, day) for day in days[:1]]
    assert changed
    for vendor, model, day in changed:
        after, before = prices.find_price(vendor, model, day), prices.find_price(vendor, model, date(2000, 1, 1))
        assert after is None or after.since == day or after.model != model
        assert before is None or before.since is None


def test_every_price_is_exact() -> None:
    known = 0
    for provider in prices.snapshot().providers:
        for info in provider.models:
            price = prices.find_price(provider.id, info.id)
            if price is not None:
                known += 1
                assert isinstance(price.input_nusd_per_mtok, int)
                assert price.output_nusd_per_mtok >= 0
    assert known > 300


def test_vendors_are_found_whatever_their_case_or_nickname() -> None:
    assert find_vendor("OpenAI") is VENDORS["openai"]
    assert find_vendor("gemini") is VENDORS["google"]
    assert find_vendor("acme") is None


def test_vendors_rows_are_sound() -> None:
    listed = {provider.id for provider in prices.snapshot().providers}
    for vendor in VENDORS.values():
        assert vendor.prices is None or vendor.prices in listed
        assert vendor.base_url is None or vendor.base_url.startswith(("https://", "http://127.0.0.1"))
        assert not vendor.on_premises or vendor.key_env is None


def test_the_price_list_is_imported_only_when_asked() -> None:
    code = "import sys, roteiro.catalog.prices, roteiro.catalog.vendors; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
