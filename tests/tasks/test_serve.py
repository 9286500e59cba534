"""What stops a start: one clear word and exit code 2, before anything is begun; and what ends a server at once."""

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.server import START_WITHIN_S, WITHIN_S, Server, eventually

from roteiro.tasks.serve import serve
from roteiro.tasks.settings import Settings
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

PLAN = """
providers:
  one: {name: sandbox, model: upstream, weight: 1, on_premises: true, base_url: "http://127.0.0.1:9/v1"}
models: {chat: {targets: {one: 1}}}
tenants: {acme: {}}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


def refused(plan: Path, capsys: pytest.CaptureFixture[str], **settings: Any) -> str:
    """What is said of a start that is refused."""
    given = {"directory": plan.parent / "data", "port": 0, **settings}
    assert serve(plan, Settings.read({}, **given)) == 2
    return capsys.readouterr().err


def test_all_problems_of_a_plan_are_printed(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(PLAN.replace("weight", "wheight").replace("tenants", "tenents"))
    lines = refused(plan, capsys).splitlines()
    assert [re.sub(r"^.*plan.yaml:", "", line).split()[1] for line in lines if "did you mean" in line] == ["E101", "E101"]
    assert not (plan.parent / "data").exists()


def test_a_plan_that_is_not_there_is_named(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere.yaml:1:1 E001 cannot be read" in refused(plan.with_name("nowhere.yaml"), capsys)


def test_missing_keys_and_addresses_are_all_named(plan: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONE_KEY", raising=False)
    plan.write_text(PLAN.replace("weight: 1,", "weight: 1, key_env: ONE_KEY,") + "")
    said = refused(plan, capsys)
    assert "provider one needs its key in the environment variable ONE_KEY, which is not set" in said
    assert list((plan.parent / "data" / "run").iterdir()) == []


def test_an_address_for_a_provider_that_is_none_is_told(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "an address is given for two; the plan's providers are one" in refused(plan, capsys, base_urls={"two": "http://127.0.0.1:9/v1"})


def test_an_address_that_is_none_is_told(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "provider one: " in refused(plan, capsys, base_urls={"one": "127.0.0.1:9"})


def test_more_budgets_than_a_tenant_can_have_is_a_problem_of_the_plan(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(PLAN.replace("acme: {}", "acme: {budgets: {" + ", ".join(f"b{n}: $9/day" for n in range(5)) + "}}"))
    assert "E902 tenants.acme.budgets" in refused(plan, capsys)


def test_a_server_that_is_told_to_stop_while_it_starts_leaves_nothing(plan: Path, tmp_path: Path) -> None:
    server = Server(plan, tmp_path / "data", {}, workers=2).launch()
    try:
        (run,) = eventually(lambda: list((tmp_path / "data").glob("run/*/worker-1.json")), START_WITHIN_S)
        assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.kill()
    assert not (run.parent / "block").exists() and "Traceback" not in server.log.read_text()


@pytest.fixture(scope="module")
def asleep() -> Iterator[str]:
    with SandboxProcess(SandboxSettings(latency=Latency(Quantiles(600.0, 601.0), Quantiles(0.01, 0.02)))) as sandbox:
        yield sandbox.base_url


def test_a_server_in_the_way_is_named_and_a_second_signal_hastens(
    plan: Path, asleep: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server(plan, tmp_path / "data", {"one": asleep}, workers=1) as server:
        port = server.ready["port"]
        assert f"another server (process {server.ready['pid']}) holds the data directory" in refused(plan, capsys)
        said = refused(plan, capsys, directory=tmp_path / "other", port=port)
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another port with --port" in said
        said = refused(plan, capsys, directory=tmp_path / "other", admin_port=server.ready["admin_port"])
        assert "choose another port with --admin-port" in said

        key = server.key("acme")
        with server.load(key, clients=2) as load:
            eventually(lambda: server.state()["in_flight"] == 2)
            server.process.send_signal(signal.SIGINT)
            eventually(lambda: server.admin("GET", "/health")[1] == {"status": "draining"})
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(0.3)
            server.process.send_signal(signal.SIGINT)
            assert server.process.wait(WITHIN_S) == 0
            load._over.set()
        assert load.statuses[200] == 0
        assert [event["outcome"] for event in server.events()] == ["abandoned"] * 2
        assert server.process.stdout is not None
        server.process.stdout.close()
