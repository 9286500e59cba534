"""Commands about a plan: write one, check it, explain it or a request, have a server adopt it.

What must not live here: reading plans.
"""

from pathlib import Path
from typing import Annotated

import typer

from roteiro.cli.keys import AdminPort, AdminToken, reach
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
from roteiro.terms.error import SettingsError

__all__ = ["adopt", "adopting", "check", "explain", "init", "schema", "version"]

adopting = typer.Typer(help="The plan of a running server.", no_args_is_help=True)


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path("plan.yaml"),
    lang: Lang = Language.EN,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
) -> None:
    """Write a commented starter plan."""
    from roteiro.tasks.init import init as write

    path = write(file, lang.value, force)
    typer.echo(f"{path} is written. Next: roteiro check {path}", err=True)


def check(plan: PlanFile, environment: Environment = None, as_json: AsJson = False, lang: Lang = Language.EN) -> None:
    """Say everything that is wrong with a plan, at once.

    Exit code 0: it can run, perhaps with warnings. 2: it cannot.
    """
    from roteiro.report.plain import dumps
    from roteiro.report.plan import check_lines, problem_fields
    from roteiro.report.terminal import STYLES, console
    from roteiro.tasks.check import check as look

    reading = look(plan, environment)
    if as_json:
        problems = [problem_fields(problem) for problem in reading.problems]
        typer.echo(
            dumps({"file": str(plan), "ok": reading.plan is not None, "digest": reading.digest or None, "problems": problems}), nl=False
        )
    else:
        to = console()
        for line in check_lines(reading, str(plan), in_language(lang)):
            to.print(line.text, style=STYLES[line.tone], markup=False, soft_wrap=True)
    if reading.plan is None:
        raise typer.Exit(2)


def explain(
    plan: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="The plan to explain.", show_default=False)] = None,
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="The request to explain: its x-request-id.", show_default=False)
    ] = None,
    data: Data = None,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="The run, where ID is only the request's number.")] = None,
    environment: Environment = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_html: AsHtml = False,
    to_pdf: ToPdf = None,
    lang: Lang = Language.EN,
) -> None:
    """Say where every value of a plan comes from; or, with --request, why a request went where it went."""
    if (plan is None) == (request is None):
        raise SettingsError("explain either a plan (roteiro explain PLAN) or a request (roteiro explain --request ID)")
    from roteiro.report.plain import dumps
    from roteiro.report.plan import explained_page
    from roteiro.report.story import story_page
    from roteiro.tasks.explain import explain_plan, explain_request

    if request is not None:
        story = explain_request(directory(data), request, run)
        if as_json:
            typer.echo(dumps(story), nl=False)
            return
        present(story_page(story, in_language(lang)), lang, as_markdown=as_markdown, as_html=as_html, to_pdf=to_pdf)
        return
    assert plan is not None
    explained = explain_plan(plan, environment)
    if as_json:
        typer.echo(dumps({"digest": explained.reading.digest, "values": explained.rows}), nl=False)
        return
    present(
        explained_page(explained.rows, str(plan), in_language(lang), str(plan)),
        lang,
        as_markdown=as_markdown,
        as_html=as_html,
        to_pdf=to_pdf,
    )


@adopting.command()
def adopt(
    plan: PlanFile,
    data: Data = None,
    admin_port: AdminPort = None,
    token: AdminToken = None,
    override: Annotated[
        str | None,
        typer.Option(
            "--override", metavar="REASON", help="Adopt it although a step of burn has frozen plans; why is kept.", show_default=False
        ),
    ] = None,
    lang: Lang = Language.EN,
) -> None:
    """Have a running server adopt a plan. A plan with errors is refused, every problem is told, and the old one runs on."""
    from getpass import getuser

    from roteiro.report.plan import check_lines
    from roteiro.report.terminal import STYLES, console
    from roteiro.tasks.check import check as look

    reading = look(plan)
    if reading.plan is None:
        for line in check_lines(reading, str(plan), in_language(lang)):
            console(stderr=True).print(line.text, style=STYLES[line.tone], markup=False, soft_wrap=True)
        raise typer.Exit(2)
    try:
        who: str | None = getuser()
    except (KeyError, OSError):  # a container without a name for its user
        who = None
    answer = reach(data, admin_port, token).adopt(plan, who, override)
    typer.echo(f"adopted: version {answer['version']}, digest {answer['digest'][:12]}")


def schema() -> None:
    """Print the JSON Schema of a plan, for editors."""
    from roteiro.tasks.schema import schema as text

    typer.echo(text(), nl=False)


def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(f"roteiro {installed('roteiro')}")
