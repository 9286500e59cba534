"""`roteiro`: one command for the whole voyage.

Exit codes: 0 done; 1 it was tried and did not go well; 2 what was asked cannot be done (a plan with errors, a wrong option or setting).
What must not live here: any one command.
"""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from roteiro.cli import (
    calibrate,
    capacity,
    demo,
    dlq,
    drill,
    export,
    forecast,
    keys,
    notify,
    plan,
    quality,
    rehearse,
    report,
    simulate,
    slo,
    top,
    vendors,
    worlds,
)
from roteiro.terms.error import InvariantError, PlanError, RoteiroError

__all__ = ["app", "main"]

app = typer.Typer(
    name="roteiro",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def everything(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error. May stand anywhere.")] = False) -> None:
    """One operations plan for systems that run on language models: simulated before it runs, enforced while it runs, proved afterwards."""
    del debug  # `main` has looked for it


BEFORE, DURING, AFTER, KEEPING = "Before it runs", "While it runs", "Afterwards", "Keeping house"
app.command("demo", rich_help_panel=BEFORE)(demo.demo)
app.command("init", rich_help_panel=BEFORE)(plan.init)
app.command("check", rich_help_panel=BEFORE)(plan.check)
app.command("explain", rich_help_panel=BEFORE)(plan.explain)
app.command("simulate", rich_help_panel=BEFORE)(simulate.simulate)
app.command("diff", rich_help_panel=BEFORE)(simulate.diff)
app.command("sweep", rich_help_panel=BEFORE)(simulate.sweep)
app.add_typer(drill.app, name="drill", rich_help_panel=BEFORE)
app.command("calibrate", rich_help_panel=BEFORE)(calibrate.calibrate)
app.command("forecast", rich_help_panel=BEFORE)(forecast.forecast)
app.command("capacity", rich_help_panel=BEFORE)(capacity.capacity)
app.command("serve", rich_help_panel=DURING)(worlds.serve)
app.command("top", rich_help_panel=DURING)(top.top)
app.add_typer(plan.adopting, name="plan", rich_help_panel=DURING)
app.add_typer(keys.app, name="keys", rich_help_panel=DURING)
app.add_typer(dlq.app, name="dlq", rich_help_panel=DURING)
app.add_typer(notify.app, name="notify", rich_help_panel=BEFORE)
app.command("report", rich_help_panel=AFTER)(report.report)
app.add_typer(slo.app, name="slo", rich_help_panel=AFTER)
app.add_typer(quality.app, name="quality", rich_help_panel=AFTER)
app.add_typer(export.app, name="export", rich_help_panel=AFTER)
app.add_typer(vendors.app, name="vendors", rich_help_panel=AFTER)
app.command("replay", rich_help_panel=AFTER)(worlds.replay)
app.command("rehearse", rich_help_panel=AFTER)(rehearse.rehearse)
app.command("schema", rich_help_panel=KEEPING)(plan.schema)
app.command("version", rich_help_panel=KEEPING)(plan.version)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. A mistake of the caller's is told in a line on stderr, without a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words or bool(os.environ.get("ROTEIRO_DEBUG"))
    try:
        typer.main.get_command(app)([word for word in words if word != "--debug"], prog_name="roteiro")
    except RoteiroError as error:
        if debug:
            raise
        complain(error)
        return 3 if isinstance(error, InvariantError) else 2
    return 0


def complain(error: RoteiroError) -> None:
    """Say on stderr what is wrong."""
    from roteiro.report.terminal import console

    to = console(stderr=True)
    if isinstance(error, PlanError):
        for problem in error.problems:
            to.print(str(problem), style="bold red" if problem.severity == "error" else "yellow", markup=False, soft_wrap=True)
        return
    ours = " (this is a fault of ours: please report it, with what --debug shows)" if isinstance(error, InvariantError) else ""
    to.print(f"roteiro: {error}{ours}", style="bold red", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
