"""Commands about clients' keys, through the administration port of a running server.

What must not live here: keys themselves (the server keeps their digests).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roteiro.cli.option import AsJson, Data, directory

if TYPE_CHECKING:
    from roteiro.tasks.administer import Administration

__all__ = ["AdminPort", "AdminToken", "app", "reach", "seconds"]

app = typer.Typer(help="Keys of clients, on a running server.", no_args_is_help=True)

AdminPort = Annotated[
    int | None,
    typer.Option("--admin-port", metavar="PORT", envvar="ROTEIRO_ADMIN_PORT", help="Administration; without it 8081.", show_default=False),
]  # fmt: skip
AdminToken = Annotated[
    str | None,
    typer.Option("--admin-token", metavar="TOKEN", envvar="ROTEIRO_ADMIN_TOKEN", help="Without it, that of --data.", show_default=False),
]  # fmt: skip


def reach(data: Path | None, admin_port: int | None, token: str | None) -> "Administration":
    """The administration of the server that is meant."""
    from roteiro.tasks.administer import Administration

    return Administration.of(directory(data), admin_port, token)


@app.command()
def create(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose key it is to be.")],
    name: Annotated[str | None, typer.Option("--name", help="What to call it; without it, one is made up.", show_default=False)] = None,
    workload: Annotated[
        str | None, typer.Option("--workload", help="Its requests' workload; without it, the tenant's first.", show_default=False)
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="WHEN", help="When it closes: 2027-01-31, or 30d from now.", show_default=False)
    ] = None,
    data: Data = None,
    admin_port: AdminPort = None,
    token: AdminToken = None,
    as_json: AsJson = False,
) -> None:
    """Make a key for a tenant. It is shown once, and never again."""
    made = reach(data, admin_port, token).create_key(tenant, name=name, workload=workload, expires=expires)
    until = f" until {made['expires']}" if made.get("expires") else ""
    show_once(made, f"{made['name']}, for {made['tenant']}{until}. Keep it; it is not shown again:", as_json)


@app.command()
def rotate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The key's name.")],
    overlap: Annotated[str, typer.Option("--overlap", metavar="TIME", help="How long the old secret opens beside the new one.")] = "1h",
    data: Data = None,
    admin_port: AdminPort = None,
    token: AdminToken = None,
    as_json: AsJson = False,
) -> None:
    """Give a key another secret. Limits, budgets and the ledger go on: it is the same key."""
    made = reach(data, admin_port, token).rotate_key(name, seconds("--overlap", overlap))
    old = f"the old secret opens until {made['overlap_until']}" if made.get("overlap_until") else "the old secret is closed"
    show_once(made, f"{made['name']} has another secret; {old}. Keep it; it is not shown again:", as_json)


def show_once(made: dict[str, Any], told: str, as_json: bool) -> None:
    if as_json:
        from roteiro.report.plain import dumps

        typer.echo(dumps(made), nl=False)
        return
    typer.echo(told, err=True)
    typer.echo(made["key"])


def seconds(option: str, said: str) -> float:
    """A duration as people write it. Raises SettingsError naming the option."""
    from roteiro.tasks.settings import seconds

    return seconds(option, said)


@app.command("list")
def listed(data: Data = None, admin_port: AdminPort = None, token: AdminToken = None, as_json: AsJson = False) -> None:
    """List the keys: names and whose they are, never the keys."""
    from roteiro.report.document import Column, Document, Section, Table, Tone, cell
    from roteiro.report.plain import dumps
    from roteiro.report.terminal import console, show

    known = reach(data, admin_port, token).keys()
    if as_json:
        typer.echo(dumps({"keys": known}), nl=False)
        return
    columns = (
        Column("name"),
        Column("tenant"),
        Column("workload", rank=1),
        Column("created", rank=2),
        Column("expires", rank=3),
        Column("state"),
    )
    rows = []
    for key in known:
        state = ("revoked", Tone.BAD) if key.get("revoked") else ("open", Tone.GOOD) if key.get("open", True) else ("closed", Tone.WARN)
        if key.get("overlap_until") and key.get("open", True):
            state = (f"two secrets until {key['overlap_until']}", Tone.WARN)
        words = (key["name"], key["tenant"], key.get("workload") or "", key.get("created") or "", key.get("expires") or "")
        rows.append((*(cell(str(word)) for word in words), cell(*state)))
    show(Document("Keys", (Section("", (Table(columns, tuple(rows)),)),)), console())


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The key's name.")],
    data: Data = None,
    admin_port: AdminPort = None,
    token: AdminToken = None,
) -> None:
    """Revoke a key. Within a second no worker knows it any more."""
    told = reach(data, admin_port, token).revoke_key(name)
    late = told.get("late_workers") or ()
    if late:
        typer.echo(f"{name} is revoked; workers {', '.join(map(str, late))} have not said yet that they know", err=True)
        raise typer.Exit(1)
    typer.echo(f"{name} is revoked; after {told.get('effective_ms', 0):.0f} ms every worker had said so")
