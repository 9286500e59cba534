"""A server seen live on a terminal: rate, shares, breakers, times, tokens, money; wide or narrow.

What must not live here: asking the server, and the clock.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from roteiro.analysis.moment import Moment
from roteiro.report.speech import Speech

__all__ = ["LiveView", "bar", "sparkline"]

BLOCKS: Final = "▁▂▃▄▅▆▇█"
PARTS: Final = " ▏▎▍▌▋▊▉█"
HISTORY: Final = 48
HAPPENINGS: Final = 5
WIDE: Final = 96
STATE_STYLES: Final = {"closed": "green", "half_open": "yellow", "open": "bold red"}
STATE_SIGNS: Final = {"closed": "●", "half_open": "◐", "open": "○"}
PROVIDER_STYLES: Final = ("cyan", "magenta", "blue", "green", "yellow")


def sparkline(values: Iterable[float], width: int) -> str:
    """The last `width` values as a line of blocks, from nothing to the highest."""
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    return "".join(BLOCKS[min(len(BLOCKS) - 1, int(value / top * (len(BLOCKS) - 1) + 0.5))] if top > 0 else BLOCKS[0] for value in shown)


def bar(share: float, width: int) -> str:
    """A bar of `width` cells, filled to eighths of a cell."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (PARTS[rest] if rest else "")).ljust(width)


