"""The live view: what it shows at 80 by 24, that it never leaves its window, and what the keys do."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from roteiro.report.speech import LANGUAGES, speech
from roteiro.report.top import TABLES, TopView, lasting
from roteiro.report.top_columns import COLUMNS

GOLDEN = Path(__file__).parent / "golden"
OVERVIEW: dict[str, Any] = json.loads((GOLDEN / "overview.json").read_text())


def drawn(view: TopView, seen: Any = OVERVIEW, width: int = 80, height: int = 24, *, full: bool = True) -> list[str]:
    console = Console(width=width, height=height, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(view.render(seen, width, height, full=full))
    return captured.get().splitlines()


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_reads_as_kept(language: str) -> None:
    """As the other golden files: ROTEIRO_GOLDEN=write, and look."""
    view = TopView(speech(language))
    shown = "\n".join(line.rstrip() for line in drawn(view)) + "\n"
    kept = GOLDEN / f"top.{language}.txt"
    if os.environ.get("ROTEIRO_GOLDEN") == "write":
        kept.write_text(shown)
    assert shown == kept.read_text()


@given(
    width=st.integers(60, 220), height=st.integers(20, 80), tenants=st.integers(0, 40), workers=st.integers(1, 40),
    budgets=st.integers(0, 12), language=st.sampled_from(LANGUAGES), keys=st.text("\twsr", max_size=6), full=st.booleans(),
)  # fmt: skip
def test_it_never_leaves_its_window(
    width: int, height: int, tenants: int, workers: int, budgets: int, language: str, keys: str, full: bool
) -> None:
    seen = copy.deepcopy(OVERVIEW)
    figures = seen["recent"]["10s"]["all"]
    for window in ("10s", "60s"):
        seen["recent"][window]["tenants"] = {f"tenant-{n}-株": figures for n in range(tenants)}
    seen["workers"] = [{**seen["workers"][0], "worker": n, "pid": n or None} for n in range(workers)]
    seen["budgets"] = [{**seen["budgets"][0], "name": f"all/{n}", "share": n / 10} for n in range(budgets)]
    view = TopView(speech(language))
    for key in keys:
        assert view.key(key)
    lines = drawn(view, seen, width, height, full=full)
    assert len(lines) == height if full else len(lines) <= height
    assert max(cell_len(line) for line in lines) <= width
    assert f"roteiro top  {seen['plan']['name']}" in lines[0]


def test_a_server_without_traffic() -> None:
    seen = copy.deepcopy(OVERVIEW)
    for window in ("10s", "60s"):
        seen["recent"][window] = {"all": None, **{table: {} for table in TABLES}}
    seen["rates"] = []
    text = "\n".join(drawn(TopView(speech("en")), seen))
    assert "primary" in text and "–" in text


def test_keys_change_table_window_sort_and_order() -> None:
    view = TopView(speech("en"))
    text = "\n".join(drawn(view))
    assert "[providers]" in text and "10 s · by req/s ▼" in text
    for key in "\twr":
        assert view.key(key)
    text = "\n".join(drawn(view))
    assert "[models]" in text and "1 min · by req/s ▲" in text and "chat" in text
    seen = []
    for _ in COLUMNS:
        view.key("s")
        seen.append(COLUMNS[view.sort].word)
    assert sorted(seen) == sorted(column.word for column in COLUMNS)
    assert view.key("x") and not view.key("q") and not view.key("\x03") and not view.key("\x1b")


def test_the_order_is_that_of_the_column() -> None:
    view = TopView(speech("en"))
    view.table = TABLES.index("tenants")
    found = OVERVIEW["recent"]["10s"]["tenants"]
    for view.sort, field in ((1, "requests_per_s"), (10, "output_tokens_per_s")):
        names = [line.split()[0] for line in drawn(view) if line.split() and line.split()[0] in found]
        assert names == sorted(found, key=lambda name, by=field: -found[name][by])


def test_a_server_that_does_not_answer_is_said() -> None:
    view = TopView(speech("pt-BR"))
    view.lost = "recusada"
    assert "o servidor não responde: recusada" in drawn(view)[0]


def test_trouble_is_in_sight() -> None:
    seen = copy.deepcopy(OVERVIEW)
    seen["workers"][0]["pid"], seen["writer"]["error"], seen["lag_s"] = None, "No space left on device", 9.0
    (target,) = (row for row in seen["targets"] if row["name"] == "primary")
    target.update(credentials_resting=1, credentials=2)
    text = "\n".join(drawn(TopView(speech("en")), seen))
    assert "gone" in text and "cannot be written: No space left on device" in text and "1 of 2 keys rest" in text


@pytest.mark.parametrize(("seconds", "said"), [(41, "41 s"), (300, "5 min"), (12_000, "3 h 20 min"), (356_400, "4 d 3 h")])
def test_durations(seconds: float, said: str) -> None:
    assert lasting(seconds) == said


def objective(name: str, left: float, *, firing: bool = False, freeze: bool = False) -> dict[str, Any]:
    return {
        "name": name, "promise": "availability ≥ 99.9%, month", "left": left,
        "alerts": [{"alert": "14.4x1h", "severity": "page", "firing": firing}],
        "steps": [{"step": "90% freeze", "do": "freeze", "active": freeze}],
    }  # fmt: skip


def test_error_budgets_and_notices_are_in_sight() -> None:
    """What burns comes first, then what has least left; a channel that takes nothing is told with its reason."""
    seen = copy.deepcopy(OVERVIEW)
    rows = [objective("a.availability", 0.69), objective("b.availability", 0.05, freeze=True), objective("c.latency_p95", 0.9, firing=True)]
    seen["slo"] = {"frozen": True, "objectives": [*rows, {**objective("d.leaks", 0.0), "left": None}]}
    seen["notices"] = {"pager": {"waiting": 3, "attempts": 2, "said": "500"}, "ops": {"waiting": 1, "attempts": 0, "said": ""}}
    lines = drawn(TopView(speech("en")), seen, 120, 50)
    told = [line for line in lines if ".availability" in line or ".latency" in line or ".leaks" in line]
    assert [line.split()[0] for line in told[:3]] == ["c.latency_p95", "b.availability", "a.availability"]
    assert "● PAGE 14.4x1h" in told[0] and "5% left ▸ 90% freeze" in told[1] and "69% left availability ≥ 99.9%, month" in told[2]
    text = "\n".join(lines)
    assert "changed plans are refused: b.availability" in text and "notices: 3 to pager wait: 500" in text and "to ops" not in text


def test_servers_that_scale_are_told_with_what_waits_for_them() -> None:
    seen = copy.deepcopy(OVERVIEW)
    seen["pools"] = [{"name": "own", "active": True, "ready": 1, "wanted": 2, "least": 1, "most": 3, "waiting_tokens": 1250.0}]
    assert any("servers  own 1 → 2 (1–3) 1,250 tokens wait" in line for line in drawn(TopView(speech("en")), seen))
    seen["pools"][0].update(wanted=1, waiting_tokens=0.0)
    assert any(line.strip() == "servidores  own 1 (1–3)" for line in drawn(TopView(speech("pt-BR")), seen))
