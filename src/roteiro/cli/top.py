"""The live view's command: drawn anew on a terminal, once or as JSON for scripts.

What must not live here: what is shown (`report.top`), and asking for it (`tasks.top`).
"""

import contextlib
import os
import select
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from roteiro.cli.keys import AdminPort, AdminToken, reach
from roteiro.cli.option import AsJson, Data, Lang, Language, in_language

__all__ = ["top"]

PIPED: tuple[int, int] = (120, 60)
"""Columns and lines where nobody's window sets them."""


def top(
    once: Annotated[bool, typer.Option("--once", help="Print it once and end.")] = False,
    as_json: AsJson = False,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", min=0.2, max=60.0, help="How often to ask.")] = 1.0,
    data: Data = None,
    admin_port: AdminPort = None,
    token: AdminToken = None,
    lang: Lang = Language.EN,
) -> None:
    """Watch a running server: rates, latencies, errors, money, breakers, queues, workers.

    Keys: q quits, tab changes the table, w the window (10 s, 1 min), s the column to sort by, r the order.
    """
    from roteiro.report.plain import dumps
    from roteiro.report.terminal import console
    from roteiro.report.top import TopView

    server, view, to = reach(data, admin_port, token), TopView(in_language(lang)), console()
    if as_json:
        typer.echo(dumps(server.overview()), nl=False)
        return
    if once or not to.is_terminal or not sys.stdin.isatty():
        width, height = (to.width, to.height) if to.is_terminal else PIPED
        with to.capture() as captured:
            to.print(view.render(server.overview(), width, height - 1, full=False))
        to.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
        return
    from rich.live import Live

    from roteiro.tasks.top import watch

    with Live(console=to, screen=True, auto_refresh=False) as live, keys():

        def show(seen: dict[str, Any], why: str) -> None:
            view.lost = why
            live.update(view.render(seen, to.width, to.height), refresh=True)

        with contextlib.suppress(KeyboardInterrupt):
            watch(server, show, pressed, view.key, every)


@contextlib.contextmanager
def keys() -> Iterator[None]:
    """Keys come one by one and are not echoed, for as long as the body runs."""
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def pressed(within_s: float) -> str:
    """The key that is pressed within that time, or nothing; of an arrow and its like nothing too."""
    ready, _, _ = select.select([sys.stdin], [], [], within_s)
    if not ready:
        return ""
    told = os.read(sys.stdin.fileno(), 32).decode(errors="ignore")
    return "" if told.startswith("\x1b[") else told[:1]
