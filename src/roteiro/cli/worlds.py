"""Commands of what was recorded or is served: serve, replay.

What must not live here: the worlds.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roteiro.cli.keys import AdminPort
from roteiro.cli.option import AsJson, Data, Environment, Lang, Language, PlanFile, directory, in_language, present

if TYPE_CHECKING:
    from roteiro.gateway.serving import Ready

__all__ = ["replay", "serve"]


Port = Annotated[
    int | None,
    typer.Option(
        "--port", metavar="PORT", envvar="ROTEIRO_PORT", help="For clients; without it 8080, 0 takes a free one.", show_default=False
    ),
]
Host = Annotated[
    str | None, typer.Option("--host", metavar="HOST", envvar="ROTEIRO_HOST", help="For clients; without it 127.0.0.1.", show_default=False)
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", envvar="ROTEIRO_WORKERS", help="Worker processes; without it 1.", show_default=False)
]
BaseUrls = Annotated[
    list[str] | None,
    typer.Option("--base-url", metavar="PROVIDER=URL", help="A provider's address in place of the plan's; repeatable.", show_default=False),
]
Drain = Annotated[
    str | None,
    typer.Option(
        "--drain", metavar="TIME", envvar="ROTEIRO_DRAIN", help="For requests in flight at the end; without it 30s.", show_default=False
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option("--tls-certificate", metavar="FILE", envvar="ROTEIRO_TLS_CERTIFICATE", help="Serve clients over TLS.", show_default=False),
]
CertificateKey = Annotated[
    Path | None, typer.Option("--tls-key", metavar="FILE", envvar="ROTEIRO_TLS_KEY", help="Key of the certificate.", show_default=False)
]
LogFormat = Annotated[
    str | None,
    typer.Option("--log-format", metavar="text|json", envvar="ROTEIRO_LOG_FORMAT", help="Form of the log's lines.", show_default=False),
]
AccessLog = Annotated[bool, typer.Option("--access-log", envvar="ROTEIRO_ACCESS_LOG", help="A line in the log for each request.")]
Region = Annotated[
    str | None, typer.Option("--region", metavar="NAME", help="Where this server is: one of the plan's regions.", show_default=False)
]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="The run: serve names it when it starts, and `roteiro report traffic`.")]


def serve(
    plan: PlanFile,
    port: Port = None,
    host: Host = None,
    admin_port: AdminPort = None,
    workers: Workers = None,
    data: Data = None,
    environment: Environment = None,
    region: Region = None,
    base_url: BaseUrls = None,
    drain: Drain = None,
    tls_certificate: Certificate = None,
    tls_key: CertificateKey = None,
    log_format: LogFormat = None,
    access_log: AccessLog = False,
) -> None:
    """Serve a plan: an OpenAI-compatible gateway that enforces it, and writes down every decision.

    SIGHUP adopts the plan's file anew; SIGTERM and Ctrl-C end it in order, a second one at once.
    """
    import os

    from roteiro.tasks.serve import serve as run
    from roteiro.tasks.settings import Settings

    settings = Settings.read(
        os.environ, directory=directory(data), port=port, host=host, admin_port=admin_port, workers=workers, environment=environment,
        region=region, base_urls=",".join(base_url) if base_url else None, drain_s=drain, tls_certificate=tls_certificate, tls_key=tls_key,
        log_format=log_format, access_log=access_log or None,
    )  # fmt: skip
    scheme = "https" if tls_certificate is not None else "http"
    raise typer.Exit(run(plan, settings, on_ready=lambda ready: welcome(ready, settings.host, scheme)))


def welcome(ready: "Ready", host: str, scheme: str) -> None:
    """Where it serves, and the first thing to do."""
    from roteiro.report.terminal import console

    to = console()
    to.print(f"serving {scheme}://{host}:{ready.port}/v1  (plan {ready.digest[:12]}, run {ready.run})", style="bold green", markup=False)
    admin = f"http://127.0.0.1:{ready.admin_port}"
    to.print(f"administration {admin}  (token in {ready.token_file})" if ready.token_file else f"administration {admin}", markup=False)
    extra = "" if ready.admin_port == 8081 else f" --admin-port {ready.admin_port}"
    to.print(f"a key for a client: roteiro keys create TENANT --data {ready.directory}{extra}", markup=False, soft_wrap=True)


def replay(
    run: RunName,
    data: Data = None,
    as_json: AsJson = False,
    lang: Lang = Language.EN,
) -> None:
    """Run a recorded run again and compare every decision, bit by bit.

    Exit code 0: all identical. 1: something differs or is missing, and it is said what.
    """
    from roteiro.cli.replay_page import replay_page
    from roteiro.report.plain import dumps
    from roteiro.report.terminal import console
    from roteiro.tasks.replay import replay as again

    with console(stderr=True).status("replaying …"):
        result = again(directory(data), run)
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
    else:
        present(replay_page(result, in_language(lang)), lang)
    if not result.identical:
        raise typer.Exit(1)
