"""`rehearse`, as a person asks for it: on a simulated record, of which the truth is known."""

import contextlib
import json
from pathlib import Path

import pytest
from tests.simulator.build import BUSY

from roteiro.analysis.fidelity import Answer
from roteiro.cli.main import main
from roteiro.policy.kernel import JIT
from roteiro.report import markdown, speech
from roteiro.report.rehearsal import rehearsal_page
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
    assert told == sorted(told) and told[-1] < 1.0
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
