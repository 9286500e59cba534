"""The demonstration's command: a live view on a terminal, plain lines elsewhere, then the report.

What must not live here: the demonstration (`tasks.demo`).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roteiro.cli.option import AsJson, Lang, Language, in_language

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

    from roteiro.analysis.moment import Moment
    from roteiro.report.speech import Speech
    from roteiro.tasks.demo import Act, Phase

__all__ = ["demo"]

LINE_EVERY_S = 5.0


def demo(
    seconds: Annotated[float, typer.Option("--seconds", metavar="N", help="How long the traffic lasts.")] = 60.0,
    as_json: AsJson = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Keep the ledger here; without it, all is gone at the end.", show_default=False),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="PLAN", help="Another plan than the example's.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of the traffic.")] = 7,
    lang: Lang = Language.EN,
) -> None:
    """Show the whole thing: a plan is checked, served through an outage, reported on, replayed and predicted.

    Needs no key and no network: a real local model and two sandbox providers on this machine, traffic of three tenants.
    """
    from roteiro.report.plain import dumps
    from roteiro.report.terminal import console, show
    from roteiro.tasks.demo import Demo
    from roteiro.tasks.demo import demo as play

    speech = in_language(lang)
    to = console(stderr=as_json)
    try:
        with watching(to, speech, seconds) as watch:
            result = play(Demo(seconds=seconds, plan=plan, data=data, seed=seed), watch)
    except KeyboardInterrupt:
        to.print(speech.say("demo.stopped"), style="yellow")
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(dumps(result.as_json()), nl=False)
    else:
        from roteiro.cli.demo_page import demo_page

        show(demo_page(result, speech, data), to)
    if not result.replay.identical:
        raise typer.Exit(1)


@contextlib.contextmanager
def watching(to: "Console", speech: "Speech", seconds: float) -> "Iterator[Watching]":
    """The watcher that suits the console."""
    from roteiro.report.live import LiveView

    watch = Watching(to, speech, LiveView(speech, speech.say("live.title"), seconds))
    try:
        yield watch
    finally:
        watch.close()


class Watching:
    """Shows what happens: a view that is drawn anew on a terminal, a line now and then elsewhere."""

    def __init__(self, to: "Console", speech: "Speech", view: Any) -> None:
        self._to, self._speech, self._view = to, speech, view
        self._live: Live | None = None
        self._elapsed_s = self._said_s = 0.0
        self._ended = False

    def act(self, act: "Act", **facts: object) -> None:
        """One line for what begins; the view takes those that belong to the traffic."""
        if act == "said" and (self._ended or str(facts["line"])[:4].isdigit()):
            return  # the server's log; what it says to people while it starts has no date
        if act in ("drain", "report"):
            self.close()
            self._ended = True
        text = self._speech.say(f"act.{act}", **facts)
        if self._live is not None:
            self._view.happens(self._elapsed_s, text, {"storm": "bold red", "calm": "bold green"}.get(act, ""))
            return
        style = "yellow" if act in ("no_model", "no_openai") else "bold red" if act == "storm" else "dim"
        self._to.print(f"· {text}", style=style, markup=False, soft_wrap=True)
        if act == "traffic":
            self._begin()

    def moment(self, now: "Moment", phase: "Phase", elapsed_s: float, seconds: float) -> None:
        """Draw it, or say it every few seconds."""
        del seconds
        self._elapsed_s = elapsed_s
        self._view.update(now, str(phase), elapsed_s)
        if self._live is not None:
            self._live.update(self._view.render(self._to.width), refresh=True)
        elif elapsed_s - self._said_s >= LINE_EVERY_S:
            self._said_s = elapsed_s
            self._to.print(self._view.line(), markup=False, soft_wrap=True)

    def close(self) -> None:
        """Leave the last view on the terminal."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _begin(self) -> None:
        from rich.live import Live

        if self._to.is_terminal and not self._to.is_dumb_terminal:
            self._live = Live(console=self._to, auto_refresh=False, redirect_stdout=False, redirect_stderr=False, vertical_overflow="crop")
            self._live.start()
