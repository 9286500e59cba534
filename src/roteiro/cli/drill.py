"""Commands of drills: whether a plan keeps its promises when its providers fail, on a real server and in a simulation.

What must not live here: the drills (`tasks.drill`, `tasks.drill_outage`).
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from roteiro.cli.asked import Wanted, simulating
from roteiro.cli.option import AsHtml, AsJson, AsMarkdown, Environment, Lang, Language, PlanFile, ToPdf, in_language, present

if TYPE_CHECKING:
    from roteiro.tasks.drill import Estimate
    from roteiro.tasks.drill_result import DrillRow
    from roteiro.testing.stage import Played

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Drill a plan: what its clients see when its providers fail.")

Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="NAME", help="A scenario, or how some begin; repeatable.", show_default=False)
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="NAME", help="A model of the plan; repeatable. Without it, all that it writes.", show_default=False),
]
Seconds = Annotated[
    float | None,
    typer.Option("--seconds", metavar="N", min=1.0, help="Leave out what takes longer, or has not begun by then.", show_default=False),
]


@app.callback()
def drills() -> None:
    """Drill a plan: what its clients see when its providers fail."""


@app.command("faults")
def faults(
    plan: PlanFile,
    only: Only = None,
    model: Models = None,
    environment: Environment = None,
    seconds: Seconds = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
    lang: Lang = Language.EN,
) -> None:
    """Play every fault there is a scenario of against a plan: sandboxes take the places of its providers, a real server serves it.

    Each case has copies of the model and its providers to itself, with the plan's own timeouts, retries, breakers and fallbacks. Needs no
    key and no network. Ends with 1 where a promise was broken.
    """
    from roteiro.report.drill import drill_page, drill_row
    from roteiro.report.plain import dumps
    from roteiro.report.terminal import console
    from roteiro.tasks.drill import Drill, drill

    speech = in_language(lang)
    to = console(stderr=True)
    done = cases = 0

    def tell(estimate: "Estimate") -> None:
        nonlocal cases
        cases = estimate.cases
        about = {"cases": estimate.cases, "left_out": estimate.left_out, "seconds": speech.seconds(estimate.seconds)}
        to.print(f"· {speech.say('drill.begins', **about)}", style="dim", markup=False, soft_wrap=True)

    def on_row(row: "DrillRow", _: "Played") -> None:
        nonlocal done
        done += 1
        if to.is_terminal:
            scenario, mode, saw = (cell.text for cell in drill_row(row, speech)[:3])
            told = f"{scenario} ({mode}): {saw}"
            to.print(f"· {speech.say('drill.ends', done=done, cases=cases, scenario=told)}", style="dim", markup=False, soft_wrap=True)

    result = drill(
        Drill(plan=plan, environment=environment, only=tuple(only or ()), models=tuple(model or ()), seconds=seconds), tell, on_row
    )
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
    else:
        present(drill_page(result, speech), lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)
    if not result.kept:
        raise typer.Exit(1)


class OutageKind(StrEnum):
    """What a provider that is out does."""

    HARD = "hard"
    ERRORS = "errors"
    SLOW = "slow"
    SILENT = "silent"


Providers = Annotated[
    list[str] | None, typer.Option("--provider", metavar="NAME", help="A provider that goes down; repeatable.", show_default=False)
]
Regions = Annotated[
    list[str] | None, typer.Option("--region", metavar="NAME", help="All providers of a region; repeatable.", show_default=False)
]
For = Annotated[str, typer.Option("--for", metavar="TIME", help="How long it lasts.")]
At = Annotated[
    str, typer.Option("--at", metavar="peak|HH:MM|TIME", help="When it begins: around the peak, at a time of day, or after the start.")
]
Kind = Annotated[OutageKind, typer.Option("--kind", help="Connections refused; errors; times a multiple; or no answer until a timeout.")]
Share = Annotated[
    str | None, typer.Option("--share", metavar="SHARE", help="Of the attempts that are struck; without it, all.", show_default=False)
]
Mtbf = Annotated[
    str | None,
    typer.Option(
        "--mtbf", metavar="TIME", help="Draw outages: the mean time from one to the next, in place of --for and --at.", show_default=False
    ),
]
Mttr = Annotated[
    str | None, typer.Option("--mttr", metavar="TIME", help="Of drawn outages: how long one lasts on the mean.", show_default=False)
]
Correlated = Annotated[
    str | None,
    typer.Option("--correlated", metavar="SHARE", help="Of drawn outages: the share that strikes all at once.", show_default=False),
]


@app.command("outage")
@simulating
def outage(
    plan: PlanFile,
    wanted: Wanted,
    provider: Providers = None,
    region: Regions = None,
    lasts: For = "45min",
    at: At = "peak",
    kind: Kind = OutageKind.HARD,
    share: Share = None,
    mtbf: Mtbf = None,
    mttr: Mttr = None,
    correlated: Correlated = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
    lang: Lang = Language.EN,
) -> None:
    """Simulate an outage of providers: what their clients lose, when it is noticed, when all is well again (5 seeds by default).

    Against the same seeds without it. With --mtbf and --mttr outages come as they come, together or not.
    """
    from roteiro.cli.outage_page import drawn_page, outage_page
    from roteiro.cli.progress import watched
    from roteiro.report.plain import dumps
    from roteiro.tasks.drill_outage import SEEDS, Disaster, drill_outage, drill_outages_drawn
    from roteiro.terms.error import SettingsError
    from roteiro.terms.units import QuantityError, parse_duration, parse_share

    if (mtbf is None) != (mttr is None):
        raise SettingsError("drawn outages need both --mtbf and --mttr")
    try:
        disaster = Disaster(
            providers=tuple(provider or ()), regions=tuple(region or ()), for_s=float(parse_duration(lasts, default="s")), at=at,
            kind=kind.value, share=1.0 if share is None else float(parse_share(share)),
        )  # fmt: skip
        rates = None if mtbf is None or mttr is None else (float(parse_duration(mtbf)), float(parse_duration(mttr)))
        common = 0.0 if correlated is None else float(parse_share(correlated))
    except QuantityError as error:
        raise SettingsError(str(error)) from None
    speech, count = in_language(lang), wanted.seeds or SEEDS
    with watched(speech) as watch:
        if rates is None:
            result = drill_outage(plan, disaster, wanted.asked, seeds=count, environment=wanted.environment, on_progress=watch)
            answer, page = result.as_json(), outage_page(result, speech)
        else:
            drawn = drill_outages_drawn(
                plan, disaster, *rates, common, wanted.asked, seeds=count, environment=wanted.environment, on_progress=watch, **wanted.crew
            )
            answer, page = drawn.as_json(), drawn_page(drawn, speech)
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    present(page, lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)
