"""The ledger's money as rows of FOCUS, the FinOps Open Cost and Usage Specification, version 1.1: for show-back and charge-back.

One row for each charge period (an hour or a day), tenant, workload, model and provider that cost something or used tokens. The cost columns
hold all money, as budgets count it: what providers charge for answers, and the estimated cost of attempts that were given up, which
`x_LostCost` tells apart. List, contracted, billed and effective cost are one and the same: the plan's prices are what is paid, and the
ledger knows no discounts on top. Quantities are tokens. Columns that the specification does not know begin with `x_`, and come last.

What must not live here: files; the plan (vendors and teams come as arguments).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from roteiro.analysis.column import words
from roteiro.analysis.purse import ended_micros, period_end, period_start

__all__ = ["COLUMNS", "FOCUS_VERSION", "SCHEMA", "Grain", "Vendor", "focus"]

FOCUS_VERSION: Final = "1.1"
Grain = Literal["hour", "day"]

COLUMNS: Final = (
    "time", "total_ms", "tenant", "workload", "model", "target", "outcome", "cost_nusd", "lost_nusd", "saved_nusd", "input_tokens",
    "cached_tokens", "output_tokens",
)  # fmt: skip
"""The columns of `events` that are read."""

KEYS: Final = ("period", "tenant", "workload", "model", "target")
SUMMED: Final = ("cost_nusd", "lost_nusd", "saved_nusd", "input_tokens", "cached_tokens", "output_tokens", "answers")
GRAIN_MICROS: Final[Mapping[str, int]] = {"hour": 3_600_000_000, "day": 86_400_000_000}
NANO: Final = -9
TEXT, MONEY, NUMBER, MOMENT = pa.string(), pa.decimal128(38, 9), pa.int64(), pa.timestamp("us", "UTC")
NOBODY: Final = "none"
HOUSE: Final = "Roteiro"

SCHEMA: Final = pa.schema(
    [
        pa.field("BilledCost", MONEY, False), pa.field("BillingAccountId", TEXT, False), pa.field("BillingAccountName", TEXT),
        pa.field("BillingCurrency", TEXT, False), pa.field("BillingPeriodEnd", MOMENT, False),
        pa.field("BillingPeriodStart", MOMENT, False), pa.field("ChargeCategory", TEXT, False), pa.field("ChargeClass", TEXT),
        pa.field("ChargeDescription", TEXT), pa.field("ChargeFrequency", TEXT, False), pa.field("ChargePeriodEnd", MOMENT, False),
        pa.field("ChargePeriodStart", MOMENT, False), pa.field("ConsumedQuantity", NUMBER), pa.field("ConsumedUnit", TEXT),
        pa.field("ContractedCost", MONEY, False), pa.field("EffectiveCost", MONEY, False), pa.field("InvoiceIssuerName", TEXT, False),
        pa.field("ListCost", MONEY, False), pa.field("PricingCategory", TEXT), pa.field("PricingQuantity", NUMBER),
        pa.field("PricingUnit", TEXT), pa.field("ProviderName", TEXT, False), pa.field("PublisherName", TEXT, False),
        pa.field("ResourceId", TEXT), pa.field("ResourceName", TEXT), pa.field("ResourceType", TEXT),
        pa.field("ServiceCategory", TEXT, False), pa.field("ServiceName", TEXT, False), pa.field("ServiceSubcategory", TEXT, False),
        pa.field("SkuId", TEXT), pa.field("SubAccountId", TEXT), pa.field("SubAccountName", TEXT), pa.field("Tags", TEXT),
        pa.field("x_Requests", NUMBER), pa.field("x_Answers", NUMBER), pa.field("x_InputTokens", NUMBER),
        pa.field("x_CachedInputTokens", NUMBER), pa.field("x_OutputTokens", NUMBER), pa.field("x_LostCost", MONEY),
        pa.field("x_SavedCost", MONEY),
    ],
    metadata={"FocusVersion": FOCUS_VERSION, "DataGenerator": HOUSE},
)  # fmt: skip
"""The columns by name, those of the specification first, in the order of the alphabet."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """Who stands behind a target: the vendor's name, and the model by the vendor's name."""

    name: str
    model: str


def focus(
    events: pa.Table, account: str, vendors: Mapping[str, Vendor], teams: Mapping[str, str | None], grain: Grain = "hour"
) -> pa.Table:
    """Rows of SCHEMA, by charge period, then by name. Periods are of UTC; a request counts where it ended.

    `events` holds at least COLUMNS. `vendors` by target and `teams` by tenant may lack some: then the target's own name
    stands, and no team.
    """
    length = GRAIN_MICROS[grain]
    ended = pa.array(ended_micros(events) // length * length)
    rows = pa.table(
        {"period": ended, "answers": pc.cast(pc.equal(words(events, "outcome"), "success"), pa.int64())}
        | {name: words(events, name) for name in KEYS[1:]}
        | {name: pc.fill_null(pc.cast(events.column(name), pa.int64()), 0) for name in SUMMED[:-1]}
    )
    grouped = rows.group_by(list(KEYS)).aggregate([("answers", "count"), *((name, "sum") for name in SUMMED)])
    found = [row(one, account, vendors, teams, grain) for one in grouped.to_pylist() if used(one)]
    found.sort(key=lambda one: (one["ChargePeriodStart"], one["SubAccountId"] or "", one["ResourceId"], one["Tags"]))
    return pa.Table.from_pylist(found, schema=SCHEMA)


def used(sums: Mapping[str, Any]) -> bool:
    """Whether anything was spent, saved or used. Refusals are no charges."""
    return any(sums[f"{name}_sum"] for name in SUMMED[:-1])


def row(
    sums: Mapping[str, Any], account: str, vendors: Mapping[str, Vendor], teams: Mapping[str, str | None], grain: Grain
) -> dict[str, Any]:
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=sums["period"])
    month = period_start("month", start, "UTC").astimezone(UTC)
    target, tenant = sums["target"], sums["tenant"]
    # What no provider was asked for came from the gateway's own cache.
    vendor = vendors.get(target, Vendor(target, target)) if target is not None else Vendor(HOUSE, "answer cache")
    cost = money(sums["cost_nusd_sum"] + sums["lost_nusd_sum"])
    tokens = sums["input_tokens_sum"] + sums["output_tokens_sum"]
    tags = {"team": teams.get(tenant), "workload": sums["workload"], "model": sums["model"]}
    return {
        "BilledCost": cost, "ContractedCost": cost, "EffectiveCost": cost, "ListCost": cost, "BillingCurrency": "USD",
        "BillingAccountId": account, "BillingAccountName": account, "BillingPeriodStart": month,
        "BillingPeriodEnd": period_end("month", month), "ChargePeriodStart": start, "ChargePeriodEnd": period_end(grain, start),
        "ChargeCategory": "Usage", "ChargeClass": None, "ChargeFrequency": "Usage-Based",
        "ChargeDescription": f"Tokens of {vendor.model} for {sums['model'] or NOBODY}", "ConsumedQuantity": tokens,
        "ConsumedUnit": "Tokens", "PricingQuantity": tokens, "PricingUnit": "Tokens", "PricingCategory": "Standard",
        "InvoiceIssuerName": vendor.name, "ProviderName": vendor.name, "PublisherName": vendor.name, "ServiceName": vendor.model,
        "ServiceCategory": "AI and Machine Learning", "ServiceSubcategory": "Generative AI", "ResourceId": target or NOBODY,
        "ResourceName": target or NOBODY, "ResourceType": "Model", "SkuId": f"{vendor.name}/{vendor.model}", "SubAccountId": tenant,
        "SubAccountName": tenant,
        "Tags": json.dumps({key: value for key, value in tags.items() if value is not None}, ensure_ascii=False, sort_keys=True),
        "x_Requests": sums["answers_count"], "x_Answers": sums["answers_sum"], "x_InputTokens": sums["input_tokens_sum"],
        "x_CachedInputTokens": sums["cached_tokens_sum"], "x_OutputTokens": sums["output_tokens_sum"],
        "x_LostCost": money(sums["lost_nusd_sum"]), "x_SavedCost": money(sums["saved_nusd_sum"]),
    }  # fmt: skip


def money(nusd: int) -> Decimal:
    """Dollars, exactly."""
    return Decimal(nusd).scaleb(NANO)
