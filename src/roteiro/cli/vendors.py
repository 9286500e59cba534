"""Commands about vendors: how they compare, whether they kept their word, what they owe, and what happens without them.

What must not live here: analysis.
"""

from pathlib import Path
from typing import Annotated

import typer

from roteiro.cli.option import AsHtml, AsJson, AsMarkdown, Data, Environment, Lang, Language, PlanFile, in_language, present
from roteiro.cli.report import Run, Since

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Vendors: compared, held to their SLAs, and what happens without them.")

Prices = Annotated[
    Path | None,
    typer.Option(
        "--prices", metavar="FILE", help="A history of prices, CSV: date, provider, model, input_mtok, output_mtok.", show_default=False
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Of what is drawn, so that the page repeats.")]


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
    """Compare vendors by six criteria: measured in the ledger of --data where it tells, else declared in the plan.

    No data is no score. A rank is given only where the measurements allow one, and what hangs on the weights is shown.
    """
    from roteiro.cli.vendors_page import score_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.report import parse_since
    from roteiro.tasks.vendor_score import score_vendors

    answer = score_vendors(
        plan, data, parse_since(since) if since else None, run, prices=prices, environment=environment, seed=seed
    )  # fmt: skip
    if as_json:
        typer.echo(dumps(answer), nl=False)
        return
    present(score_page(answer, in_language(lang)), lang, as_markdown=as_markdown, as_html=as_html)
