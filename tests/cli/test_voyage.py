"""The commands against a server that runs: keys, adoption, then reports, a request's story, replay and simulation of what it recorded."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.test_main import call

from roteiro.tasks.server_process import ServerProcess
from roteiro.testing.client import HttpClient
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: upstream, on_premises: true, base_url: "http://127.0.0.1:9/v1", price: {input: $1/1M tokens, output: $2/1M tokens}}
models: {chat: {targets: {one: 1}}}
tenants: {acme: {tier: gold, budgets: {daily: $1/day}}}
sla_tiers: {gold: {availability: 99%, latency_p95: 5s}}
"""
ANSWERS = 4


@dataclass
class Voyage:
    """A server with its sandbox; `reach` are the options that lead to its administration."""

    server: ServerProcess
    plan: Path

    @property
    def data(self) -> str:
        return str(self.server.data)

    @property
    def reach(self) -> tuple[str, ...]:
        return ("--data", self.data, "--admin-port", str(self.server.ready["admin_port"]))


@pytest.fixture(scope="module")
def voyage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Voyage]:
    folder = tmp_path_factory.mktemp("voyage")
    plan = folder / "plan.yaml"
    plan.write_text(PLAN)
    sandbox = SandboxSettings(name="one", latency=Latency(Quantiles(0.002, 0.004), Quantiles(0.0001, 0.0002)))
    with SandboxProcess(sandbox) as one, ServerProcess(plan, folder / "data", {"one": one.base_url}) as server:
        yield Voyage(server, plan)


async def ask(voyage: Voyage, key: str) -> tuple[int, str]:
    """Status and request id of one chat completion."""
    body = b'{"model": "chat", "messages": [{"role": "user", "content": "bom dia"}], "max_tokens": 8}'
    headers = {"authorization": f"Bearer {key}"}
    client = HttpClient(voyage.server.base_url.removesuffix("/v1"))
    async with client, client.send("POST", "/v1/chat/completions", body, headers) as answer:
        await answer.read()
        return answer.status, answer.headers.get("x-request-id", "")


@pytest.mark.timeout(400)
async def test_from_a_key_to_the_reports(voyage: Voyage, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("keys", "create", "acme", "--name", "mine", "--json", *voyage.reach) == 0
    key = json.loads(capsys.readouterr().out)["key"]
    asked = [await ask(voyage, key) for _ in range(ANSWERS)]
    assert {status for status, _ in asked} == {200}

    assert call("keys", "list", "--json", *voyage.reach) == 0
    listed = capsys.readouterr().out
    assert [(row["name"], row["tenant"], row["open"]) for row in json.loads(listed)["keys"]] == [("mine", "acme", True)]
    assert key not in listed
    assert call("keys", "list", *voyage.reach) == 0
    assert "mine" in capsys.readouterr().out

    assert call("keys", "create", "nobody", *voyage.reach) == 2
    assert "no tenant 'nobody'" in capsys.readouterr().err

    changed = voyage.plan.with_name("other.yaml")
    changed.write_text(PLAN.replace("99%", "98%"))
    assert call("plan", "adopt", str(changed), *voyage.reach) == 0
    assert "adopted: version 2" in capsys.readouterr().out
    changed.write_text(PLAN.replace("tier: gold", "tier: iron"))
    assert call("plan", "adopt", str(changed), *voyage.reach) == 2
    assert "E201 tenants.acme.tier" in capsys.readouterr().err
    assert (await ask(voyage, key))[0] == 200

    assert call("keys", "revoke", "mine", *voyage.reach) == 0
    assert "mine is revoked" in capsys.readouterr().out
    assert voyage.server.stop() == 0

    assert call("report", "sla", "--data", voyage.data, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["targets_known"] and said["period"]["requests"] == ANSWERS + 1
    (gold,) = said["sla"]["tiers"]
    promised = {one["objective"]["name"]: one["attained"] for one in gold["dimensions"]}
    assert promised["gold.availability"]["target"] == 0.98 and promised["gold.availability"]["verdict"] == "met"
    assert all("SELECT" in query for query in said["queries"])

    assert call("report", "cost", "--data", voyage.data, "--json") == 0
    money = json.loads(capsys.readouterr().out)
    total = money["cost"]["total"]
    assert total["cost_nusd"] == total["input_tokens"] * 1000 + total["output_tokens"] * 2000
    assert {use["name"]: use["spent_nusd"] for use in money["budgets"]} == {"tenant/acme/daily": total["cost_nusd"]}

    request = asked[0][1]
    assert call("explain", "--request", request, "--data", voyage.data, "--json") == 0
    story = json.loads(capsys.readouterr().out)
    assert story["steps"][0]["step"] == "begin" and story["steps"][-1]["command"] == "done"
    assert {"label": "key", "kind": "name", "value": "mine"} in story["steps"][0]["given"]
    assert call("explain", "--request", request, "--data", voyage.data, "--lang", "pt-BR") == 0
    assert "Passo a passo" in capsys.readouterr().out
    assert call("explain", "--request", f"{voyage.server.run}-99999", "--data", voyage.data) == 2
    assert "has no request 99999" in capsys.readouterr().err

    assert call("replay", voyage.server.run, "--data", voyage.data, "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["identical"] is True and again["events"] == ANSWERS + 1
    assert call("replay", voyage.server.run, "--data", voyage.data) == 0
    assert "all identical" in capsys.readouterr().out


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    from roteiro.terms.error import SettingsError

    plan = tmp_path / "plan.yaml"
    plan.write_text("providers: {one: {nam: x}}")
    with pytest.raises(SettingsError, match="E10"):
        ServerProcess(plan, tmp_path / "data").start()
