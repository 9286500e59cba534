"""Commands of drills: whether a plan keeps its promises when its providers fail.

What must not live here: the drill (`tasks.drill`).
"""

from typing import TYPE_CHECKING, Annotated

import typer

from roteiro.cli.option import AsHtml, AsJson, AsMarkdown, Environment, Lang, Language, PlanFile, in_language, present

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
    seconds: Seconds = None,
    environment: Environment = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
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
        present(drill_page(result, speech), lang, as_markdown=as_markdown, as_html=as_html)
    if not result.kept:
        raise typer.Exit(1)
