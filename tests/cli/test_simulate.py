"""Commands that simulate: what is printed in every form, and exit codes."""

import json
from pathlib import Path

import pytest
from tests.cli.test_main import call
from tests.tasks.test_diff import plan


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
def test_simulate_in_every_form(lang: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict first; a picture in each form."""
    words = ("simulate", str(plan(tmp_path, "a.yaml", 90)), "--requests", "600", "--seeds", "2", "--lang", lang)
    assert call(*words) == 0
    said = capsys.readouterr().out
    assert "gold" in said.split("\n\n")[1] and "┤" in said
    assert call(*words, "--markdown") == 0
    assert "```text" in capsys.readouterr().out
    assert call(*words, "--html") == 0
    page = capsys.readouterr().out
    assert "<svg" in page and "<script" not in page
    assert call(*words, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {one["what"] for one in told["promises"]} == {"availability", "latency_p95"}


OWN = """
roteiro: 1
name: own
providers:
  house: {name: local, model: a, base_url: "http://127.0.0.1:1", price: {input: $1/1M tokens, output: $5/1M tokens},
          servers: {replicas: 2, batch: 8, alpha: 10ms, beta: 1ms, cost: $36/h}}
models:
  chat: {targets: {house: 1}}
workloads: {ask: {model: chat, limits: {requests: 300/min, burst: 1s}}}
demand:
  arrivals: {process: poisson, rate: 10/s}
  input_tokens: {median: 50, p95: 90}
  output_tokens: {median: 40, p95: 80}
  clients: {retry: {share: 50%, attempts: 2, backoff: 1s}}
"""


@pytest.mark.parametrize(
    ("lang", "lines"),
    [
        ("en", ("cost of tokens", "cost of own servers, by the hour", "replica-hours", "cost of the hours", "came again after a refusal")),
        ("pt-BR", ("custo dos tokens", "custo dos servidores próprios, por hora", "réplica-horas", "voltaram após uma recusa")),
    ],
)
def test_hours_of_own_servers_have_a_line_beside_tokens(
    lang: str, lines: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    words = ("simulate", str(path), "--requests", "600", "--seeds", "2", "--lang", lang)
    for form in ((), ("--markdown",), ("--html",)):
        assert call(*words, *form) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert [line for line in lines if line not in said] == []
    assert call(*words, "--json") == 0
    told = json.loads(capsys.readouterr().out)["measured"]
    house = told["pools"]["house"]
    assert house["replica_hours"]["mean"] == pytest.approx(2.0 * told["simulated_s"]["mean"] / 3600.0)
    assert house["cost_usd"]["mean"] == told["servers_usd"]["mean"] == pytest.approx(36.0 * house["replica_hours"]["mean"])
    assert (house["started"]["mean"], house["stopped"]["mean"], house["replicas_most"]["mean"]) == (0.0, 0.0, 2.0)
    assert told["cost_usd"]["mean"] == pytest.approx(told["providers"]["house"]["cost_usd"]["mean"]) and told["returned"]["mean"] > 0.0


def test_diff_fails_where_it_is_asked_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("diff", str(plan(tmp_path, "a.yaml", 90)), str(plan(tmp_path, "b.yaml", 1)), "--requests", "600", "--seeds", "4")
    assert call(*words, "--markdown") == 0
    said = capsys.readouterr().out
    assert said.startswith("# What this change would do") and "newly missed" in said
    assert call(*words, "--fail-on", "worse", "--lang", "pt-BR") == 1


def test_sweep_says_first_what_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        call("sweep", str(plan(tmp_path, "a.yaml", 90)), "--vary", "models.chat.targets.one=1,90", "--requests", "300", "--seeds", "2") == 0
    )
    out, err = capsys.readouterr()
    assert "2 combinations × 2 seeds × 300 requests" in err
    assert "A" in out and "not beaten" in out


def test_an_outage_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("drill", "outage", str(plan(tmp_path, "a.yaml", 90)), "--provider", "one", "--for", "1min", "--at", "10min", "--seeds", "1")
    assert call(*words) == 0
    assert "to notice" in capsys.readouterr().out
    assert call(*words, "--mtbf", "2d") == 2
    assert "both --mtbf and --mttr" in capsys.readouterr().err


def test_a_plan_without_demand_is_told_at_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("roteiro: 1\nproviders:\n  one: {name: openai, model: gpt-4o}\n")
    assert call("simulate", str(path)) == 2
    assert f"{path}:" in capsys.readouterr().err
