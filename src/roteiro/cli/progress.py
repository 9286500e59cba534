"""How far a long task is, with the time left: a bar on stderr, once it has lasted two seconds, and on a terminal only.

What must not live here: the tasks, and what they answer.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from roteiro.report.speech import Speech

__all__ = ["Watched", "watched"]

PATIENCE_S: Final = 2.0
"""What is over sooner needs no bar."""
STOPPED: Final = 130
"""Exit code of what Ctrl-C ended: 128 and the signal's number."""


class Watched:
    """Tells a task's progress. Call it with the share that is done, 0 to 1, and a short label."""

    def __init__(self, to: "Console", what: str) -> None:
        self._to, self._what = to, what
        self._bar: Progress | None = None
        self._shown = False

    def __call__(self, share: float, label: str = "") -> None:
        if not self._to.is_terminal or self._to.is_dumb_terminal:
            return
        bar = self._bar or self._begin()
        task = bar.tasks[0]
        bar.update(task.id, completed=min(1.0, max(0.0, share)), label=label)
        if not self._shown and (task.elapsed or 0.0) >= PATIENCE_S:
            self._shown = True
            bar.start()

    def _begin(self) -> "Progress":
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=30), TaskProgressColumn(), TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[label]}", style="dim"), console=self._to, transient=True,
        )  # fmt: skip
        self._bar.add_task(self._what, total=1.0, label="")
        return self._bar

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None and self._shown:
            self._bar.stop()


@contextlib.contextmanager
def watched(speech: "Speech", doing: str = "sim.running") -> Iterator[Watched]:
    """A watcher for one task (`doing`: its phrase). Ctrl-C before anything is finished says that nothing is kept, and ends with 130."""
    from roteiro.report.terminal import console

    to = console(stderr=True)
    watch = Watched(to, speech.say(doing))
    watch(0.0)
    try:
        yield watch
    except KeyboardInterrupt:
        watch.close()
        to.print(speech.say("sim.stopped_empty"), style="yellow", markup=False, soft_wrap=True)
        raise typer.Exit(STOPPED) from None
    finally:
        watch.close()
