"""The catalogue: dated prices in integer nano-dollars per million tokens, and vendors as rows."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

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


def test_off_peak_hours_are_the_lists() -> None:
    price = prices.find_price("deepseek", "deepseek-chat")
    assert price is not None
    assert (price.input_nusd_per_mtok, price.output_nusd_per_mtok) == (270_000_000, 1_100_000_000), "of the dearest hour"
    assert price.off_peak == prices.CatalogWindow(16.5 * 3600, 0.5 * 3600, 0.5)
    reasoner = prices.find_price("deepseek", "deepseek-reasoner")
    assert reasoner is not None
    assert reasoner.off_peak is not None
    assert reasoner.off_peak.discount == 0.7488, "output is discounted less than input, and the lesser is promised"
    steady = prices.find_price("openai", "gpt-4")
    assert steady is not None
    assert steady.off_peak is None


def within(window: prices.CatalogWindow, second: float) -> bool:
    if window.from_s < window.to_s:
        return window.from_s <= second < window.to_s
    return second >= window.from_s or second < window.to_s


def test_law_no_hour_costs_more_than_is_reckoned() -> None:
    """At every half hour of a day, what is reckoned is at least what the list says; at the peak it is exactly that."""
    midnight = datetime(2026, 10, 1, tzinfo=UTC)
    windows = 0
    for provider in prices.snapshot().providers:
        for info in provider.models:
            price = prices.find_price(provider.id, info.id, midnight.date())
            if price is None or price.off_peak is None or price.model != info.id:
                continue
            windows += 1
            assert 0 < price.off_peak.discount < 1
            listed = []
            for half_hour in range(48):
                row = prices.row_of(info.get_prices(midnight + timedelta(minutes=30 * half_hour)))
                share = 1 - price.off_peak.discount if within(price.off_peak, half_hour * 1800.0) else 1
                assert row.output is not None
                assert price.output_nusd_per_mtok * share >= row.output * (1 - 1e-9)
                listed.append(row.output)
            assert max(listed) == price.output_nusd_per_mtok
    assert windows >= 2


def test_reasoning_and_tiers_of_context() -> None:
    deep = prices.find_price("perplexity", "sonar-deep-research")
    assert deep is not None
    assert (deep.output_nusd_per_mtok, deep.reasoning_nusd_per_mtok) == (8 * 10**9, 3 * 10**9)
    tiered = prices.find_price("google", "gemini-2.5-pro")
    assert tiered is not None
    assert tiered.source.endswith(", base tier")
    plain = prices.find_price("openai", "gpt-4")
    assert plain is not None
    assert "tier" not in plain.source


def test_embeddings_have_no_price_of_output() -> None:
    assert prices.find_price("openai", "text-embedding-3-small") is None, "it gives no answers"
    price = prices.find_price("openai", "text-embedding-3-small", answers=False)
    assert price is not None
    assert (price.input_nusd_per_mtok, price.output_nusd_per_mtok) == (20_000_000, 0)


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
        assert vendor.openai_url is None or vendor.dialect != "openai", "only a vendor of another dialect has a second address"


@pytest.mark.parametrize(
    ("vendor", "model", "goes_on"),
    [
        ("anthropic", "claude-3", True),
        ("anthropic", "claude-3-5-haiku-20241022", True),
        ("anthropic", "claude-sonnet-4-5", True),
        ("anthropic", "claude-opus-4-1-20250805", True),
        ("anthropic", "claude-sonnet-4-20250514", True),
        ("anthropic", "claude-opus-4-6", False),
        ("anthropic", "claude-sonnet-4-6", False),
        ("anthropic", "claude-opus-5", False),
        ("openai", "gpt-4o", False),
        ("mistral", "mistral-small-latest", False),
        ("groq", "llama-3.3-70b-versatile", True),
        ("local", "smollm2", True),
    ],
)
def test_who_goes_on_from_the_beginning_of_an_answer(vendor: str, model: str, goes_on: bool) -> None:
    assert VENDORS[vendor].goes_on(model) is goes_on


def test_every_vendor_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "how-to" / "add-a-provider.md").read_text(encoding="utf-8")
    for vendor in VENDORS.values():
        if vendor.base_url is not None:
            key = "none" if vendor.key_env is None else f"`{vendor.key_env}`"
            assert f"| `{vendor.name}` | {vendor.dialect} | `{vendor.base_url}` | {key} |" in guide


def test_an_address_is_that_of_a_dialect() -> None:
    google = VENDORS["google"]
    assert google.address("gemini") == "https://generativelanguage.googleapis.com/v1beta"
    assert google.address("openai") == "https://generativelanguage.googleapis.com/v1beta/openai"
    assert google.address("anthropic") is None
    assert google.spoken_at("https://generativelanguage.googleapis.com/v1beta/openai") == "openai"
    assert google.spoken_at("https://proxy.example/v1") is None
    assert VENDORS["anthropic"].spoken_at("https://api.anthropic.com/v1") == "anthropic"


def test_the_price_list_is_imported_only_when_asked() -> None:
    code = "import sys, roteiro.catalog.prices, roteiro.catalog.vendors; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