class LiveView:
    """What is shown of one run. Feed it moments; it remembers what changed between them."""

    def __init__(self, speech: Speech, title: str, seconds: float) -> None:
        self._speech, self._title, self._seconds = speech, title, seconds
        self._rates: deque[float] = deque(maxlen=HISTORY)
        self._p95s: deque[float] = deque(maxlen=HISTORY)
        self._breakers: dict[str, str] = {}
        self._happened: deque[tuple[float, str, str]] = deque(maxlen=HAPPENINGS)
        self._moment: Moment | None = None
        self._phase, self._elapsed_s = "", 0.0

    def happens(self, at_s: float, text: str, style: str = "") -> None:
        """Keep a line of what happened."""
        self._happened.append((at_s, text, style))

    def update(self, moment: Moment, phase: str, elapsed_s: float) -> None:
        """Take a new moment in."""
        self._moment, self._phase, self._elapsed_s = moment, phase, elapsed_s
        self._rates.append(moment.rate_per_s)
        self._p95s.append(moment.total.p95_ms or 0.0)
        for name, state in moment.fleet.breakers.items():
            if self._breakers.get(name, "closed") != state:
                text = f"{name}: {self._speech.say('traffic.breaker')} {self._speech.say(f'breaker.{state}')}"
                self.happens(elapsed_s, text, STATE_STYLES[state])
        self._breakers = dict(moment.fleet.breakers)

    def line(self) -> str:
        """The moment in one line, for where there is no terminal."""
        now, speech = self._moment, self._speech
        if now is None:
            return ""
        states = ", ".join(
            f"{name} {speech.share(now.shares.get(name, 0.0), 0)} {speech.say(f'breaker.{state}')}"
            for name, state in sorted(now.fleet.breakers.items())
        )
        return (
            f"{self._elapsed_s:5.1f} s  {speech.say(f'live.phase.{self._phase}')}: "
            f"{speech.number(now.rate_per_s, 1)} {speech.say('live.rate')}, "
            f"p95 {speech.ms(now.total.p95_ms)}, {speech.say('live.ttft')} {speech.ms(now.first_token.p50_ms)}, {states}, "
            f"{speech.number(now.requests)} {speech.say('live.total')}, {speech.money(now.cost_nusd, 6)}"
        )

    def render(self, width: int) -> RenderableType:
        """All of it, for a room of `width` columns."""
        now = self._moment
        if now is None:
            return Text()
        if width >= WIDE:
            half = (width - 3) // 2
            lower = Table.grid(padding=(0, 1), expand=True)
            lower.add_column(ratio=1)
            lower.add_column(ratio=1)
            lower.add_row(self._providers(now, half), self._budgets(now, half))
        else:
            lower = Table.grid(expand=True)
            lower.add_row(self._providers(now, width))
            lower.add_row(self._budgets(now, width))
        return Group(self._head(width), self._figures(now, width), lower, self._foot(now))

    def _head(self, width: int) -> RenderableType:
        speech, done = self._speech, min(1.0, self._elapsed_s / self._seconds) if self._seconds else 1.0
        style = {"storm": "bold red", "after": "bold green"}.get(self._phase, "bold")
        line = Text()
        line.append(f" {self._title} ", style="bold reverse")
        line.append("  ")
        room = max(8, min(40, width - len(self._title) - 48))
        line.append(bar(done, room), style="red" if self._phase == "storm" else "cyan")
        line.append(f" {min(self._elapsed_s, self._seconds):.0f}/{self._seconds:.0f} s  ")
        line.append(speech.say(f"live.phase.{self._phase}"), style=style)
        line.truncate(width)
        return line

    def _figures(self, now: Moment, width: int) -> RenderableType:
        """The tiles: a figure with its name above it."""
        speech = self._speech
        say = speech.say
        tiles: list[tuple[str, str, str]] = [
            (say("live.rate"), speech.number(now.rate_per_s, 1), sparkline(self._rates, 12)),
            (say("live.p95"), speech.ms(now.total.p95_ms), sparkline(self._p95s, 12)),
            (say("live.p50"), speech.ms(now.total.p50_ms), ""),
            (say("live.ttft"), speech.ms(now.first_token.p50_ms), ""),
            (say("live.tokens"), speech.number(now.output_tokens_per_s), ""),
            (say("live.cost"), speech.money(now.cost_nusd, 4)[: 9 + 2 * (speech.language != "en")], ""),
            (say("live.in_flight"), speech.number(now.fleet.in_flight), f"{speech.number(now.fleet.waiting)} {say('live.waiting')}"),
        ]
        columns = len(tiles) if width >= WIDE else 4 if width >= 60 else 2
        grid = Table.grid(padding=(0, 2), expand=True)
        for _ in range(columns):
            grid.add_column(ratio=1)
        cells = [Text.assemble((name, "dim"), "\n", (value, "bold"), "\n", (under, "cyan")) for name, value, under in tiles]
        for start in range(0, len(cells), columns):
            grid.add_row(*cells[start : start + columns])
        return Panel(grid, box=box.SIMPLE, padding=(0, 0))

    def _providers(self, now: Moment, width: int) -> RenderableType:
        speech = self._speech
        table = Table(box=box.SIMPLE_HEAD, header_style="dim", expand=True, padding=(0, 1), pad_edge=False)
        table.add_column(speech.say("provider"), no_wrap=True)
        table.add_column(speech.say("share"), no_wrap=True)
        table.add_column("", justify="right", no_wrap=True)
        table.add_column(speech.say("traffic.breaker"), no_wrap=True)
        room = max(6, min(24, width - 44))
        for i, (name, state) in enumerate(sorted(now.fleet.breakers.items(), key=lambda item: order(item[0]))):
            share = now.shares.get(name, 0.0)
            table.add_row(
                Text(name, style="bold"),
                Text(bar(share, room), style=PROVIDER_STYLES[i % len(PROVIDER_STYLES)]),
                speech.share(share, 0) if share else "0%",
                Text(f"{STATE_SIGNS[state]} {speech.say(f'breaker.{state}')}", style=STATE_STYLES[state]),
            )
        return table

    def _budgets(self, now: Moment, width: int) -> RenderableType:
        speech = self._speech
        table = Table(box=box.SIMPLE_HEAD, header_style="dim", expand=True, padding=(0, 1), pad_edge=False)
        table.add_column(speech.say("live.budget"), no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("", justify="right", no_wrap=True)
        room = max(6, min(16, width - 44))
        for budget in now.fleet.budgets:
            left = max(0.0, budget.left_nusd / budget.amount_nusd) if budget.amount_nusd else 0.0
            style = "green" if left > 0.5 else "yellow" if left > 0.2 else "bold red"
            shown = speech.money(budget.left_nusd // 10_000 * 10_000, 5)  # five decimals are enough to watch it shrink
            table.add_row(budget.name, Text(bar(left, room), style=style), shown)
        return table

    def _foot(self, now: Moment) -> RenderableType:
        speech = self._speech
        lines = [counted(now.outcomes, speech)]
        if now.fleet.rules:
            rules = Text(f" {speech.say('live.rules')}: ", style="dim")
            rules.append(", ".join(now.fleet.rules), style="yellow")
            lines.append(rules)
        lines += [Text(f" {at_s:5.1f} s  {text}", style=style) for at_s, text, style in self._happened]
        return Group(*lines)


def counted(outcomes: Mapping[str, int], speech: Speech) -> Text:
    """How requests ended so far."""
    line = Text(" ")
    for i, (name, count) in enumerate(outcomes.items()):
        line.append(" · " if i else "")
        line.append(f"{speech.number(count)} ", style="bold")
        line.append(speech.say(f"outcome.{name}"), style="green" if name == "success" else "yellow")
    return line


def order(provider: str) -> tuple[int, str]:
    """The usual names in their usual order, then the others."""
    usual = ("primary", "secondary", "fallback")
    return (usual.index(provider) if provider in usual else len(usual), provider)
