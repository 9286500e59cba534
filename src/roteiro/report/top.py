"""A running server on a terminal, drawn anew each second: `roteiro top`. As much as the window has room for, from 80 by 24 up.

What must not live here: asking the server, the clock, and the keyboard (a pressed key comes as a character).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from roteiro.report.live import STATE_SIGNS, STATE_STYLES, bar, sparkline
from roteiro.report.speech import Speech
from roteiro.report.top_columns import COLUMNS, Cell
from roteiro.report.top_objectives import objective_lines, promise_lines

__all__ = ["TABLES", "TopView"]

Overview = Mapping[str, Any]
Rows = Mapping[str, Mapping[str, Any]]

TABLES: Final = ("targets", "models", "tenants")
WINDOWS: Final = ("10s", "60s")
LEAST_ROWS: Final = 3
BUDGET_ROWS: Final = 3
MIB: Final = 2**20


class TopView:
    """What is shown, and how the keys changed it."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self.table, self.window, self.sort, self.reverse = 0, 0, 1, False
        self.lost = ""
        """Why the server did not answer just now; what is shown is then what it last said."""

    def key(self, pressed: str) -> bool:
        """Obey a key. False where it quits."""
        if pressed in ("q", "Q", "\x03", "\x1b"):
            return False
        if pressed == "\t":
            self.table = (self.table + 1) % len(TABLES)
        elif pressed == "w":
            self.window = (self.window + 1) % len(WINDOWS)
        elif pressed == "r":
            self.reverse = not self.reverse
        elif pressed == "s":
            self.sort = (self.sort + 1) % len(COLUMNS)
        return True

    def render(self, seen: Overview, width: int, height: int, *, full: bool = True) -> RenderableType:
        """At most `height` lines of at most `width` columns; `full`: just as many, the last at the window's foot."""
        head = [self._head(seen, width), *self._figures(seen, width), self._minute(seen, width)]
        foot = [
            *self._fleet(seen),
            *promise_lines(seen, self._speech),
            *self._processes(seen, width),
            *([Text(f" {self._speech.say('top.keys')}", style="dim")] if full else []),
        ]
        budgets = list(self._budgets(seen, width))
        room = height - len(head) - len(foot) - 1
        shown_budgets = budgets[: max(0, min(len(budgets), max(BUDGET_ROWS, room // 4)))]
        titled = [self._title("top.budgets", width), *shown_budgets] if budgets else []
        if objectives := objective_lines(seen, width, self._speech)[: max(BUDGET_ROWS, room // 4)]:
            titled += [self._title("top.objectives", width), *objectives]
        tables = self._tables(seen, width, max(LEAST_ROWS + 2, room - len(titled)))
        lines = [*head, *tables, *titled]
        spare = height - len(lines) - len(foot)
        lines = self._aired(head, tables, titled, spare)
        lines += [Text()] * (max(0, height - len(lines) - len(foot)) if full else 1)
        for line in (lines := [*lines, *foot]):
            line.truncate(width, overflow="ellipsis")
        return Group(*lines[:height])

    def _aired(self, head: list[Text], tables: list[Text], budgets: list[Text], spare: int) -> list[Text]:
        """Parts with a blank line between them, where there is room for it."""
        blank = [Text()] if spare >= 3 else []
        return [head[0], *blank, *head[1:], *blank, *tables, *(blank if budgets else []), *budgets]

    # --- lines ------------------------------------------------------------------------------------------------------------------------

    def _head(self, seen: Overview, width: int) -> Text:
        say = self._speech.say
        plan, status = seen["plan"], seen["status"]
        line = Text()
        line.append(" roteiro top ", style="bold reverse cyan")
        line.append(f" {plan['name']} ", style="bold")
        line.append(f"{say('top.plan', digest=plan['digest'][:8], version=plan['version'])} · ", style="dim")
        line.append(f"{say(f'top.status.{status}')}", style="green" if status == "serving" else "bold yellow")
        line.append(f" · {say('top.up', time=lasting(seen['clock_s']))}", style="dim")
        if width >= 110:
            line.append(f" · {seen['run']}", style="dim")
        if self.lost:
            line = Text(f" {say('top.lost', why=self.lost)} ", style="bold reverse red")
        return line

    def _figures(self, seen: Overview, width: int) -> Iterator[Text]:
        """One line of figures a window, under their names."""
        columns = [column for column in COLUMNS if column.in_all]
        names = [self._speech.say("top.window"), *(self._speech.say(f"top.{column.word}") for column in columns)]
        rows = []
        for window in WINDOWS:
            figures = seen["recent"][window]["all"]
            cells = [Cell("–", "dim") if figures is None else column.cell(figures, self._speech) for column in columns]
            rows.append([Cell(self._speech.say(f"top.window.{window}"), "dim"), *cells])
        kept = fitting(names, rows, [0, *(column.rank for column in columns)], width)
        yield from lined(names, rows, kept, width)

    def _minute(self, seen: Overview, width: int) -> Text:
        rates = list(seen["rates"])
        line = Text(f" {sparkline([0.0] * (60 - len(rates)) + rates, 60)}", style="cyan")
        said = self._speech.say("top.minute", most=self._speech.number(max(rates, default=0.0)))
        if width >= cell_len(line.plain) + cell_len(said) + 2:
            line.append(f"  {said}", style="dim")
        else:
            line.append(f"  ≤ {self._speech.number(max(rates, default=0.0))}/s", style="dim")
        return line

    def _tables(self, seen: Overview, width: int, room: int) -> list[Text]:
        """All tables where they fit, else the chosen one with as many rows as fit."""
        whole = [self._table(seen, name, width, None) for name in TABLES]
        if sum(map(len, whole)) + len(TABLES) - 1 <= room:
            together: list[Text] = []
            for lines in whole:
                together += [*([Text()] if together else []), *lines]
            return together
        return self._table(seen, TABLES[self.table], width, room - 2)

    def _table(self, seen: Overview, name: str, width: int, most: int | None) -> list[Text]:
        speech = self._speech
        sort = COLUMNS[self.sort]
        found: Rows = {**quiet(seen, name), **seen["recent"][WINDOWS[self.window]][name]}
        ordered = sorted(found.items(), key=lambda item: item[0])
        key: Callable[[tuple[str, Mapping[str, Any]]], Any] = lambda item: sort.value(item[1]) or 0.0  # noqa: E731
        if self.sort:
            ordered.sort(key=key, reverse=True)
        if self.reverse:
            ordered.reverse()
        title = self._title(f"top.{name}", width, chosen=TABLES.index(name) if most is not None else None)
        total = sum(row["requests"] for row in found.values()) or 1
        columns = COLUMNS[1:]
        states = {row["name"]: row for row in seen["targets"]} if name == "targets" else {}
        names = [speech.say(f"top.{c.word}") for c in columns]
        names = [speech.say("top.name"), *(["", speech.say("top.flying")] if states else []), *names, speech.say("top.share")]
        ranks = [0, *([0, 2] if states else []), *(column.rank for column in columns), 7]
        shown = ordered if most is None or len(ordered) <= most else ordered[: max(1, most - 1)]
        rows = []
        for who, row in shown:
            cells = [Cell(who, "bold") if who != "none" else Cell(speech.say(f"top.none.{name}"), "dim")]
            if states:
                cells += self._standing(states.get(who))
            cells += [column.cell(row, speech) if row["requests"] else Cell("–", "dim") for column in columns]
            rows.append([*cells, Cell(bar(row["requests"] / total, 14), "cyan")])
        kept = fitting(names, rows, ranks, width)
        lines = [title, *lined(names, rows, kept, width, left={0, *([1] if states else []), len(names) - 1})]
        if len(shown) < len(ordered):
            lines.append(Text(f" {speech.say('top.more', count=len(ordered) - len(shown))}", style="dim"))
        return lines

    def _standing(self, target: Mapping[str, Any] | None) -> list[Cell]:
        """A target's breaker, pause and resting keys; and what it is busy with."""
        speech = self._speech
        if target is None:
            return [Cell("", ""), Cell("", "")]
        state = target["breaker"]
        text, style = f"{STATE_SIGNS[state]} {speech.say(f'breaker.{state}')}", STATE_STYLES[state]
        if state == "closed" and target["paused_s"] > 0:
            text, style = f"◌ {speech.say('top.paused', seconds=speech.seconds(round(target['paused_s'], 1)))}", "yellow"
        elif state == "closed" and target.get("credentials_resting"):
            told = speech.say("top.resting", count=target["credentials_resting"], most=target["credentials"])
            text, style = f"◌ {told}", "yellow"
        slots = target["slots"]
        busy = speech.number(target["in_flight"]) + (f"/{speech.number(slots)}" if slots else "")
        return [Cell(text, style), Cell(busy, "bold yellow" if slots and target["in_flight"] >= slots else "")]

    def _title(self, word: str, width: int, chosen: int | None = None) -> Text:
        """A rule with a name; of the chosen table with the names of the others, and what it is sorted by."""
        say = self._speech.say
        line = Text(" ")
        if chosen is None:
            line.append(say(word), style="bold")
        else:
            for i, name in enumerate(TABLES):
                shown, style = (f"[{say(f'top.{name}')}]", "bold cyan") if i == chosen else (f" {say(f'top.{name}')} ", "dim")
                line.append(f"{' ' if i else ''}{shown}", style=style)
        if word in (f"top.{name}" for name in TABLES):
            column = say(f"top.{COLUMNS[self.sort].word}")
            order = f"{say('top.by', column=column)} {'▲' if self.reverse else '▼'}"
            line.append(f"  {say(f'top.window.{WINDOWS[self.window]}')} · {order}", style="dim")
        line.append(" " + "─" * max(0, width - cell_len(line.plain) - 2), style="dim")
        return line

    def _budgets(self, seen: Overview, width: int) -> Iterator[Text]:
        """Budgets, the fullest first, then limits that are nearly reached."""
        speech = self._speech
        wide = max((cell_len(row["name"]) for row in seen["budgets"]), default=0)
        for row in sorted(seen["budgets"], key=lambda row: -(row["share"] or 0.0)):
            share = row["share"] or 0.0
            style = "green" if share < 0.6 else "yellow" if share < 0.9 else "bold red"
            line = Text(f" {row['name']:<{wide}} ")
            line.append(bar(share, max(8, min(30, width - wide - 45))), style=style)
            told = "0%" if share == 0.0 else "<1%" if share < 0.005 else speech.share(share, 0)
            line.append(f" {told:>5} ", style=style)
            spent = row["spent_nusd"] + row["reserved_nusd"]
            line.append(f" {speech.money(rounded(spent))}", style="bold")
            line.append(f" {speech.say('top.of', count='', most=speech.money(row['amount_nusd'])).strip()}", style="dim")
            yield line

    def _fleet(self, seen: Overview) -> Iterator[Text]:
        speech = self._speech
        say = speech.say
        line = Text(" ")
        line.append(f"{say('top.in_flight')} ", style="dim")
        line.append(speech.number(seen["in_flight"]), style="bold")
        line.append(f"   {say('top.waiting')} ", style="dim")
        line.append(speech.number(seen["waiting"]), style="bold yellow" if seen["waiting"] else "bold")
        waiting = [f"{say(f'priority.{name}')} {count}" for name, count in seen["queues"].items() if count]
        line.append(f" ({', '.join(waiting)})" if waiting else "", style="yellow")
        hour = seen["hour"]
        if hour["bound_nusd"]:
            line.append(f"   {say('top.hour')} ", style="dim")
            line.append(speech.money(rounded(hour["cost_nusd"])), style="bold")
            line.append(f" {say('top.of', count='', most=speech.money(hour['bound_nusd'])).strip()}", style="dim")
        if hour["degrading"]:
            line.append(f" {say('top.degrading')}", style="bold yellow")
        yield line
        rules = [row["name"] for row in seen["rules"] if row["active"]]
        tight = sorted((row for row in seen["limits"] if row["used"] >= 0.8), key=lambda row: -row["used"])
        limits = [f"{row['name']} {speech.share(row['used'], 0)}" for row in tight]
        if rules or limits:
            line = Text(" ")
            line.append(f"{say('top.rules')}: {', '.join(rules)}   " if rules else "", style="yellow")
            line.append(f"{say('top.limits')}: {', '.join(limits)}" if limits else "", style="yellow")
            yield line

        if pools := seen.get("pools", []):
            line = Text(f" {say('top.servers')}", style="dim")
            for pool in pools:
                line.append(f"  {pool['name']} ", style="")
                line.append(speech.number(pool["ready"]), style="bold")
                if pool["wanted"] != pool["ready"]:
                    line.append(f" → {speech.number(pool['wanted'])}", style="bold yellow")
                line.append(f" ({speech.number(pool['least'])}–{speech.number(pool['most'])})", style="dim")
                if pool["waiting_tokens"]:
                    line.append(f" {say('top.tokens_wait', count=speech.number(round(pool['waiting_tokens'])))}", style="yellow")
            yield line

    def _processes(self, seen: Overview, width: int) -> Iterator[Text]:
        """Workers, many of them in short; the ledger's writer."""
        speech, workers = self._speech, seen["workers"]
        say = speech.say
        line = Text(" ")
        line.append(f"{say('top.workers')} ", style="dim")
        if len(workers) <= (width - 34) // 12:
            for worker in workers:
                lives = worker["pid"] is not None
                line.append("● " if lives else "○ ", style="green" if lives else "bold red")
                line.append(f"{mib(worker['rss_bytes'])} " if lives else f"{say('top.gone')} ", style="" if lives else "bold red")
                line.append(f"↻{worker['restarts']} " if worker["restarts"] else "", style="yellow")
        else:
            living = [worker["rss_bytes"] or 0 for worker in workers if worker["pid"] is not None]
            all_live = len(living) == len(workers)
            line.append(f"{say('top.of', count=len(living), most=len(workers))} ", style="green" if all_live else "bold red")
            line.append(f"≤ {mib(max(living, default=0))} ")
            again = sum(worker["restarts"] for worker in workers)
            line.append(f"↻{again} " if again else "", style="yellow")
        writer = seen["writer"]
        line.append(f"  {say('top.writer')} ", style="dim")
        if writer["error"]:
            line.append(say("top.refuses", why=writer["error"]), style="bold red")
        elif seen["lag_s"] < 1.0:
            line.append(say("top.level"), style="green")
        else:
            line.append(say("top.lag", seconds=speech.seconds(round(seen["lag_s"], 1))), style="bold yellow")
        yield line


def quiet(seen: Overview, table: str) -> Rows:
    """Rows of those that the plan names and nobody asked for, targets alone: a breaker is worth seeing without traffic."""
    return {row["name"]: {"requests": 0} for row in seen["targets"]} if table == "targets" else {}


def fitting(names: list[str], rows: list[list[Cell]], ranks: list[int], width: int) -> list[int]:
    """Positions of the columns that fit, the highest ranks given up first."""
    wide = widths(names, rows)
    kept = list(range(len(names)))
    while sum(wide[i] + 2 for i in kept) > width and any(ranks[i] for i in kept):
        kept.remove(max((i for i in kept if ranks[i]), key=lambda i: (ranks[i], i)))
    return kept


def widths(names: list[str], rows: list[list[Cell]]) -> list[int]:
    return [max([cell_len(name), *(cell_len(row[i].text) for row in rows)]) for i, name in enumerate(names)]


def lined(names: list[str], rows: list[list[Cell]], kept: list[int], width: int, left: Collection[int] = (0,)) -> Iterator[Text]:
    """Names above their columns, numbers to the right; what room is left goes between the columns."""
    wide = widths(names, rows)
    spare = max(0, width - 1 - sum(wide[i] + 2 for i in kept))
    gap = 2 + min(4, spare // max(1, len(kept) - 1))
    for n, row in enumerate([[Cell(name, "dim") for name in names], *rows]):
        line = Text(" ")
        for place, i in enumerate(kept):
            pad = " " * (wide[i] - cell_len(row[i].text))
            line.append(" " * (gap if place else 0))
            line.append(row[i].text + pad if i in left else pad + row[i].text, style=row[i].style if n else "dim")
        yield line


def lasting(seconds: float) -> str:
    """`41 s`, `5 min`, `3 h 20 min`, `4 d 3 h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if minutes < 60:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{days} d {hours % 24} h"


def mib(size: int | None) -> str:
    return f"{(size or 0) / MIB:.0f} MB"


def rounded(nusd: int) -> int:
    """To ten-thousandths of a dollar, which is enough to watch it grow."""
    return nusd // 100_000 * 100_000
