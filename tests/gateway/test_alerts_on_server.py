"""A whole server whose provider fails: it pages, freezes its plan, is killed and goes on, and what it owes is delivered."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.gateway.server import Server, eventually
from tests.gateway.sinks import HttpSink, http_sink

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: upstream, weight: 1, on_premises: true, breaker: {failure_rate: 100%, minimum_calls: 100000}}
models:
  chat: {targets: {one: 1}, retry: {attempts: 1}}
tenants: {acme: {tier: gold}}
notify:
  ops: {webhook: {url_env: OPS_URL, secret_env: OPS_SECRET}, lang: pt-BR}
  pager: {pagerduty: {key_env: PAGER_KEY, url: PAGER_URL}}
sla_tiers:
  gold:
    availability: 90%
    window: day
    alerts: {page: [ops, pager], burn: [{burn: 2, long: 1h, short: 2min, severity: page}]}
    steps: [{spent: 30%, do: freeze, to: ops}]
"""


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with http_sink() as sink:
        yield sink


def titles(sink: HttpSink, path: str) -> list[str]:
    return [post.json["title"] if path == "/ops" else post.json["payload"]["summary"] for post in sink.posts if post.path == path]


def test_it_pages_freezes_and_what_it_owes_outlives_a_kill(sink: HttpSink, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.replace("PAGER_URL", sink.url))
    environ = {"OPS_URL": f"{sink.url}/ops", "OPS_SECRET": "s3cret", "PAGER_KEY": "k" * 32}
    sink.answers = [(503, {"retry-after": "1"}, b"down")] * 1000
    with Server(plan, tmp_path / "data", {"one": "http://127.0.0.1:9/v1"}, workers=1, **environ) as server:  # nobody listens there
        key = server.key("acme")
        with closing(server.client(key)) as client:
            for _ in range(40):
                assert client.chat()[0] != 200
        slo = eventually(lambda: (told := server.admin("GET", "/admin/slo")[1])["slo"]["frozen"] and told)
        (gold,) = slo["slo"]["objectives"]
        assert (gold["bad"], gold["good"], gold["run_bad"]) == (40, 0, 40)
        assert [alert["firing"] for alert in gold["alerts"]] == [True]
        eventually(lambda: all(look["outcomes"].get("failed") for look in server.admin("GET", "/admin/slo")[1]["notices"].values()))

        status, refused = server.admin("POST", "/admin/plan", PLAN.replace("PAGER_URL", sink.url) + "name: other\n")
        assert status == 422 and refused["problems"][0]["code"] == "E341" and refused["problems"][0]["path"] == "gold.availability"
        assert server.key("acme"), "keys are made as ever"
        status, adopted = server.admin(
            "POST", "/admin/plan?override=the+other+is+worse&by=ana", PLAN.replace("PAGER_URL", sink.url) + "name: other\n"
        )
        assert status == 200 and adopted["adopted"] is True
        metrics = server.admin("GET", "/metrics")[1]
        assert 'roteiro_slo_bad_total{objective="gold.availability"} 40.0' in metrics and "roteiro_slo_frozen 1.0" in metrics

        server.kill()
        sink.answers.clear()
        seen = len(sink.posts)
        server.start()
        eventually(lambda: len({post.path for post in sink.posts[seen:]}) == 2)
        (gold,) = eventually(lambda: (rows := server.admin("GET", "/admin/slo")[1]["slo"]["objectives"])[0]["bad"] == 40 and rows)
        assert gold["run_bad"] == 0, "taken up from the ledger"
        assert sum("gold.availability" in title for title in titles(sink, "/v2/enqueue")[-1:]) == 1
        sent = [post for post in sink.posts[seen:] if post.path == "/ops"]
        assert sent[0].headers["x-roteiro-signature"].startswith("v1=") and "do orçamento de erro" in sent[0].json["title"]
        keys = {notice["key"] for post in sink.posts if post.path == "/ops" for notice in post.json["notices"]}
        assert len(keys) == 2, "a page and a step, each told under one key however often"
