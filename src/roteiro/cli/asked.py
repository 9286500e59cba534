"""Options of every command that simulates: what arrives, how much of it, under how many seeds, and where it is computed.

What must not live here: an option of one of them alone, and simulating.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roteiro.cli.option import Data, Environment, directory

if TYPE_CHECKING:
    from roteiro.tasks.prepared import Asked

__all__ = ["Wanted", "simulating", "wanted_of"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What these options ask for. `seeds`: None for as many as the command takes by itself. `keeps`: a data directory was named.
    `crew`: the arguments processes, backend and address of `simulator.crew`."""

    asked: "Asked"
    seeds: int | None
    environment: str | None
    keeps: bool
    crew: dict[str, Any]


def wanted_of(
    demand: DemandFrom = None,
    fit_from: FitFrom = None,
    fitted: Fitted = False,
    seeds: Seeds = None,
    requests: Requests = None,
    duration: Duration = None,
    begins: Begins = None,
    scenario: ScenarioName = None,
    thin: Thin = None,
    environment: Environment = None,
    data: Data = None,
    processes: Processes = None,
    backend: Backend = Backends.PROCESSES,
    address: Address = None,
) -> Wanted:
    """The options, their words read. A run can only be in a data directory, so one is meant even where none is named."""
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
    asked = Asked(
        demand=demand, data=directory(data) if data is not None or of_run else None, fit_from=fit_from, fitted=fitted, thin=share,
        requests=requests, duration_s=duration_s, begin=None if begins is None else parse_from(begins), scenario=scenario,
    )  # fmt: skip
    crew = {"processes": processes, "backend": backend.value, "address": address}
    return Wanted(asked=asked, seeds=seeds, environment=environment, keeps=data is not None, crew=crew)


def simulating(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options in the place of its parameter `wanted`, which gets what they ask for."""
    own, shared = inspect.signature(command), inspect.signature(wanted_of)
    parameters: list[inspect.Parameter] = []
    for name, parameter in own.parameters.items():
        parameters += shared.parameters.values() if name == "wanted" else [parameter]

    @functools.wraps(command)
    def called(**given: Any) -> None:
        asked = wanted_of(**{name: given.pop(name) for name in shared.parameters})
        command(wanted=asked, **given)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    return called
