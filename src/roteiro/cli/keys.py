"""Commands about clients' keys, through the administration port of a running server.

What must not live here: keys themselves (the server keeps their digests).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roteiro.cli.option import AsJson, Data, directory

if TYPE_CHECKING:
    from roteiro.tasks.administer import Administration

__all__ = ["AdminPort", "AdminToken", "app", "reach"]

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
    data: Data = None,
    admin_port: AdminPort = None,
    token: AdminToken = None,
    as_json: AsJson = False,
) -> None:
    """Make a key for a tenant. It is shown once, and never again."""
    made = reach(data, admin_port, token).create_key(tenant, name=name, workload=workload)
    if as_json:
        from roteiro.report.plain import dumps

        typer.echo(dumps(made), nl=False)
        return
    typer.echo(f"{made['name']}, for {made['tenant']}. Keep it; it is not shown again:", err=True)
    typer.echo(made["key"])


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
    columns = (Column("name"), Column("tenant"), Column("workload", rank=1), Column("created", rank=2), Column("state"))
    rows = []
    for key in known:
        state = ("revoked", Tone.BAD) if key.get("revoked") else ("open", Tone.GOOD) if key.get("open", True) else ("closed", Tone.WARN)
        rows.append(
            (cell(key["name"]), cell(key["tenant"]), cell(key.get("workload") or ""), cell(str(key.get("created") or "")), cell(*state))
        )
    show(Document("Keys", (Section("", (Table(columns, tuple(rows)),)),)), console())


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The key's name.")],
    data: Data = None,
    admin_port: AdminPort = None,
    token: AdminToken = None,
) -> None:
    """Revoke a key. Within a second no worker knows it any more."""
    reach(data, admin_port, token).revoke_key(name)
    typer.echo(f"{name} is revoked")
