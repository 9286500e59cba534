"""Pages of small simulations as they read in both languages, kept as files: comparisons, sweeps, outages, rehearsals.

What is simulated is the same to the last bit each time. After a change that is meant: ROTEIRO_GOLDEN=write pytest tests/cli/test_golden.py,
and look.
"""

import os
import re
from functools import cache
from pathlib import Path

import pytest
from tests.tasks.test_diff import plan

from roteiro.cli.diff_page import diff_page
from roteiro.cli.outage_page import drawn_page, outage_page
from roteiro.cli.sweep_page import sweep_page
from roteiro.policy.kernel import JIT
from roteiro.report import LANGUAGES, Document, markdown, speech
from roteiro.report.rehearsal import rehearsal_page
from roteiro.tasks.diff import diff
from roteiro.tasks.drill_outage import Disaster, drill_outage, drill_outages_drawn
from roteiro.tasks.prepared import Asked
from roteiro.tasks.rehearse import rehearse
from roteiro.tasks.simulate import simulate
from roteiro.tasks.sweep import sweep

pytestmark = pytest.mark.skipif(not JIT, reason="thousands of requests; that plain Python gives the same bytes is a law of its own")
GOLDEN = Path(__file__).parent / "golden"
FEW = Asked(requests=600)


@cache
def result(name: str) -> object:
    """Of a plan in the present folder, so that no page names a folder of the machine."""
    old, new = plan(Path(), "old.yaml", 90), plan(Path(), "new.yaml", 1)
    match name:
        case "diff":
            return diff(old, new, FEW, seeds=4)
        case "sweep":
            return sweep(old, ["models.chat.targets.one=1,30,90", "sla_tiers.gold.latency_p95=800ms,2s"], FEW, seeds=2)
        case "outage":
            return drill_outage(old, Disaster(providers=("one",), for_s=60.0, at="10min"), seeds=2)
        case "outages-drawn":
            return drill_outages_drawn(old, Disaster(providers=("one",)), 120.0, 30.0, asked=Asked(duration_s=600.0), seeds=2)
    (run,) = simulate(old, data=Path("data"), seeds=1, requests=2000, journal=True).runs
    return rehearse(run, data=Path("data"), seeds=2)


PAGES = {"diff": diff_page, "sweep": sweep_page, "outage": outage_page, "outages-drawn": drawn_page, "rehearsal": rehearsal_page}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_reads_as_kept(name: str, language: str) -> None:
    document: Document = PAGES[name](result(name), speech(language))  # type: ignore[operator]
    # A run is named by when it was, and a plan's digest changes with each key that plans gain.
    text, path = re.sub(r"\bsim-[0-9a-f]{8}-[0-9a-f]+-1\b", "sim-1", markdown(document)), GOLDEN / f"{name}.{language}.md"
    text = re.sub(r"\b[0-9a-f]{12}\b", "0" * 12, text)
    if os.environ.get("ROTEIRO_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
