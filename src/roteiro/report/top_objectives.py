"""The live view's lines about service levels: what is left of error budgets, what burns, what is frozen, and notices that nobody takes.

What must not live here: the rest of the view (`top`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from roteiro.report.live import bar
from roteiro.report.speech import Speech

__all__ = ["objective_lines", "promise_lines"]

Overview = Mapping[str, Any]
LOW = 0.25
"""Share of a budget below which it is told in red."""


def objective_lines(seen: Overview, width: int, speech: Speech) -> list[Text]:
    """One line an objective that has an error budget: those that burn first, then those with the least left."""
    rows = [row for row in (seen.get("slo") or {}).get("objectives", ()) if row["left"] is not None]
    rows.sort(key=lambda row: (not any(alert["firing"] for alert in row["alerts"]), row["left"]))
    wide = max((cell_len(row["name"]) for row in rows), default=0)
    return [objective_line(row, wide, width, speech) for row in rows]


def objective_line(row: Mapping[str, Any], wide: int, width: int, speech: Speech) -> Text:
    left = row["left"]
    style = "bold red" if left < LOW else "yellow" if left < 0.5 else "green"
    line = Text(f" {row['name']:<{wide}} ")
    line.append(bar(max(0.0, left), max(8, min(30, width - wide - 45))), style=style)
    told = f"-{speech.share(-left, 0)}" if left < 0.0 else speech.share(left, 0)
    line.append(f" {speech.say('top.left', left=told)}", style=style)
    burns = [alert for alert in row["alerts"] if alert["firing"]]
    for alert in burns:
        mark = speech.say(f"notice.{alert['severity']}")
        line.append(f" ● {mark} {alert['alert']}", style="bold red" if alert["severity"] == "page" else "bold yellow")
    steps = [step["step"] for step in row["steps"] if step["active"]]
    line.append(f" ▸ {', '.join(steps)}" if steps else "", style="yellow")
    if not burns and not steps:
        line.append(f" {row['promise']}", style="dim")
    return line


def promise_lines(seen: Overview, speech: Speech) -> Iterator[Text]:
    """Whether plans are frozen; channels whose messages wait."""
    slo = seen.get("slo") or {}
    if slo.get("frozen"):
        names = [row["name"] for row in slo["objectives"] if any(step["active"] and step["do"] == "freeze" for step in row["steps"])]
        yield Text(f" {speech.say('top.frozen', objectives=', '.join(names))}", style="bold yellow")
    late = [(name, look) for name, look in (seen.get("notices") or {}).items() if look["waiting"] and look["attempts"]]
    if late:
        words = [speech.say("top.notices_wait", count=look["waiting"], channel=name, why=look["said"]) for name, look in late]
        yield Text(f" {speech.say('top.notices')}: {'; '.join(words)}", style="bold red")
