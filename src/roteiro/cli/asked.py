"""Options of every command that simulates: what arrives, how much of it, under how many seeds, and where it is computed.

What must not live here: an option of one of them alone, and simulating.
"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roteiro.cli.option import directory

if TYPE_CHECKING:
    from roteiro.tasks.prepared import Asked

__all__ = [
    "Address", "Backend", "Backends", "Begins", "DemandFrom", "Duration", "FitFrom", "Fitted", "Processes", "Requests", "ScenarioName",
    "Seeds", "Thin", "asked_of",
]  # fmt: skip


class Backends(StrEnum):
    """Where seeds are computed."""

    PROCESSES = "processes"
    DASK = "dask"
    RAY = "ray"


DemandFrom = Annotated[
    str | None,
    typer.Option(
        "--demand",
        metavar="FILE|RUN",
        help="A record of arrivals (Azure or ServeGen CSV, Mooncake JSONL, Parquet), or a recorded run of --data; without it, the plan's.",
        show_default=False,
    ),
]
FitFrom = Annotated[
    str | None,
    typer.Option("--fit-from", metavar="RUN", help="A recorded run of --data that service times are fitted to.", show_default=False),
]
Fitted = Annotated[bool, typer.Option("--fitted", help="Draw arrivals from processes fitted to the record, in place of taking it again.")]
Thin = Annotated[
    str | None, typer.Option("--thin", metavar="SHARE", help="Simulate only that share of the requests, as 10%.", show_default=False)
]
Seeds = Annotated[int | None, typer.Option("--seeds", metavar="N", min=1, max=1000, help="Possible days.", show_default=False)]
Requests = Annotated[
    int | None, typer.Option("--requests", metavar="N", min=1, help="Requests a seed; without it, 100,000.", show_default=False)
]
Duration = Annotated[str | None, typer.Option("--duration", metavar="TIME", help="Simulated time a seed, as 1h.", show_default=False)]
ScenarioName = Annotated[str | None, typer.Option("--scenario", metavar="NAME", help="One of the demand's scenarios.", show_default=False)]
Begins = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="DATE",
        help="When simulated time begins, in the plan's time zone: prices and hours depend on it.",
        show_default=False,
    ),
]
Processes = Annotated[
    int | None, typer.Option("--processes", metavar="N", min=1, help="At once; without it, one a core where it pays.", show_default=False)
]
Backend = Annotated[Backends, typer.Option("--backend", help="Processes of this machine, or a Dask or Ray cluster (extra `scale`).")]
Address = Annotated[
    str | None, typer.Option("--address", metavar="ADDRESS", help="Of the cluster; without it, a local one.", show_default=False)
]


def asked_of(
    *,
    demand: str | None,
    data: Path | None,
    fit_from: str | None = None,
    fitted: bool = False,
    thin: str | None = None,
    requests: int | None = None,
    duration: str | None = None,
    begins: str | None = None,
    scenario: str | None = None,
) -> "Asked":
    """What was asked for, its words read. A run can only be in a data directory, so one is meant even where none is named."""
    from roteiro.tasks.demand_source import run_named
    from roteiro.tasks.prepared import Asked, parse_from
    from roteiro.terms.error import SettingsError
    from roteiro.terms.units import QuantityError, parse_duration, parse_share

    try:
        duration_s = None if duration is None else float(parse_duration(duration, default="s"))
        share = 1.0 if thin is None else float(parse_share(thin))
    except QuantityError as error:
        raise SettingsError(str(error)) from None
    of_run = fit_from is not None or run_named(demand) is not None
    return Asked(
        demand=demand, data=directory(data) if data is not None or of_run else None, fit_from=fit_from, fitted=fitted, thin=share,
        requests=requests, duration_s=duration_s, begin=None if begins is None else parse_from(begins), scenario=scenario,
    )  # fmt: skip
