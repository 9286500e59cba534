"""`rehearse`, as a person asks for it: on a simulated record, of which the truth is known."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from tests.simulator.build import BUSY, SIZES, compiled

from roteiro.analysis.fidelity import Answer
from roteiro.cli.main import main
from roteiro.ledger import Head, ParquetWriter
from roteiro.plan.compile import compile_plan
from roteiro.plan.version import save_version
from roteiro.policy.kernel import JIT
from roteiro.report import markdown, speech
from roteiro.report.rehearsal import rehearsal_page
from roteiro.simulator import demand, service
from roteiro.simulator.world import Simulation
from roteiro.tasks.rehearse import RehearsalResult, rehearse
from roteiro.tasks.simulate import simulate
from roteiro.terms.error import LedgerError, SettingsError

ROOMY = (
    BUSY.replace("rate: 60/s, cv: 2", "rate: 8/s, cv: 1").replace("daily: $0.3/hour", "daily: $30/hour")
    .replace("timeouts: {first_token: 2s, attempt: 6s}", "timeouts: {first_token: 60s, attempt: 300s}")
)  # fmt: skip
REQUESTS = 6000 if JIT else 420


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    """Two runs of one plan, with their journals."""
    data = tmp_path_factory.mktemp("data")
    (data / "plan.yaml").write_text(ROOMY)
    return data, simulate(data / "plan.yaml", data=data, seeds=2, requests=REQUESTS, journal=True).runs


@pytest.mark.kernel
def test_a_long_run_is_fitted_on_its_first_half_and_judged_on_the_second(recorded: tuple[Path, tuple[str, ...]]) -> None:
    data, runs = recorded
    told: list[float] = []
    result = rehearse(runs[0], data=data, seeds=4, on_progress=lambda share, _: told.append(share))
    (one,) = result.rehearsals
    assert not one.optimistic and one.fitted_to == one.run == runs[0] and one.split_s > 0.0
    assert REQUESTS * 0.4 < one.requests < REQUESTS * 0.6
    assert told == sorted(told) and told[-1] <= 1.0
    if JIT:
        for key, most in (("total.p50", 0.05), ("total.p95", 0.10), ("ttft.p50", 0.10), ("tier.gold.availability", 0.01)):
            figure = one.fidelity.figure(key)
            assert figure is not None and abs(figure.error) <= most, figure
    primary = next(target for target in one.fit.targets if target.target == "primary")
    ttft = primary.parameter("ttft")
    assert ttft is not None and abs(ttft.value - 0.4) < 4.0 * ttft.error + 0.01


def test_another_run_may_be_fitted_and_all_of_one_may_be_both(recorded: tuple[Path, tuple[str, ...]]) -> None:
    data, runs = recorded
    (other,) = rehearse(runs[1], data=data, fit_from=runs[0], seeds=2).rehearsals
    assert other.fitted_to == runs[0] and not other.optimistic and other.requests == REQUESTS
    (same,) = rehearse(runs[1], data=data, split=0.0, seeds=1).rehearsals
    assert same.optimistic and same.fit.weather
    assert "flatters" in markdown(rehearsal_page(result_of(same, data), speech("en")))


SHIFTED = ROOMY.replace("weight: 70,", "weight: 10,").replace("primary: 70, secondary: 20", "primary: 10, secondary: 80")


def changed_run(data: Path, later: str) -> str:
    """A run that adopted another plan at half of its time → its name. Its service does not change."""
    first, other = compiled(ROOMY), compiled(later)
    second = compile_plan(other.plan, other.edge.digest, before=first.names, sizes=SIZES)
    simulation = Simulation(first, demand.of_plan(first), service.of_plan(first), 5, journal=True)
    for version in (first, second):
        save_version(data / "run" / "changed", version, simulation.epoch_unix_s)
    heads = [Head(table, "changed", simulation.epoch_unix_s, second.names) for table in ("events", "decisions")]
    with ParquetWriter(data, heads[0]) as events, ParquetWriter(data, heads[1]) as decisions:
        simulation.run(REQUESTS, on_events=events.append, on_decisions=decisions.append, until_s=REQUESTS / 16.0)
        simulation.adopt(second, REQUESTS / 16.0)
        simulation.run(REQUESTS, on_events=events.append, on_decisions=decisions.append)
    simulation.close()
    return "changed"


@pytest.mark.skipif(not JIT, reason="takes many answers")
def test_adopted_plans_are_followed(tmp_path: Path) -> None:
    """From half of the time on most requests go elsewhere; the fit sees the first 60 %, and the whole course is foretold."""
    (one,) = rehearse(changed_run(tmp_path, SHIFTED), data=tmp_path, split=0.6, seeds=3, processes=1).rehearsals
    assert (one.plans, one.until_s) == (2, float("inf"))
    figures = {key: one.fidelity.figure(key) for key in ("provider.primary", "provider.secondary")}
    for key, share in (("provider.primary", 0.1), ("provider.secondary", 0.8)):
        figure = figures[key]
        assert figure is not None and figure.measured == pytest.approx(share, abs=0.06) and abs(figure.error) < 0.03, figure
    assert any("adopted 1 other plans" in text for text in one.assumed)


@pytest.mark.skipif(not JIT, reason="takes many answers")
def test_a_plan_that_cannot_be_followed_ends_what_is_judged(tmp_path: Path) -> None:
    hedging = SHIFTED.replace("chat: {targets: {", "chat: {hedge: {after: 500ms, at_most: 10%}, targets: {", 1)
    (one,) = rehearse(changed_run(tmp_path, hedging), data=tmp_path, seeds=2, processes=1).rehearsals
    assert one.plans == 1 and one.until_s == pytest.approx(REQUESTS / 16.0)
    assert one.requests < REQUESTS * 0.4  # the second half of the first half
    assert any("judged is the run until" in text and "hedging" in text for text in one.assumed)


def result_of(one: object, data: Path) -> RehearsalResult:
    return RehearsalResult(str(data), (one,), (), {}, 0.0)  # type: ignore[arg-type]


def test_what_cannot_be_is_said(recorded: tuple[Path, tuple[str, ...]], tmp_path: Path) -> None:
    data, runs = recorded
    with pytest.raises(LedgerError, match="no run 'nobody'"):
        rehearse("nobody", data=data)
    with pytest.raises(SettingsError, match="a split of 1"):
        rehearse(runs[0], data=data, split=1.0)
    with pytest.raises(SettingsError, match="either a run"):
        rehearse(runs[0], data=data, split=0.5, fit_from=runs[1])
    with pytest.raises(SettingsError, match="no data directory"):
        rehearse(tmp_path)
    with pytest.raises(LedgerError, match="could be rehearsed"):
        rehearse(data)  # a ledger of simulated runs alone
    shutil.copytree(data, tmp_path / "events")
    shutil.rmtree(tmp_path / "events" / "run" / runs[0])
    with pytest.raises(LedgerError, match="kept without its decisions"):
        rehearse(runs[0], data=tmp_path / "events")


def test_the_command_prints_json_and_both_languages(recorded: tuple[Path, tuple[str, ...]], capsys: pytest.CaptureFixture[str]) -> None:
    data, runs = recorded

    def said(*options: str) -> str:
        with contextlib.suppress(SystemExit):
            main(["rehearse", runs[1], "--data", str(data), "--fit-from", runs[0], "--seeds", "2", *options])
        return capsys.readouterr().out

    value = json.loads(said("--json"))
    figures = {figure["key"]: figure for figure in value["rehearsals"][0]["fidelity"]["figures"]}
    assert figures["total.p50"]["goal"] == 0.05 and figures["total.p50"]["answer"] in set(Answer)
    assert value["kept"] == value["rehearsals"][0]["fidelity"]["kept"]
    english, portuguese = said("--markdown"), said("--markdown", "--lang", "pt-BR")
    assert "time to the end, median" in english and "tempo até o fim, mediana" in portuguese
