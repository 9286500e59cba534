"""Commands that answer what would happen: simulate, diff, sweep.

What must not live here: simulating, and how a result is told.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from roteiro.cli.asked import (
    Address,
    Backend,
    Backends,
    Begins,
    DemandFrom,
    Duration,
    FitFrom,
    Fitted,
    Processes,
    Requests,
    ScenarioName,
    Seeds,
    Thin,
    asked_of,
)  # fmt: skip
from roteiro.cli.option import AsHtml, AsJson, AsMarkdown, Data, Environment, Lang, Language, PlanFile, in_language, present

__all__ = ["diff", "simulate", "sweep"]

Keep = Annotated[bool, typer.Option("--keep/--no-keep", help="Write the simulated events to --data, for reports.")]
Check = Annotated[bool, typer.Option("--check", help="Hold every law of conservation against the run as it goes.")]
OldPlan = Annotated[Path, typer.Argument(metavar="OLD", help="The plan as it is.", show_default=False)]
NewPlan = Annotated[Path, typer.Argument(metavar="NEW", help="The plan as it would be.", show_default=False)]
Vary = Annotated[
    list[str],
    typer.Option(
        "--vary",
        metavar="PATH=VALUES",
        help="A place in the plan and its values: 50..90:10 or 1,2,3, with their units; repeatable, every combination is simulated.",
        show_default=False,
    ),
]
AxisX = Annotated[str, typer.Option("--x", metavar="FIGURE", help="The first objective: cost, p95, attainment, tier_availability.NAME …")]
AxisY = Annotated[str, typer.Option("--y", metavar="FIGURE", help="The second objective.")]


class FailOn(StrEnum):
    """What makes a comparison fail."""

    NEVER = "never"
    WORSE = "worse"


Fail = Annotated[
    FailOn,
    typer.Option("--fail-on", help="End with 1 where service levels become worse by more than chance, or a promise is newly missed."),
]


def simulate(
    plan: PlanFile,
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
    keep: Keep = True,
    check: Check = False,
    processes: Processes = None,
    backend: Backend = Backends.PROCESSES,
    address: Address = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    lang: Lang = Language.EN,
) -> None:
    """Simulate a plan: what would happen, as intervals over several seeds (5 unless told otherwise).

    The same decisions as when serving, taken by the same kernel; arrivals, lengths and service times are drawn.
    """
    from roteiro.cli.progress import watched
    from roteiro.cli.simulate_page import simulation_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.simulate import simulate as run

    asked = asked_of(
        demand=demand, data=data, fit_from=fit_from, fitted=fitted, thin=thin, requests=requests, duration=duration, begins=begins,
        scenario=scenario,
    )  # fmt: skip
    speech = in_language(lang)
    with watched(speech) as watch:
        result = run(
            plan, demand=asked.demand, data=asked.data, fit_from=fit_from, fitted=fitted, seeds=seeds or 5, requests=requests,
            duration_s=asked.duration_s, begin=asked.begin, environment=environment, scenario=scenario, thin=asked.thin,
            keep=keep and data is not None, check=check, processes=processes, backend=backend.value, address=address, on_progress=watch,
        )  # fmt: skip
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
        return
    present(simulation_page(result, speech), lang, as_markdown=as_markdown, as_html=as_html)


def diff(
    old: OldPlan,
    new: NewPlan,
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
    fail_on: Fail = FailOn.NEVER,
    processes: Processes = None,
    backend: Backend = Backends.PROCESSES,
    address: Address = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    lang: Lang = Language.EN,
) -> None:
    """Compare two plans under the same luck: what the change would do, and whether it is more than chance (10 seeds unless told otherwise).

    For a pull request: --markdown, and --fail-on worse for its checks.
    """
    from roteiro.cli.diff_page import diff_page
    from roteiro.cli.progress import watched
    from roteiro.report.plain import dumps
    from roteiro.tasks.diff import SEEDS
    from roteiro.tasks.diff import diff as run

    asked = asked_of(
        demand=demand, data=data, fit_from=fit_from, fitted=fitted, thin=thin, requests=requests, duration=duration, begins=begins,
        scenario=scenario,
    )  # fmt: skip
    speech = in_language(lang)
    with watched(speech) as watch:
        result = run(
            old, new, asked, seeds=seeds or SEEDS, environment=environment, processes=processes, backend=backend.value, address=address,
            on_progress=watch,
        )  # fmt: skip
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
    else:
        present(diff_page(result, speech), lang, as_markdown=as_markdown, as_html=as_html)
    if fail_on is FailOn.WORSE and result.worse:
        raise typer.Exit(1)


def sweep(
    plan: PlanFile,
    vary: Vary,
    x: AxisX = "cost",
    y: AxisY = "attainment",
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
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    lang: Lang = Language.EN,
) -> None:
    """Simulate a plan with every combination of values, and mark those that no other beats (3 seeds unless told otherwise).

    Says first what it takes. Ctrl-C keeps the combinations that are finished.
    """
    from roteiro.cli.progress import watched
    from roteiro.cli.sweep_page import begins as begins_with
    from roteiro.cli.sweep_page import sweep_page
    from roteiro.report.plain import dumps
    from roteiro.report.terminal import console
    from roteiro.tasks.sweep import SEEDS
    from roteiro.tasks.sweep import sweep as run

    asked = asked_of(
        demand=demand, data=data, fit_from=fit_from, fitted=fitted, thin=thin, requests=requests, duration=duration, begins=begins,
        scenario=scenario,
    )  # fmt: skip
    speech, to = in_language(lang), console(stderr=True)
    with watched(speech) as watch:
        result = run(
            plan, vary, asked, x=x, y=y, seeds=seeds or SEEDS, environment=environment, processes=processes, backend=backend.value,
            address=address, on_progress=watch,
            tell=lambda estimate: to.print(f"· {begins_with(estimate, speech)}", style="dim", markup=False, soft_wrap=True),
        )  # fmt: skip
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
        return
    present(sweep_page(result, speech), lang, as_markdown=as_markdown, as_html=as_html)
