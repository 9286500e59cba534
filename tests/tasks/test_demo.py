"""The demonstration, short: everything in it happens, agrees with itself, and is ended."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.tasks.processes import children_of, eventually

from roteiro.plan.read import read
from roteiro.tasks import demo_cast
from roteiro.tasks.demo import Demo, Phase, demo, phase_at
from roteiro.tasks.demo_cast import cast, load_of, storm
from roteiro.tasks.example import example
from roteiro.terms.error import PlanError, SettingsError

SECONDS = 6


def run(*words: str, data: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "roteiro.cli.main", "demo", "--data", str(data), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.timeout(600)
def test_all_of_it_in_a_few_seconds(tmp_path: Path) -> None:
    process = run("--seconds", str(SECONDS), "--json", data=tmp_path / "data")
    out, err = process.communicate(timeout=580)
    assert process.returncode == 0, err
    said = json.loads(out)
    assert said["requests"] == sum(said["outcomes"].values()) > SECONDS
    assert sum(said["by_provider"].values()) == said["outcomes"]["success"]
    assert said["cost_nusd"] > 0 and said["cost_usd"] == pytest.approx(said["cost_nusd"] / 1e9)
    assert sum(said["clients"].values()) == said["requests"]
    assert any(name.startswith("http:") for name in said["clients"]) and any(name.startswith("openai:") for name in said["clients"])
    assert set(said["sla"]) == {"enterprise", "business", "basic"}
    assert {tier["quality"] for tier in said["sla"].values()} == {"unverified"}
    again = said["replay"]
    assert again["complete"] is True and again["identical"] == again["events"] > said["requests"]
    assert again["identical_requests"] == again["requests"] == said["requests"]
    assert again["events"] >= 2 * said["outcomes"]["success"]
    assert said["prediction"]["measured_cost_usd"] == said["cost_usd"]
    assert said["prediction"]["p95_ms"] > 0 and said["prediction"]["cost_usd"] > 0
    assert said["local_model"]["real"] is (said["local_model"]["why_not"] is None)
    assert "primary begins to fail and to slow" in err and "primary is well again" in err


@pytest.mark.timeout(300)
def test_ctrl_c_ends_all_that_was_started(tmp_path: Path) -> None:
    process = run("--seconds", "600", data=tmp_path / "data")
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "of traffic begin" in line:
                break
        started = children_of(process.pid)
        assert len(started) >= 3, "two sandboxes and the server"
        process.send_signal(signal.SIGINT)
        assert process.wait(200) == 130  # a drain takes up to a minute where the machine is busy
        assert eventually(lambda: not [pid for pid in started if Path(f"/proc/{pid}").exists()], 30.0)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


class Silent:
    def act(self, act: object, **facts: object) -> None: ...

    def moment(self, *_: object) -> None: ...


def test_what_cannot_begin_is_told_before_anything_starts(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("providers: {one: {nam: x}}")
    with pytest.raises(PlanError):
        demo(Demo(plan=bad), Silent())
    with pytest.raises(SettingsError, match="from 5 to 3600"):
        demo(Demo(seconds=1.0), Silent())
    with pytest.raises(SettingsError, match="not part of this installation"):
        example("nothing.yaml")


def test_without_the_real_model_a_sandbox_plays_it_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = read(example()).plan
    assert plan is not None
    monkeypatch.setattr(demo_cast, "missing", lambda gguf: f"{gguf} is not here")
    casting = cast(plan, 1)
    assert (casting.local, casting.why_not) == (None, "smollm2 is not here")
    assert set(casting.sandboxes) == {"primary", "secondary", "fallback"}
    monkeypatch.setattr(demo_cast, "missing", lambda gguf: "")
    assert cast(plan, 1).local == "fallback" and "fallback" not in cast(plan, 1).sandboxes


def test_the_traffic_is_the_plans_demand() -> None:
    plan = read(example()).plan
    assert plan is not None and plan.demand.arrivals is not None and plan.demand.arrivals.rate is not None
    load = load_of(plan, "http://127.0.0.1:1/v1", lambda tenant: f"key of {tenant}", 10.0, 1)
    assert load.rate_per_s == plan.demand.arrivals.rate.per_second and load.cv == plan.demand.arrivals.cv
    assert {caller.key for caller in load.callers} == {"key of acme", "key of beta", "key of gama"}
    assert sum(caller.share for caller in load.callers) == pytest.approx(1.0)


def test_the_storm_is_the_middle_third() -> None:
    assert [phase_at(s, 60.0) for s in (0.0, 19.9, 20.0, 39.9, 40.0)] == [
        Phase.BEFORE, Phase.BEFORE, Phase.STORM, Phase.STORM, Phase.AFTER,
    ]  # fmt: skip
    assert [phase.seconds for phase in storm(20.0).phases] == [20.0]
