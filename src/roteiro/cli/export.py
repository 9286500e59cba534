"""Commands that write what other programs read.

What must not live here: the formats.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from roteiro.cli.option import Data, Environment, PlanFile, directory
from roteiro.cli.report import Run, Since

__all__ = ["app", "floor", "focus", "grafana", "hpa", "keda", "openslo", "prometheus"]

app = typer.Typer(help="Write what others read: charges, manifests, rules, dashboards, a floor for a plan.", no_args_is_help=True)

IN_CLUSTER: Final = "http://prometheus.monitoring:9090"


class GrainName(StrEnum):
    """How long a charge period is."""

    HOUR = "hour"
    DAY = "day"


Prometheus = Annotated[str, typer.Option("--prometheus", metavar="URL", help="Address of Prometheus, as its reader sees it.")]
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
    prometheus: Prometheus = IN_CLUSTER,
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


@app.command("prometheus")
def prometheus(
    plan: PlanFile,
    environment: Environment = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", metavar="NAME", help="Print a PrometheusRule of this namespace, for the operator.", show_default=False),
    ] = None,
) -> None:
    """Print recording and alerting rules for every objective of the plan."""
    from roteiro.tasks.export import export_rules

    typer.echo(export_rules(plan, namespace, environment), nl=False)


@app.command("openslo")
def openslo(plan: PlanFile, environment: Environment = None, prometheus: Prometheus = IN_CLUSTER) -> None:
    """Print the plan's objectives and alerts as OpenSLO documents (openslo/v1)."""
    from roteiro.tasks.export import export_openslo

    typer.echo(export_openslo(plan, prometheus, environment), nl=False)


@app.command("grafana")
def grafana(plan: PlanFile, environment: Environment = None) -> None:
    """Print a dashboard for Grafana: promises, budgets, burn, latency, providers, money."""
    from roteiro.tasks.export import export_dashboard

    typer.echo(export_dashboard(plan, environment), nl=False)
