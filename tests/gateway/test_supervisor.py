"""A whole server: what holds while it serves, whatever is killed and whatever is adopted."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.server import Server, eventually, is_alive, number_of

from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

PLAN = """
roteiro: 1
providers:
  one:  {name: sandbox, model: upstream, weight: 1, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}}
  slow: {name: sandbox, model: upstream, weight: 0, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}}
models:
  chat: {targets: {one: 1}}
  slow: {targets: {slow: 1}}
tenants:
  free:   {workloads: [chat], budgets: {daily: $1000/day}}
  capped: {workloads: [chat], limits: {requests: 20/h}}
  later:  {workloads: [chat]}
workloads:
  chat: {priority: interactive, model: chat}
"""
SLOW_S = 0.25


@pytest.fixture(scope="module")
def base_urls() -> Iterator[dict[str, str]]:
    slow = Latency(Quantiles(SLOW_S, SLOW_S * 1.01), Quantiles(0.0001, 0.0002))
    with SandboxProcess(SandboxSettings(name="one", fixed=True)) as one, SandboxProcess(SandboxSettings(name="slow", latency=slow)) as two:
        yield {"one": one.base_url, "slow": two.base_url}


@pytest.fixture(scope="module")
def server(base_urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "plan.yaml").write_text(PLAN)
    with Server(folder / "plan.yaml", folder / "data", base_urls) as server:
        yield server


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.key("free")


def each_once(server: Server) -> list[dict[str, Any]]:
    """All events of the run: every request has exactly one."""
    events = server.written()
    assert [event["seq"] for event in events] == list(range(len(events)))
    requests = Counter(event["request"] for event in events)
    assert set(requests) == set(range(server.state()["requests"])) and set(requests.values()) <= {1}
    return events


def test_a_request_is_answered_and_in_the_ledger(server: Server, key: str) -> None:
    status, request = server.ask(key)
    assert status == 200
    (event,) = [event for event in server.written() if event["request"] == number_of(request)]
    assert (event["tenant"], event["target"], event["outcome"], event["digest"]) == (
        "free",
        "one",
        "success",
        server.state()["plan"]["digest"],
    )
    assert event["cost_nusd"] == event["input_tokens"] * 1000 + event["output_tokens"] * 2000


def test_workers_share_a_limit(server: Server, key: str) -> None:
    """A limit is a limit, however many workers serve: of sixty requests over both, twenty are let through."""
    with ExitStack() as stack:
        probes = [server.client(key) for _ in range(24)]
        for probe in probes:
            stack.callback(probe.close)
        on = {number_of(probe.chat()[1]): probe for probe in probes}
        workers = {event["request"]: event["worker"] for event in server.written()}
        halves = [[probe for request, probe in on.items() if workers[request] == worker][:6] for worker in (0, 1)]
        if not all(halves):
            pytest.skip("the system gave all connections to one worker")
        capped = server.key("capped")
        for half in halves:
            for probe in half:
                probe.key = capped
        clients = [probe for half in halves for probe in half]
        with ThreadPoolExecutor(len(clients)) as pool:
            statuses = Counter(
                status for found in pool.map(lambda client: [client.chat()[0] for _ in range(6)], clients) for status in found
            )
    assert statuses == {200: 20, 429: 6 * len(clients) - 20}
    asked = [event for event in server.written() if event["tenant"] == "capped"]
    assert {event["worker"] for event in asked} == {0, 1}


def test_a_worker_that_is_killed_is_replaced_and_what_it_reserved_is_settled(server: Server, key: str) -> None:
    before = server.state()
    with server.load(key, "slow", clients=8) as load:
        load.more(8)
        victim = eventually(lambda: (state := server.state())["in_flight"] >= 4 and state["workers"][0]["pid"])
        os.kill(victim, signal.SIGKILL)
        worker = eventually(lambda: (w := server.state()["workers"][0])["pid"] not in (victim, None) and w)
        assert worker["restarts"] == before["workers"][0]["restarts"] + 1
        load.more(8)
    assert set(load.statuses) <= {200, 0}
    after = server.settled()
    assert all(row["in_flight"] == 0 for table in ("targets", "tenants", "workloads") for row in after[table])
    assert [budget["reserved_nusd"] for budget in after["budgets"]] == [0]
    events = {event["request"]: event for event in each_once(server)}
    assert all(events[number_of(request)]["outcome"] == "success" for request in load.answered)
    assert sum(event["cost_nusd"] for event in events.values() if event["tenant"] == "free") == after["budgets"][0]["spent_nusd"]


def test_a_writer_that_is_killed_is_started_again_and_every_event_is_there_once(server: Server, key: str) -> None:
    with server.load(key) as load:
        for _ in range(2):
            load.more(30)
            writer = eventually(lambda: server.state()["writer"]["pid"])
            os.kill(writer, signal.SIGKILL)
            eventually(lambda killed=writer: server.state()["writer"]["pid"] not in (killed, None))
        load.more(30)
    assert set(load.statuses) == {200}
    recorded = {event["request"] for event in each_once(server)}
    assert {number_of(request) for request in load.answered} <= recorded


def changed(timeout_s: int) -> str:
    """The plan with another timeout: enough to have another digest."""
    return PLAN.replace("chat: {targets: {one: 1}}", f"chat: {{targets: {{one: 1}}, timeouts: {{total: {timeout_s}s}}}}")


def test_plans_are_adopted_while_requests_flow_and_none_fails(server: Server, key: str) -> None:
    first = server.state()["plan"]["version"]
    with server.load(key) as load:
        for n in range(3):
            load.more(20)
            status, answer = server.admin("POST", "/admin/plan", changed(61 + n))
            assert status == 200 and answer["adopted"] and answer["version"] == first + 1 + n, answer
        server.plan.write_text(changed(71))
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.state()["plan"]["version"] == first + 4)
        load.more(20)
    assert set(load.statuses) == {200}
    digests = [event["digest"] for event in each_once(server) if event["request"] in {number_of(r) for r in load.answered}]
    assert len(set(digests)) == 5


def test_the_same_plan_again_changes_nothing(server: Server) -> None:
    assert server.admin("POST", "/admin/plan", {"path": str(server.plan)})[0] == 200
    before = server.admin("GET", "/admin/plan")
    status, answer = server.admin("POST", "/admin/plan", {"path": str(server.plan)})
    assert status == 200 and answer["adopted"] is False and before[1]["digest"] == answer["digest"]
    assert server.admin("GET", "/admin/plan") == before


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (PLAN.replace("weight: 1,", "weigth: 1,").replace("{requests: 20/h}", "{requests: 20}"), "E"),
        ("roteiro: [", "E"),
        (PLAN + "".join(f"  w{n}: {{priority: batch}}\n" for n in range(40)), "E901"),
        (PLAN.replace("budgets: {daily: $1000/day}", "budgets: {" + ", ".join(f"b{n}: $9/day" for n in range(5)) + "}"), "E902"),
    ],
)
def test_a_refused_plan_says_why_and_the_old_one_stays(server: Server, key: str, plan: str, code: str) -> None:
    before = server.admin("GET", "/admin/plan")
    status, answer = server.admin("POST", "/admin/plan", plan)
    assert status == 422 and not answer["adopted"]
    assert all(problem["code"].startswith(code) for problem in answer["problems"] if problem["severity"] == "error") and answer["problems"]
    assert server.admin("GET", "/admin/plan") == before
    assert server.chat(key) == 200


def test_a_plan_that_is_broken_on_disk_is_refused_on_sighup(server: Server, key: str) -> None:
    good, before = server.plan.read_text(), server.admin("GET", "/admin/plan")
    server.plan.write_text("providers: {one: {wheight: 1}}")
    try:
        said = server.log.read_text().count("is refused")
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.log.read_text().count("is refused") > said)
    finally:
        server.plan.write_text(good)
    assert "wheight" in server.log.read_text()
    assert server.admin("GET", "/admin/plan") == before and server.chat(key) == 200


def test_a_tenant_that_goes_closes_its_keys_and_opens_them_when_it_comes_back(server: Server) -> None:
    gone = server.key("later", name=f"of-later-{server.state()['plan']['version']}")
    eventually(lambda: server.chat(gone) == 200)
    without = changed(81).replace("  later:  {workloads: [chat]}\n", "")
    assert server.admin("POST", "/admin/plan", without)[0] == 200
    eventually(lambda: server.chat(gone) == 401)
    assert [key["open"] for key in server.admin("GET", "/admin/keys")[1]["keys"] if key["tenant"] == "later"] == [False]
    assert server.admin("POST", "/admin/plan", changed(82))[0] == 200
    eventually(lambda: server.chat(gone) == 200)


def test_a_key_opens_on_every_worker_and_closes_on_every_worker(server: Server) -> None:
    name = f"for-a-while-{server.state()['plan']['version']}"
    secret = server.key("free", name=name)

    def all_say(status: int) -> bool:
        return {server.chat(secret) for _ in range(12)} == {status}

    eventually(lambda: all_say(200))
    status, answer = server.admin("DELETE", f"/admin/keys/{name}")
    assert status == 200 and answer["revoked"] and not answer["open"]
    eventually(lambda: all_say(401))
    assert secret not in str(server.admin("GET", "/admin/keys")) and secret not in server.log.read_text()
    assert secret.encode() not in (server.data / "state.sqlite").read_bytes()


def test_a_budget_that_begins_in_its_period_counts_what_was_spent_before(server: Server, key: str) -> None:
    with server.load(key) as load:
        load.more(10)
        status, answer = server.admin("POST", "/admin/plan", changed(91) + "budgets: {all: $1000/month}\n")
        assert status == 200, answer
        load.more(10)
    budgets = {row["name"]: row for row in server.settled()["budgets"]}
    costs = [event["cost_nusd"] for event in each_once(server)]
    spent, of_this_run = budgets["all/all"]["spent_nusd"], sum(costs)
    in_flight_then = 4 * max(costs)  # requests that were begun without the budget are not its own
    assert of_this_run - in_flight_then <= spent <= of_this_run, (sorted(costs)[-8:], of_this_run - spent)


def test_a_killed_server_leaves_nothing_running_and_the_next_one_recovers_every_event(base_urls: dict[str, str], tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    server = Server(plan, tmp_path / "data", base_urls).start()
    try:
        key = server.key("free")
        with server.load(key, "slow", clients=6) as load:
            load.more(12)
            state = eventually(lambda: (state := server.state())["in_flight"] >= 3 and state)
            children = [state["writer"]["pid"], *(worker["pid"] for worker in state["workers"])]
            server.kill()
            eventually(lambda: not any(map(is_alive, children)))
    finally:
        if server.process.poll() is None:
            server.kill()
    with Server(plan, tmp_path / "data", base_urls, workers=1) as after:
        events = server.events()
        assert Counter(event["seq"] for event in events) == dict.fromkeys(range(len(events)), 1)
        outcomes = {event["request"]: event["outcome"] for event in events}
        assert all(outcomes[number_of(request)] == "success" for request in load.answered)
        assert set(outcomes) == set(range(len(events))) and "abandoned" in outcomes.values()
        (budget,) = after.state()["budgets"]
        assert budget["spent_nusd"] == sum(event["cost_nusd"] for event in events) > 0
        assert not (after.data / "run" / server.ready["run"] / "block").exists()
        assert after.chat(key) == 200, "keys outlive a server"

        assert after.ready["run"] != server.ready["run"]
        with after.load(key, "slow", clients=4) as load:
            load.more(2)
            eventually(lambda: after.state()["in_flight"] == 4)
            assert after.stop() == 0
        answered = len(load.answered)
    events = after.events("outcome = 'success'")
    assert len(events) == answered + 1, "requests in flight were answered before the end"
    assert not (after.data / "run" / after.ready["run"] / "block").exists()
    assert (after.data / "run" / after.ready["run"] / "versions" / "0.json").exists()
