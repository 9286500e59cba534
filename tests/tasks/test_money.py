"""Unit costs and budgets of a ledger on disk, and their pages in both languages."""

import json
import textwrap
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.analysis.build import EPOCH_S
from tests.tasks.test_report import PLAN, record

from roteiro.cli.main import main
from roteiro.plan.digest import canonical_json, digest
from roteiro.plan.read import read_text
from roteiro.tasks.kept_plan import prices_of
from roteiro.tasks.money import report_budgets, report_savings, report_unit_costs
from roteiro.terms.error import SettingsError

MONTHLY = PLAN + "currencies: {BRL: {rate: 5.4, as_of: 2026-02-01}}\n"
CENT = 10_000_000


def ran(*words: str) -> int:
    """The exit code of a command."""
    try:
        return main(list(words))
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Half a day: three cents an hour, two of them of acme."""
    plan = read_text(MONTHLY).plan
    assert plan is not None
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / f"{digest(plan)}.json").write_text(canonical_json(plan))
    rows = [
        {
            "arrival_s": 1200.0 * i + 1,
            "tenant": "beta" if i % 3 else "acme",
            "cost_nusd": 5 * CENT,
            "input_tokens": 900,
            "output_tokens": 100,
        }
        for i in range(36)
    ]
    record(tmp_path, "run-1", *rows, digest_of=digest(plan))
    return tmp_path


def test_unit_costs_know_the_teams_and_the_rates(data: Path) -> None:
    answer = report_unit_costs(data)
    assert answer.plan_known and answer.unit_costs.by_team is not None
    assert [line.name for line in answer.unit_costs.by_team] == ["payments"]
    assert answer.unit_costs.total.per_1k_tokens_nusd.value == 5 * CENT
    assert [rate.code for rate in answer.currencies] == ["BRL"]
    assert report_unit_costs(data) == answer, "the same seed draws the same"


def test_budgets_as_of_the_end_of_a_run(data: Path) -> None:
    answer = report_budgets(data, run="run-1")
    found = {one.name: one for one in answer.budgets}
    assert found["tenant/beta/daily"].method == "passed"
    assert found["team/payments/daily"].probability == 1.0, "36 times 5 cents in half a day, against $2"
    assert found["team/payments/daily"].passes[1].date() == datetime(2026, 2, 1).date()
    assert found["all/all"].probability == 0.0


def test_a_forecast_is_named_by_its_budget(data: Path) -> None:
    paths = SimpleNamespace(at_s=EPOCH_S + 3600.0 * np.arange(24), paths=np.full((10, 24), 1.0))
    found = {one.name: one for one in report_budgets(data, run="run-1", forecasts={"all/all": paths}).budgets}
    assert (found["all/all"].method, found["all/all"].probability) == ("forecast", 1.0)
    with pytest.raises(SettingsError, match="no budget 'nope'"):
        report_budgets(data, forecasts={"nope": paths})
    with pytest.raises(SettingsError, match="at least 2 steps"):
        report_budgets(data, forecasts={"all/all": SimpleNamespace(at_s=np.array([0.0]), paths=np.zeros((1, 1)))})


def test_without_the_plan_there_are_no_budgets(tmp_path: Path) -> None:
    record(tmp_path, "run-1", {"cost_nusd": 1}, digest_of="0" * 64)
    assert not report_budgets(tmp_path).budgets_known
    assert report_unit_costs(tmp_path).unit_costs.by_team is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["unit-costs"], ["token efficiency", "(missed)", "BRL 9.72", "unverified", "2026-02-01"]),
        (["unit-costs", "--lang", "pt-BR"], ["eficiência de tokens", "(descumprido)", "BRL 9,72", "não verificado"]),
        (["budgets", "--run", "run-1"], ["100% likely to pass the $2.00 / BRL 10.80 of team/payments/daily, on 2026-02-01", "passed its"]),
        (["budgets", "--run", "run-1", "--lang", "pt-BR"], ["100% de chance de team/payments/daily passar de US$ 2,00 / BRL 10,80"]),
        (["cost", "--run", "run-1"], ["cost, BRL", "BRL 9.72", "BRL: 5.4 for one US dollar (2026-02-01)."]),
        (["budgets", "--run", "run-1", "--json"], ['"probability": 1.0', '"code": "BRL"']),
    ],
)
def test_pages(data: Path, words: list[str], said: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    form = [] if "--json" in words else ["--markdown"]
    assert ran("report", *words, "--data", str(data), *form) == 0
    page = capsys.readouterr().out
    assert [text for text in said if text not in page] == [], page


@pytest.mark.parametrize(
    ("language", "words"), [("en", ("hedging", "BRL 0.27")), ("pt-BR", ("em paralelo", "BRL 0,27", "cancelada pelo cliente"))]
)
def test_savings_say_what_proves_them(data: Path, language: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    digest_of = report_unit_costs(data).period.digest
    assert digest_of is not None
    rows = [{"lost_nusd": 5 * CENT, "hedged": 2}, {"outcome": "cancelled", "cost_nusd": CENT}]
    record(data, "run-2", *rows, digest_of=digest_of)
    assert [(one.kind, one.saving_nusd) for one in report_savings(data).savings] == [("hedges", 5 * CENT), ("undelivered", CENT)]
    assert ran("report", "savings", "--data", str(data), "--markdown", "--lang", language) == 0
    page = capsys.readouterr().out
    assert [word for word in words if word not in page] == [], page


def test_a_trace_tells_how_far_prompts_begin_alike(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of eight blocks the second request had three before, the third one, and the last all two of its."""
    trace = tmp_path / "own.jsonl"
    chains = ([1, 2, 3], [1, 2, 3, 4], [1, 5], [9], [1, 5])
    trace.write_text(
        "".join(
            json.dumps({"timestamp": 1000 * n, "input_length": 512 * len(chain), "output_length": 5, "hash_ids": chain}) + "\n"
            for n, chain in enumerate(chains)
        )
    )
    found = report_savings(data, prefixes=trace).prefixes
    assert found is not None and (found.source, found.requests, found.shared) == ("own.jsonl", 5, 6 / 12)
    assert ran("report", "savings", "--data", str(data), "--prefixes", str(trace)) == 0
    assert "Of the prompts of own.jsonl (5 requests) 50%" in " ".join(capsys.readouterr().out.split())
    (tmp_path / "plain.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,10,5\n2023-11-16 18:15:50,11,6\n")
    with pytest.raises(SettingsError, match="names no prefixes"):
        report_savings(data, prefixes=tmp_path / "plain.csv")


def test_prices_are_those_of_the_plan() -> None:
    text = """
    roteiro: 1
    providers:
      own: {name: openai, model: gpt-4o, price: {input: $1/1M tokens, output: $2/1M tokens, off_peak: {from: "22:00", to: "6:00", discount: 50%}}}
    timezone: America/Sao_Paulo
    """
    plan = read_text(textwrap.dedent(text)).plan
    assert plan is not None
    price = prices_of(plan)["own"]
    assert (price.input, price.cached, price.output, price.fixed) == (10**9, 10**9, 2 * 10**9, True)
    assert price.off_peak is not None and (price.off_peak.timezone, price.off_peak.discount) == ("America/Sao_Paulo", 0.5)


def test_budgets_have_their_own_periods(data: Path) -> None:
    assert ran("report", "budgets", "--data", str(data), "--since", "1h") == 2
