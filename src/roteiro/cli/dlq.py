"""Commands about dead letters, through the administration port of a running server.

What must not live here: letters themselves (the server keeps them sealed).
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roteiro.cli.keys import AdminPort, AdminToken, reach, seconds
from roteiro.cli.option import AsJson, Data

if TYPE_CHECKING:
    from roteiro.tasks.administer import Administration

__all__ = ["app"]

app = typer.Typer(help="Dead letters: requests that failed for good, on a running server.", no_args_is_help=True)

Tenant = Annotated[str | None, typer.Option("--tenant", metavar="NAME", help="Those of one tenant.", show_default=False)]
OlderThan = Annotated[
    str | None, typer.Option("--older-than", metavar="TIME", help="Those kept at least so long ago: 2h, 3d.", show_default=False)
]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Letters by their ids.", show_default=False)]


@app.command("list")
def listed(
    tenant: Tenant = None,
    older_than: OlderThan = None,
    data: Data = None,
    admin_port: AdminPort = None,
    token: AdminToken = None,
    as_json: AsJson = False,
) -> None:
    """List the letters, the oldest first: whose, why and when, never what."""
    from roteiro.report.document import Column, Document, Note, Section, Table, Tone, cell
    from roteiro.report.terminal import console, show

    told = reach(data, admin_port, token).dead_letters(tenant, age(older_than))
    if as_json:
        print_json(told)
        return
    columns = (
        Column("id"), Column("kept", rank=1), Column("tenant"), Column("workload", rank=2), Column("model", rank=2), Column("reason"),
        Column("tried", rank=3), Column("state"),
    )  # fmt: skip
    rows = [
        (
            *(cell(str(letter[word])) for word in ("id",)),
            cell(when(letter["at"])),
            *(cell(str(letter[word])) for word in ("tenant", "workload", "model", "reason", "tried")),
            cell(state_of(letter), Tone.GOOD if letter["redriven"] else Tone.WARN),
        )
        for letter in told["letters"]
    ]
    part = Table(columns, tuple(rows)) if rows else Note("no dead letters: nothing failed for good that was asked to be kept", Tone.QUIET)
    show(Document("Dead letters", (Section("", (part,)),)), console())
    counts = told["counts"]
    if counts["dropped"] or counts["expired"]:
        typer.echo(f"{counts['dropped']} were thrown away for lack of room, {counts['expired']} went past their time", err=True)
    if len(told["letters"]) >= told["most"] < counts["letters"]:
        typer.echo(f"these are the oldest {told['most']} of {counts['letters']}", err=True)


@app.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="The letter's id.")],
    content: Annotated[bool, typer.Option("--content", help="With the request's body. The server's log says that it was shown.")] = False,
    answer: Annotated[bool, typer.Option("--answer", help="With the answer of its redrive, which can be had once.")] = False,
    data: Data = None,
    admin_port: AdminPort = None,
    token: AdminToken = None,
    as_json: AsJson = False,
) -> None:
    """Show one letter; without its content, unless that is asked for."""
    letter = reach(data, admin_port, token).dead_letter(id, content=content, answer=answer)
    if as_json:
        print_json(letter)
        return
    apart = ("body", "body_base64", "answer", "answer_base64", "headers")
    for word, value in letter.items():
        if word not in apart and value not in (None, ""):
            typer.echo(f"{word:16} {when(value) if word in ('at', 'expires', 'redriven') else value}")
    for word in apart:
        if word in letter:
            typer.echo(f"\n{word}:\n{letter[word]}")


@app.command()
def redrive(
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
    tenant: Tenant = None,
    older_than: OlderThan = None,
    answer: Annotated[bool, typer.Option("--answer", help="Print the answers, which can be had once.")] = False,
    data: Data = None,
    admin_port: AdminPort = None,
    token: AdminToken = None,
    as_json: AsJson = False,
) -> None:
    """Send letters again, one after another, on behalf of their keys. One that was answered is not sent twice.

    Exit code 1 where one of them is not answered yet.
    """
    server = reach(data, admin_port, token)
    found = list(ids or ()) or open_ones(server, everything, tenant, older_than)
    results = []
    for id in found:
        letter = server.redrive(id)
        if answer and letter["answer_kept"]:
            letter = server.dead_letter(id, answer=True)
        results.append(letter)
        if not as_json:
            typer.echo(f"{id} {state_of(letter)}")
            for word in ("answer", "answer_base64"):
                if word in letter:
                    typer.echo(letter[word])
    if as_json:
        print_json({"letters": results})
    if any(letter["redriven"] is None for letter in results):
        raise typer.Exit(1)


@app.command()
def purge(
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    tenant: Tenant = None,
    older_than: OlderThan = None,
    data: Data = None,
    admin_port: AdminPort = None,
    token: AdminToken = None,
    as_json: AsJson = False,
) -> None:
    """Throw letters away."""
    chosen(list(ids or ()), everything, tenant, older_than)
    gone = reach(data, admin_port, token).purge(ids or (), tenant, age(older_than), everything)
    if as_json:
        print_json({"purged": gone})
        return
    typer.echo(f"{gone} thrown away")


def open_ones(server: "Administration", everything: bool, tenant: str | None, older_than: str | None) -> list[str]:
    chosen([], everything, tenant, older_than)
    letters = server.dead_letters(tenant, age(older_than))["letters"]
    return [letter["id"] for letter in letters if letter["redriven"] is None]


def chosen(ids: list[str], everything: bool, tenant: str | None, older_than: str | None) -> None:
    """Raises SettingsError where nobody said which."""
    if not ids and not everything and tenant is None and older_than is None:
        from roteiro.terms.error import SettingsError

        raise SettingsError("say which letters: ids, --tenant, --older-than, or --all")


def age(older_than: str | None) -> float | None:
    return None if older_than is None else seconds("--older-than", older_than)


def state_of(letter: dict[str, Any]) -> str:
    if letter["redriven"] is not None:
        return f"answered {letter['redrive_status']} as {letter['redrive_request'] or '?'}"
    if letter["redrives"]:
        return f"open; tried again {letter['redrives']}×, the last: {letter['redrive_status'] or 'no answer'}"
    return "open"


def when(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def print_json(value: Any) -> None:
    from roteiro.report.plain import dumps

    typer.echo(dumps(value), nl=False)
