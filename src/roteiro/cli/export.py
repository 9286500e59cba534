"""Commands that write what other programs read.

What must not live here: the formats.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from roteiro.cli.option import Data, Environment, PlanFile, directory
from roteiro.cli.report import Run, Since

__all__ = ["app", "floor", "focus", "hpa", "keda"]

app = typer.Typer(help="Write what others read: charges for FinOps, manifests for Kubernetes, a floor for a plan.", no_args_is_help=True)


class GrainName(StrEnum):
    """How long a charge period is."""

    HOUR = "hour"
    DAY = "day"


Namespace = Annotated[str, typer.Option("--namespace", metavar="NAME", help="The namespace of the manifests.")]


@app.command("focus")
def focus(
    to: Annotated[Path, typer.Option("--to", "-o", metavar="FILE", help="A file that ends in .csv or .parquet.", show_default=False)],
    data: Data = None,
    since: Since = None,
    run: Run = None,
    grain: Annotated[GrainName, typer.Option("--grain", help="Length of a charge period.")] = GrainName.HOUR,
) -> None:
    """Write the ledger's money under the column names of the FinOps FOCUS specification, for show-back and charge-back."""
    from roteiro.report.speech import speech
    from roteiro.tasks.export import export_focus
    from roteiro.tasks.report import parse_since

    done = export_focus(directory(data), to, parse_since(since) if since else None, run, grain.value)
    unknown = "" if done.plan_known else "; its plan is not in the data directory, so vendors and teams are unknown"
    typer.echo(f"{done.path}: {done.rows} rows of FOCUS {done.version}, {speech().money(done.billed_nusd)}{unknown}", err=True)


@app.command("keda")
def keda(
    plan: PlanFile,
    environment: Environment = None,
    namespace: Namespace = "default",
    prometheus: Annotated[
        str, typer.Option("--prometheus", metavar="URL", help="Address of Prometheus, as the cluster sees it.")
    ] = "http://prometheus.monitoring:9090",
) -> None:
    """Print a KEDA ScaledObject for each provider that the plan's scaling policies scale."""
    from roteiro.tasks.export import export_scaling

    typer.echo(export_scaling(plan, "keda", namespace, prometheus, environment), nl=False)


@app.command("hpa")
def hpa(plan: PlanFile, environment: Environment = None, namespace: Namespace = "default") -> None:
    """Print a HorizontalPodAutoscaler for each of them, and the Prometheus rule that it needs."""
    from roteiro.tasks.export import export_scaling

    typer.echo(export_scaling(plan, "hpa", namespace, environment=environment), nl=False)


@app.command("floor")
def floor(
    plan: PlanFile,
    data: Data = None,
    since: Since = None,
    run: Run = None,
    quantile: Annotated[
        float,
        typer.Option(
            "--quantile", metavar="SHARE", min=0.01, max=1.0, help="Of the time of each hour, for how much of it the floor is enough."
        ),
    ] = 0.9,
    environment: Environment = None,
) -> None:
    """Print an overlay with the fewest replicas of each hour, from what was at a provider's servers at once, and how long a start takes."""
    from roteiro.tasks.floor import export_floor, overlay
    from roteiro.tasks.report import parse_since

    found = export_floor(plan, directory(data), parse_since(since) if since else None, run, quantile, environment)
    typer.echo(overlay(found), nl=False)
