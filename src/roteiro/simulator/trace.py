"""Records of demand from files, whatever their form: which reader a file wants.

| form | what it has |
|---|---|
| CSV of the Azure traces | arrivals with their tokens |
| JSONL of the Mooncake traces | arrivals with their tokens and chains of prefixes |
| Parquet, a file or a folder: the ledger's events, or any record of token use | arrivals with their tokens, and who asked for what |
| CSV of ServeGen, summed or client by client | rates by window |

What must not live here: the forms themselves, each of which has a room of its own, and what is drawn.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from roteiro.simulator.trace_azure import COLUMNS, read_azure, rows_of
from roteiro.simulator.trace_form import Findings, Rates, Trace, contents, trouble
from roteiro.simulator.trace_mooncake import read_mooncake
from roteiro.simulator.trace_parquet import read_parquet
from roteiro.simulator.trace_servegen import BY_CLIENT, SUMMED, read_by_client, read_summed, with_clients
from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem

__all__ = ["SUFFIXES", "Rates", "Trace", "is_record", "read_record", "read_trace"]

SUFFIXES: Final = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
CLIENTS, ALONE = "_clients_10min.csv.gz", "_10min.csv"
"""How ServeGen names the two files of one demand."""


def is_record(source: Path | str) -> bool:
    """Whether a demand's name is that of a file or folder, and not of a run."""
    return isinstance(source, Path) or str(source).lower().endswith(SUFFIXES) or "/" in str(source) or Path(source).is_file()


def read_trace(path: Path) -> tuple[Trace, tuple[Problem, ...]]:
    """The arrivals of a file that tells them one by one, and a warning for what is amiss. Raises PlanError where there are none."""
    record, problems = read_record(path)
    if isinstance(record, Rates):
        raise trouble("E912", str(path), "tells rates by window and no arrivals, so there is nothing to take again", "let it be fitted")
    return record, problems


def read_record(path: Path) -> tuple[Trace | Rates, tuple[Problem, ...]]:
    """What a file or folder tells of demand, and a warning for what is amiss. Raises PlanError where there is nothing to read."""
    name, lower = str(path), path.name.lower()
    findings = Findings(name)
    if lower.endswith(".parquet") or path.is_dir():
        return whole(read_parquet(path, findings), findings)
    raw = contents(path)
    if raw.startswith(b"PAR1"):
        return whole(read_parquet(path, findings), findings)
    if lower.endswith((".jsonl", ".jsonl.gz", ".ndjson")) or raw.lstrip()[:1] == b"{":
        return whole(read_mooncake(iter(raw.removeprefix(b"\xef\xbb\xbf").splitlines()), findings), findings)
    return of_csv(path, raw, findings)


def whole(record: Trace | Rates, findings: Findings) -> tuple[Trace | Rates, tuple[Problem, ...]]:
    return record, findings.told()


def of_csv(path: Path, raw: bytes, findings: Findings) -> tuple[Trace | Rates, tuple[Problem, ...]]:
    rows = rows_of(raw.decode("utf-8-sig", errors="replace").splitlines())
    header = [column.strip() for column in next(rows, (1, []))[1]]
    if set(COLUMNS) <= set(header):
        return whole(read_azure(rows, header, findings), findings)
    if set(BY_CLIENT) <= set(header):
        rates = read_by_client(rows, header, findings)
        beside = path.with_name(path.name.removesuffix(CLIENTS) + ALONE) if path.name.endswith(CLIENTS) else path
        return whole(paired(rates, beside, beside != path), findings)
    if set(SUMMED) <= set(header):
        rates = read_summed(rows, header, findings)
        beside = path.with_name(path.name.removesuffix(ALONE) + CLIENTS) if path.name.endswith(ALONE) else path
        return whole(paired(rates, beside, beside != path), findings)
    forms = "; ".join(", ".join(columns) for columns in (COLUMNS, BY_CLIENT, SUMMED))
    message = f"has the columns {', '.join(header)[:200] or 'none'}; a record of demand has one of these: {forms}"
    raise trouble("E912", findings.file, message, "write them in the first line")


def paired(rates: Rates, beside: Path, named: bool) -> Rates:
    """With the other of ServeGen's two files, where that lies beside it and can be read."""
    if not named or not beside.is_file():
        return rates
    findings = Findings(str(beside))
    try:
        rows = rows_of(contents(beside).decode("utf-8-sig", errors="replace").splitlines())
        header = [column.strip() for column in next(rows, (1, []))[1]]
        if rates.clients:
            summed, by_client = read_summed(rows, header, findings), rates
        else:
            summed, by_client = rates, read_by_client(rows, header, findings)
    except (PlanError, ValueError):
        return rates
    if summed.window_s != by_client.window_s:
        return rates
    return replace(with_clients(summed, by_client), file=rates.file, assumed=(f"{beside.name} beside it tells the rest",))
