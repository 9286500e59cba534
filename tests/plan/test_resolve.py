"""Resolving: what a plan leaves unsaid is filled in, from named origins, and once only."""

from datetime import date

import pytest

from roteiro.plan.digest import canonical_json
from roteiro.plan.model import Plan, PriorityName
from roteiro.plan.read import read_text
from roteiro.plan.resolve import resolve


def plan_of(text: str) -> Plan:
    reading = read_text("roteiro: 1\n" + text)
    assert reading.plan is not None, [str(problem) for problem in reading.errors]
    return reading.plan


VENDORS = """\
providers:
  a: {name: openai, model: gpt-4o-mini, weight: 3}
  b: {name: openai, model: gpt-4o, weight: 0, price: {input: $1/1M tokens, output: $2/1M tokens}}
  c: {name: local, model: m, local: {gguf: smollm2, context: 4096}}
"""


def test_a_known_vendor_gets_address_key_price_and_context() -> None:
    provider = plan_of(VENDORS).providers["a"]
    assert (provider.base_url, provider.key_env) == ("https://api.openai.com/v1", "OPENAI_API_KEY")
    assert provider.price is not None
    assert (provider.price.input_nusd_per_mtok, provider.price.output_nusd_per_mtok) == (150_000_000, 600_000_000)
    assert "genai-prices" in str(provider.price.source)
    assert (provider.context_tokens, provider.is_cloud) == (128_000, True)


def test_the_plans_own_price_goes_first() -> None:
    price = plan_of(VENDORS).providers["b"].price
    assert price is not None
    assert (price.input_nusd_per_mtok, price.source) == (10**9, None)


def test_a_local_model_is_on_premises_and_costs_nothing_a_token() -> None:
    provider = plan_of(VENDORS).providers["c"]
    assert provider.price is not None
    assert (provider.is_cloud, provider.price.output_nusd_per_mtok, provider.context_tokens, provider.base_url) == (False, 0, 4096, None)


def test_an_own_address_does_not_borrow_the_vendors_key() -> None:
    text = "providers: {a: {name: openai, model: gpt-4o-mini, base_url: 'https://proxy.example/v1'}}\n"
    assert plan_of(text).providers["a"].key_env is None


@pytest.mark.parametrize(
    ("written", "dialect", "base_url"),
    [
        ("name: anthropic", "anthropic", "https://api.anthropic.com/v1"),
        ("name: google", "gemini", "https://generativelanguage.googleapis.com/v1beta"),
        ("name: google, dialect: openai", "openai", "https://generativelanguage.googleapis.com/v1beta/openai"),
        (
            "name: google, base_url: 'https://generativelanguage.googleapis.com/v1beta/openai'",
            "openai",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        ),
        ("name: anthropic, base_url: 'https://api.anthropic.com/v1/'", "anthropic", "https://api.anthropic.com/v1"),
        ("name: anthropic, base_url: 'http://127.0.0.1:9/v1'", "openai", "http://127.0.0.1:9/v1"),
        ("name: anthropic, dialect: anthropic, base_url: 'http://127.0.0.1:9/v1'", "anthropic", "http://127.0.0.1:9/v1"),
        ("name: openai", "openai", "https://api.openai.com/v1"),
        ("name: mistral, dialect: anthropic", "anthropic", None),
        ("name: anthropic, local: smollm2", "openai", None),
    ],
)
def test_a_dialect_comes_with_the_vendors_address(written: str, dialect: str, base_url: str | None) -> None:
    provider = plan_of(f"providers: {{a: {{{written}, model: m}}}}\n").providers["a"]
    assert (provider.dialect, provider.base_url) == (dialect, base_url)


