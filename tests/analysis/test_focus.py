"""FOCUS rows bill what the ledger cost, to the nano-dollar, and keep the specification's rules of columns."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.build import events

from roteiro.analysis.focus import COLUMNS, SCHEMA, Grain, Vendor, focus

VENDORS = {"primary": Vendor("openai", "gpt-4o")}
TEAMS = {"acme": "payments"}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "arrival_s": st.integers(0, 40 * 86400).map(float),
            "total_ms": st.integers(0, 10**6).map(float),
            "tenant": st.sampled_from(["acme", "beta", None]),
            "target": st.sampled_from(["primary", "fallback", None]),
            "model": st.sampled_from(["chat", None]),
            "outcome": st.sampled_from(["success", "failed", "limited"]),
            "cost_nusd": st.integers(0, 2**60),
            "lost_nusd": st.integers(0, 10**6),
            "input_tokens": st.integers(0, 10**6),
            "output_tokens": st.integers(0, 10**6),
        }
    ),
    max_size=30,
)
MANDATORY = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost",
    "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName",
}  # fmt: skip
"""Of FOCUS 1.1."""


@given(ROWS, st.sampled_from(["hour", "day"]))
def test_what_is_billed_is_what_the_ledger_cost(rows: list[dict[str, object]], grain: Grain) -> None:
    table = focus(events(*rows), "us", VENDORS, TEAMS, grain)
    ledger = sum(int(str(row["cost_nusd"])) + int(str(row["lost_nusd"])) for row in rows)
    for column in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
        assert (pc.sum(table.column(column)).as_py() or 0) * 10**9 == ledger
    assert (pc.sum(table.column("x_LostCost")).as_py() or 0) * 10**9 == sum(int(str(row["lost_nusd"])) for row in rows)
    tokens = sum(int(str(row["input_tokens"])) + int(str(row["output_tokens"])) for row in rows)
    assert (pc.sum(table.column("ConsumedQuantity")).as_py() or 0) == tokens
    table.validate(full=True)
    for row in table.to_pylist():
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
        assert all(row[field.name] is not None for field in SCHEMA if not field.nullable)


def test_columns_are_the_specifications_and_ours_come_last() -> None:
    names = SCHEMA.names
    ours = [name for name in names if name.startswith("x_")]
    assert set(names) >= MANDATORY and names[-len(ours) :] == ours
    known = names[: -len(ours)]
    assert known == sorted(known) and all(name.isalnum() and name[0].isupper() and len(name) <= 50 for name in known)


def test_a_row_says_whose_it_is() -> None:
    given_rows = [{"cost_nusd": 7, "lost_nusd": 2, "input_tokens": 5, "output_tokens": 3}] * 2
    (row,) = focus(events(*given_rows), "us", VENDORS, TEAMS).to_pylist()
    assert row["BilledCost"] == Decimal("0.000000018") and row["ConsumedQuantity"] == 16
    assert (row["ProviderName"], row["ServiceName"], row["SkuId"], row["ResourceId"]) == ("openai", "gpt-4o", "openai/gpt-4o", "primary")
    assert (row["SubAccountId"], row["BillingCurrency"], row["ChargeCategory"]) == ("acme", "USD", "Usage")
    assert (row["ServiceCategory"], row["ServiceSubcategory"]) == ("AI and Machine Learning", "Generative AI")
    assert json.loads(row["Tags"]) == {"team": "payments", "workload": "chat", "model": "chat"}
    assert row["BillingPeriodEnd"] == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(("grain", "periods"), [("hour", 2), ("day", 1)])
def test_charge_periods_are_as_long_as_asked(grain: Grain, periods: int) -> None:
    table = events({"cost_nusd": 1}, {"cost_nusd": 1, "arrival_s": 3599.0, "total_ms": 2000.0})
    assert len(focus(table, "us", {}, {}, grain)) == periods


def test_refusals_are_no_charges_and_a_cached_answer_bills_nothing() -> None:
    table = events({"outcome": "limited", "target": None, "tenant": "beta"}, {"target": None, "saved_nusd": 9, "input_tokens": 4})
    (row,) = focus(table, "us", {}, {}).to_pylist()
    assert (row["BilledCost"], row["x_SavedCost"], row["ProviderName"], row["x_Requests"]) == (0, Decimal("0.000000009"), "Roteiro", 1)


def test_only_the_columns_named_are_read() -> None:
    table = events({"cost_nusd": 7, "input_tokens": 3})
    assert focus(table.select(list(COLUMNS)), "us", {}, {}) == focus(table, "us", {}, {})
