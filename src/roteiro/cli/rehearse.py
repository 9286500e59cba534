"""The command of rehearsals: how well the simulation foretells what was recorded.

What must not live here: the rehearsal (`tasks.rehearse`).
"""

from pathlib import Path
from typing import Annotated

import typer

from roteiro.cli.asked import Processes
from roteiro.cli.option import AsHtml, AsJson, AsMarkdown, Data, Lang, Language, ToPdf, directory, in_language, present

__all__ = ["rehearse"]

What = Annotated[
    str,
    typer.Argument(metavar="RUN|LEDGER", help="A recorded run of --data, or a data directory with all of its runs.", show_default=False),
]
FitFrom = Annotated[
    str | None, typer.Option("--fit-from", metavar="RUN", help="Another run, that service times are fitted to.", show_default=False)
]
Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="SHARE",
        help="Fit the time before it, judge the rest; 0 does both on all. Without it 50% where the run is long enough.",
        show_default=False,
    ),
]
Seeds = Annotated[int, typer.Option("--seeds", metavar="N", min=1, max=1000, help="Times that it is simulated.")]


def rehearse(
    what: What,
    data: Data = None,
    fit_from: FitFrom = None,
    split: Split = None,
    seeds: Seeds = 10,
    processes: Processes = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
    lang: Lang = Language.EN,
) -> None:
    """Rehearse what was recorded: simulate it with fitted service times, and tell how far the two are apart, and why.

    Ends with 1 where a goal is missed by more than chance has it.
    """
    from roteiro.cli.progress import watched
    from roteiro.report.plain import dumps
    from roteiro.report.rehearsal import rehearsal_page
    from roteiro.tasks.rehearse import rehearse as run
    from roteiro.terms.error import SettingsError
    from roteiro.terms.units import QuantityError, parse_share

    try:
        share = None if split is None else float(parse_share(split))
    except QuantityError as error:
        raise SettingsError(f"--split: {error}") from error
    ledger = data is None and (Path(what) / "ledger").is_dir()
    speech = in_language(lang)
    with watched(speech, "rehearsal.running") as watch:
        result = run(
            what,
            data=None if ledger else directory(data),
            fit_from=fit_from,
            split=share,
            seeds=seeds,
            processes=processes,
            on_progress=watch,
        )
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
    else:
        present(rehearsal_page(result, speech), lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)
    if not result.kept:
        raise typer.Exit(1)
