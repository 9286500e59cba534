"""Three workers behind one address: the load is shared, one that is killed is missed by nobody, and a new plan costs no request."""

import asyncio
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.gateway.server import Server, eventually, number_of

from roteiro.testing.load import Caller, Load, LoadPlan
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

WORKERS = 3
PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: upstream, weight: 1, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}}
models:
  chat: {targets: {one: 1}}
tenants:
  free: {workloads: [chat], budgets: {daily: $1000/day}}
workloads:
  chat: {priority: interactive, model: chat}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("several")
    (folder / "plan.yaml").write_text(PLAN)
    slow = Latency(Quantiles(0.15, 0.16), Quantiles(0.0001, 0.0002))
    with (
        SandboxProcess(SandboxSettings(name="one", latency=slow)) as one,
        Server(folder / "plan.yaml", folder / "data", {"one": one.base_url}, workers=WORKERS) as server,
    ):
        yield server


def outcomes_by_request(server: Server) -> dict[int, str]:
    """How each request of the run ended; fails where one has no event or two."""
    events = server.written()
    assert [event["seq"] for event in events] == list(range(len(events)))
    found = Counter(event["request"] for event in events)
    assert found == dict.fromkeys(range(server.state()["requests"]), 1)
    return {event["request"]: event["outcome"] for event in events}


def test_every_worker_gets_its_share_of_connections(server: Server) -> None:
    key = server.key("free")
    clients = [server.client(key) for _ in range(90)]
    threads = [threading.Thread(target=client.chat) for client in clients]
    for thread in threads:  # a burst: with one socket for all, one worker would take most of it
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    found = Counter(event["worker"] for event in server.written())
    assert set(found) == set(range(WORKERS)) and min(found.values()) >= 10, found


def test_a_worker_killed_under_load_loses_no_settled_event_and_no_new_connection(server: Server) -> None:
    """Kept connections of the dead worker break, nothing else does; who knocks while it is replaced is served by the others."""
    key = server.key("free")
    knocked: list[int] = []
    with server.load(key, clients=12) as load:
        for worker in (0, 1):
            load.more(12)
            victim = eventually(lambda n=worker: (state := server.state())["in_flight"] >= 8 and state["workers"][n]["pid"])
            os.kill(victim, signal.SIGKILL)
            eventually(lambda n=worker, gone=victim: server.state()["workers"][n]["pid"] != gone)  # the death is noticed
            while server.state()["workers"][worker]["pid"] is None:
                knocked.append(server.chat(key))
        load.more(24)
    assert knocked and set(knocked) == {200}
    assert set(load.statuses) <= {200, 0}
    outcomes = outcomes_by_request(server)
    assert {outcomes[number_of(request)] for request in load.answered} == {"success"}
    assert set(outcomes.values()) == {"success", "abandoned"}
    state = server.settled()
    assert [worker["restarts"] for worker in state["workers"]] == [1, 1, 0]
    (budget,) = state["budgets"]
    assert budget["reserved_nusd"] == 0
    assert budget["spent_nusd"] == sum(event["cost_nusd"] for event in server.events())


def test_ten_plans_adopted_under_a_steady_load_and_no_request_fails(server: Server) -> None:
    caller, first = Caller(server.key("free")), server.state()["plan"]["version"]
    load = Load(
        LoadPlan(
            base_url=f"http://127.0.0.1:{server.ready['port']}/v1", duration_s=150.0, rate_per_s=40.0, callers=(caller,),
            models=(("chat", 1.0),), prompt_tokens=Quantiles(20.0, 40.0), output_tokens=Quantiles(4.0, 8.0),
        )
    )  # fmt: skip
    running = threading.Thread(target=asyncio.run, args=(load.run(),))
    running.start()
    try:
        for n in range(10):
            seen = len(load.records)
            eventually(lambda before=seen: len(load.records) >= before + 12)
            plan = PLAN.replace("targets: {one: 1}", f"targets: {{one: 1}}, timeouts: {{total: {61 + n}s}}")
            if n % 2:
                server.plan.write_text(plan)
                server.process.send_signal(signal.SIGHUP)
                eventually(lambda version=first + n + 1: server.state()["plan"]["version"] == version)
            else:
                status, answer = server.admin("POST", "/admin/plan", plan)
                assert (status, answer["adopted"]) == (200, True), answer
        seen = len(load.records)
        eventually(lambda: len(load.records) >= seen + 12)
    finally:
        load.stop()
        running.join()
    assert [record.error or record.status for record in load.records if not record.whole] == []
    digests = {event["digest"] for event in server.written()[-len(load.records) :]}
    assert len(digests) == 11
    assert set(outcomes_by_request(server).values()) <= {"success", "abandoned"}
