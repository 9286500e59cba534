"""The command that foretells demand.

What must not live here: forecasting, and how a result is told.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from roteiro.cli.option import AsHtml, AsJson, AsMarkdown, Data, Environment, Lang, Language, ToPdf, directory, in_language, present

__all__ = ["forecast"]

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", help="A CSV or Parquet file, a folder of such, a data directory, or a run of --data.", show_default=False
    ),
]
Horizon = Annotated[str, typer.Option("--horizon", metavar="TIME", help="How far ahead: 24h, 7d.")]
Step = Annotated[
    str | None,
    typer.Option("--step", metavar="TIME", help="Length of a period: 10min, 1h, 1d; without it the record's own.", show_default=False),
]
Measure = Annotated[
    str | None,
    typer.Option(
        "--measure",
        metavar="WHAT",
        help="requests, input_tokens, output_tokens, tokens or cost_usd; without it tokens.",
        show_default=False,
    ),
]
Level = Annotated[str, typer.Option("--level", metavar="LEVEL", help="total, tenant, workload or model, or all of them.")]
Most = Annotated[int, typer.Option("--most", metavar="N", min=1, help="Series at most, the largest first; thousands are for --json.")]
Coherent = Annotated[bool, typer.Option("--coherent", help="The total too, and all so that they add up, as at level all.")]
Method = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="NAME",
        help="auto takes the best on this past: seasonal_naive, arima, ets, theta, mstl, regression, boosting, mlp, prophet, ensemble.",
    ),
]
Scenarios = Annotated[
    list[str] | None,
    typer.Option(
        "--scenario",
        metavar="NAME",
        help="base, optimistic, pessimistic, stress, one of --plan, or all; may be said again.",
        show_default=False,
    ),
]
OfPlan = Annotated[
    Path | None, typer.Option("--plan", metavar="PLAN", help="The plan whose demand.scenarios are meant.", show_default=False)
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--zone", metavar="ZONE", help="Whose clock days follow: America/Sao_Paulo; without it the plan's, or UTC.", show_default=False
    ),
]
Holidays = Annotated[
    list[str] | None,
    typer.Option(
        "--holidays", metavar="WHERE", help="Whose holidays: BR, BR-SP, BR:optional, US-CA; may be said again.", show_default=False
    ),
]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option("--leave-out", metavar="WHAT", help="anomalies: fit without those of the past.", show_default=False),
]
Explain = Annotated[bool, typer.Option("--explain", help="Tell trend, seasons and changes of the past too.")]
Futures = Annotated[
    Path | None,
    typer.Option(
        "--futures", metavar="FOLDER", help="Write sample paths there, as demands for roteiro simulate --demand.", show_default=False
    ),
]
Count = Annotated[int, typer.Option("--count", metavar="N", min=1, max=200, help="Of --futures.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of the sample paths.")]


def forecast(
    source: Source,
    horizon: Horizon = "7d",
    step: Step = None,
    measure: Measure = None,
    level: Level = "total",
    most: Most = 12,
    coherent: Coherent = False,
    method: Method = "auto",
    scenario: Scenarios = None,
    plan: OfPlan = None,
    environment: Environment = None,
    zone: Zone = None,
    holidays: Holidays = None,
    leave_out: LeaveOut = None,
    explain: Explain = False,
    data: Data = None,
    seed: Seed = 1,
    futures: Futures = None,
    count: Count = 5,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
    lang: Lang = Language.EN,
) -> None:
    """Forecast demand, with bands that were tested on the past, by a method that did not lose to seasonal naive there."""
    from roteiro.cli.progress import watched
    from roteiro.report.forecast import forecast_page
    from roteiro.report.plain import dumps
    from roteiro.tasks.forecast import forecast as run

    speech = in_language(lang)
    ahead, period = length("--horizon", horizon), None if step is None else round(length("--step", step))
    ledger = (Path(source) / "ledger").is_dir() or Path(source).exists()
    asked: dict[str, Any] = {
        "horizon_s": ahead, "step_s": period, "method": method, "data": None if ledger else directory(data), "seed": seed,
        "scenarios": scenario or (), "plan": plan, "environment": environment, "zone": zone,
        "holidays": [one for said in holidays or () for one in said.split(",")], "language": lang.value, "leave_out": leave_out or (),
    }  # fmt: skip
    with watched(speech, "forecast.running") as watch:
        if futures is not None:
            from roteiro.tasks.futures import write_futures

            for path in write_futures(futures, source, count, on_progress=watch, **asked):
                typer.echo(path)
            return
        result = run(
            source, measure=measure, level=level, explain=explain, coherent=coherent, most=most, on_progress=watch, **asked
        )  # fmt: skip
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
        return
    page = forecast_page(
        result.forecasts,
        result.problems,
        speech,
        result.source,
        result.left_out,
        result.scenarios,
        result.backgrounds,
        coherent=result.coherent,
    )
    present(page, lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)


def length(option: str, text: str) -> float:
    from roteiro.terms.error import SettingsError
    from roteiro.terms.units import QuantityError, parse_duration

    try:
        seconds = float(parse_duration(text))
    except QuantityError as error:
        raise SettingsError(f"{option}: {error}") from error
    if seconds < 1.0:
        raise SettingsError(f"{option} is {text}; at least 1s")
    return seconds
