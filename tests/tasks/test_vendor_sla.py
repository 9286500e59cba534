"""Periods of a vendor's SLA by its own calendar, and slices that announced maintenance takes out."""

from datetime import UTC, date, datetime, timedelta

import pytest

from roteiro.plan.read import read_text
from roteiro.plan.vendors import VendorSla
from roteiro.tasks.vendor_sla import cover, during_maintenance, known_periods, name_of, period_named, slices_of
from roteiro.terms.error import SettingsError

PLAN = """
roteiro: 1
providers:
  one: {name: acme-ai, model: a, base_url: "http://127.0.0.1:1/v1", promised_sla: {availability: 99.9%}}
  two: {name: acme-ai, model: b, base_url: "http://127.0.0.1:1/v1"}
  three: {name: boreal, model: c, base_url: "http://127.0.0.1:1/v1"}
models: {m: {targets: [one, two, three]}}
"""


def sla(**given: object) -> VendorSla:
    return VendorSla.model_validate({"target": "99.9%", "source": "contract", "as_of": date(2026, 7, 1), **given})


def test_a_period_begins_where_the_vendor_counts() -> None:
    quarter = sla(period="quarter", timezone="America/Sao_Paulo")
    assert period_named("2026-Q3", quarter) == (datetime(2026, 7, 1, 3, tzinfo=UTC), datetime(2026, 10, 1, 3, tzinfo=UTC))
    assert name_of(quarter, period_named("2026-Q3", quarter)[0]) == "2026-Q3"
    since, until = period_named("2026-02", sla())
    assert (since, until - since, name_of(sla(), since)) == (datetime(2026, 2, 1, tzinfo=UTC), timedelta(days=28), "2026-02")
    with pytest.raises(SettingsError, match="is no month"):
        period_named("2026-13", sla())


def test_periods_with_rows_the_latest_first() -> None:
    first, last = datetime(2026, 7, 20, tzinfo=UTC), datetime(2026, 9, 2, tzinfo=UTC)
    assert [since.month for since, _ in known_periods(sla(), first, last)] == [9, 8, 7]
    assert len(known_periods(sla(), datetime(2020, 1, 1, tzinfo=UTC), last)) == 6
    assert known_periods(sla(), None, None) == []


def test_announced_maintenance_takes_its_slices_out() -> None:
    kept = sla(maintenance=[{"from": "2026-09-05T02:00Z", "to": "2026-09-05T04:00Z"}])
    since, until = period_named("2026-09", kept)
    assert slices_of(sla(), since, until) - slices_of(kept, since, until) == 24
    assert slices_of(kept, since, since) == 0
    assert "2026-09-05T02:00Z" in during_maintenance(kept) and during_maintenance(sla()) == "false"


def test_what_a_promise_covers() -> None:
    plan = read_text(
        PLAN
        + 'vendors: {by_name: {boreal: {sla: [{target: 99%, models: [c], source: s, as_of: "2026-07-01"}, {target: 99%, models: [x], source: s, as_of: "2026-07-01"}]}}}\n'
    ).plan
    assert plan is not None
    told = [(one.vendor, one.index, [seat.provider for seat in one.seats]) for one in cover(plan)]
    assert told == [("acme-ai", -1, ["one"]), ("boreal", 0, ["three"])], "promised_sla stands in where there is no sla"
