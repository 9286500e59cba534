"""`roteiro forecast`: what is printed in every form, and exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.cli.test_main import call


@pytest.fixture
def record(tmp_path: Path) -> Path:
    chance = np.random.default_rng(1)
    path = tmp_path / "tokens.csv"
    lines = ["time,tenant,tokens"]
    for hour in range(24 * 10):
        for tenant, size in (("acme", 3000), ("blue", 500)):
            tokens = size * (1.5 + np.sin(2 * np.pi * hour / 24)) * (1 + 0.1 * chance.normal())
            lines.append(f"2026-03-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z,{tenant},{tokens:.0f}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("lang", "words"), [("en", ("held on the past", "seasonal naive")), ("pt-BR", ("conteve no passado", "ingênuo sazonal"))]
)
def test_forecast_in_every_form(lang: str, words: tuple[str, ...], record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("forecast", str(record), "--horizon", "24h", "--method", "regression", "--lang", lang)
    for form, sign in (((), "┤"), (("--markdown",), "```text"), (("--html",), "<svg")):
        assert call(*asked, *form) == 0
        said = capsys.readouterr().out
        assert sign in said and [word for word in words if word not in said] == []
    assert call(*asked, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["forecasts"]
    assert len(found["median"]) == 24 and {band["level"] for band in found["bands"]} == {0.5, 0.8, 0.9}
    assert found["why"][0] == "asked" and {one["method"] for one in found["tried"]} == {"regression", "seasonal_naive"}


def test_levels_are_forecast_one_by_one(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("forecast", str(record), "--horizon", "12h", "--level", "tenant", "--method", "seasonal_naive", "--json") == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["forecasts"]] == ["acme", "blue"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--measure", "cost_usd"), "it tells tokens"),
        (("--level", "model"), "tells no model"),
        (("--method", "tea_leaves"), "seasonal_naive"),
        (("--horizon", "5min"), "3600 s long"),
        (("--step", "90min"), "no multiple"),
        (("--horizon", "soon"), "not a duration"),
    ],
)
def test_what_cannot_be_asked_is_told_with_its_remedy(
    words: tuple[str, ...], said: str, record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("forecast", str(record), *words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, ["E931 cannot be read: No such file or directory"]),
        ("data;tokens\n02/03/2026 00:00;451,7\n", ["E931 has columns that semicolons separate; separate them by commas"]),
        # Why nothing is known stands beside that nothing is.
        ("time,tokens\n2026-03-01,-5\n2026-03-02,-6\n2026-03-03,-7\n", ["E933", "all of its periods are missing", "W932", "negative"]),
    ],
)
def test_a_source_that_tells_nothing_is_told(text: str | None, said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if text is not None:
        (tmp_path / "some.csv").write_text(text)
    assert call("forecast", str(tmp_path / "some.csv")) == 2
    told = capsys.readouterr().err
    assert all(part in told for part in said)


@pytest.mark.parametrize("command", ["forecast", "capacity", "demo"])
def test_a_seed_below_zero_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*([command] if command == "demo" else [command, "x.csv"]), "--seed", "-1") == 2
    assert "--seed" in capsys.readouterr().err


def test_other_commands_do_not_load_what_forecasts_need() -> None:
    code = "import sys, roteiro.cli.main, roteiro.tasks.forecast; print([n for n in ('statsforecast', 'sklearn', 'pandas') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_missing_extra_is_told(record: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsforecast.models", None)
    assert call("forecast", str(record), "--method", "theta", "--horizon", "24h") == 2
    assert "roteiro[forecast]" in capsys.readouterr().err
    assert call("forecast", str(record), "--method", "seasonal_naive", "--horizon", "24h") == 0


@pytest.mark.parametrize(("lang", "words"), [("en", ("optimistic", "users × 1.30")), ("pt-BR", ("otimista", "usuários × 1,30"))])
def test_scenarios_stand_side_by_side(lang: str, words: tuple[str, ...], record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("forecast", str(record), "--horizon", "24h", "--method", "seasonal_naive", "--scenario", "all", "--lang", lang)
    assert call(*asked, "--markdown") == 0
    said = capsys.readouterr().out
    assert [word for word in words if word not in said] == []
    assert call(*asked, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["scenarios"]] == ["base", "optimistic", "pessimistic", "stress"]
    base, usual = found["scenarios"][0], found["forecasts"][0]
    assert base["forecasts"][0]["median"][-1] > usual["median"][-1] and base["factors"][0] == {
        "name": "user_growth", "value": 1.15, "spread": pytest.approx(0.0466, abs=1e-4), "kind": "monthly"
    }  # fmt: skip


def test_scenarios_of_a_plan(record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("roteiro: 1\ndemand: {scenarios: {double: {factors: {surge: 2}, events: {promo: {peak: 3, begins: 2030-01-01}}}}}\n")
    asked = ("forecast", str(record), "--horizon", "24h", "--method", "seasonal_naive", "--plan", str(plan))
    assert call(*asked, "--scenario", "double", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    doubled = np.array(found["scenarios"][0]["forecasts"][0]["median"]) / np.array(found["forecasts"][0]["median"])
    assert doubled == pytest.approx(np.full(24, 2.0)) and any("W945" in problem for problem in found["problems"])
    assert call(*asked, "--scenario", "triple") == 2
    assert "E923" in (said := capsys.readouterr().err) and "double" in said


def test_days_of_a_zone_and_its_holidays(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("holidays")
    asked = ("forecast", str(record), "--horizon", "30d", "--step", "24h", "--method", "seasonal_naive", "--zone", "America/Sao_Paulo")
    assert call(*asked, "--holidays", "BR,US", "--json", "--lang", "pt-BR") == 0
    result = json.loads(capsys.readouterr().out)
    (found,) = result["forecasts"]
    assert result["zone"] == "America/Sao_Paulo" and found["at_s"][0] == 1_773_111_600.0  # 2026-03-10 00:00 there
    assert found["holidays"]["days"][0] == {"day": "2026-04-03", "name": "Sexta-feira Santa"}
    assert call(*asked, "--holidays", "BR", "--lang", "pt-BR") == 0
    said = capsys.readouterr().out
    assert "Feriados à frente: 2026-04-03" in said and "horas de America/Sao_Paulo" in said
    assert call(*asked[:-1], "Brasilia") == 2
    assert "not a time zone" in capsys.readouterr().err


def test_a_record_of_two_zones_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mixed.csv"
    rows = [f"2026-03-{day:02d}T00:00:00{zone},{100 + day}" for day, zone in ((one, "Z" if one % 2 else "-03:00") for one in range(1, 29))]
    path.write_text("\n".join(["time,requests", *rows]) + "\n")
    assert call("forecast", str(path), "--method", "seasonal_naive", "--json") == 0
    assert "W934" in capsys.readouterr().out


def test_anomalies_are_told_and_left_out(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = record.read_text().splitlines()
    changed = [f"{line}0" if "2026-03-07T1" in line else line for line in lines]
    record.write_text("\n".join(changed) + "\n")
    asked = ("forecast", str(record), "--horizon", "24h", "--method", "seasonal_naive")
    assert call(*asked, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["forecasts"]
    (strange,) = found["anomalies"]
    assert strange["begins_s"] == pytest.approx(1_772_877_600.0, abs=3600) and strange["value"] > 5 * strange["expected"]
    assert not found["anomalies_left_out"]
    assert call(*asked, "--leave-out", "anomalies") == 0
    assert "times what" in (said := capsys.readouterr().out) and "has not learned from them" in said
    assert call(*asked, "--leave-out", "weekends") == 2
    assert "there is: anomalies" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lang", "words"), [("en", ("season: the day", "the level is another")), ("pt-BR", ("sazonalidade: o dia", "o nível é outro"))]
)
def test_the_past_is_explained(lang: str, words: tuple[str, ...], record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("statsforecast")
    chance = np.random.default_rng(2)
    lines = []
    for at in range(14 * 24):
        tokens = 1000 * (1.5 + np.sin(2 * np.pi * at / 24)) * (1 + 0.1 * chance.normal())
        lines.append(f"2026-02-{15 + at // 24:02d}T{at % 24:02d}:00:00Z,acme,{tokens:.0f}")
    head, *rest = record.read_text().splitlines()
    record.write_text("\n".join([head, *lines, *rest]) + "\n")
    asked = ("forecast", str(record), "--horizon", "24h", "--method", "seasonal_naive", "--explain", "--lang", lang)
    assert call(*asked) == 0
    said = capsys.readouterr().out
    assert [word for word in words if word not in said] == []
    assert call(*asked, "--json") == 0
    found = json.loads(capsys.readouterr().out)["forecasts"][0]
    parts = found["decomposition"]
    assert len(parts["trend"]) == 24 * 24 and [one["period"] for one in parts["seasons"]] == [24, 168]
    assert len(found["changes"]) == 1 and found["changes"][0]["at_s"] == pytest.approx(1_772_323_200.0, abs=86_400)


def test_levels_add_up_where_that_is_asked(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("forecast", str(record), "--horizon", "12h", "--method", "seasonal_naive", "--scenario", "stress")
    assert call(*asked, "--level", "tenant", "--coherent", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["coherent"] and [one["name"] for one in found["forecasts"]] == ["total", "acme", "blue"]
    for forecasts in (found["forecasts"], found["scenarios"][0]["forecasts"]):
        for name in ("mean", "median"):
            total, *parts = (np.array(one[name]) for one in forecasts)
            assert sum(parts) == pytest.approx(total)
    assert call(*asked, "--level", "all", "--lang", "pt-BR") == 0
    assert "somem, em cada caminho" in capsys.readouterr().out


def test_what_is_beyond_the_most_is_one_part(record: Path) -> None:
    from roteiro.tasks.forecast import forecast

    found = forecast(record, horizon_s=12 * 3600.0, level="tenant", coherent=True, method="seasonal_naive", most=1)
    assert [one.series.name for one in found.forecasts] == ["total", "(others)"]
    assert found.forecasts[1].paths == pytest.approx(found.forecasts[0].paths)
