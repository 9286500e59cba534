"""`roteiro vendors claim`: what a vendor owes for a period, and the evidence ready to send: each failed request without a word of its
prompt, a summary by hour, the SQL that made both, and digests of the files.

What must not live here: what is owed (`vendor_sla`), and the letter's words.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from roteiro.plan.vendors import Vendor, VendorSla
from roteiro.tasks.vendor_ledger import VendorLedger, in_words
from roteiro.tasks.vendor_sla import (
    Covered,
    PeriodKept,
    counting,
    cover,
    during_maintenance,
    in_period,
    kept,
    paying,
    period_named,
    plan_of,
    within,
)
from roteiro.terms.error import SettingsError
from roteiro.terms.units import format_share

__all__ = ["Claim", "EvidenceFile", "Hour", "claim_credit", "seal"]


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """`rows` is None of what is no table."""

    name: str
    rows: int | None
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour with failures, by its beginning in UTC."""

    at: datetime
    requests: int
    failures: int


@dataclass(frozen=True, slots=True)
class Claim:
    """`vendor` as the plan knows it; `classes`: failures by class; `hours`: those with failures, in order; `statements`: the SQL by name;
    `files`: what was written, none without a folder. `late`: the claim window has closed."""

    plan: str
    digest: str
    kept: PeriodKept
    vendor: Vendor
    sla: VendorSla
    on: datetime
    classes: dict[str, int]
    hours: tuple[Hour, ...]
    statements: Mapping[str, str]
    files: tuple[EvidenceFile, ...]
    late: bool

    def as_json(self) -> dict[str, Any]:
        """Plain values, without what the plan says anyway."""
        told = {name: getattr(self, name) for name in self.__slots__ if name not in ("vendor", "sla")}
        return {**told, "claim_to": self.sla.claim_to, "account": self.vendor.account}


def claim_credit(
    plan_path: Path | str | None,
    data: Path,
    vendor: str,
    month: str,
    *,
    out: Path | None = None,
    run: str | None = None,
    environment: str | None = None,
    now: datetime | None = None,
) -> Claim:
    """The credit that a vendor owes for a period; of several SLAs the one that owes most. `out`: a folder for the evidence.

    Raises SettingsError where nothing is owed, and says why; else as `plan_of` and `cover` do.
    """
    plan, digest = plan_of(plan_path, data, run, environment)
    at = now or datetime.now(UTC)
    judged = [(one, kept(plan, data, run, one, period_named(month, one.sla), at)) for one in cover(plan, vendor)]
    if not judged:
        raise SettingsError(f"the plan knows of no promise of {vendor}; write vendors.by_name.{vendor}.sla")
    covered, best = max(judged, key=lambda pair: (pair[1].due_nusd, pair[1].attained.credit))
    refuse_if_nothing(best)
    ledger = in_period(covered, data, run, best.since, best.until)
    statements = {
        "evidence": evidence(ledger, covered, best), "by_hour": by_hour(ledger, covered, best),
        "attainment": counting(ledger, covered.sla, best.since, best.until), "paid": paying(ledger, best.since, best.until),
    }  # fmt: skip
    failed, hours = ledger.ask(statements["evidence"]), ledger.ask(statements["by_hour"])
    classes: dict[str, int] = {}
    for word in failed.column("error_class").to_pylist():
        classes[word] = classes.get(word, 0) + 1
    files = () if out is None else write(out, failed, hours, statements)
    return Claim(
        plan=plan.name or "", digest=digest, kept=best, vendor=plan.vendors.by_name.get(vendor, Vendor()), sla=covered.sla, on=at,
        classes=dict(sorted(classes.items(), key=lambda item: -item[1])), hours=tuple(Hour(**row) for row in hours.to_pylist()),
        statements=statements, files=files, late=best.days_left is not None and best.days_left < 0,
    )  # fmt: skip


def refuse_if_nothing(best: PeriodKept) -> None:
    """Raises SettingsError where there is nothing to claim."""
    share = best.attained.share
    if share is None:
        raise SettingsError(f"nothing was asked of {best.vendor} in {best.name}, so that nothing can be claimed")
    if not best.over:
        raise SettingsError(f"{best.name} is not over: {best.vendor}'s attainment is judged when it ends, on {best.until:%Y-%m-%d}")
    if best.attained.met:
        told = f"{format_share(round(share, 6))} of the {format_share(best.target)} that were promised"
        raise SettingsError(f"{best.vendor} kept its word in {best.name}: {told}; nothing is owed")
    if not best.attained.credit:
        raise SettingsError(f"{best.vendor} missed its target in {best.name}, and no bracket of its `credits` owes anything for it")


def of_vendor(covered: Covered, best: PeriodKept) -> str:
    """The attempts of the period that count, as a part of a statement."""
    sla = covered.sla
    return f"""FROM attempts JOIN seats ON provider = target
WHERE {within(best.since, best.until)} AND NOT {during_maintenance(sla)} AND failure NOT IN ({in_words([*sla.excluded, "unknown"])})"""


def evidence(ledger: VendorLedger, covered: Covered, best: PeriodKept) -> str:
    """The statement that lists each failed attempt. It holds ids, times, classes and codes: no prompts, no answers, no tenants."""
    return ledger.with_attempts(
        f"""SELECT run, request, strftime(ended AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ') AS failed_at_utc, failure AS error_class,
  status AS http_status, provider, vendor_model AS model, vendor_region AS region
{of_vendor(covered, best)} AND failure IN ({in_words(covered.sla.failures)})
ORDER BY ended, run, request"""
    )


def by_hour(ledger: VendorLedger, covered: Covered, best: PeriodKept) -> str:
    """The statement that counts requests and failures of each hour with failures."""
    return ledger.with_attempts(
        f"""SELECT date_trunc('hour', ended) AS at, count(*) AS requests,
  count(*) FILTER (failure IN ({in_words(covered.sla.failures)})) AS failures
{of_vendor(covered, best)} GROUP BY ALL HAVING failures > 0 ORDER BY ALL"""
    )


def write(out: Path, failed: pa.Table, hours: pa.Table, statements: Mapping[str, str]) -> tuple[EvidenceFile, ...]:
    """The evidence's files. Raises SettingsError where the folder cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        pacsv.write_csv(failed, out / "evidence.csv")
        pq.write_table(failed, out / "evidence.parquet")
        pacsv.write_csv(hours, out / "by_hour.csv")
        told = "\n\n".join(f"-- {name}\n{text};" for name, text in statements.items())
        (out / "queries.sql").write_text(told + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"the evidence cannot be written to {out}: {error.strerror or error}") from None
    rows = {"evidence.csv": len(failed), "evidence.parquet": len(failed), "by_hour.csv": len(hours), "queries.sql": None}
    return tuple(EvidenceFile(name, count, (out / name).stat().st_size, sha256(out / name)) for name, count in rows.items())


def sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def seal(out: Path, letters: Mapping[str, str]) -> None:
    """Write letters beside the evidence, and the digests of all files as `sha256sum --check SHA256SUMS` reads them."""
    for name, text in letters.items():
        (out / name).write_text(text, encoding="utf-8")
    names = sorted(path.name for path in out.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    (out / "SHA256SUMS").write_text("".join(f"{sha256(out / name)}  {name}\n" for name in names), encoding="utf-8")
