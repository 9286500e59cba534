"""The command about notices: try the channels.

What must not live here: sending.
"""

from dataclasses import asdict
from typing import Annotated

import typer

from roteiro.cli.option import AsJson, Environment, Lang, Language, PlanFile, in_language

__all__ = ["app"]

app = typer.Typer(help="Notices about error budgets.", no_args_is_help=True)
app.callback()(lambda: None)  # a group, though it has one command


@app.command("test")
def test(
    plan: PlanFile,
    channel: Annotated[str | None, typer.Argument(metavar="[CHANNEL]", help="One of the plan's channels; all.", show_default=False)] = None,
    environment: Environment = None,
    as_json: AsJson = False,
    lang: Lang = Language.EN,
) -> None:
    """Send a test notice to the plan's channels, now and from here, and say what came of it.

    Exit code 0: all took it. 1: at least one did not.
    """
    from roteiro.report.document import Column, Document, Section, Table, Tone, cell
    from roteiro.report.plain import dumps
    from roteiro.report.terminal import console, show
    from roteiro.tasks.notify import send_tests

    tested = send_tests(plan, channel, environment)
    if as_json:
        typer.echo(dumps({"tested": [asdict(one) for one in tested]}), nl=False)
    else:
        say = in_language(lang).say
        marks = {
            "sent": (say("notify.sent"), Tone.GOOD),
            "refused": (say("notify.refused"), Tone.BAD),
            "again": (say("notify.failed"), Tone.BAD),
        }
        columns = tuple(Column(say(f"notify.{word}")) for word in ("channel", "kind", "outcome", "answer"))
        rows = tuple((cell(one.channel), cell(one.kind), cell(*marks[one.outcome]), cell(one.said)) for one in tested)
        show(Document(say("notify.title"), (Section("", (Table(columns, rows),)),)), console())
    if any(one.outcome != "sent" for one in tested):
        raise typer.Exit(1)
