"""The loss of a vendor, simulated: what breaks, what is lost, what comes back, and what would have kept the promises."""

import json
from pathlib import Path

import pytest
from tests.cli.test_main import call

from roteiro.plan.read import read
from roteiro.tasks.check import checked
from roteiro.tasks.contingency import Contingency, cheapest, contingency
from roteiro.tasks.contingency_options import options_of, remedied
from roteiro.tasks.contingency_points import single_points
from roteiro.terms.error import SettingsError

PLAN = """
roteiro: 1
providers:
  big: {name: acme-ai, model: acme-large, base_url: "http://127.0.0.1:9/v1", weight: 90, region: sa, context_tokens: 64k, key_env: SHARED,
        price: {input: $2/1M tokens, output: $8/1M tokens}, limits: {concurrency: 64},
        service: {ttft: {median: 200ms, p95: 400ms}, itl: {median: 5ms, p95: 9ms}}}
  small: {name: boreal, model: boreal-2, base_url: "http://127.0.0.1:9/v1", weight: 10, region: sa, context_tokens: 32k, key_env: SHARED,
        price: {input: $1/1M tokens, output: $4/1M tokens}, limits: {requests: 12/min, concurrency: 2},
        service: {ttft: {median: 200ms, p95: 400ms}, itl: {median: 5ms, p95: 9ms}}}
models:
  chat: {targets: {big: 90, small: 10}, on_exhausted: fail_fast, timeouts: {total: 20s}}
  solo: {targets: {big: 1}}
workloads: {chat: {priority: interactive, model: chat}}
tenants: {client: {tier: gold, workloads: [chat]}}
sla_tiers: {gold: {availability: 99%, latency_p95: 5s}}
demand:
  arrivals: {process: poisson, rate: 0.5/s}
  input_tokens: {median: 100, p95: 300}
  output_tokens: {median: 60, p95: 150}
vendors: {by_name: {acme-ai: {cloud: one}, boreal: {cloud: one}}}
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("plan") / "plan.yaml"
    file.write_text(PLAN)
    return file


@pytest.fixture(scope="module")
def answer(plan: Path) -> Contingency:
    return contingency(plan, seeds=1, candidates=("mistral/mistral-small-latest",))


def test_the_large_vendor_is_missed_and_the_small_one_is_not(answer: Contingency) -> None:
    big, small = answer.vendors
    broken = [[one.what for one in loss.broken] for loss in big.losses]
    assert [loss.kind for loss in big.losses] == ["hour", "day", "good"]
    assert "availability" not in broken[0] and "availability" in broken[1] and "availability" in broken[2]
    hour, day, good = (next(one for one in loss.promises if one.what == "availability") for loss in big.losses)
    assert hour.month.mean > day.month.mean > good.month.mean and hour.during.mean == pytest.approx(good.during.mean)
    # An hour of a month: 719 hours as usual, and one with the loss.
    assert hour.month.mean == pytest.approx((719 * hour.usual.mean + hour.during.mean) / 720, abs=2e-4)
    assert all(loss.lost.mean > 0 for loss in big.losses) and big.losses[0].recover_s.mean < 300.0
    assert not any(loss.broken for loss in small.losses) and not small.remedies


def test_what_would_have_kept_the_promises(answer: Contingency) -> None:
    big = answer.vendors[0]
    assert big.choice is not None
    chosen = big.remedies[big.choice]
    assert chosen.broken == 0
    assert all(one.usd_per_h.mean >= chosen.usd_per_h.mean for one in big.remedies if one.broken == 0)
    kinds = {one.option.kind for one in big.remedies}
    assert {"quota", "vendor", "weights"} <= kinds
    assert all(one.broken for one in big.remedies if one.option.kind == "weights"), "the same small quota takes all"


def test_concentration_and_single_points(answer: Contingency) -> None:
    assert answer.requests.shares["acme-ai"] == pytest.approx(0.9, abs=0.02) and (answer.spend.index or 0) > (answer.requests.index or 1)
    points = {(one.kind, one.what): one.who for one in answer.points}
    assert points[("region", "sa")] == points[("cloud", "one")] == ("acme-ai", "boreal")
    assert points[("key", "SHARED")] == ("big", "small")
    assert points[("one_vendor", "solo")] == ("acme-ai",)
    assert any(kind == "smaller_context" and who == ("acme-ai",) for (kind, _), who in points.items())


def test_every_option_is_a_plan(plan: Path) -> None:
    reading = checked(plan)
    assert reading.plan is not None
    options = options_of(reading.plan, reading, ("big",))
    assert {option.what for option in options if option.kind == "vendor"} >= {"google/gemini-2.5-flash"}
    for option in options:
        changed = remedied(plan, None, option)
        assert changed.plan is not None, (option, [str(problem) for problem in changed.errors])
    servers = Path(__file__).parents[2] / "examples" / "capacity.yaml"
    found = read(servers)
    assert found.plan is not None
    more = [option for option in options_of(found.plan, found, ("azure",)) if option.kind == "servers"]
    assert [option.standing_usd_per_h for option in more] == [12.0, 36.0]
    assert all(remedied(servers, None, option).plan is not None for option in more)
    assert ("region", "brazil") in {(one.kind, one.what) for one in single_points(found.plan, found)}


def test_the_cheapest_with_a_known_cost_comes_first(answer: Contingency) -> None:
    assert cheapest(()) is None
    assert cheapest([one for one in answer.vendors[0].remedies if one.broken]) is None


def test_the_command(plan: Path, answer: Contingency, capsys: pytest.CaptureFixture[str]) -> None:
    from roteiro.cli.contingency_page import contingency_page
    from roteiro.report.markdown import markdown
    from roteiro.report.speech import speech

    told = markdown(contingency_page(answer, speech("pt-BR")))
    assert "A perda de acme-ai quebra mais" in told and "Pontos únicos" in told and "em uma só nuvem, one: acme-ai, boreal" in told
    assert json.loads(json.dumps(answer.as_json()))["vendors"][0]["losses"][0]["kind"] == "hour"
    assert call("vendors", "contingency", str(plan), "--vendor", "boreal", "--seeds", "1", "--no-remedies") == 0
    assert "No promise breaks" in capsys.readouterr().out
    with pytest.raises(SettingsError, match="did you mean 'boreal'"):
        contingency(plan, "borel")
