"""Commands about vendors: how they compare, whether they kept their word, what they owe, and what happens without them.

What must not live here: analysis.
"""

from pathlib import Path
from typing import Annotated

import typer

from roteiro.cli.option import AsHtml, AsJson, AsMarkdown, Data, Environment, Lang, Language, PlanFile, directory, in_language, present
from roteiro.cli.report import Run, Since

__all__ = ["app"]

app = typer.Typer(help="Vendors: compared, held to their SLAs, and what happens without them.")

Prices = Annotated[
    Path | None,
    typer.Option(
        "--prices", metavar="FILE", help="A history of prices, CSV: date, provider, model, input_mtok, output_mtok.", show_default=False
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Of what is drawn, so that the page repeats.")]


PlanOption = Annotated[
    Path | None,
    typer.Option("--plan", metavar="PLAN", help="The plan's file; without it, the one in force last in --data.", show_default=False),
]


@app.callback(invoke_without_command=True)
def overview(
    context: typer.Context,
    plan: PlanOption = None,
    data: Data = None,
    since: Since = None,
    run: Run = None,
    environment: Environment = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    lang: Lang = Language.EN,
) -> None:
    """Vendors: without a command, all of them at a glance; compared, held to their SLAs, and what happens without them."""
    if context.invoked_subcommand is not None:
        return
    from roteiro.cli.vendors_sla_page import overview_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.report import parse_since
    from roteiro.tasks.vendors import vendors_overview

    answer = vendors_overview(plan, directory(data), parse_since(since) if since else None, run, environment=environment)
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    present(overview_page(answer, in_language(lang)), lang, as_markdown=as_markdown, as_html=as_html)


@app.command("score")
def score(
    plan: PlanFile,
    data: Data = None,
    since: Since = None,
    run: Run = None,
    prices: Prices = None,
    environment: Environment = None,
    seed: Seed = 1,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    lang: Lang = Language.EN,
) -> None:
    """Compare vendors by six criteria: measured in the ledger where it tells, else declared in the plan.

    No data is no score. A rank is given only where the measurements allow one, and what hangs on the weights is shown.
    """
    from roteiro.cli.vendors_page import score_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.report import parse_since
    from roteiro.tasks.vendor_score import score_vendors

    where = directory(data)
    known = where if data is not None or where.is_dir() else None  # without a ledger, what is declared alone
    answer = score_vendors(plan, known, parse_since(since) if since else None, run, prices=prices, environment=environment, seed=seed)
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    present(score_page(answer, in_language(lang)), lang, as_markdown=as_markdown, as_html=as_html)


MaybePlan = Annotated[
    Path | None, typer.Argument(metavar="[PLAN]", help="The plan's file; without it, the one in force last in --data.", show_default=False)
]
OneVendor = Annotated[str | None, typer.Option("--vendor", metavar="NAME", help="Only this: a provider's `name`.", show_default=False)]
Month = Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="Only this month, or quarter (2026-Q3).", show_default=False)]


@app.command("sla")
def sla(
    plan: MaybePlan = None,
    data: Data = None,
    vendor: OneVendor = None,
    month: Month = None,
    run: Run = None,
    environment: Environment = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    lang: Lang = Language.EN,
) -> None:
    """Whether vendors kept their SLAs, as their contracts count, and what they owe. Ends with 1 where one was missed."""
    from roteiro.cli.vendors_sla_page import sla_kept_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.vendor_sla import sla_kept

    answer = sla_kept(plan, directory(data), vendor=vendor, month=month, run=run, environment=environment)
    if as_json:
        typer.echo(dumps(answer), nl=False)
    else:
        present(sla_kept_page(answer, in_language(lang)), lang, as_markdown=as_markdown, as_html=as_html)
    if any(one.attained.met is False for one in answer.periods):
        raise typer.Exit(1)


@app.command("claim")
def claim(
    vendor: Annotated[str, typer.Option("--vendor", metavar="NAME", help="The vendor: a provider's `name`.", show_default=False)],
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month, or quarter (2026-Q3).", show_default=False)],
    plan: MaybePlan = None,
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Write the letter and the evidence there.", show_default=False)
    ] = None,
    run: Run = None,
    environment: Environment = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    lang: Lang = Language.EN,
) -> None:
    """Claim the credit that a vendor owes: a letter, each failed request as evidence (no prompts), the SQL that found them, digests."""
    from roteiro.cli.vendors_sla_page import claim_letter
    from roteiro.report.html import html
    from roteiro.report.markdown import markdown
    from roteiro.report.plain import dumps
    from roteiro.tasks.vendor_claim import claim_credit, seal

    found = claim_credit(plan, directory(data), vendor, month, out=out, run=run, environment=environment)
    letter = claim_letter(found, in_language(lang))
    if out is not None:
        seal(out, {"claim.md": markdown(letter), "claim.html": html(letter, lang)})
    if as_json:
        typer.echo(dumps(found.as_json()), nl=False)
        return
    present(letter, lang, as_markdown=as_markdown, as_html=as_html)


Candidates = Annotated[
    list[str] | None,
    typer.Option("--candidate", metavar="VENDOR/MODEL", help="Of the price list, to be tried as a remedy; repeatable.", show_default=False),
]


@app.command("contingency")
def contingency(
    plan: PlanFile,
    vendor: OneVendor = None,
    candidate: Candidates = None,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, max=100, help="Possible days.")] = 3,
    scenario: Annotated[str | None, typer.Option("--scenario", metavar="NAME", help="One of the demand's.", show_default=False)] = None,
    remedies: Annotated[bool, typer.Option("--remedies/--no-remedies", help="Try what could be done about it.")] = True,
    environment: Environment = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    lang: Lang = Language.EN,
) -> None:
    """Simulate the loss of each vendor for an hour, a day, for good: promises that break, money, recovery, and the cheapest remedy."""
    from roteiro.cli.contingency_page import contingency_page
    from roteiro.cli.progress import watched
    from roteiro.report.plain import dumps
    from roteiro.tasks.contingency import contingency as simulate_losses
    from roteiro.tasks.prepared import Asked

    speech = in_language(lang)
    with watched(speech, "contingency.running") as watch:
        answer = simulate_losses(
            plan, vendor, Asked(scenario=scenario), seeds=seeds, remedies=remedies, candidates=tuple(candidate or ()),
            environment=environment, on_progress=watch,
        )  # fmt: skip
    if as_json:
        typer.echo(dumps(answer.as_json()), nl=False)
        return
    present(contingency_page(answer, speech), lang, as_markdown=as_markdown, as_html=as_html)
