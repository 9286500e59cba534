"""Commands that answer what would happen: simulate, diff, sweep.

What must not live here: simulating, and how a result is told.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from roteiro.cli.asked import Wanted, simulating
from roteiro.cli.option import AsHtml, AsJson, AsMarkdown, Lang, Language, PlanFile, ToPdf, in_language, present

__all__ = ["diff", "simulate", "sweep"]

Keep = Annotated[
    bool, typer.Option("--keep/--no-keep", help="Write the simulated events to the data directory, where one is named, for reports.")
]
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


@simulating
def simulate(
    plan: PlanFile,
    wanted: Wanted,
    keep: Keep = True,
    check: Check = False,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
    lang: Lang = Language.EN,
) -> None:
    """Simulate a plan: what would happen, as intervals over several seeds (5 unless told otherwise).

    The same decisions as when serving, taken by the same kernel; arrivals, lengths and service times are drawn.
    """
    from roteiro.cli.progress import watched
    from roteiro.cli.simulate_page import simulation_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.simulate import simulate as run

    speech = in_language(lang)
    with watched(speech) as watch:
        asked = wanted.asked
        result = run(
            plan, demand=asked.demand, data=asked.data, fit_from=asked.fit_from, fitted=asked.fitted, seeds=wanted.seeds or 5,
            requests=asked.requests, duration_s=asked.duration_s, begin=asked.begin, environment=wanted.environment,
            scenario=asked.scenario, thin=asked.thin, keep=keep and wanted.keeps, check=check, on_progress=watch, **wanted.crew,
        )  # fmt: skip
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
        return
    present(simulation_page(result, speech), lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)


@simulating
def diff(
    old: OldPlan,
    new: NewPlan,
    wanted: Wanted,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
    lang: Lang = Language.EN,
    fail_on: Fail = FailOn.NEVER,
) -> None:
    """Compare two plans under the same luck: what the change would do, and whether it is more than chance (10 seeds unless told otherwise).

    For a pull request: --markdown, and --fail-on worse for its checks.
    """
    from roteiro.cli.diff_page import diff_page
    from roteiro.cli.progress import watched
    from roteiro.report.plain import dumps
    from roteiro.tasks.diff import SEEDS
    from roteiro.tasks.diff import diff as run

    speech = in_language(lang)
    with watched(speech) as watch:
        result = run(old, new, wanted.asked, seeds=wanted.seeds or SEEDS, environment=wanted.environment, on_progress=watch, **wanted.crew)
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
    else:
        present(diff_page(result, speech), lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)
    if fail_on is FailOn.WORSE and result.worse:
        raise typer.Exit(1)


@simulating
def sweep(
    plan: PlanFile,
    vary: Vary,
    wanted: Wanted,
    x: AxisX = "cost",
    y: AxisY = "attainment",
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
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

    speech, to = in_language(lang), console(stderr=True)
    with watched(speech) as watch:
        result = run(
            plan, vary, wanted.asked, x=x, y=y, seeds=wanted.seeds or SEEDS, environment=wanted.environment, on_progress=watch,
            **wanted.crew,
            tell=lambda estimate: to.print(f"· {begins_with(estimate, speech)}", style="dim", markup=False, soft_wrap=True),
        )  # fmt: skip
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
        return
    present(sweep_page(result, speech), lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)
