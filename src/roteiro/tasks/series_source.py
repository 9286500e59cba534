"""Where series come from: the one place that understands what a person names as the source of a forecast.

A CSV (also packed by gzip) or Parquet file, a folder of Parquet files, a data directory with its ledger, or a run in one.
What must not live here: what columns mean (`analysis.series_rows`).
"""

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from roteiro.analysis.series import SeriesSet, remark
from roteiro.analysis.series_rows import series_of_rows
from roteiro.ledger import Ledger
from roteiro.tasks.demand_source import opened
from roteiro.terms.error import PlanError, SettingsError
from roteiro.terms.problem import Severity

__all__ = ["series_from"]

GROUP_S: Final = 300
"""The ledger's rows are counted by such periods before they come here."""
COUNTED: Final = """
    SELECT CAST(floor(epoch(time) / {step}) * {step} AS DOUBLE) AS t_s, CAST(tenant AS VARCHAR) AS tenant,
           CAST(workload AS VARCHAR) AS workload, CAST(model AS VARCHAR) AS model, CAST(count(*) AS DOUBLE) AS requests,
           CAST(sum(input_tokens) AS DOUBLE) AS input_tokens, CAST(sum(output_tokens) AS DOUBLE) AS output_tokens,
           sum(cost_nusd) / 1e9 AS cost_usd, min(epoch(time)) AS first_s, max(epoch(time)) AS last_s
    FROM events WHERE {where} GROUP BY ALL ORDER BY 1
"""


def series_from(source: Path | str, *, data: Path | None = None, step_s: int | None = None, zone: str | None = None) -> SeriesSet:
    """The series of what a person named. `data`: the data directory that a run is in. `step_s`: the period of arrivals. `zone`: whose clock
    they are laid out by, in place of UTC.

    Raises PlanError, SettingsError or LedgerError where there is none.
    """
    path = Path(source)
    if (path / "ledger").is_dir():
        return of_ledger(Ledger(path), "world = 'live'", [], f"{path}", step_s, zone)
    if path.is_file() or path.is_dir() or "/" in str(source) or path.suffix in (".csv", ".parquet", ".gz"):
        return series_of_rows(table_of(path), str(path), step_s=step_s, zone=zone)
    if data is None:
        raise SettingsError(f"there is no file {source}; name a CSV or Parquet file, a data directory, or a run with --data")
    ledger = opened(data, [str(source)], False)
    assert ledger is not None
    return of_ledger(ledger, "run = ?", [str(source)], f"run {source}", step_s, zone)


def of_ledger(ledger: Ledger, where: str, values: list[object], name: str, step_s: int | None, zone: str | None) -> SeriesSet:
    """Every request that came counts, whatever became of it: demand is what was asked for."""
    group = min(GROUP_S, step_s) if step_s else GROUP_S
    rows = ledger.sql(COUNTED.format(step=group, where=where), values)
    if not len(rows):
        raise PlanError([remark("E934", name, "has no request", "let some traffic come first", severity=Severity.ERROR)])
    between = float(pc.min(rows.column("first_s")).as_py()), float(pc.max(rows.column("last_s")).as_py())
    rows = rows.drop_columns(["first_s", "last_s"])
    return series_of_rows(rows, name, step_s=step_s or group, arrivals=True, zone=zone, between=between)


def table_of(path: Path) -> pa.Table:
    """The rows of a file, or of all Parquet files below a folder."""
    try:
        if path.is_dir():
            files = sorted(path.rglob("*.parquet"))
            if not files:
                raise unreadable(path, "has no Parquet file below it")
            return pa.concat_tables([pq.ParquetFile(file).read() for file in files], promote_options="permissive")
        with path.open("rb") as file:
            magic = file.read(4)
        return pq.ParquetFile(path).read() if magic == b"PAR1" else rows_of_csv(path)
    except (OSError, pa.ArrowException) as error:
        said = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
        raise unreadable(path, f"cannot be read: {said[:160]}") from error


def rows_of_csv(path: Path) -> pa.Table:
    """Its rows. Times of several zones stay text, for Arrow would convert them without a word."""
    if separated_otherwise(path):
        raise unreadable(path, "has columns that semicolons separate", "separate them by commas, and write numbers with a point: 1234.5")
    table = pyarrow.csv.read_csv(path)
    timed = [field.name for field in table.schema if pa.types.is_timestamp(field.type) and field.type.tz is not None]
    if not timed:
        return table
    options = pyarrow.csv.ConvertOptions(include_columns=timed, column_types=dict.fromkeys(timed, pa.string()))
    written = pyarrow.csv.read_csv(path, convert_options=options)
    for name in timed:
        zones = pc.unique(pc.replace_substring_regex(written.column(name), r"^.*?(Z|[+-]\d\d:?\d\d)?$", r"\1"))
        if len(zones) > 1:
            table = table.set_column(table.column_names.index(name), name, written.column(name))
    return table


def separated_otherwise(path: Path) -> bool:
    """Whether the header has semicolons alone, as spreadsheets of countries with decimal commas write it."""
    with pa.input_stream(path) as file:  # unpacks what gzip packed
        header = file.read(4096).splitlines()[:1]
    return bool(header) and b";" in header[0] and b"," not in header[0]


def unreadable(path: Path, what: str, remedy: str = "name a CSV or Parquet file with a header") -> PlanError:
    return PlanError([remark("E931", str(path), what, remedy, severity=Severity.ERROR)])
