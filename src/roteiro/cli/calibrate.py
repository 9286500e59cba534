"""The command of calibrations: what an iteration of one's own model server takes, by really loading it.

What must not live here: the load and the fit (`tasks.calibrate`).
"""

from pathlib import Path
from typing import Annotated

import typer

from roteiro.cli.option import AsHtml, AsJson, AsMarkdown, Environment, Lang, Language, ToPdf, in_language, present

__all__ = ["calibrate"]

OnePlan = Annotated[Path | None, typer.Argument(metavar="PLAN", help="The plan's file; not needed with --base-url.", show_default=False)]
Named = Annotated[str | None, typer.Option("--provider", metavar="NAME", help="The plan's provider to load.", show_default=False)]
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="In place of a provider: the server's address up to the version.", show_default=False),
]
ModelName = Annotated[str | None, typer.Option("--model", metavar="NAME", help="With --base-url: the model asked for.", show_default=False)]
MostRequests = Annotated[int, typer.Option("--requests", metavar="N", min=20, max=100_000, help="Requests at most.")]
MostSeconds = Annotated[float, typer.Option("--seconds", metavar="N", min=5.0, max=86_400.0, help="Ends by then.")]
AtOnce = Annotated[
    int | None,
    typer.Option(
        "--at-once", metavar="N", min=2, max=1024, help="Requests at once at most; 8, of a local model twice its slots.", show_default=False
    ),
]
Chunk = Annotated[
    int | None,
    typer.Option(
        "--chunk", metavar="TOKENS", min=1, help="Prompt tokens that an iteration reads at most; the plan's, else 512.", show_default=False
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Load a provider that costs money.")]


def calibrate(
    plan: OnePlan = None,
    provider: Named = None,
    base_url: BaseUrl = None,
    model: ModelName = None,
    requests: MostRequests = 240,
    seconds: MostSeconds = 120.0,
    at_once: AtOnce = None,
    chunk: Chunk = None,
    yes: Yes = False,
    environment: Environment = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
    lang: Lang = Language.EN,
) -> None:
    """Calibrate a model server: load it within bounds, fit what its iterations take, print the `servers` line for the plan.

    Loads only the server that is named, with real requests, and ends by itself. A provider with `local` is started and ended.
    """
    from roteiro.cli.progress import watched
    from roteiro.report.calibration import calibration_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.calibrate import calibrate as run

    speech = in_language(lang)
    with watched(speech, "calibration.running") as watch:
        result = run(
            plan, provider=provider, base_url=base_url, model=model, environment=environment, requests=requests, seconds=seconds,
            at_once=at_once, chunk=chunk, yes=yes, on_progress=watch,
        )  # fmt: skip
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
        return
    present(calibration_page(result, speech), lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)
