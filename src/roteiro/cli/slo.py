"""Commands about objectives: what a plan promises, what its vendors carry, what is left of budgets, and when alerts fired.

What must not live here: analysis, and layout (`slo_page`).
"""

from typing import TYPE_CHECKING, Annotated

import typer

from roteiro.cli.option import (
    AsJson,
    AsMarkdown,
    Data,
    Environment,
    Lang,
    Language,
    PlanFile,
    directory,
    in_language,
    present,
)
from roteiro.cli.report import Run, Since

if TYPE_CHECKING:
    from roteiro.plan.read import Reading

__all__ = ["alerts", "app", "compose", "listing", "status"]

Objective = Annotated[str | None, typer.Option("--objective", metavar="NAME", help="Only this objective.", show_default=False)]

app = typer.Typer(help="Objectives: what is promised, what carries it, what is left of error budgets.", no_args_is_help=True)


def reading_of(plan: PlanFile, environment: Environment) -> "Reading":
    from roteiro.tasks.check import checked

    return checked(plan, environment)


@app.command("list")
def listing(
    plan: PlanFile,
    environment: Environment = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    lang: Lang = Language.EN,
) -> None:
    """Say what a plan promises and aims at, and how many failures make each alert fire at the plan's demand."""
    from roteiro.cli.slo_page import list_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.objective_list import listed

    answer = listed(reading_of(plan, environment))
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    present(list_page(answer, in_language(lang), str(plan)), lang, as_markdown=as_markdown)


@app.command("compose")
def compose(
    plan: PlanFile,
    environment: Environment = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    lang: Lang = Language.EN,
) -> None:
    """Compose what vendors promise into what each model's path can promise: targets, fallbacks and cache, with the arithmetic."""
    from roteiro.cli.slo_page import compose_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.check import check
    from roteiro.tasks.objective_list import paths

    # A plan whose tiers promise too much is refused by `check`: here one sees why.
    reading = check(plan, environment)
    answer = paths(reading)
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    present(compose_page(answer, in_language(lang), str(plan)), lang, as_markdown=as_markdown)


@app.command("status")
def status(
    data: Data = None,
    run: Run = None,
    objective: Objective = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    lang: Lang = Language.EN,
) -> None:
    """Say what is left of each error budget in its own window, how fast it burns, and when it will be spent."""
    from roteiro.cli.report import about
    from roteiro.cli.slo_page import status_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.objective_status import status as ask

    answer = ask(directory(data), run, objective=objective)
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    speech = in_language(lang)
    present(status_page(answer, speech, about(answer.period, speech)), lang, as_markdown=as_markdown)


@app.command("alerts")
def alerts(
    data: Data = None,
    since: Since = None,
    run: Run = None,
    objective: Objective = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    lang: Lang = Language.EN,
) -> None:
    """Say when each burn alert would have fired and cleared over what is recorded, and how often the usual rule would have."""
    from roteiro.cli.report import about
    from roteiro.cli.slo_page import alerts_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.objective_status import alerts as ask
    from roteiro.tasks.report import parse_since

    answer = ask(directory(data), run, parse_since(since) if since else None, objective)
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    speech = in_language(lang)
    present(alerts_page(answer, speech, about(answer.period, speech)), lang, as_markdown=as_markdown)
