"""Commands that report on what did happen.

What must not live here: analysis.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from roteiro.cli.option import AsHtml, AsJson, AsMarkdown, Data, Lang, Language, directory, in_language, present

if TYPE_CHECKING:
    from roteiro.report.speech import Speech
    from roteiro.tasks.report import Period

__all__ = ["app", "cost", "sla", "traffic"]

app = typer.Typer(help="What did happen: service levels, cost, traffic.", no_args_is_help=True)

Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Only what arrived since: 24h, 7d, 2026-01-31T12:00 (UTC).", show_default=False),
]  # fmt: skip
Run = Annotated[
    str | None,
    typer.Option("--run", metavar="RUN", help="Only this run, live or simulated; without it, all live ones.", show_default=False),
]


@app.command()
def sla(
    data: Data = None,
    since: Since = None,
    run: Run = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    lang: Lang = Language.EN,
) -> None:
    """Service levels by tier: what was promised, what was measured, and whether that keeps the promise."""
    from roteiro.report.plain import dumps
    from roteiro.report.sla import sla_page
    from roteiro.tasks.report import parse_since, report_sla

    answer = report_sla(directory(data), parse_since(since) if since else None, run)
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    speech = in_language(lang)
    remarks = [] if answer.targets_known or not answer.period.requests else [speech.say("sla.targets_unknown")]
    if answer.targets_known and len(answer.period.digests) > 1:
        remarks.append(speech.say("sla.targets_of", digest=(answer.period.digest or "")[:12]))
    page = sla_page(answer.sla, speech, about(answer.period, speech), tuple(remarks))
    present(page, lang, as_markdown=as_markdown, as_html=as_html)


@app.command()
def cost(
    data: Data = None,
    since: Since = None,
    run: Run = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    lang: Lang = Language.EN,
) -> None:
    """What it cost, by tenant, provider and model, and what is left of the budgets."""
    from roteiro.report.cost import cost_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.report import parse_since, report_cost

    answer = report_cost(directory(data), parse_since(since) if since else None, run)
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    speech = in_language(lang)
    remarks = () if answer.budgets_known or not answer.period.requests else (speech.say("cost.budgets_unknown"),)
    page = cost_page(answer.cost, answer.budgets, speech, about(answer.period, speech), remarks)
    present(page, lang, as_markdown=as_markdown, as_html=as_html)


@app.command()
def traffic(
    data: Data = None,
    since: Since = None,
    run: Run = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    lang: Lang = Language.EN,
) -> None:
    """Where requests went and why: outcomes, providers, failovers, breakers, and what each reason decided."""
    from roteiro.report.plain import dumps
    from roteiro.report.traffic import traffic_page
    from roteiro.tasks.report import parse_since, report_traffic

    answer = report_traffic(directory(data), parse_since(since) if since else None, run)
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    speech = in_language(lang)
    present(traffic_page(answer.traffic, speech, about(answer.period, speech)), lang, as_markdown=as_markdown, as_html=as_html)


def about(period: "Period", speech: "Speech") -> str:
    """What the report speaks of, in a line."""
    parts = [period.data]
    if period.run:
        parts.append(f"{speech.say('run')} {period.run} ({period.world})" if period.world else f"{speech.say('run')} {period.run}")
    if period.first is None or period.last is None:
        return " · ".join([*parts, speech.say("no_data")])
    parts.append(f"{period.first:%Y-%m-%d %H:%M:%S} – {period.last:%Y-%m-%d %H:%M:%S} UTC")
    parts.append(f"{speech.number(period.requests)} {speech.say('requests')}")
    return " · ".join(parts)
