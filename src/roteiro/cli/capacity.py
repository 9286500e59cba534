"""The command that plans capacity.

What must not live here: reckoning it, and how a result is told.
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
    PlanFile,
    ToPdf,
    directory,
    in_language,
    present,
)

__all__ = ["capacity"]

DemandFrom = Annotated[
    str | None,
    typer.Option(
        "--demand",
        metavar="SOURCE",
        help="A record whose forecast is the demand: CSV, Parquet, a data directory, a run of --data; without it, the plan's own.",
        show_default=False,
    ),
]
Horizon = Annotated[str, typer.Option("--horizon", metavar="TIME", help="How far ahead: 24h, 7d.")]
Step = Annotated[
    str | None,
    typer.Option("--step", metavar="TIME", help="Length of a step; without it an hour, or the record's own.", show_default=False),
]
ScenarioName = Annotated[str, typer.Option("--scenario", metavar="NAME", help="The scenario to plan for; the others are told beside it.")]
Probability = Annotated[str, typer.Option("--probability", metavar="SHARE", help="Of possible futures, for how many the promise is kept.")]
Attainment = Annotated[
    str | None,
    typer.Option(
        "--attainment",
        metavar="SHARE",
        help="Of what is asked at once, how much finds capacity; without it, the tiers' strictest availability.",
        show_default=False,
    ),
]
Survive = Annotated[bool, typer.Option("--survive/--no-survive", help="Bear the loss of any one vendor or region.")]
Simulate = Annotated[
    bool, typer.Option("--simulate/--no-simulate", help="Confirm by the simulator, and enlarge where it misses a promise.")
]
Why = Annotated[bool, typer.Option("--why/--no-why", help="Reckon why too: it takes as long again twice.")]
Method = Annotated[str, typer.Option("--method", metavar="NAME", help="Of the forecast; auto takes the best on the record's own past.")]
Paths = Annotated[int, typer.Option("--paths", metavar="N", min=20, max=2000, help="Possible futures.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of the futures.")]
Begins = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="When the plan's demand begins, in its time zone.", show_default=False)
]
Overlay = Annotated[
    Path | None,
    typer.Option(
        "--overlay", metavar="FILE", help="Write the plan that has this capacity, for `roteiro diff PLAN FILE`.", show_default=False
    ),
]


def capacity(
    plan: PlanFile,
    demand: DemandFrom = None,
    horizon: Horizon = "7d",
    step: Step = None,
    scenario: ScenarioName = "base",
    probability: Probability = "95%",
    attainment: Attainment = None,
    survive: Survive = True,
    simulate: Simulate = True,
    why: Why = True,
    method: Method = "auto",
    paths: Paths = 200,
    seed: Seed = 1,
    begins: Begins = None,
    overlay: Overlay = None,
    environment: Environment = None,
    data: Data = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
    lang: Lang = Language.EN,
) -> None:
    """What a plan's demand takes of each provider, the cheapest way to keep its promises, why, and the plan that has it.

    Reckoned by queues over possible futures, then simulated. Ends with 1 where what is on offer does not keep the promise.
    """
    from roteiro.cli.capacity_page import capacity_page, comments_in, overlay_head
    from roteiro.cli.forecast import length
    from roteiro.cli.progress import watched
    from roteiro.report.plain import dumps
    from roteiro.tasks.capacity import capacity as run
    from roteiro.tasks.kept_plan import currencies_of
    from roteiro.tasks.prepared import parse_from

    speech = in_language(lang)
    ledger = demand is None or (Path(demand) / "ledger").is_dir() or Path(demand).exists()
    with watched(speech, "capacity.running") as watch:
        result = run(
            plan, demand, horizon_s=length("--horizon", horizon), step_s=None if step is None else round(length("--step", step)),
            scenario=scenario, probability=share("--probability", probability),
            attainment=None if attainment is None else share("--attainment", attainment), survive=survive, seed=seed, paths=paths,
            method=method, data=None if ledger else directory(data), environment=environment,
            begin=None if begins is None else parse_from(begins), simulate=simulate, why=why, on_progress=watch,
        )  # fmt: skip
    kept_in = ""
    if overlay is not None:
        keep(overlay, result.overlay(overlay, comments_in(speech), overlay_head(result, speech)))
        kept_in = speech.say("capacity.overlay_kept", file=str(overlay), command=f"roteiro diff {plan} {overlay}")
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
    else:
        page = capacity_page(result, speech, currencies_of(result.resolved), kept_in)
        present(page, lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)
    if not result.met:
        raise typer.Exit(1)


def share(option: str, text: str) -> float:
    from roteiro.terms.error import SettingsError
    from roteiro.terms.units import QuantityError, parse_share

    try:
        return float(parse_share(text))
    except QuantityError as error:
        raise SettingsError(f"{option}: {error}") from error


def keep(file: Path, text: str) -> None:
    from roteiro.terms.error import SettingsError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--overlay: {file} cannot be written: {error.strerror or error}") from error
