"""Where demand comes from: the one place that understands what a person names as one.

| named | what it is |
|---|---|
| nothing | the plan's own demand |
| `.csv` (also `.csv.gz`) of the Azure traces, `.jsonl` of the Mooncake traces | arrivals, which come again |
| `.parquet`, or a folder of such files: the ledger's events, or any record of token use | arrivals, which come again |
| `.csv` of ServeGen, summed or client by client | rates by window, to which a demand is fitted |
| anything else | a run in the ledger of the data directory, whose arrivals come again |

What must not live here: how any of them is read or fitted.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from roteiro.ledger import Ledger
from roteiro.plan.compile import Compiled
from roteiro.plan.model import Process, Scenario
from roteiro.simulator import demand as demands
from roteiro.simulator.arriving import TRACE
from roteiro.simulator.demand import Demand
from roteiro.simulator.demand_fit import fit_demand
from roteiro.simulator.trace import Rates, is_record, read_record
from roteiro.simulator.world import FOREVER
from roteiro.terms.error import LedgerError, SettingsError
from roteiro.terms.problem import Problem, Severity, Where

__all__ = ["bounded", "demand_from", "opened", "run_named"]

REQUESTS: Final = 100_000
"""Of a demand that has no end."""
MOST_REQUESTS: Final = 2_000_000
"""Of one that has, where nobody bounds it."""


def run_named(source: Path | str | None) -> str | None:
    """The run that a demand's name is the name of; None where it is a file, a folder, or nothing."""
    return None if source is None or is_record(source) else str(source)


def demand_from(
    compiled: Compiled,
    source: Path | str | None,
    *,
    data: Path | None,
    scenario: str | None,
    folder: Path,
    fitted: bool = False,
    thin: float = 1.0,
) -> Demand:
    """The demand that a person named, for a plan. The module says what `source` may be.

    `folder`: where the plan's file is, and its trace is looked for. `fitted`: let processes be fitted to a record and drawn from, in place
    of taking its arrivals again. `thin`: the share of requests that is simulated. Of a scenario, a record takes the factors by which it
    differs from the plan's usual demand.

    Raises PlanError for a file that cannot be read and a demand that says too little, LedgerError for a run that is not there, and
    SettingsError where a data directory is wanted or `thin` is not a share.
    """
    if not 0.0 < thin <= 1.0:
        raise SettingsError(f"a demand is thinned by a share above 0 and at most 1, not {thin:g}")
    found = named(compiled, source, data, scenario, folder, fitted)
    wanted = compiled.plan.demand
    if events := sorted({*wanted.events, *(wanted.scenarios[scenario].events if scenario is not None else ())}):
        told = f"events are of forecasts, so {', '.join(events)} is not simulated; a simulation has shape.surge"
        found = replace(found, assumed=(*found.assumed, told))
    return found if thin == 1.0 else found.thinned(thin)


def named(compiled: Compiled, source: Path | str | None, data: Path | None, scenario: str | None, folder: Path, fitted: bool) -> Demand:
    wanted = compiled.plan.demand
    varied = demands.scenario_of(wanted, scenario)
    factor = math.prod({**wanted.factors, **(varied.factors if varied is not None else {})}.values())
    if source is None:
        arrivals = wanted.arrivals
        if arrivals is None or arrivals.process is not Process.TRACE:
            return demands.of_plan(compiled, scenario, folder)
        record, problems = read_record(folder / str(arrivals.trace))
        if not fitted and not isinstance(record, Rates):
            return demands.of_plan(compiled, scenario, folder)
        if arrivals.rate is not None:
            factor *= arrivals.rate.per_second / (record.mean_rate_per_s if isinstance(record, Rates) else record.rate_per_s)
        return replace(fit_demand(compiled, record, problems, factor=factor)[0], retry=wanted.clients.retry)
    # A record has its own level; of a scenario it takes what that changes against the plan's usual.
    factor /= math.prod(wanted.factors.values())
    run = run_named(source)
    if run is not None:
        ledger = opened(data, [run], False)
        assert ledger is not None
        taken = demands.of_run(compiled, ledger, run)
        found = fit_demand(compiled, taken, taken.problems, factor=factor)[0] if fitted else sped_up(taken, factor)
    else:
        record, problems = read_record(Path(source))
        if fitted or isinstance(record, Rates):
            found = fit_demand(compiled, record, problems, factor=factor)[0]
        else:
            found = demands.of_trace(compiled, record, problems, record.rate_per_s * factor)
    return found if scenario is None else replace(found, assumed=(*found.assumed, said_of(scenario, varied, factor)))


def sped_up(demand: Demand, factor: float) -> Demand:
    if factor == 1.0:
        return demand
    rows = demand.arrivals.copy()
    rows["at"] /= factor
    return replace(demand, arrivals=rows, horizon_s=demand.horizon_s / factor)


def said_of(scenario: str, varied: Scenario | None, factor: float) -> str:
    rest = (
        ""
        if varied is None or not varied.shape.model_fields_set
        else "; the shape it gives to days and surges is the plan's own demand's alone"
    )
    return f"scenario {scenario} multiplies the record's rate by {factor:g}{rest}"


def bounded(demand: Demand, requests: int | None, duration_s: float | None) -> tuple[Demand, int | None, float]:
    """(demand, requests, seconds): how much of a demand one seed has, where a person bounds it so far, or not at all.

    A record that was fitted ends where the record did. One of very many requests is cut, which `Demand.problems` then says.
    """
    if demand.process == TRACE or not math.isfinite(demand.horizon_s):
        usual = REQUESTS if demand.process != TRACE and duration_s is None else None
        return demand, usual if requests is None else requests, FOREVER if duration_s is None else duration_s
    span_s = demand.horizon_s if duration_s is None else min(duration_s, demand.horizon_s)
    coming = demand.rate_per_s * demand.horizon_s
    if requests is not None or duration_s is not None or coming <= MOST_REQUESTS:
        return demand, requests, span_s
    message = f"brings some {coming:,.0f} requests in {demand.horizon_s / 3600.0:,.1f} h; the first {MOST_REQUESTS:,} are simulated"
    remedy = "bound it by --requests or --duration, or let a share of it stand for all by --thin"
    problem = Problem("W922", Where(demand.name.removeprefix("fitted to ")), "", message, remedy, Severity.WARNING)
    return replace(demand, problems=(*demand.problems, problem)), MOST_REQUESTS, span_s


def opened(data: Path | None, runs: Sequence[str], writes: bool) -> Ledger | None:
    """The ledger of the data directory, where one is needed. Raises SettingsError or LedgerError where it cannot be."""
    if data is None:
        if runs or writes:
            raise SettingsError(f"{f'run {runs[0]!r} is in a ledger, which' if runs else 'keeping events'} needs a data directory; name it")
        return None
    ledger = Ledger(data)
    there = sorted(run.run for run in ledger.runs()) if runs else []
    for run in runs:
        if run not in there:
            raise LedgerError(f"no run {run!r} in the ledger of {data}; there are: {', '.join(there[-5:]) or 'none'}")
    return ledger
