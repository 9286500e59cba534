"""Commands about the quality of answers: questions with known answers, the judge, and models that change behind their names.

What must not live here: asking, and testing.
"""

from pathlib import Path
from typing import Annotated

import typer

from roteiro.cli.option import (
    AsHtml,
    AsJson,
    AsMarkdown,
    Data,
    Environment,
    Lang,
    Language,
    ToPdf,
    directory,
    in_language,
    present,
)

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Questions with known answers, the judge, and models that change behind their names.")

MaybePlan = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PLAN]", help="The plan's file: its targets are asked now. Without it, what a server found.", show_default=False
    ),
]
Against = Annotated[
    list[str] | None,
    typer.Option("--against", metavar="PROVIDER", help="Ask this one alone; repeatable. Without it, all that chat.", show_default=False),
]
Repeats = Annotated[int, typer.Option("--repeats", metavar="N", min=1, help="How often each question is asked.")]


@app.callback()
def quality() -> None:
    """Questions with known answers, the judge, and models that change behind their names."""


@app.command("canaries")
def canaries(
    plan: MaybePlan = None,
    against: Against = None,
    repeats: Repeats = 1,
    data: Data = None,
    lang: Lang = Language.EN,
    environment: Environment = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
) -> None:
    """Ask a plan's targets questions with known answers, or show what a server's canaries found in the last day (--data).

    With a plan, a server of its own asks every question of its suites, within the canaries' budget; it costs what the answers cost.
    """
    from roteiro.cli.quality_page import canaries_page
    from roteiro.report.plain import dumps
    from roteiro.report.terminal import console
    from roteiro.tasks.canaries import ask_canaries, seen_canaries

    speech = in_language(lang)
    if plan is None:
        answer = seen_canaries(directory(data))
    else:
        console(stderr=True).print(f"· {speech.say('canary.asking')}", style="dim", markup=False)
        answer = ask_canaries(plan, environment, tuple(against or ()), repeats)
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    present(canaries_page(answer, speech), lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)


@app.command("drift")
def drift(
    data: Data = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
    lang: Lang = Language.EN,
) -> None:
    """Whether the models behind a server's targets are still the same: what changed, since when, how sure that is, and examples."""
    from roteiro.cli.quality_page import drift_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.canaries import look_at_drift

    answer = look_at_drift(directory(data))
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    present(drift_page(answer, in_language(lang)), lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)


@app.command("judge")
def judge(
    plan: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", help="The plan's file: its judge is measured now. Without it, what a server's judge said."),
    ] = None,
    data: Data = None,
    environment: Environment = None,
    lang: Lang = Language.EN,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
) -> None:
    """Measure how often a plan's judge errs, or show what a server's judge said, corrected for its errors (--data).

    With a plan, a server of its own asks the judge of items whose verdict is known, within its budget.
    """
    from roteiro.cli.quality_page import judge_page, rates_page
    from roteiro.report.plain import dumps
    from roteiro.report.terminal import console
    from roteiro.tasks.canaries import judged_rates, measure_judge

    speech = in_language(lang)
    if plan is None:
        rates = judged_rates(directory(data))
        text, page = dumps(rates), rates_page(rates, speech)
    else:
        console(stderr=True).print(f"· {speech.say('canary.asking')}", style="dim", markup=False)
        answer = measure_judge(plan, environment)
        text, page = dumps(answer), judge_page(answer, speech)
    if as_json:
        typer.echo(text, nl=False)
        return
    present(page, lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)