@pytest.mark.parametrize(
    ("written", "prefix"),
    [
        ("name: openai, model: gpt-4o", False),
        ("name: openai, model: gpt-4o, assistant_prefix: true", True),
        ("name: openai, model: gpt-4o, base_url: 'http://127.0.0.1:9/v1'", True),
        ("name: openai, model: gpt-4o, base_url: 'https://api.openai.com/v1'", False),
        ("name: anthropic, model: claude-3", True),
        ("name: anthropic, model: claude-opus-4-6", False),
        ("name: azure, model: gpt-4o, base_url: 'https://mine.example/openai/v1'", False),
        ("name: acme, model: m", True),
        ("name: local, model: m, local: smollm2", True),
    ],
)
def test_who_can_rescue_a_stream(written: str, prefix: bool) -> None:
    assert plan_of(f"providers: {{a: {{{written}}}}}\n").providers["a"].assistant_prefix is prefix


def test_off_peak_hours_of_the_catalogue_are_in_its_own_zone() -> None:
    price = plan_of("timezone: America/Sao_Paulo\nproviders: {a: {name: deepseek, model: deepseek-chat}}\n").providers["a"].price
    assert price is not None
    assert price.off_peak is not None
    assert (price.off_peak.from_s, price.off_peak.to_s, price.off_peak.timezone) == (16.5 * 3600, 0.5 * 3600, "UTC")


def test_a_model_of_embeddings_is_priced() -> None:
    plan = plan_of("providers: {a: {name: openai, model: text-embedding-3-small, kind: embedding}}\n")
    price = plan.providers["a"].price
    assert price is not None
    assert (price.input_nusd_per_mtok, price.output_nusd_per_mtok) == (20_000_000, 0)
    assert "auto" not in plan.models


def test_models_that_are_there_unasked() -> None:
    models = plan_of(VENDORS).models
    assert sorted(models) == ["auto", "gpt-4o", "gpt-4o-mini", "m"]
    assert (models["auto"].targets, models["auto"].fallbacks) == ({"a": 3.0, "c": 1.0}, ("b",))
    assert models["gpt-4o"].targets == {"b": 1.0}


def test_a_model_of_ones_own_keeps_its_name() -> None:
    models = plan_of(VENDORS + "models: {auto: {targets: [c]}, gpt-4o: {targets: {a: 2}}}\n").models
    assert (models["auto"].targets, models["gpt-4o"].targets) == ({"c": 1.0}, {"a": 2.0})


def test_a_listed_target_takes_its_providers_weight_and_the_least_context() -> None:
    model = plan_of(VENDORS + "models: {chat: {targets: [a, c]}}\n").models["chat"]
    assert (model.targets, model.context_tokens) == ({"a": 3.0, "c": 1.0}, 4096)


def test_retry_is_inherited_field_by_field() -> None:
    model = plan_of(VENDORS + "retry: {attempts: 2, backoff: 1s}\nmodels: {chat: {targets: [a], retry: {backoff: 50ms}}}\n").models["chat"]
    assert (model.retry.attempts, model.retry.backoff_s, model.retry.max_backoff_s) == (2, 0.05, 5.0)


def test_someone_is_always_served() -> None:
    plan = plan_of(VENDORS)
    assert sorted(plan.tenants) == ["default"]
    assert plan.workloads["default"].priority is PriorityName.INTERACTIVE


def test_resolving_twice_changes_nothing() -> None:
    once = plan_of(VENDORS + "retry: {attempts: 2}\nmodels: {chat: {targets: [a, c]}}\n")
    twice, _ = resolve(once)
    assert canonical_json(twice) == canonical_json(once)


def test_prices_are_those_of_the_day() -> None:
    text = "roteiro: 1\nproviders: {a: {name: deepseek, model: deepseek-chat}}\n"
    old, new = read_text(text, on=date(2024, 1, 1)).plan, read_text(text).plan
    assert old is not None
    assert new is not None
    assert old.providers["a"].price is not None
    assert new.providers["a"].price is not None


def test_addresses_may_be_replaced_by_settings() -> None:
    plan = plan_of(VENDORS)
    moved = plan.with_addresses({"a": "http://127.0.0.1:9/v1"})
    assert moved.providers["a"].base_url == "http://127.0.0.1:9/v1"
    assert moved.providers["b"] == plan.providers["b"]
    assert plan.providers["a"].base_url == "https://api.openai.com/v1"
